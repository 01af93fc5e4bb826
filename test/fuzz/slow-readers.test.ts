/**
 * Clients that ask and do not read the answers, before a primary whose zone has no end: whatever the gate did not hold
 * back would be memory.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, parseMessage, type Message } from '../../core/dns/message.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { TestGate, until, type Credentials } from '../support/gate.ts';
import { apex, optWith, padding, query, soaRecord, zone } from './requests.ts';
import { besiege } from './siege.ts';

const goodName = '_xfr.ns2.example';
const badName = '_xfr.ns3.example';
const writeTimeMs = 1000;
/** For busy machines; seconds are enough. */
const timeoutMs = 60_000;
const allowedRssOctets = 256 * 1024 * 1024;

describe('a gate before an endless zone', () => {
  let primary: Server;
  let gate: TestGate;
  let good: Credentials;
  let bad: Credentials;
  const readers = 4;

  before(async () => {
    primary = endlessPrimary();
    primary.listen(0, '127.0.0.1');
    await once(primary, 'listening');
    gate = await TestGate.start({
      primary: primary.address() as AddressInfo,
      lab: { zones: ['ns2.example', 'ns3.example'], transferZone: { name: zone, records: 3 } },
      clients: { [goodName]: [zone], [badName]: [zone] },
      limits: { 'write-time': `${writeTimeMs}ms` },
    });
    good = await gate.client(goodName);
    bad = await gate.client(badName);
    await gate.transfer(good, { type: 'SOA' });
  });

  after(async () => {
    await gate.close();
    primary.close();
  });

  /** Connections that ask, and from then on read only by `sip`, now and then; until the gate has given up all. */
  async function slowReaders(request: Buffer, sip: (socket: Socket) => void): Promise<void> {
    const rssBefore = process.memoryUsage().rss;
    const attack = async (): Promise<void> => {
      const secondaries = await Promise.all(Array.from({ length: readers }, () => gate.open(bad)));
      for (const { socket } of secondaries) socket.removeAllListeners('data').pause().write(request);
      const givenUp = (): number =>
        gate.log.of('connection').filter(({ fields }) => fields['ended'] === 'client-does-not-read').length;
      await until(
        'the gate has given up all',
        () => {
          for (const { socket } of secondaries) sip(socket);
          return givenUp() === readers;
        },
        timeoutMs / 2,
      );
      for (const secondary of secondaries) secondary.close();
    };
    await besiege(gate, good, attack, 'SOA');
    // Of the gate and of its clients here; the primary would have given gigabytes.
    expect(process.memoryUsage().rss - rssBefore).to.be.below(allowedRssOctets);
  }

  it('gives up clients that stop reading in mid-transfer, and holds back the primary meanwhile', async () => {
    await slowReaders(frame(query(RrType.AXFR)), () => undefined);
  }).timeout(timeoutMs);

  it('gives up clients that read a little now and then', async () => {
    await slowReaders(frame(query(RrType.AXFR)), (socket) => {
      socket.read(100);
    });
  }).timeout(timeoutMs);

  it('gives up clients that ask and ask and never read', async () => {
    // Requests that the gate refuses by itself, with padding, which makes the answers ten times as long.
    const one = frame(query(RrType.A, optWith([padding(0)])));
    await slowReaders(Buffer.concat(new Array<Buffer>(40_000).fill(one)), () => undefined);
  }).timeout(timeoutMs);
});

/** A primary whose AXFR has a first SOA record, and A records for ever; SOA queries get an honest answer. */
function endlessPrimary(): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined);
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      for (const octets of reader.push(chunk)) {
        const request = parseMessage(octets);
        const first = makeResponse(request, { answers: [soaRecord(7)] });
        socket.write(frame(encodeMessage(first)));
        if (request.questions[0]?.type === RrType.AXFR) pour(socket, request);
      }
    });
  });
}

function pour(socket: Socket, request: Message): void {
  const a = { type: RrType.A, class: RrClass.IN, ttl: 60, rdata: encodeA('192.0.2.1') };
  const answers = Array.from({ length: 500 }, (_, index) => ({ ...a, name: apex.prepend(`h${index}`) }));
  const message = frame(encodeMessage(makeResponse(request, { answers })));
  const more = (): void => {
    while (!socket.destroyed && socket.write(message));
  };
  socket.on('drain', more);
  more();
}
