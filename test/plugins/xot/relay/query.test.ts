import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { extendedError } from '../../../../core/dns/edns.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { parseSoa } from '../../../../core/dns/rdata.ts';
import { PlainUpstream } from '../../../../plugins/xot/upstream/plain-upstream.ts';
import { unusedPort, type HeardQuery } from '../../../support/dns-server.ts';
import { frameAll } from '../../../support/frame-all.ts';
import { answer, bulk, edeOf, edns, request, soa } from '../messages.ts';
import { RelayBed } from './relay-bed.ts';

describe('answerQuery', () => {
  let bed: RelayBed;

  beforeEach(async () => {
    bed = await RelayBed.start();
  });

  afterEach(() => bed.close());

  /** Asks for so many zones at once; the primary has heard them all when this resolves. */
  async function askMany(count: number, limits = {}): Promise<Promise<Message | undefined>[]> {
    const before = bed.primary.heard.length;
    const asked = Array.from({ length: count }, (_, index) =>
      bed.ask({ id: index, name: zoneOf(index), edns: edns() }, limits),
    );
    while (bed.primary.heard.length < before + count) await nextTurn();
    return asked;
  }

  const ofItsOwn = ({ message, send }: HeardQuery): void => {
    send(frame(answerTo(message)));
  };

  describe('asks the primary', () => {
    it('the question in the case of the client, with OPT of its own', async () => {
      bed.onQuery(ofItsOwn);
      const cookie = { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(8) };
      await bed.ask({ name: Name.parse('EXAMPLE.com'), edns: edns(cookie), header: { rd: true } });
      const query = bed.primary.heard[0]!.message;
      expect(String(query.questions[0]?.name)).to.equal('EXAMPLE.com');
      expect(query.header).to.include({ qr: false, opcode: Opcode.QUERY, rd: false });
      expect(query.edns?.options).to.deep.equal([]);
    });

    it('for all clients on one connection, under IDs that differ [RFC7766-6.2.1]', async () => {
      bed.onQuery(() => undefined);
      // So many that random IDs would not differ by chance.
      const asked = await askMany(1000);
      expect(bed.primary.connections).to.equal(1);
      expect(new Set(bed.primary.heard.map(({ message }) => message.header.id)).size).to.equal(1000);
      for (const query of bed.primary.heard) ofItsOwn(query);
      await Promise.all(asked);
    });

    it('on another connection when there is no room on the first', async () => {
      bed.onQuery(() => undefined);
      const asked = await askMany(1001);
      expect(bed.primary.connections).to.equal(2);
      for (const query of bed.primary.heard) ofItsOwn(query);
      for (const message of await Promise.all(asked)) expect(message?.header.rcode).to.equal(Rcode.NOERROR);
    });

    it('on another connection than a transfer that is under way', async () => {
      bed.onQuery(({ message, send }) => {
        const isTransfer = message.questions[0]?.type === RrType.AXFR;
        send(frame(answer(message, isTransfer ? [soa(7), bulk(100)] : [soa(7)])));
      });
      const transfer = bed.begin();
      await transfer.next();
      await bed.ask();
      expect(bed.primary.heard.map(({ connection }) => connection)).to.deep.equal([1, 2]);
      await transfer.return();
    });

    it('on the same connection for the next query', async () => {
      bed.onQuery(ofItsOwn);
      for (let turn = 0; turn < 3; turn++) await bed.ask();
      expect(bed.primary.connections).to.equal(1);
    });
  });

  describe('gives each client its own answer', () => {
    for (const [order, arrange] of [
      ['as they were asked', (all: HeardQuery[]) => all],
      ['in the opposite order [RFC7766-7]', (all: HeardQuery[]) => all.reverse()],
      ['all in one segment', undefined],
    ] as const) {
      it(`when they come ${order}`, async () => {
        bed.onQuery(() => undefined);
        const asked = await askMany(20);
        const heard = [...bed.primary.heard];
        if (arrange) for (const query of arrange(heard)) ofItsOwn(query);
        else heard[0]?.send(frameAll(heard.map(({ message }) => answerTo(message))));
        const answers = await Promise.all(asked);
        expect(answers.map((message) => message?.header.id)).to.deep.equal(answers.map((_, index) => index));
        expect(answers.map((message) => String(message?.questions[0]?.name))).to.deep.equal(
          answers.map((_, index) => String(zoneOf(index))),
        );
        expect(answers.map((message) => parseSoa(message!.answers[0]!.rdata).serial)).to.deep.equal(
          answers.map((_, index) => index),
        );
        expect(bed.reports.every(({ outcome }) => outcome === 'complete')).to.equal(true);
      });
    }

    it('and reports what it was', async () => {
      bed.onQuery(ofItsOwn);
      await bed.ask();
      expect(bed.reports).to.have.length(1);
      expect(bed.reports[0]).to.include({ outcome: 'complete', form: 'unknown', messages: 1, records: 0 });
      expect(bed.reports[0]?.octets).to.be.greaterThan(50);
    });

    it('with the response code and the reason of the primary', async () => {
      bed.sends((query) =>
        answer(query, [], { rcode: Rcode.REFUSED, edns: edns(extendedError(EdeCode.NOT_READY, 'loading')) }),
      );
      const message = await bed.ask();
      expect(message?.header.rcode).to.equal(Rcode.REFUSED);
      expect(edeOf(message)).to.deep.equal({ code: EdeCode.NOT_READY, text: 'loading' });
      expect(bed.reports[0]).to.include({
        outcome: 'refused-by-primary',
        reason: 'the primary answered REFUSED',
      });
    });

    it('also an error that does not repeat the question', async () => {
      bed.sends((query) => answer({ ...query, questions: [] }, [], { rcode: Rcode.FORMERR }));
      expect((await bed.ask())?.header.rcode).to.equal(Rcode.FORMERR);
    });
  });

  /** What no question has asked for, and how the log calls it. */
  const wrong: [title: string, make: (query: Message) => Buffer][] = [
    [
      'has another ID',
      (query) => answerTo({ ...query, header: { ...query.header, id: query.header.id ^ 1 } }),
    ],
    ['is about another zone', (query) => answerTo(about(query, { name: Name.parse('other.example') }))],
    ['is about another type', (query) => answerTo(about(query, { type: RrType.AXFR }))],
    ['is about another class', (query) => answerTo(about(query, { class: RrClass.CH }))],
    [
      'has two questions',
      (query) => answerTo({ ...query, questions: [...query.questions, ...query.questions] }),
    ],
    ['has no question and no record', (query) => answer({ ...query, questions: [] }, [])],
    [
      'is an error without the question, but with records',
      (query) => answer({ ...query, questions: [] }, [soa(7)], { rcode: Rcode.SERVFAIL }),
    ],
    ['has no question', (query) => answerTo({ ...query, questions: [] })],
    [
      'is a query',
      (query) => request({ id: query.header.id, type: RrType.SOA, name: query.questions[0]!.name }),
    ],
    [
      'has another opcode',
      (query) =>
        encodeMessage(makeResponse({ ...query, header: { ...query.header, opcode: Opcode.NOTIFY } }, {})),
    ],
    ['is nonsense', () => Buffer.alloc(40, 0xc0)],
  ];
  for (const [title, make] of wrong) {
    it(`takes no answer that ${title}, and listens no more on that connection [RFC7766-7]`, async () => {
      bed.onQuery(() => undefined);
      const asked = await askMany(3);
      const [first, ...others] = bed.primary.heard;
      // An ID that is free: the one beside it may be another question's.
      if (others.some(({ message }) => message.header.id === (first!.message.header.id ^ 1))) return;
      first!.send(frame(make(first!.message)));
      for (const message of await Promise.all(asked)) {
        expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
        expect(edeOf(message)?.code).to.equal(EdeCode.INVALID_DATA);
      }
      bed.onQuery(ofItsOwn);
      expect((await bed.ask())?.header.rcode).to.equal(Rcode.NOERROR);
      expect(bed.primary.heard.at(-1)?.connection).to.equal(2);
    });
  }

  it('takes no second answer to a question', async () => {
    bed.onQuery(() => undefined);
    const asked = await askMany(2);
    const [first] = bed.primary.heard;
    first!.send(frameAll([answerTo(first!.message), answerTo(first!.message)]));
    const codes = (await Promise.all(asked)).map((message) => message?.header.rcode);
    expect(codes).to.deep.equal([Rcode.NOERROR, Rcode.SERVFAIL]);
  });

  it('gives SERVFAIL for an answer that is malformed after its question, to that client only', async () => {
    bed.onQuery(() => undefined);
    const asked = await askMany(2);
    const [first, second] = bed.primary.heard;
    first!.send(frame(Buffer.concat([answerTo(first!.message), Buffer.from([0])])));
    ofItsOwn(second!);
    const answers = await Promise.all(asked);
    expect(edeOf(answers[0])?.code).to.equal(EdeCode.INVALID_DATA);
    expect(answers[1]?.header.rcode).to.equal(Rcode.NOERROR);
  });

  describe('when the primary cuts the connection', () => {
    for (const [title, cut] of [
      ['closes it', (query: HeardQuery) => query.close()],
      ['resets it', (query: HeardQuery) => query.socket?.resetAndDestroy()],
      [
        'closes it in the middle of a message',
        (query: HeardQuery) => query.socket?.end(Buffer.from([0, 99, 1])),
      ],
    ] as const) {
      it(`and ${title} before its first answer, all get SERVFAIL, once each`, async () => {
        bed.onQuery(() => undefined);
        const asked = await askMany(5);
        cut(bed.primary.heard[0]!);
        for (const message of await Promise.all(asked)) {
          expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
          expect(edeOf(message)?.code).to.equal(EdeCode.NETWORK_ERROR);
        }
        expect(bed.reports.map(({ outcome }) => outcome)).to.deep.equal(Array(5).fill('failed'));
        expect(bed.primary.heard).to.have.length(5);
      });
    }

    it('after an answer, the others are asked once more on a new one [RFC7766-6.2.4]', async () => {
      bed.onQuery(() => undefined);
      const asked = await askMany(5);
      bed.onQuery(ofItsOwn);
      ofItsOwn(bed.primary.heard[0]!);
      bed.primary.heard[0]!.close();
      for (const message of await Promise.all(asked)) expect(message?.header.rcode).to.equal(Rcode.NOERROR);
      expect(bed.primary.heard.slice(5).map(({ connection }) => connection)).to.deep.equal([2, 2, 2, 2]);
    });

    it('but not a third time', async () => {
      bed.onQuery(ofItsOwn);
      await bed.ask({ name: zoneOf(0) });
      bed.onQuery((query) => {
        const isOther = String(query.message.questions[0]?.name) === 'z1.example';
        if (query.connection === 2 && isOther) ofItsOwn(query);
        if (query.connection !== 2 || isOther) query.close();
      });
      const [left, other] = await Promise.all([bed.ask({ name: zoneOf(2) }), bed.ask({ name: zoneOf(1) })]);
      expect([left?.header.rcode, other?.header.rcode]).to.deep.equal([Rcode.SERVFAIL, Rcode.NOERROR]);
      expect(bed.primary.heard.map(({ connection }) => connection)).to.deep.equal([1, 1, 1, 2, 2]);
    });
  });

  it('says that the primary is not there [RFC8914-4.23]', async () => {
    bed.upstream = new PlainUpstream({ address: '127.0.0.1', port: await unusedPort() }, bed.times);
    const answers = await Promise.all([bed.ask(), bed.ask()]);
    for (const message of answers)
      expect(edeOf(message)).to.deep.equal({
        code: EdeCode.NO_REACHABLE_AUTHORITY,
        text: 'the primary cannot be reached',
      });
  });

  describe('when the primary is slow', () => {
    it('gives up the question whose time is over, and no other', async () => {
      bed.onQuery(() => undefined);
      const [slow, other] = [await askMany(1, { 'primary-answer-time': 60 }), await askMany(1)];
      const message = await slow[0];
      expect(edeOf(message)?.code).to.equal(EdeCode.NETWORK_ERROR);
      for (const query of bed.primary.heard) ofItsOwn(query);
      expect((await other[0])?.header.rcode).to.equal(Rcode.NOERROR);
    });

    it('asks the next on a new connection if nothing has come on this one', async () => {
      bed.onQuery(() => undefined);
      await bed.ask({}, { 'primary-answer-time': 60 });
      bed.onQuery(ofItsOwn);
      expect((await bed.ask())?.header.rcode).to.equal(Rcode.NOERROR);
      expect(bed.primary.connections).to.equal(2);
      while (bed.primary.openConnections > 1) await nextTurn();
    });

    it('keeps the connection if others are answered, and gives a late answer to nobody', async () => {
      bed.onQuery(() => undefined);
      const slow = bed.ask({ id: 1 }, { 'primary-answer-time': 60 });
      const [quick] = await askMany(1);
      ofItsOwn(bed.primary.heard[1]!);
      await quick;
      expect((await slow)?.header.rcode).to.equal(Rcode.SERVFAIL);
      ofItsOwn(bed.primary.heard[0]!);
      bed.onQuery(ofItsOwn);
      const next = await bed.ask({ name: zoneOf(9) });
      expect(String(next?.questions[0]?.name)).to.equal(String(zoneOf(9)));
      expect(bed.primary.connections).to.equal(1);
    });
  });

  it('stops waiting when the client leaves, and serves the others on', async () => {
    bed.onQuery(() => undefined);
    const leaver = new AbortController();
    const left = bed.ask({}, {}, leaver.signal);
    const [stayed] = await askMany(1);
    leaver.abort();
    expect(await left).to.equal(undefined);
    expect(bed.reports[0]).to.include({ outcome: 'cut', reason: 'the connection to the client ended' });
    for (const query of bed.primary.heard) ofItsOwn(query);
    expect((await stayed)?.header.rcode).to.equal(Rcode.NOERROR);
  });

  it('forgets the client when it has its answer', async () => {
    bed.onQuery(ofItsOwn);
    await bed.ask();
    expect(getEventListeners(bed.abort.signal, 'abort')).to.deep.equal([]);
  });

  it('gives SERVFAIL for an answer that has no room for OPT, since it cannot be split', async () => {
    bed.sends((query) => {
      const room = 65_530 - answer(query, [soa(7), bulk(1)]).length;
      return answer(query, [soa(7), bulk(room + 1)]);
    });
    const message = await bed.ask();
    expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
    expect(edeOf(message)?.code).to.equal(EdeCode.INVALID_DATA);
  });

  it('lets a connection go that is open only after everybody has left', async () => {
    const asked = bed.ask();
    bed.upstream.close();
    bed.abort.abort();
    expect(await asked).to.equal(undefined);
    while (bed.primary.connections === 0 || bed.primary.openConnections > 0) await nextTurn();
    expect(bed.primary.heard).to.deep.equal([]);
  });

  it('keeps no connection for what is asked after the end', async () => {
    bed.onQuery(ofItsOwn);
    bed.upstream.close();
    expect((await bed.ask())?.header.rcode).to.equal(Rcode.NOERROR);
    while (bed.primary.openConnections > 0) await nextTurn();
  });

  it('closes the connection when nobody waits and no more is to be asked', async () => {
    bed.onQuery(() => undefined);
    const asked = await askMany(2);
    bed.upstream.close();
    await nextTurn();
    expect(bed.primary.openConnections).to.equal(1);
    for (const query of bed.primary.heard) ofItsOwn(query);
    await Promise.all(asked);
    while (bed.primary.openConnections > 0) await nextTurn();
  });
});

function zoneOf(index: number): Name {
  return Name.parse(`z${String(index)}.example`);
}

/** An answer with an SOA whose serial is the number in the zone's name. */
function answerTo(query: Message): Buffer {
  const [question] = query.questions;
  const name = question?.name ?? Name.parse('example.com');
  const serial = Number(/^z(\d+)\./.exec(name.toString())?.[1] ?? 7);
  return answer(query, [soa(serial, name)]);
}

function about(query: Message, fields: Partial<Message['questions'][number]>): Message {
  return { ...query, questions: [{ ...query.questions[0]!, ...fields }] };
}
