/**
 * What a client that has an identity can do to a gate: requests that are none, lies about their length, octets under
 * and inside its TLS session, messages as long as they can be.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { EdnsOptionCode, RrType } from '../../core/dns/constants.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import { parseMessage } from '../../core/dns/message.ts';
import { TestGate, until, type Credentials } from '../support/gate.ts';
import { fuzzSeed, Random } from './random.ts';
import { apex, optWith, padding, query, soaRecord, zone } from './requests.ts';
import { besiege, eachOf } from './siege.ts';
import { Wire } from './wire.ts';

const goodName = '_xfr.ns2.example';
const badName = '_xfr.ns3.example';
const messageTimeMs = 500;
const requestsPerConnection = 20;
const quietMs = 10;

describe(`a gate and a hostile client (seed ${fuzzSeed})`, function () {
  this.timeout(60_000);
  let gate: TestGate;
  let good: Credentials;
  let bad: Credentials;
  const wires: Wire[] = [];

  before(async () => {
    gate = await TestGate.start({
      lab: { zones: ['ns2.example', 'ns3.example'], transferZone: { name: zone, records: 50 } },
      clients: { [goodName]: [zone], [badName]: [zone] },
      limits: {
        'message-time': `${messageTimeMs}ms`,
        'idle-time': '2s',
        'relayed-queries': 1000,
        'relayed-queries-per-client': 500,
        'relayed-transfers': 1000,
        'relayed-transfers-per-client': 500,
        // Good and bad come from the same address here.
        'handshakes-per-address': 500,
        'connections-per-address': 500,
        'failures-per-address': 100_000,
      },
    });
    good = await gate.client(goodName);
    bad = await gate.client(badName);
    await gate.transfer(good);
    await gate.transfer(bad);
  });

  after(() => gate.close());

  afterEach(() => {
    for (const wire of wires.splice(0)) wire.close();
  });

  /** Connections of the bad client by how they ended; counted before the log is dropped. */
  async function endsOf(count: number): Promise<Record<string, number>> {
    const ofBad = () => gate.log.of('connection').filter(({ fields }) => fields['client'] === badName);
    await until(`${count} connections have ended`, () => ofBad().length >= count, 10_000);
    const ends: Record<string, number> = {};
    for (const { fields } of ofBad()) {
      const end = String(fields['ended']);
      ends[end] = (ends[end] ?? 0) + 1;
    }
    return ends;
  }

  /** Sends octets on `count` connections and waits until the gate has ended them all. */
  async function sendOnMany(count: number, octets: (index: number) => Buffer): Promise<void> {
    await eachOf(count, 50, async (index) => {
      const secondary = await gate.open(bad);
      secondary.socket.write(octets(index));
      await secondary.closed();
    });
  }

  it('ends connections whose length prefix lies', async () => {
    const soa = query(RrType.SOA);
    const lies: Buffer[] = [
      ...[0, 1, 11, 4097, 65_535].map((length) => lengthThen(length, soa)),
      // Less than there is: the rest is read as another length.
      lengthThen(soa.length - 2, Buffer.concat([soa, Buffer.from('ffffffff', 'hex')])),
    ];
    await besiege(gate, good, async () => {
      await sendOnMany(60, (index) => lies[index % lies.length]!);
      expect(await endsOf(60)).to.deep.equal({ 'bad-framing': 60 });
    });
  });

  it('ends connections that announce more than they send, and those that send octet by octet', async () => {
    const soa = frame(query(RrType.SOA));
    await besiege(gate, good, async () => {
      const short = sendOnMany(20, () => soa.subarray(0, -1));
      const slow = eachOf(20, 20, async () => {
        const secondary = await gate.open(bad);
        for (let at = 0; !secondary.isClosed; at += 1) {
          secondary.socket.write(soa.subarray(at, at + 1));
          await sleep(messageTimeMs / 10);
        }
      });
      await Promise.all([short, slow]);
      expect(await endsOf(40)).to.deep.equal({ 'request-too-slow': 40 });
    });
  });

  it('ends connections that say nothing', async () => {
    await besiege(gate, good, async () => {
      await sendOnMany(50, () => Buffer.alloc(0));
      expect(await endsOf(50)).to.deep.equal({ idle: 50 });
    });
  });

  it('ends connections that send random octets', async () => {
    const random = new Random(fuzzSeed);
    await besiege(gate, good, async () => {
      await sendOnMany(200, () => random.octets(100 + random.below(10_000)));
      const ends = await endsOf(200);
      expect((ends['bad-framing'] ?? 0) + (ends['request-too-slow'] ?? 0)).to.equal(200);
    });
  });

  it('ends connections whose TLS stream is disturbed, at once', async () => {
    const wire = await Wire.open(gate.endpoint);
    wires.push(wire);
    const disturbances = tlsDisturbances(new Random(fuzzSeed));
    const ages: number[] = [];
    await besiege(gate, good, async () => {
      await eachOf(disturbances.length * 5, 20, async (index) => {
        const secondary = await gate.open(bad, wire.endpoint);
        const { outcome } = await secondary.request({ zone, type: 'SOA' });
        expect(outcome).to.equal('complete');
        const startMs = performance.now();
        wire.inject(secondary.socket, disturbances[index % disturbances.length]!);
        await secondary.closed();
        ages.push(performance.now() - startMs);
      });
      expect(await endsOf(ages.length)).to.deep.equal({ 'tls-error': ages.length });
    });
    expect(Math.max(...ages), 'longest life of a broken session').to.be.below(1000);
  });

  it(`answers or refuses 10,000 mutated requests, and passes nothing on but what is allowed`, async () => {
    const random = new Random(fuzzSeed);
    const originals = sampleQueries();
    const { requests: passedOn } = gate.lab.primary;
    const allowed = new Set<number>([RrType.SOA, RrType.AXFR, RrType.IXFR]);
    let answered = 0;
    await besiege(gate, good, async () => {
      await eachOf(10_000 / requestsPerConnection, 4, async () => {
        const requests = Array.from({ length: requestsPerConnection }, () => mutated(random, originals));
        const answers = await askAll(requests);
        answered += answers;
        for (const { name, type } of passedOn.splice(0)) {
          expect(name.equals(apex), name.toString()).to.equal(true);
          expect(allowed.has(type), `type ${type}`).to.equal(true);
        }
      });
    });
    expect(answered).to.be.above(9000);
  });

  /** Sends requests on one connection and then a good one, which must be answered; counts the answers. */
  async function askAll(requests: readonly Buffer[]): Promise<number> {
    const secondary = await gate.open(bad);
    let answers = 0;
    const reader = new FrameReader();
    secondary.socket.on('data', (chunk: Buffer) => {
      for (const octets of reader.push(chunk)) {
        expect(parseMessage(octets).header.qr).to.equal(true);
        answers += 1;
      }
    });
    for (const octets of requests) secondary.socket.write(frame(octets));
    // An ID that no mutation has: an answer to one of them would end the wait too early.
    const { outcome, error } = await secondary.request({ zone, type: 'SOA', id: unusedId(requests) });
    const sent = requests.map((octets) => octets.toString('hex')).join('\n');
    expect(outcome, `seed ${fuzzSeed}: ${error ?? ''}; requests:\n${sent}`).to.equal('complete');
    // Answers come in any order; the last ones are in when none comes any more.
    for (let seen = -1; answers > seen;) {
      seen = answers;
      await sleep(quietMs);
    }
    secondary.close();
    return answers;
  }
});

