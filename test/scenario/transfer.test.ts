/**
 * What an identified client gets: what it may have, what it may not, and what happens when the primary fails it.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { frame } from '../../core/dns/framing.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { Name } from '../../core/dns/name.ts';
import type { TransferResult } from '../../lab/secondary.ts';
import type { Endpoint } from '../../lab/servers.ts';
import { TestGate, type Credentials } from '../support/gate.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';
const wholeShape = { octets: 16_384, recordsPerMessage: Infinity };
const records = 500;

describe('an identified client', () => {
  let gate: TestGate;
  let client: Credentials;

  before(async () => {
    gate = await TestGate.start({
      lab: { transferZone: { name: zone, records } },
      clients: { [clientName]: [zone, 'unserved.example'] },
      limits: {
        'primary-answer-time': '500ms',
        'transfers-per-client': 6,
        'requests-at-once': 64,
      },
    });
    client = await gate.client(clientName);
  });

  after(() => gate.close());

  afterEach(() => {
    const { primary } = gate.lab;
    primary.recover();
    primary.delayMs = 0;
    primary.shape = wholeShape;
  });

  describe('is refused', () => {
    const { REFUSED, NOTAUTH } = Rcode;
    const cases: [what: string, request: object, rcode: number, ede: number][] = [
      ['another zone: Prohibited [RFC8914-4.19]', { zone: 'example.net' }, REFUSED, EdeCode.PROHIBITED],
      ['the SOA record of another zone', { zone: 'example.net', type: 'SOA' }, REFUSED, EdeCode.PROHIBITED],
      ['a zone below its own', { zone: 'sub.example.com' }, REFUSED, EdeCode.PROHIBITED],
      ['a zone that is not served here', { zone: 'unserved.example' }, NOTAUTH, EdeCode.NOT_AUTHORITATIVE],
      ['an A query: Not Supported [RFC9103-7.8]', { type: RrType.A }, REFUSED, EdeCode.NOT_SUPPORTED],
      ['an ANY query', { type: 255 }, REFUSED, EdeCode.NOT_SUPPORTED],
    ];
    for (const [what, request, rcode, ede] of cases) {
      it(what, async () => {
        const asked = gate.lab.primary.requests.length;
        const result = await gate.transfer(client, request);
        expect(result).to.include({ outcome: 'error-code', rcode, messageCount: 1, hasEdns: true });
        expect(result.ede?.code).to.equal(ede);
        expect(result.records).to.have.length(0);
        expect(gate.lab.primary.requests).to.have.length(asked);
      });
    }

    it('without OPT when it did not use OPT [RFC6891-7]', async () => {
      const result = await gate.transfer(client, { zone: 'example.net', edns: false });
      expect(result).to.include({ rcode: REFUSED, hasEdns: false, ede: undefined });
    });

    it('an IXFR without the SOA record of its version [RFC1995-3]', async () => {
      expect((await gate.transfer(client, { type: 'IXFR' })).rcode).to.equal(Rcode.FORMERR);
    });

    it('more transfers at once than its share, and told to come again [RFC9103-6.3.3]', async () => {
      gate.lab.primary.delayMs = 30;
      const secondary = await gate.open(client);
      const results = await Promise.all(Array.from({ length: 9 }, () => secondary.request({ zone })));
      secondary.close();
      const refused = results.filter(({ rcode }) => rcode === Rcode.SERVFAIL);
      expect(refused).to.have.length(3);
      for (const { ede } of refused) expect(ede?.code).to.equal(EdeCode.OTHER);
      expect(results.filter(({ outcome }) => outcome === 'complete')).to.have.length(6);
    });
  });

  describe('when the primary fails', () => {
    function expectServfail(result: TransferResult, ede: number): void {
      expect(result).to.include({ outcome: 'error-code', rcode: Rcode.SERVFAIL });
      expect(result.ede?.code).to.equal(ede);
      // Nobody may take a part for the whole.
      const soas = result.records.filter(({ type }) => type === RrType.SOA);
      expect(soas.length).to.be.at.most(1);
    }

    it('in mid-transfer, gets SERVFAIL with Network Error and no final SOA [RFC5936-2.2] [RFC8914-4.24]', async () => {
      gate.lab.primary.shape = { octets: 16_384, recordsPerMessage: 10 };
      gate.lab.primary.dieAfterMessages(20);
      const result = await gate.transfer(client);
      expectServfail(result, EdeCode.NETWORK_ERROR);
      expect(result.records).to.have.length(200);
      const [line] = (await gate.lines('transfer')).slice(-1);
      expect(line).to.include({ level: 'warn' });
      expect(line!.fields).to.include({ outcome: 'failed', records: 200 });
      expect(line!.fields['reason']).to.match(/closed the connection/);
    });

    it('before its first message, gets SERVFAIL with Network Error', async () => {
      gate.lab.primary.dieAfterMessages(0);
      expectServfail(await gate.transfer(client), EdeCode.NETWORK_ERROR);
    });

    it('by falling silent in mid-transfer, gets SERVFAIL after the time for an answer', async () => {
      gate.lab.primary.shape = { octets: 16_384, recordsPerMessage: 10 };
      gate.lab.primary.stallAfterMessages(3);
      const result = await gate.transfer(client);
      expectServfail(result, EdeCode.NETWORK_ERROR);
      expect(result.elapsedMs).to.be.within(450, 3000);
      expect(result.records).to.have.length(30);
    });

    it('goes on with other requests on the same connection', async () => {
      const secondary = await gate.open(client);
      gate.lab.primary.dieAfterMessages(0);
      expectServfail(await secondary.request({ zone }), EdeCode.NETWORK_ERROR);
      gate.lab.primary.recover();
      expect((await secondary.request({ zone })).outcome).to.equal('complete');
      secondary.close();
    });

    it('by being away, gets SERVFAIL with No Reachable Authority [RFC8914-4.23]', async () => {
      await withPrimary(await freedEndpoint(), async (other, credentials) => {
        for (const type of ['AXFR', 'SOA'] as const) {
          const result = await other.transfer(credentials, { type });
          expectServfail(result, EdeCode.NO_REACHABLE_AUTHORITY);
          expect(result.ede?.text).to.not.include('127.0.0.1');
        }
      });
    });

    const header = (id: Buffer): Buffer => Buffer.concat([id, Buffer.from('84000000000000000000', 'hex')]);
    const nonsense: [what: string, answer: (id: Buffer) => Buffer, ede: number][] = [
      ['text that is no DNS', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), EdeCode.NETWORK_ERROR],
      ['a message of 3 octets', () => Buffer.from('0003000000', 'hex'), EdeCode.INVALID_DATA],
      ['half a message, then the end', (id) => frame(header(id)).subarray(0, 9), EdeCode.NETWORK_ERROR],
      [
        'an answer to another question',
        () => frame(header(Buffer.from('dead', 'hex'))),
        EdeCode.INVALID_DATA,
      ],
      [
        'octets after the last record',
        (id) => frame(Buffer.concat([header(id), Buffer.alloc(5)])),
        EdeCode.INVALID_DATA,
      ],
    ];
    for (const [what, answer, ede] of nonsense) {
      it(`by sending ${what}, gets SERVFAIL`, async () => {
        const primary = createServer((socket) => {
          socket.on('error', () => undefined);
          socket.once('data', (query: Buffer) => socket.end(answer(query.subarray(2, 4))));
        });
        await serving(primary, (endpoint) =>
          withPrimary(endpoint, async (other, credentials) => {
            expectServfail(await other.transfer(credentials), ede);
          }),
        );
      });
    }
  });

  describe('on one connection', () => {
    it('gets several answers intermingled, each whole [RFC9103-6.2] [RFC7766-7]', async () => {
      const { primary } = gate.lab;
      primary.shape = { octets: 16_384, recordsPerMessage: 20 };
      primary.delayMs = 2;
      const secondary = await gate.open(client);
      const ended: string[] = [];
      const ask = async (type: 'AXFR' | 'IXFR' | 'SOA', serial?: number): Promise<TransferResult> => {
        const result = await secondary.request({ zone, type, ...(serial === undefined ? {} : { serial }) });
        ended.push(type);
        return result;
      };
      const serial = primary.zone.serial;
      const results = await Promise.all([
        ask('AXFR'),
        ask('AXFR'),
        ask('AXFR'),
        ask('IXFR', serial),
        ask('SOA'),
        ask('SOA'),
      ]);
      secondary.close();
      expect(results.map(({ outcome }) => outcome)).to.deep.equal(Array(6).fill('complete'));
      expect(results.map((result) => result.form)).to.deep.equal([
        'full',
        'full',
        'full',
        'unchanged',
        'single',
        'single',
      ]);
      for (const result of results.slice(0, 3)) expect(result.records).to.have.length(records + 1);
      // The short answers, asked for last, did not wait for the long ones.
      expect(ended.slice(0, 3).sort()).to.deep.equal(['IXFR', 'SOA', 'SOA']);
    });

    it('gets what changed by IXFR, and the whole zone when the primary has forgotten it [RFC1995-4]', async () => {
      const { primary } = gate.lab;
      const secondary = await gate.open(client);
      const before = primary.zone.serial;
      const name = Name.parse('new.example.com');
      const added = { name, type: RrType.A, ttl: 3600, rdata: encodeA('192.0.2.99') };
      const after = primary.change({ add: [added] });

      const incremental = await secondary.request({ zone, type: 'IXFR', serial: before });
      expect(incremental).to.include({ outcome: 'complete', form: 'incremental', serial: after });
      expect(incremental.records.map(({ type }) => type)).to.deep.equal([
        RrType.SOA,
        RrType.SOA,
        RrType.SOA,
        RrType.A,
        RrType.SOA,
      ]);
      expect(incremental.records[3]).to.deep.include({ class: RrClass.IN, rdata: added.rdata });

      const unchanged = await secondary.request({ zone, type: 'IXFR', serial: after });
      expect(unchanged).to.include({ outcome: 'complete', form: 'unchanged' });

      primary.forgetDifferences();
      const full = await secondary.request({ zone, type: 'IXFR', serial: before });
      expect(full).to.include({ outcome: 'complete', form: 'full', serial: after });
      expect(full.records).to.have.length(records + 2);
      secondary.close();
      primary.change({ remove: [added] });
    });

    it('gets the zone as the primary has it, octet for octet', async () => {
      const { address, port } = gate.lab.primary;
      const plain = await gate.transfer(undefined, { plain: true, address, port });
      const secured = await gate.transfer(client);
      expect(secured.records).to.deep.equal(plain.records);
    });

    it('gets padding and keepalive when it asks for them [RFC7830-4] [RFC7828-3.3.2]', async () => {
      const options = [
        { code: EdnsOptionCode.PADDING, data: Buffer.alloc(20) },
        { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) },
      ];
      const result = await gate.transfer(client, { type: 'SOA', edns: options });
      expect(result.outcome).to.equal('complete');
      expect(result.octetCount % 468).to.equal(0);
    });
  });

  /** Runs with a gate of its own before another primary. */
  async function withPrimary(
    primary: Endpoint,
    action: (gate: TestGate, credentials: Credentials) => Promise<void>,
  ): Promise<void> {
    const other = await TestGate.start({
      primary,
      clients: { [clientName]: [zone] },
      lab: { transferZone: { name: zone, records: 3 } },
      limits: { 'primary-answer-time': '500ms' },
    });
    try {
      await action(other, await other.client(clientName));
    } finally {
      await other.close();
    }
  }
});

async function serving(server: Server, action: (endpoint: Endpoint) => Promise<void>): Promise<void> {
  const endpoint = await listening(server);
  try {
    await action(endpoint);
  } finally {
    server.close();
  }
}

/** An endpoint at which nobody listens. */
async function freedEndpoint(): Promise<Endpoint> {
  const server = createServer();
  const endpoint = await listening(server);
  server.close();
  await once(server, 'close');
  return endpoint;
}

async function listening(server: Server): Promise<Endpoint> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address() as AddressInfo;
}
