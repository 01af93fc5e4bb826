/** What strangers cost, however many: no query for names that the list does not know, and no service of those it does. */
import type { TcpNetConnectOpts } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Name } from '../../core/dns/name.ts';
import { encodeMessage } from '../../core/dns/message.ts';
import { identify } from '../../core/server/identify.ts';
import { accessTo } from '../support/access.ts';
import type { DnsServer } from '../support/dns-server.ts';
import { flood } from '../support/flood.ts';
import { makeIdentity, TestGate, type Credentials } from '../support/gate.ts';
import { visit } from '../support/gate-visit.ts';
import { namedClientContext } from '../support/named-client.ts';
import { startRelay } from '../support/relay.ts';
import { ScriptedResolver } from '../support/scripted-resolver.ts';
import { credentialsOf, issueTestIdentity } from '../support/test-identity.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';
const handshakeTimeMs = 10_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('admission of strangers', () => {
  let gate: TestGate;

  afterEach(() => gate.close());

  /** A visit from another address of the loopback network. */
  function come(credentials: Credentials, name: string, localAddress: string): ReturnType<typeof visit> {
    const secureContext = namedClientContext({ credentials, name });
    // tls.connect hands it on to net.connect, which its type does not say.
    const options: ConnectionOptions & Pick<TcpNetConnectOpts, 'localAddress'> = {
      secureContext,
      localAddress,
    };
    return visit(gate.endpoint, options);
  }

  async function metric(series: string): Promise<number> {
    return (await gate.metrics()).get(series) ?? 0;
  }

  /** Reasons for which connections were refused whose client claimed one of these names. */
  function refusalsOf(...names: readonly string[]): unknown[] {
    const lines = gate.log.of('connection refused').map(({ fields }) => fields);
    return lines.filter(({ claims }) => names.includes(String(claims))).map(({ reason }) => reason);
  }

  function refusals(): unknown[] {
    return gate.log.of('connection refused').map(({ fields }) => fields['reason']);
  }

  describe('who come by the thousand', function () {
    this.timeout(60_000);
    // What the generator is to reach; it falls short where the machine has other things to do.
    const perSecond = 12_000;
    const durationMs = 3000;
    const addresses = 4000;
    /** Counters, budgets of the strangers' addresses, code that was compiled. */
    const allowedGrowthOctets = 24 * 1024 * 1024;

    it('are asked about nowhere, and known clients are let in meanwhile', async () => {
      gate = await TestGate.start({
        lab: { transferZone: { name: zone, records: 3 } },
        clients: { [clientName]: [zone], '_xfr.ns3.example': [zone] },
        limits: {
          'handshake-time': `${handshakeTimeMs}ms`,
          // So few since the generator, the lab and all clients share the machine, and the process, with the gate.
          'handshakes-per-second': 150,
          'failures-per-address': 30,
          'failures-per-name': 120,
          'lookups-per-address': 60,
          'lookups-per-name': 600,
        },
      });
      const regular = await gate.client(clientName);
      const newcomer = await gate.client('_xfr.ns3.example');
      expect((await come(regular, clientName, '127.0.0.1')).reply?.header.rcode).to.equal(0);
      await gate.idle();
      gate.log.forget();
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      const { certificatePem, privateKeyPem } = await makeIdentity('_xfr.stranger.test');
      const { address, port } = gate.endpoint;

      const flooding = flood({
        ...{ address, port, perSecond, durationMs, addresses },
        ...{ certificatePem, privateKeyPem },
      });
      const flooded = new AbortController();
      const over = flooding.finally(() => {
        flooded.abort();
      });
      await sleep(500);
      // He has been here before: each of his visits succeeds. The other has not: he may have to come again.
      const regularMs: number[] = [];
      const visiting = (async () => {
        while (!flooded.signal.aborted) {
          regularMs.push(await timed(() => come(regular, clientName, '127.0.0.1')));
          await sleep(50);
        }
      })();
      let tries = 0;
      const newcomerMs = await timed(async () => {
        for (;;) {
          tries++;
          const visited = await come(newcomer, '_xfr.ns3.example', '127.0.0.9');
          if (visited.reply !== undefined || tries === 200) return visited;
          await sleep(20);
        }
      });
      const report = await over;
      await visiting;
      await gate.idle(handshakeTimeMs);

      const asked = gate.lab.resolver.queries.map(({ name }) => name);
      const known = [Name.parse(clientName), Name.parse('_xfr.ns3.example')];
      const others = asked.filter((name) => !known.some((client) => client.isAtOrBelow(name)));
      expect(others.map(String), 'DNS queries about others').to.deep.equal([]);
      expect(report.offered).to.be.above(1000);
      expect(report.handshakes).to.be.above(0);
      expect(regularMs.length).to.be.above(0);
      // A proof that came too late would have been refused by this.
      expect(refusalsOf(clientName, '_xfr.ns3.example'), 'refusals of known clients').to.deep.equal([]);
      expect(await metric('danced_proofs_waiting{gate="xot/gate"}')).to.equal(0);
      expect(gate.log.of('defect')).to.deep.equal([]);
      const refused = gate.log.of('connection refused').length;
      gate.log.forget();
      collectGarbage();
      const grown = process.memoryUsage().heapUsed - before;
      expect(grown).to.be.below(allowedGrowthOctets);
      console.log(
        `      ${Math.round((report.offered * 1000) / report.durationMs)} connections/s offered for ` +
          `${(report.durationMs / 1000).toFixed(1)} s from ${addresses} addresses: ${report.handshakes} handshakes ` +
          `completed, ${report.answered} begun and left, ${report.turnedAway} turned away, ${refused} log lines; ` +
          `regular client: ${regularMs.length} visits, slowest ${Math.round(Math.max(...regularMs))} ms; ` +
          `newcomer: let in after ${Math.round(newcomerMs)} ms and ${tries} tries; ` +
          `heap ${(grown / 1024 / 1024).toFixed(1)} MiB more`,
      );
    });

    async function timed(work: () => ReturnType<typeof visit>): Promise<number> {
      const startMs = performance.now();
      const { reply, error } = await work();
      expect(reply?.header.rcode, error).to.equal(0);
      return performance.now() - startMs;
    }
  });

  it('costs no query at 10,000 unknown names in one second', async () => {
    gate = await TestGate.start();
    const count = 10_000;
    const issued = await issueTestIdentity('stranger.test');
    const resolver = new ScriptedResolver();
    const means = { access: accessTo(clientName), resolver, nowMs: Date.now };
    const options = {
      claims: ['extension', 'certificate-name'],
      dialect: 'draft-13',
      longestProofMs: 3_600_000,
      signal: new AbortController().signal,
    } as const;
    const credentials = credentialsOf(issued);
    const startMs = performance.now();
    const verdicts = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        identify({ credentials, clientId: Buffer.from(`x${at}.${clientName}`) }, means, options),
      ),
    );
    const elapsedMs = performance.now() - startMs;
    const outcomes = verdicts.map((verdict) => (verdict.identity ? 'let in' : verdict.reason));
    expect([...new Set(outcomes)]).to.deep.equal(['not-admitted']);
    expect(resolver.asked).to.deep.equal([]);
    console.log(`      ${count} unknown names in ${Math.round(elapsedMs)} ms`);
  });

  describe('who claim names of the list', () => {
    const slow = 'slow.example';
    const quickName = '_xfr.ns2.quick.example';
    let relay: DnsServer;
    /** Milliseconds that the name servers of the slow domain take. */
    let slowMs: number;
    const late = new Set<NodeJS.Timeout>();

    beforeEach(async () => {
      slowMs = 0;
      relay = await startRelay(
        () => gate.lab.resolver,
        (answer, query) => {
          const isSlow = answer.questions.some(({ name }) => name.isAtOrBelow(Name.parse(slow)));
          if (!isSlow || slowMs === 0) return answer;
          const octets = encodeMessage(answer);
          late.add(
            setTimeout(() => {
              query.send(octets);
            }, slowMs),
          );
          return undefined;
        },
      );
    });
    afterEach(async () => {
      for (const timer of late) clearTimeout(timer);
      late.clear();
      await relay.close();
    });

    async function start(limits: Readonly<Record<string, string | number>>): Promise<void> {
      gate = await TestGate.start({
        clients: { [clientName]: [zone], [quickName]: [zone], [`*.${slow}`]: [zone] },
        resolver: { servers: `["127.0.0.1:${relay.port}"]`, timeout: '3s' },
        limits,
      });
    }

    it('wait for the slow name servers of one domain, and leave room for the proofs of others', async () => {
      await start({ handshakes: 10, proofs: 8, 'proofs-per-domain': 4 });
      slowMs = 1500;
      const thief = await makeIdentity('thief.test');
      const quick = await gate.client(quickName);
      const thieves = Array.from({ length: 8 }, (_, at) =>
        come(thief, `x${at}.${slow}`, `127.0.1.${at + 1}`),
      );
      await gate.lines('connection refused', 4);
      expect(refusals()).to.deep.equal(Array(4).fill('too-many-proofs'));
      expect(await metric('danced_proofs_waiting{gate="xot/gate"}')).to.equal(4);
      const quickly = await come(quick, quickName, '127.0.0.1');
      expect(quickly.reply?.header.rcode, quickly.error).to.equal(0);
      expect(gate.log.of('connection refused'), 'the thieves wait still').to.have.length(4);
      await Promise.all(thieves);
      expect(
        await metric('danced_admission_refused_total{gate="xot/gate",limit="proofs-per-domain"}'),
      ).to.equal(4);
      await gate.idle();
      expect(await metric('danced_proofs_waiting{gate="xot/gate"}')).to.equal(0);
    });

    it('do not lock the owner out of where he comes from: failures-per-name', async () => {
      await start({ 'failures-per-name': 3 });
      const owner = await gate.client(clientName);
      const thief = await makeIdentity(clientName);
      expect((await come(owner, clientName, '127.0.0.1')).reply?.header.rcode).to.equal(0);
      for (let at = 1; at <= 5; at++) await come(thief, clientName, `127.0.1.${at}`);
      expect(refusals()).to.deep.equal([
        ...Array<string>(3).fill('key-mismatch'),
        ...Array<string>(2).fill('too-many-failures'),
      ]);
      expect((await come(owner, clientName, '127.0.0.1')).reply?.header.rcode).to.equal(0);
      expect((await come(owner, clientName, '127.0.0.2')).reply).to.equal(undefined);
      expect(refusals().at(-1)).to.equal('too-many-failures');
      gate.passTime(20_000);
      expect((await come(owner, clientName, '127.0.0.2')).reply?.header.rcode).to.equal(0);
    });

    it('cannot make us ask for names below a pattern without end: lookups-per-name', async () => {
      await start({ 'lookups-per-name': 3 });
      const thief = await makeIdentity('thief.test');
      for (let at = 1; at <= 6; at++) await come(thief, `x${at}.${slow}`, `127.0.1.${at}`);
      expect(refusals()).to.deep.equal([
        ...Array<string>(3).fill('no-tlsa'),
        ...Array<string>(3).fill('too-many-lookups'),
      ]);
      const askedFor = new Set(gate.lab.resolver.queries.map(({ name }) => name.toString()));
      expect([...askedFor].filter((name) => /^x\d/.test(name))).to.have.length(3);
    });

    it('cannot from one address, whatever entries they use: lookups-per-address', async () => {
      await start({ 'lookups-per-address': 2 });
      const thief = await makeIdentity('thief.test');
      for (const name of [`x1.${slow}`, clientName, quickName]) await come(thief, name, '127.0.1.1');
      expect(refusals()).to.deep.equal(['no-tlsa', 'no-tlsa', 'too-many-lookups']);
      // What is known already costs nothing.
      await come(thief, `x1.${slow}`, '127.0.1.1');
      expect(refusals().at(-1)).to.equal('no-tlsa');
    });
  });
});
