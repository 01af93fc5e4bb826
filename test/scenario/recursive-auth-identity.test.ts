/**
 * A known resolver at the gate of recursive-auth while the DNS of its name is away: it keeps its class as long as its proof is
 * valid, is a stranger then, and of its class again by itself when the DNS is back; all on one connection.
 */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { rcodeName, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startDanced } from '../support/danced-process.ts';
import { DotClient } from '../support/dot-client.ts';
import { makeIdentity } from '../support/identity-files.ts';
import { TestBed } from '../support/peers/test-bed.ts';

const publicZone = 'public.example';
const groupZone = 'group.example';
const ttlSeconds = 1;

describe('a resolver whose name cannot be looked up any more', function () {
  this.timeout(90_000);
  const bed = new TestBed();
  let lab: Lab;
  let client: DotClient;

  before(async () => {
    lab = await startLab({ zones: ['member.example', publicZone, groupZone] });
    const identity = await makeIdentity(bed, 'resolver.member.example');
    lab.publishTlsa(identity.name, [identity.tlsa], ttlSeconds);
    const gate = await startDanced(bed, {
      name: 'gate.example',
      resolver: lab.resolver,
      anchor: lab.rootAnchor(),
      access: `anonymous: { allow: [{ action: query }] }
clients:
  ${identity.name}: { roles: [group], allow: [{ action: query }] }
`,
      use: 'recursive-auth/gate',
      plugin: `    upstreams: ["127.0.0.1:${String(lab.authoritative.port)}"]
    classes:
      group: {}
      strangers: { except: [${groupZone}] }
`,
    });
    client = await DotClient.connect(gate.port, identity);
  });

  after(async () => {
    client.close();
    await bed.close();
    await lab.close();
  });

  async function answerTo(zone: string): Promise<string> {
    const { header } = await client.ask({ name: Name.parse(zone), type: RrType.SOA });
    return rcodeName(header.rcode);
  }

  /** Asks until the answer is another one; how many were the same before. */
  async function askUntil(other: string, zone: string): Promise<number> {
    for (let count = 0; ; count += 1) {
      if ((await answerTo(zone)) === other) return count;
      // Never to nothing: what is for everybody is there all the time.
      expect(await answerTo(publicZone)).to.equal('NOERROR');
      await sleep(100);
    }
  }

  it('keeps its class for the time of its proof, falls to stranger and never to nothing, and rises again by itself', async () => {
    expect(await answerTo(groupZone)).to.equal('NOERROR');
    await sleep(3 * ttlSeconds * 1000);
    expect(await answerTo(groupZone), 'proved anew meanwhile').to.equal('NOERROR');
    lab.resolver.isDead = true;
    expect(await askUntil('REFUSED', groupZone), 'answers by the old proof').to.be.above(0);
    await sleep(2000);
    expect(await answerTo(groupZone), 'as long as the DNS is away').to.equal('REFUSED');
    expect(await answerTo(publicZone)).to.equal('NOERROR');
    lab.resolver.isDead = false;
    await askUntil('NOERROR', groupZone);
  });
});
