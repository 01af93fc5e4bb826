/**
 * Updates and NOTIFY over TLS to a gate that runs as an operator runs it: nsupdate through a tunnel with a client's certificate,
 * BIND as the primary that takes updates from the gate's key alone.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { Opcode, Rcode, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { DotClient } from '../support/dot-client.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { startDynamicBind, type DynamicPrimary } from '../support/peers/dynamic-primaries.ts';
import { freePort, pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';
import { dumpZone, numberedZone } from '../support/peers/zone-text.ts';
import { startXot, type XotProcess } from '../support/xot-process.ts';

const apex = 'example.com';
const host = '_update.host.example';
const watcher = '_xfr.ns2.example';
const secret = Buffer.from('of the gate and its primary, alone').toString('base64');
const key = { name: 'gate.key', algorithm: 'hmac-sha256', secret };

describe('updates over TLS through a gate', function () {
  this.timeout(90_000);
  const bed = new TestBed();
  const tunnels: net.Server[] = [];
  const identities = new Map<string, IdentityFiles>();
  let lab: Lab;
  let primary: DynamicPrimary;
  let gate: XotProcess;

  before(async () => {
    lab = await startLab();
    primary = await startDynamicBind(bed, numberedZone(apex, 1, 10), key);
    for (const name of [host, watcher]) {
      const identity = await makeIdentity(bed, name);
      lab.publishTlsa(name, [identity.tlsa]);
      identities.set(name, identity);
    }
    const port = await freePort();
    const secretFile = bed.write('tsig.secret', `${secret}\n`, 0o600);
    gate = await startXot(bed, {
      lab,
      identity: await makeIdentity(bed, 'gate.example'),
      use: 'xot/gate',
      port,
      clients: { [watcher]: [apex] },
      plugin: `    primary: 127.0.0.1:${primary.port}
    tsig: { key: ${key.name}, algorithm: ${key.algorithm}, secret-file: ${secretFile} }
    zones: [${apex}]
    update: true
`,
    });
    bed.write(
      `xot-gate-${port}/access.yaml`,
      `version: 1
clients:
  ${watcher}: { allow: [{ action: transfer, zones: [${apex}] }] }
  ${host}:
    allow:
      - { action: notify, zones: [${apex}] }
      - { action: update, zones: [${apex}], names: ["*.dyn.${apex}"], types: [A, AAAA] }
`,
    );
    await gate.waitForEvent('access list loaded', ({ clients }) => clients === 2);
  });

  after(async () => {
    for (const tunnel of tunnels) tunnel.close();
    await bed.close();
    await lab.close();
  });

  /** A port of plain TCP whose connections go to the gate with the certificate of this name. */
  async function tunnel(name: string): Promise<number> {
    const { certificateFile, keyFile } = identities.get(name)!;
    const own = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
    const server = net.createServer((plain) => {
      const tls = connectTls({ port: gate.port, ...own, ALPNProtocols: ['dot'], rejectUnauthorized: false });
      for (const [one, other] of [
        [plain, tls],
        [tls, plain],
      ] as const) {
        one.on('error', () => other.destroy());
        one.pipe(other);
      }
    });
    tunnels.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function nsupdate(name: string, ...lines: readonly string[]): Promise<string> {
    const commands = [`server 127.0.0.1 ${await tunnel(name)}`, `zone ${apex}`, ...lines, 'send', ''];
    const { status, stdout, stderr } = await runProgram(pathOf('nsupdate'), [
      '-v',
      bed.write('commands', commands.join('\n')),
    ]);
    if (status === 0) return 'NOERROR';
    return /update failed: (\w+)/.exec(stdout + stderr)?.[1] ?? `${stdout}${stderr}`;
  }

  it('are made where the access list allows name and type', async () => {
    expect(await nsupdate(host, `update add a.dyn.${apex} 60 A 192.0.2.1`)).to.equal('NOERROR');
    expect(await dumpZone(primary.port, apex)).to.include(`a.dyn.${apex}. 60 IN A 192.0.2.1`);
    const line = await gate.waitForEvent('update');
    expect(line).to.include({ client: host, zone: apex, outcome: 'complete', rule: 'allow 2' });
  });

  const refused: [title: string, name: string, line: string][] = [
    ['another name', host, `update add www.${apex} 60 A 192.0.2.1`],
    ['another type', host, `update add a.dyn.${apex} 60 TXT "x"`],
    ['all types at once', host, `update delete a.dyn.${apex}`],
    ['a client that may only transfer the zone', watcher, `update add a.dyn.${apex} 60 A 192.0.2.2`],
  ];
  for (const [title, name, line] of refused) {
    it(`are refused for ${title}, and nothing is changed`, async () => {
      const before = await dumpZone(primary.port, apex);
      expect(await nsupdate(name, line)).to.equal('REFUSED');
      expect(await dumpZone(primary.port, apex)).to.deep.equal(before);
    });
  }

  it('do not go past the gate: the primary takes them from its key alone', async () => {
    const lines = [
      `server 127.0.0.1 ${primary.port}`,
      `zone ${apex}`,
      `update add b.dyn.${apex} 60 A 192.0.2.1`,
      'send',
      '',
    ];
    const { stderr } = await runProgram(pathOf('nsupdate'), ['-v', bed.write('past', lines.join('\n'))]);
    expect(stderr).to.match(/REFUSED/);
  });

  it('can be told to the gate by NOTIFY over TLS, by who may do that', async () => {
    const query = makeQuery({ id: 5, name: Name.parse(apex), type: RrType.SOA });
    const octets = encodeMessage({ ...query, header: { ...query.header, opcode: Opcode.NOTIFY, aa: true } });
    for (const [name, rcode] of [
      [host, Rcode.NOERROR],
      [watcher, Rcode.REFUSED],
    ] as const) {
      const client = await DotClient.connect(gate.port, identities.get(name));
      const { header } = parseMessage(await client.exchange(octets));
      client.close();
      expect(header).to.include({ qr: true, opcode: Opcode.NOTIFY, rcode });
    }
    await gate.waitForEvent('notified', ({ client }) => client === host);
  });
});