describe('a gate that takes the longest requests', () => {
  it('takes messages of 65,535 octets, and gives back their memory', async function () {
    this.timeout(60_000);
    const gate = await TestGate.start({
      lab: { transferZone: { name: zone, records: 50 } },
      clients: { [goodName]: [zone] },
      limits: { 'request-octets': 65_535, 'relayed-queries-per-client': 500, 'relayed-queries': 1000 },
    });
    try {
      const good = await gate.client(goodName);
      await gate.transfer(good);
      const messages = longMessages();
      await besiege(gate, good, async () => {
        await eachOf(30, 10, async () => {
          const secondary = await gate.open(good);
          for (let index = 0; index < 20; index += 1)
            secondary.socket.write(frame(messages[index % messages.length]!));
          expect((await secondary.request({ zone, type: 'SOA', id: 0xbeef })).outcome).to.equal('complete');
          secondary.close();
        });
      });
    } finally {
      await gate.close();
    }
  });
});

/** Requests of every kind that a gate has to do with. */
function sampleQueries(): readonly Buffer[] {
  const options = [
    padding(40),
    { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) },
    { code: EdnsOptionCode.EXPIRE, data: Buffer.alloc(0) },
  ];
  const withOpt = optWith(options);
  return [
    query(RrType.SOA),
    query(RrType.SOA, withOpt),
    query(RrType.AXFR, withOpt),
    query(RrType.IXFR, { authorities: [soaRecord(0)] }),
    query(RrType.IXFR, { ...withOpt, authorities: [soaRecord(1)] }),
    query(RrType.A, withOpt),
  ];
}

