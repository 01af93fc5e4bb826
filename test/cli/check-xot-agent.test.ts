/** `danced check` for a configuration with an xot agent, against a gate of ours. */
import { expect } from 'chai';
import { check } from '../../cli/commands/check.ts';
import { formatFinding } from '../../cli/check/finding.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { freePort, TestBed } from '../support/peers/test-bed.ts';
import { startXot, type XotProcess } from '../support/xot-process.ts';

const apex = 'example.com';

describe('danced check of an xot agent', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let identity: IdentityFiles;
  let gate: XotProcess;

  before(async () => {
    lab = await startLab({ transferZone: { name: apex, records: 10 } });
    identity = await makeIdentity(bed, 'agent.ns2.example');
    lab.publishTlsa(identity.name, [identity.tlsa]);
    gate = await startXot(bed, {
      ...{ identity: await makeIdentity(bed, 'gate.example'), lab, use: 'xot/gate' },
      clients: { [identity.name]: [apex, 'example.org'] },
      plugin: `    primary: 127.0.0.1:${String(lab.primary.port)}\n    zones: [${apex}]\n`,
    });
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  /** What there is to say of the agent, a line each. */
  async function findings(plugin: string): Promise<string[]> {
    const port = await freePort();
    bed.write('check/root.key', `${lab.rootAnchor()}\n`);
    const config = bed.write(
      'check/danced.yaml',
      `version: 1
identity: { name: ${identity.name}, directory: ${identity.directory} }
resolver: { servers: ["127.0.0.1:${String(lab.resolver.port)}"], trust-anchors: root.key }
plugins:
  - use: xot/agent
    listen: ["127.0.0.1:${String(port)}"]
${plugin}`,
    );
    const { findings: found } = await check({ config });
    return found.filter(({ path }) => path[0] === 'plugins').map(formatFinding);
  }

  it('finds that a gate is proved, takes us and has the zones', async () => {
    const lines = await findings(`    gates: ["${gate.target}"]\n    zones: [${apex}]\n`);
    expect(lines.join('\n')).to.match(
      /ok: plugins\[0\]\.gates\[0\]: \S+#gate\.example is proved by DANE-EE SPKI SHA2-256, takes us and has 1 of our zones/,
    );
    expect(lines.join('\n')).to.match(/ok: plugins\[0\]\.listen\[0\]: 127\.0\.0\.1:\d+ can be listened on/);
  });

  it('finds a zone that the gate refuses or has not', async () => {
    const zones = `    zones: [${apex}, example.net, example.org]\n`;
    const lines = await findings(`    gates: ["${gate.target}"]\n${zones}`);
    expect(lines.join('\n')).to.include('answers REFUSED for example.net; answers NOTAUTH for example.org');
  });

  it('finds a gate that is not proved, and one that cannot be reached, each at its place', async () => {
    const [at = ''] = gate.target.split('#');
    const nobody = `127.0.0.1:${String(await freePort())}#gate.example`;
    const lines = await findings(
      `    gates:\n      ${apex}: ["${at}#ns2.example"]\n      default: ["${nobody}"]\n    zones: [${apex}, example.net]\n`,
    );
    const text = lines.join('\n');
    expect(text).to.match(
      /danced\.yaml:\d+:\d+: plugins\[0\]\.gates\["?example\.com"?\]\[0\]: server \S+#ns2\.example: the DNS says/,
    );
    expect(text).to.match(/plugins\[0\]\.gates\.default\[0\]: server \S+: .*danced probe/);
  });

  it('finds a folder that cannot be written to, NOTIFY by a list that is not there, and a port that is taken', async () => {
    const lines = await findings(
      `    gates: ["${gate.target}"]
    zones: [${apex}]
    write: { directory: nowhere }
    notify: { listen: ["127.0.0.1:${String(gate.port)}"] }
`,
    );
    const text = lines.join('\n');
    expect(text).to.match(
      /plugins\[0\]\.write\.directory: zone files cannot be written to \S+\/check\/nowhere; create it/,
    );
    expect(text).to.include('plugins[0].notify.listen: takes NOTIFY by the access list, and there is none');
    expect(text).to.match(/plugins\[0\]\.notify\.listen\[0\]: \S+ is in use/);
  });
});
