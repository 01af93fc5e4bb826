/**
 * Dynamic updates of nsupdate on their way to BIND and Knot DNS: what the access list allows is made there, and of the rest
 * nothing is.
 */
import { expect } from 'chai';
import { do53Limits } from '../../core/do53/limits.ts';
import { Do53Server } from '../../core/do53/server.ts';
import { Name } from '../../core/dns/name.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { transferLimits } from '../../plugins/xot/limits.ts';
import { updateLimits } from '../../plugins/xot/update/limits.ts';
import { UpdateRelay } from '../../plugins/xot/update/relay.ts';
import { PlainUpstream } from '../../plugins/xot/upstream/plain-upstream.ts';
import { judgedBy, provedRequests } from '../plugins/xot/proved-requests.ts';
import { limitsOf } from '../support/limits.ts';
import { memoryLog } from '../support/memory-log.ts';
import {
  startDynamicBind,
  startDynamicKnot,
  type DynamicPrimary,
  type StartDynamicPrimary,
} from '../support/peers/dynamic-primaries.ts';
import { freePort, pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';
import { dumpZone, numberedZone, servedSerial } from '../support/peers/zone-text.ts';

const apex = 'example.com';
const apexName = Name.parse(apex);
const host = 'host.example';
const secret = Buffer.from('of the gate and its primary, alone');
const peerKey = { name: 'gate.key', algorithm: 'hmac-sha256', secret: secret.toString('base64') };
const key = { name: Name.parse(peerKey.name), algorithm: 'hmac-sha256', secret } as const;
const access = judgedBy(`version: 1
clients:
  ${host}:
    allow:
      - { action: update, zones: [${apex}], names: ['*.dyn.${apex}'] }
      - { action: update, zones: [${apex}], names: [_acme-challenge.${apex}], types: [TXT] }
      - { action: update, zones: [${apex}], names: [host-5.${apex}], types: [A] }
`);

const kinds: Readonly<Record<string, StartDynamicPrimary>> = {
  BIND: startDynamicBind,
  'Knot DNS': startDynamicKnot,
};

for (const [kind, startPrimary] of Object.entries(kinds)) {
  describe(`updates to ${kind}`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    const log = memoryLog();
    const closers: (() => unknown)[] = [];
    let primary: DynamicPrimary;
    let port: number;

    before(async () => {
      primary = await startPrimary(bed, numberedZone(apex, 1, 10), peerKey);
      const requestOf = await provedRequests(host);
      const upstream = new PlainUpstream(primary, limitsOf(transferLimits), { key, nowMs: Date.now });
      const relay = new UpdateRelay({
        access,
        upstreamOf: (zone) => (zone.equals(apexName) ? upstream : undefined),
        limits: () => limitsOf(updateLimits),
        log,
        metrics: new Metrics(),
        nowMs: Date.now,
      });
      port = await freePort();
      // In the place of a gate's connection, which would have proved the name.
      const server = new Do53Server({
        addresses: [{ address: '127.0.0.1', port }],
        limits: limitsOf(do53Limits),
        handler: (octets, _, reply) => void relay.handle(requestOf(host, octets)).then(reply),
        log,
        metrics: new Metrics(),
        label: 'update',
      });
      await server.open();
      closers.push(
        () => server.close(0),
        () => {
          upstream.close();
        },
      );
    });

    beforeEach(() => {
      log.forget();
    });

    after(async () => {
      for (const close of closers) await close();
      await bed.close();
    });

    /** What nsupdate says of these lines: `NOERROR`, or the code of the answer. */
    async function nsupdate(...lines: readonly string[]): Promise<string> {
      const file = bed.write(
        'update',
        [`server 127.0.0.1 ${port}`, `zone ${apex}`, ...lines, 'send', ''].join('\n'),
      );
      const { status, stdout, stderr } = await runProgram(pathOf('nsupdate'), ['-v', file]);
      if (status === 0) return 'NOERROR';
      return /update failed: (\w+)/.exec(stdout + stderr)?.[1] ?? `${stdout}${stderr}`;
    }

    /** Records of a name, as `A 192.0.2.1`. */
    async function recordsOf(name: string): Promise<string[]> {
      const lines = await dumpZone(primary.port, apex);
      return lines
        .filter((line) => line.startsWith(`${name}. `))
        .map((line) => line.split(' ').slice(3).join(' '));
    }

    it('are made where name and type are allowed, and change the serial', async () => {
      expect(
        await nsupdate(
          `update add a.dyn.${apex} 60 A 192.0.2.1`,
          `update add _acme-challenge.${apex} 60 TXT "x"`,
        ),
      ).to.equal('NOERROR');
      expect(await recordsOf(`a.dyn.${apex}`)).to.deep.equal(['A 192.0.2.1']);
      expect(await recordsOf(`_acme-challenge.${apex}`)).to.deep.equal(['TXT "x"']);
      expect(await servedSerial(primary.port, apex)).to.equal(2);
      expect(log.of('update')[0]?.fields).to.include({
        client: host,
        rule: 'allow 1, allow 2',
        outcome: 'complete',
      });
    });

    it('may replace a set and ask for conditions', async () => {
      const a = `a.dyn.${apex}`;
      expect(
        await nsupdate(`prereq yxrrset ${a} A`, `update delete ${a} A`, `update add ${a} 60 A 192.0.2.2`),
      ).to.equal('NOERROR');
      expect(await recordsOf(a)).to.deep.equal(['A 192.0.2.2']);
    });

    it('give back what the primary says of a condition', async () => {
      expect(
        await nsupdate(`prereq nxdomain a.dyn.${apex}`, `update add b.dyn.${apex} 60 A 192.0.2.9`),
      ).to.equal('YXDOMAIN');
      expect(
        await nsupdate(`prereq yxrrset a.dyn.${apex} TXT`, `update add b.dyn.${apex} 60 A 192.0.2.9`),
      ).to.equal('NXRRSET');
      expect(await recordsOf(`b.dyn.${apex}`)).to.deep.equal([]);
    });

    const refused: Record<string, string[]> = {
      'a name that is not allowed': [`update add www.${apex} 60 A 192.0.2.1`],
      'the apex': [`update add ${apex} 60 TXT "x"`],
      'a type that is not allowed': [`update add host-5.${apex} 60 TXT "x"`],
      'one such record among others': [
        `update add b.dyn.${apex} 60 A 192.0.2.1`,
        `update add www.${apex} 60 A 192.0.2.1`,
      ],
      'to delete all of a name that has a rule for one type': [`update delete host-5.${apex}`],
      'to delete another name': [`update delete host-6.${apex} A`],
      'a condition about another name': [
        `prereq yxdomain host-6.${apex}`,
        `update add b.dyn.${apex} 60 A 192.0.2.1`,
      ],
    };
    for (const [title, lines] of Object.entries(refused)) {
      it(`are refused, ${title}, and nothing is changed`, async () => {
        const before = await dumpZone(primary.port, apex);
        expect(await nsupdate(...lines)).to.equal('REFUSED');
        expect(await dumpZone(primary.port, apex)).to.deep.equal(before);
        expect(log.of('update')).to.deep.equal([]);
        expect(log.of('request refused')[0]?.fields).to.include({
          kind: 'UPDATE',
          client: host,
          reason: 'no-rule',
        });
      });
    }

    it('delete a set, and all of a name that has a rule for every type', async () => {
      expect(await nsupdate(`update delete host-5.${apex} A`)).to.equal('NOERROR');
      expect(await recordsOf(`host-5.${apex}`)).to.deep.equal([]);
      expect(await nsupdate(`update delete a.dyn.${apex}`)).to.equal('NOERROR');
      expect(await recordsOf(`a.dyn.${apex}`)).to.deep.equal([]);
    });

    it('fail in words when the primary is away', async () => {
      await primary.program.stop();
      expect(await nsupdate(`update add c.dyn.${apex} 60 A 192.0.2.3`)).to.equal('SERVFAIL');
      expect(log.of('update')[0]?.fields).to.include({ outcome: 'failed' });
    });
  });
}