/** A mutation that is long enough for its frame; the length prefix has tests of its own. */
function mutated(random: Random, originals: readonly Buffer[]): Buffer {
  for (;;) {
    const octets = random.mutate(random.pick(originals));
    if (octets.length >= 12) return octets;
  }
}

/** 65,535 octets each: all padding, all records, all pointers, no DNS at all. */
function longMessages(): readonly Buffer[] {
  const whole = 65_535;
  const bare = query(RrType.SOA, optWith([]));
  const padded = query(RrType.SOA, optWith([padding(whole - bare.length - 4)]));
  const pointers = Buffer.alloc(whole, 0xc0);
  const random = new Random(fuzzSeed).octets(whole);
  const counts = Buffer.from('000100000001ffffffffffff', 'hex');
  const header = Buffer.from('0001000000010000ffff0000', 'hex');
  // Each record is a pointer to the name of the question, type A, and no data.
  const question = query(RrType.SOA).subarray(12);
  const records = Buffer.alloc(
    whole - 12 - question.length,
    Buffer.from('c00c00fe00010000000000000000', 'hex').subarray(0, 12),
  );
  return [
    padded,
    Buffer.concat([header, question, records]),
    Buffer.concat([counts, pointers.subarray(12)]),
    random,
  ];
}

function lengthThen(length: number, octets: Buffer): Buffer {
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16BE(length);
  return Buffer.concat([prefix, octets]);
}

function unusedId(requests: readonly Buffer[]): number {
  const used = new Set(requests.map((octets) => octets.readUInt16BE(0)));
  let id = 0xbeef;
  while (used.has(id)) id += 1;
  return id;
}

/** TLS records that have no place in a TLS 1.3 session after its handshake, or are none (RFC 8446 section 5.1). */
function tlsDisturbances(random: Random): readonly Buffer[] {
  const record = (type: number, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type, 3, 3, body.length >> 8, body.length & 255]), body]);
  const clientHello = Buffer.concat([Buffer.from([1, 0, 0, 50, 3, 3]), random.octets(48)]);
  return [
    // A renegotiation in the clear, as TLS 1.2 had it.
    record(22, clientHello),
    record(20, Buffer.from([1])),
    record(21, Buffer.from([1, 0])),
    record(21, Buffer.from([2, 40])),
    record(23, random.octets(200)),
    record(99, random.octets(20)),
    Buffer.from([23, 3, 3, 0xff, 0xff, ...random.octets(100)]),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    random.octets(2000),
  ];
}
