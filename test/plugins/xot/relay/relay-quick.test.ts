/** Long messages of a whole zone, which are looked at from both ends only. */
import { mock } from 'node:test';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { extendedError, findOption, keepalive, type EdnsOption } from '../../../../core/dns/edns.ts';
import { FrameReader } from '../../../../core/dns/framing.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { MessageWalker } from '../../../../core/dns/walker.ts';
import { frameAll } from '../../../support/frame-all.ts';
import { address, answer, bulk, edeOf, edns, soa, type RequestFields } from '../messages.ts';
import { RelayBed } from './relay-bed.ts';

type Make = (query: Message) => Buffer;

const first: Make = (query) => answer(query, [soa(7), bulk(5_000)]);
const middle: Make = (query) => answer({ ...query, questions: [] }, [bulk(9_000), address('a'), bulk(50)]);
const last: Make = (query) => answer({ ...query, questions: [] }, [bulk(6_000), soa(7)]);
const zone: readonly Make[] = [first, middle, middle, middle, last];

const withOpt =
  (make: Make, ...options: readonly EdnsOption[]): Make =>
  (query) => {
    const { answers, questions } = parseMessage(make(query));
    return answer({ ...query, questions }, answers, { edns: edns(...options) });
  };

describe('relay of long messages', () => {
  let bed: RelayBed;

  beforeEach(async () => {
    bed = await RelayBed.start();
  });
  afterEach(() => bed.close());

  /** What the client gets as octets, in batches; and over how many records it took a walk. */
  async function batches(fields: RequestFields = {}): Promise<{ octets: Buffer[][]; walked: number }> {
    const octets: Buffer[][] = [];
    const walks = mock.method(MessageWalker.prototype, 'next').mock;
    for await (const batch of bed.begin(fields)) {
      octets.push(Buffer.isBuffer(batch) ? new FrameReader().push(Buffer.from(batch)) : [...batch]);
    }
    const walked = walks.callCount();
    walks.restore();
    return { octets, walked };
  }

  it('gives them as they are but for the ID, the last apart, and counts their records', async () => {
    bed.sends(...zone);
    const { octets } = await batches();
    const query = bed.primary.heard[0]!.message;
    const asked = { ...query, header: { ...query.header, id: 0x4242 } };
    expect(frameAll(octets.flat()).equals(frameAll(zone.map((make) => make(asked))))).to.equal(true);
    expect(octets.at(-1)).to.have.length(1);
    expect(bed.reports[0]).to.include({
      outcome: 'complete',
      form: 'whole',
      serial: 7,
      records: 13,
      messages: 5,
      octets: octets.flat().reduce((sum, { length }) => sum + length, 0),
    });
  });

  it('walks the first and the last of them, and none between', async () => {
    const script: Make[] = [first, ...Array.from({ length: 40 }, () => middle), last];
    bed.sends(...script);
    const many = await batches();
    bed.sends(first, middle, last);
    const few = await batches();
    expect(many.octets.flat()).to.have.length(42);
    expect(many.walked).to.equal(few.walked);
  });

  it('walks one whose last octets look like the end, and goes on if it is not', async () => {
    const rdata = Buffer.concat([Buffer.alloc(3_000, 1), soa(7).rdata.subarray(-20)]);
    const alike: Make = (query) =>
      answer({ ...query, questions: [] }, [{ ...address('x'), type: 65_280, rdata }]);
    bed.sends(first, alike, middle, last);
    expect((await batches()).octets.flat()).to.have.length(4);
    expect(bed.reports[0]).to.include({ outcome: 'complete', records: 2 + 1 + 3 + 2 });
  });

  it('gives OPT of this hop in every message to a client that has it [RFC9103-6.3.4]', async () => {
    bed.sends(...zone.map((make) => withOpt(make, keepalive(1_000))));
    const messages = (await batches({ edns: edns() })).octets.flat().map(parseMessage);
    expect(messages).to.have.length(5);
    for (const message of messages) expect(message.edns?.options).to.deep.equal([]);
    expect(messages.map(({ answers }) => answers.length)).to.deep.equal([2, 3, 3, 3, 2]);
    expect(bed.reports[0]).to.include({ outcome: 'complete', records: 13 });
  });

  it('gives it also where the primary has it in some messages only', async () => {
    bed.sends(withOpt(first), middle, withOpt(middle), middle, withOpt(last));
    const messages = (await batches({ edns: edns() })).octets.flat().map(parseMessage);
    expect(messages.every(({ edns: opt }) => opt !== undefined)).to.equal(true);
    expect(messages.map(({ answers }) => answers.length)).to.deep.equal([2, 3, 3, 3, 2]);
  });

  it('carries over what an OPT record in the middle says to the far end', async () => {
    const expire = { code: EdnsOptionCode.EXPIRE, data: Buffer.from([0, 0, 1, 0]) };
    bed.sends(withOpt(first), withOpt(middle, expire), withOpt(middle), withOpt(last));
    const messages = (await batches({ edns: edns() })).octets.flat().map(parseMessage);
    const has = messages.map((message) => findOption(message.edns, EdnsOptionCode.EXPIRE) !== undefined);
    expect(has).to.deep.equal([false, true, false, false]);
  });

  it('says its idle time in each, to a client that uses the option [RFC7828-3.3.2]', async () => {
    bed.sends(...zone.map((make) => withOpt(make)));
    const asked = edns({ code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) });
    for (const message of (await batches({ edns: asked })).octets.flat().map(parseMessage))
      expect(message.edns?.options).to.deep.equal([keepalive(30_000)]);
  });

  it('pads each to a client that pads [RFC8467-4.1]', async () => {
    bed.sends(...zone.map((make) => withOpt(make)));
    const asked = edns({ code: EdnsOptionCode.PADDING, data: Buffer.alloc(4) });
    const { octets } = await batches({ edns: asked });
    expect(octets.flat().map(({ length }) => length % 468)).to.deep.equal([0, 0, 0, 0, 0]);
  });

  it('takes out OPT for a client without it [RFC6891-7]', async () => {
    bed.sends(...zone.map((make) => withOpt(make)));
    const messages = (await batches()).octets.flat().map(parseMessage);
    expect(messages.map(({ edns: opt }) => opt)).to.deep.equal(messages.map(() => undefined));
  });

  const changedId: Make = (query) =>
    middle({ ...query, header: { ...query.header, id: query.header.id ^ 1 } });
  const asking = (query: Message, name: string): Message => ({
    ...query,
    questions: [{ ...query.questions[0]!, name: Name.parse(name) }],
  });
  const records = [bulk(5_000), address('a')];
  const failures: [title: string, make: Make][] = [
    ['has another ID', changedId],
    ['is about another zone', (query) => answer(asking(query, 'example.net'), records)],
    ['ends the transfer and goes on', (query) => answer(query, [bulk(5_000), soa(7), bulk(10), soa(7)])],
    [
      'is a query',
      (query) => {
        const octets = middle(query);
        octets.writeUInt8(0, 2);
        return octets;
      },
    ],
    [
      'has records in its authority section that are none',
      (query) => {
        const octets = middle(query);
        octets.writeUInt16BE(1, 8);
        return octets;
      },
    ],
    [
      'has an additional record that is none',
      (query) => {
        const octets = middle(query);
        octets.writeUInt16BE(1, 10);
        return octets;
      },
    ],
    [
      'says that it has no records, and has some',
      (query) => {
        const octets = middle(query);
        octets.writeUInt16BE(0, 6);
        return octets;
      },
    ],
  ];
  for (const [title, make] of failures) {
    it(`ends with SERVFAIL when one of them ${title}`, async () => {
      bed.sends(first, middle, make, last);
      const messages = (await batches({ edns: edns() })).octets.flat().map(parseMessage);
      expect(messages.at(-1)?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(edeOf(messages.at(-1))?.code).to.equal(EdeCode.INVALID_DATA);
      expect(bed.reports[0]).to.include({ outcome: 'failed' });
    });
  }

  it('takes the question in every message, as it was', async () => {
    const asks: Make = (query) => answer(query, records);
    bed.sends(first, asks, asks, last);
    expect((await batches()).octets.flat()).to.have.length(4);
    expect(bed.reports[0]).to.include({ outcome: 'complete' });
  });

  it('ends with the error of the primary, however long its message is [RFC5936-2.2]', async () => {
    const error: Make = (query) =>
      answer(query, [], {
        rcode: Rcode.SERVFAIL,
        edns: edns(extendedError(EdeCode.OTHER, 'x'.repeat(3_000))),
      });
    bed.sends(first, middle, error);
    const messages = (await batches({ edns: edns() })).octets.flat().map(parseMessage);
    expect(messages.map(({ header }) => header.rcode)).to.deep.equal([0, 0, Rcode.SERVFAIL]);
    expect(bed.reports[0]).to.include({ outcome: 'refused-by-primary' });
  });

  it('looks at every record of differences, however long its messages are [RFC1995-4]', async () => {
    bed.sends(
      (query) => answer(query, [soa(7), soa(6), bulk(5_000), soa(7), bulk(5_000)]),
      (query) => answer({ ...query, questions: [] }, [bulk(5_000), soa(7), address('z')]),
    );
    const messages = (await batches({ type: RrType.IXFR, serial: 6, edns: edns() })).octets.flat();
    expect(edeOf(parseMessage(messages.at(-1)!))?.code).to.equal(EdeCode.INVALID_DATA);
  });
});
