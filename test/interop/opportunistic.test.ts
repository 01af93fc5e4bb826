/** Opportunistic zones with real authoritative servers: which of them are asked by TLS, and what becomes of it when that ends. */
import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { Rcode } from '../../core/dns/constants.ts';
import { parseMessage, type Message } from '../../core/dns/message.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { opportunisticLimits } from '../../plugins/recursive-auth/agent/opportunistic/limits.ts';
import { Opportunism } from '../../plugins/recursive-auth/agent/opportunistic/opportunism.ts';
import type { ZoneWay } from '../../plugins/recursive-auth/agent/zone-way.ts';
import { OctetRelay } from '../support/octet-relay.ts';
import { plainEdns, queryOf } from '../support/forward-bed.ts';
import { limitsOf } from '../support/limits.ts';
import { memoryLog } from '../support/memory-log.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import {
  startTlsAuthoritative,
  type TlsAuthoritative,
  type TlsAuthoritativeName,
} from '../support/peers/tls-authoritative.ts';

const apex = 'zone.example';
const hosts = Array.from({ length: 40 }, (_, n) => `host${String(n)} A 192.0.2.${String(n + 1)}`);
const text = `$ORIGIN ${apex}.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
${hosts.join('\n')}
big TXT "${'x'.repeat(250)}" "${'y'.repeat(250)}" "${'z'.repeat(250)}" "${'a'.repeat(250)}" "${'b'.repeat(250)}"
`;

describe('opportunistic zones with real servers', () => {
  let bed: TestBed;
  let server: TlsAuthoritative;
  /** On the way to its TLS. */
  let relay: OctetRelay;
  let opportunism: Opportunism;
  let way: ZoneWay;
  let metrics: Metrics;
  const log = memoryLog();

  beforeEach(() => {
    bed = new TestBed();
    log.forget();
  });

  afterEach(async () => {
    await opportunism.close();
    await relay.close();
    await bed.close();
  });

  async function begin(which: TlsAuthoritativeName): Promise<void> {
    server = await startTlsAuthoritative(bed, which, { apex, text });
    relay = await OctetRelay.start(() => server.tlsPort);
    metrics = new Metrics();
    opportunism = await Opportunism.open({
      file: undefined,
      limits: limitsOf(opportunisticLimits),
      ...{ log, metrics, nowMs: Date.now },
      ports: { clear: server.port, encrypted: relay.port },
    });
    way = opportunism.way({ find: () => Promise.resolve([server.address]) });
  }

  const ask = async (name: string): Promise<Message> =>
    parseMessage(await way.ask(queryOf(`${name}.${apex}`, 1, plainEdns), 5_000));

  async function counted(labels: string): Promise<number> {
    const lines = (await metrics.text()).split('\n');
    const line = lines.find((each) =>
      each.startsWith(`danced_agent_opportunistic_questions_total{${labels}} `),
    );
    return Number(line?.split(' ').at(-1) ?? 0);
  }
  const inClear = (): Promise<number> => counted('transport="clear",outcome="answered"');
  const byTls = (): Promise<number> => counted('transport="tls",outcome="answered"');

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await pause(10);
  }

  for (const which of ['BIND', 'NSD', 'Unbound'] as const) {
    it(`asks ${which} by TLS from the second question on [RFC9539-4.6.1] [RFC9539-4.6.3.4]`, async () => {
      await begin(which);
      expect((await ask('host0')).answers).to.have.length(1);
      await until(async () => (await byTls()) === 1);
      const names = Array.from({ length: 39 }, (_, n) => `host${String(n + 1)}`);
      const startMs = performance.now();
      const answers = await Promise.all(names.map(ask));
      // Without help: after a second a server that is silent is asked for a sign of life.
      expect(performance.now() - startMs).to.be.below(900);
      answers.forEach(({ answers: records }, n) => {
        expect(records.map(({ rdata }) => rdata[3])).to.deep.equal([n + 2]);
      });
      expect((await ask('nobody')).header.rcode).to.equal(Rcode.NXDOMAIN);
      expect((await ask('big')).header.tc).to.be.false;
      expect(await inClear()).to.equal(1);
      expect(await byTls()).to.equal(1 + 39 + 2);
      // The question can be read nowhere, and neither can a name of the server.
      expect(relay.take().includes('zone')).to.be.false;
    });

    it(`goes on in clear with ${which} when its TLS is gone [RFC9539-4.6.5]`, async () => {
      await begin(which);
      await ask('host0');
      await until(async () => (await byTls()) === 1);
      await relay.close();
      expect((await ask('host1')).answers).to.have.length(1);
      expect((await ask('host2')).answers).to.have.length(1);
      const [line, ...more] = log.of('authoritative server is asked in clear');
      expect(line?.fields).to.include({ server: server.address, status: 'fail' });
      expect(more).to.deep.equal([]);
      expect(await inClear()).to.equal(3);
    });
  }
});
