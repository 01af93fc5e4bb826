import { mock } from 'node:test';
import { expect } from 'chai';
import {
  Answers,
  extrasOf,
  type AnswerLimits,
  type SourceOutcome,
  type Waiting,
} from '../../../core/answer/answers.ts';
import type { QueryReader } from '../../../core/answer/query-reader.ts';
import { EdeCode, Rcode } from '../../../core/dns/constants.ts';
import { parseOptRdata, parseExtendedError } from '../../../core/dns/edns.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { ednsOf, query, readerOf, response, type QueryOptions } from './wire.ts';

const limits: AnswerLimits = {
  entries: 100,
  octets: 2 ** 20,
  staleMs: 3_600_000,
  staleAfterMs: 1_800,
  questions: 10,
  keep: { ttlMax: 86_400, negativeMax: 3_600, failure: 2 },
};
const failure = { failure: 'nobody answers', isTimeout: true, kind: 'unreachable' } as const;
const soa = 'example. 60 SOA ns.example. host.example. 1 2 3 4 60';

describe('Answers', () => {
  let nowMs: number;
  let answers: Answers;
  /** Questions that were asked, in order: how each is ended, and whether it was given up. */
  let asked: { end: (outcome: SourceOutcome) => void; isGivenUp: boolean }[];

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    nowMs = Date.UTC(2026, 10, 23);
    open();
  });

  afterEach(() => {
    answers.close();
    mock.timers.reset();
  });

  function open(changed: Partial<AnswerLimits> = {}): void {
    asked = [];
    answers = new Answers({ limits: { ...limits, ...changed }, nowMs: () => nowMs });
  }

  function sought(name: string, options: QueryOptions = {}, scope = 1): QueryReader {
    const reader = readerOf(query(name, options));
    reader.enter(scope);
    return reader;
  }

  /** Asks; what the one who asks was told is in the list: `address/TTL` with the code of an error, or words of a failure. */
  function ask(name = 'www.example', options: QueryOptions = {}, scope = 1, share = 1): string[] {
    const heard: string[] = [];
    const { octets, questionStart, questionEnd } = sought(name, options, scope);
    const waiting: Waiting = {
      ...{ octets, questionStart, questionEnd },
      ask: (end) => {
        const one = { end, isGivenUp: false };
        asked.push(one);
        return () => (one.isGivenUp = true);
      },
      answered: (answer, { ageSeconds, staleTtl, extendedErrors }) => {
        const { octets: all, start, length } = answer;
        const { answers: found, header } = parseMessage(Buffer.from(all.subarray(start, start + length)));
        const own = answer.errors.subarray(answer.errorsAt, answer.errorsAt + answer.errorsLength);
        const errors = parseOptRdata(Buffer.concat([own, extendedErrors ?? Buffer.alloc(0)]));
        const texts = found.map((record) => presentRecord(record).split(' ').at(-1)!);
        heard.push(
          [
            header.rcode,
            ...texts,
            `age ${String(ageSeconds)}`,
            ...(staleTtl === undefined ? [] : [`ttl ${String(staleTtl)}`]),
          ]
            .concat(errors.map((option) => `ede ${String(parseExtendedError(option).code)}`))
            .join(' '),
        );
      },
      failed: (why) => heard.push(why.failure),
    };
    answers.ask(sought(name, options, scope), waiting, share);
    return heard;
  }

  const says = (address: string, ttl = 300, name = 'www.example'): Buffer =>
    response(query(name), { answers: `${name}. ${String(ttl)} A ${address}` });

  /** What is in memory and may be given now. */
  function found(name = 'www.example', options: QueryOptions = {}, scope = 1): string | undefined {
    const memory = answers.find(sought(name, options, scope), nowMs);
    if (memory === undefined) return undefined;
    const octets = Buffer.from(memory.octets.subarray(memory.start, memory.start + memory.length));
    const { ageSeconds, staleTtl } = extrasOf(memory);
    const record = parseMessage(octets).answers[0];
    const text = record === undefined ? 'nothing' : presentRecord(record).split(' ').at(-1)!;
    return `${text} age ${String(ageSeconds)}${staleTtl === undefined ? '' : ' old'}`;
  }

  describe('asks', () => {
    it('once for all who ask the same at the same time, whatever the case, and tells all of them', () => {
      const all = [ask(), ask('WWW.example'), ask('www.EXAMPLE')];
      expect(asked).to.have.length(1);
      expect(answers.underWay).to.equal(1);
      asked[0]!.end(says('192.0.2.1'));
      for (const heard of all) expect(heard).to.deep.equal(['0 192.0.2.1 age 0']);
      expect(answers.underWay).to.equal(0);
    });

    it('for each that differs: in name, flags, type, class or scope', () => {
      ask();
      ask('xwww.example');
      ask('www.example', { type: 28 });
      ask('www.example', { class: 3 });
      ask('www.example', { dnssecOk: true });
      ask('www.example', { cd: true });
      ask('www.example', {}, 2);
      // Letters in type and class are no letters.
      ask('www.example', { type: 0x4161 });
      ask('www.example', { type: 0x6161 });
      expect(asked).to.have.length(9);
    });

    it('again when the answer was not to be kept', () => {
      ask();
      asked[0]!.end(says('192.0.2.1', 0));
      expect(found()).to.equal(undefined);
      ask();
      expect(asked).to.have.length(2);
    });

    it('and takes an answer that is there at once', () => {
      const heard: string[] = [];
      const { octets, questionStart, questionEnd } = sought('www.example');
      answers.ask(sought('www.example'), {
        ...{ octets, questionStart, questionEnd },
        ask: (end) => {
          end({ octets: says('192.0.2.1'), infoCode: EdeCode.BLOCKED, text: 'listed' });
          return () => heard.push('given up');
        },
        answered: (answer) => heard.push(String(answer.errorsLength)),
        failed: (why) => heard.push(why.failure),
      });
      expect(heard).to.deep.equal(['12']);
      expect(answers.underWay).to.equal(0);
      expect(found()).to.equal('192.0.2.1 age 0');
    });

    it('no more than so many at once, and each class its part of them', () => {
      open({ questions: 4 });
      const names = ['a', 'b', 'c', 'd', 'e'].map((label) => `${label}.example`);
      expect(ask(names[0], {}, 1, 0.5)).to.deep.equal([]);
      expect(ask(names[1], {}, 1, 0.5)).to.deep.equal([]);
      expect(ask(names[2], {}, 1, 0.5)).to.deep.equal(['too many questions under way']);
      // Who asks what is under way needs no place.
      expect(ask(names[1], {}, 1, 0.5)).to.deep.equal([]);
      expect([ask(names[2]), ask(names[3]), ask(names[4])]).to.deep.equal([
        [],
        [],
        ['too many questions under way'],
      ]);
      asked[0]!.end(failure);
      expect(ask(names[4])).to.deep.equal([]);
    });
  });

  describe('remembers', () => {
    it('an answer for its TTL, with its age [RFC1035-3.2.1]', () => {
      ask();
      asked[0]!.end(says('192.0.2.1', 300));
      nowMs += 100_000;
      expect(found()).to.equal('192.0.2.1 age 100');
      nowMs += 200_000;
      expect(found()).to.equal(undefined);
    });

    it('for the scope that asked, and DO and CD as they were', () => {
      ask();
      asked[0]!.end(says('192.0.2.1'));
      expect(found('WWW.Example')).to.equal('192.0.2.1 age 0');
      expect(found('www.example', {}, 2)).to.equal(undefined);
      expect(found('www.example', { dnssecOk: true })).to.equal(undefined);
      expect(found('www.example', { cd: true })).to.equal(undefined);
    });

    it('that there is no such name, with the TTL of the SOA [RFC2308-5]', () => {
      ask();
      asked[0]!.end(response(query('www.example'), { authorities: soa }, { rcode: Rcode.NXDOMAIN }));
      expect(found()).to.equal('nothing age 0');
      nowMs += 61_000;
      expect(found()).to.equal(undefined);
    });

    it('SERVFAIL for a moment [RFC9520-3.2], and never in place of a good answer [RFC8767-5]', () => {
      const servfail = response(query('www.example'), {}, { rcode: Rcode.SERVFAIL });
      ask();
      asked[0]!.end(Buffer.from(servfail));
      expect(found()).to.equal('nothing age 0');
      nowMs += 2_000;
      ask();
      asked[1]!.end(says('192.0.2.1', 10));
      nowMs += 10_000;
      expect(ask()).to.deep.equal([]);
      asked[2]!.end(Buffer.from(servfail));
      ask();
      asked[3]!.end(failure);
      expect(found()).to.equal('192.0.2.1 age 0 old');
    });

    it('an answer whose OPT record is not the last, without it', () => {
      const edns = ednsOf();
      const octets = response(
        query('www.example'),
        { answers: 'www.example. 300 A 192.0.2.1', additionals: soa },
        { edns },
      );
      const plain = response(query('www.example'), { answers: 'www.example. 300 A 192.0.2.1' });
      const end = response(query('www.example'), {
        answers: 'www.example. 300 A 192.0.2.1',
        additionals: soa,
      });
      const opt = octets.subarray(end.length);
      const inside = Buffer.concat([end.subarray(0, plain.length), opt, end.subarray(plain.length)]);
      inside.writeUInt16BE(2, 10);
      const heard = ask();
      asked[0]!.end(inside);
      expect(heard).to.deep.equal(['0 192.0.2.1 age 0']);
    });

    it('nothing after it was told to forget, and nothing in another memory', () => {
      for (const forget of [
        () => {
          answers.clear();
        },
        () => {
          answers.setLimits({ ...limits, octets: 2 ** 19 });
        },
      ]) {
        open();
        ask();
        asked[0]!.end(says('192.0.2.1'));
        answers.setLimits({ ...limits, questions: 5 });
        expect(found(), 'the same memory').to.equal('192.0.2.1 age 0');
        forget();
        expect(found()).to.equal(undefined);
        expect(answers.entries).to.equal(0);
      }
    });
  });

  describe('when there is no answer', () => {
    beforeEach(() => {
      ask();
      asked[0]!.end(says('192.0.2.1', 60));
      nowMs += 100_000;
    });

    it('tells all who wait why', () => {
      const all = [ask('other.example'), ask('other.example')];
      asked[1]!.end(failure);
      expect(all).to.deep.equal([['nobody answers'], ['nobody answers']]);
    });

    it('gives the old one, with a TTL of 30 s, and says so [RFC8767-4] [RFC8914-4.4]', () => {
      const heard = ask();
      expect(asked).to.have.length(2);
      asked[1]!.end(failure);
      expect(heard).to.deep.equal([`0 192.0.2.1 age 0 ttl 30 ede ${String(EdeCode.STALE_ANSWER)}`]);
    });

    it('gives an old "no such name" as that [RFC8914-4.20]', () => {
      ask('gone.example');
      asked[1]!.end(response(query('gone.example'), { authorities: soa }, { rcode: Rcode.NXDOMAIN }));
      nowMs += 100_000;
      const heard = ask('gone.example');
      asked[2]!.end(failure);
      expect(heard).to.deep.equal([`3 age 0 ttl 30 ede ${String(EdeCode.STALE_NXDOMAIN_ANSWER)}`]);
    });

    it('asks nobody for 30 s after that [RFC8767-5]', () => {
      ask();
      asked[1]!.end(failure);
      nowMs += 29_000;
      expect(found()).to.equal('192.0.2.1 age 0 old');
      nowMs += 2_000;
      expect(found()).to.equal(undefined);
    });

    it('gives the old one to who has waited long enough, and to those who come then, and the new one to memory', () => {
      const heard = [ask(), ask()];
      mock.timers.tick(limits.staleAfterMs - 1);
      expect(heard).to.deep.equal([[], []]);
      mock.timers.tick(1);
      const late = ask();
      const stale = [`0 192.0.2.1 age 0 ttl 30 ede ${String(EdeCode.STALE_ANSWER)}`];
      expect([...heard, late]).to.deep.equal([stale, stale, stale]);
      expect(asked).to.have.length(2);
      asked[1]!.end(says('192.0.2.2'));
      expect([...heard, late], 'told once').to.deep.equal([stale, stale, stale]);
      expect(found()).to.equal('192.0.2.2 age 0');
    });

    it('gives none that is older than it may be, nor one of another scope', () => {
      const other = ask('www.example', {}, 2);
      asked[1]!.end(failure);
      expect(other).to.deep.equal(['nobody answers']);
      nowMs += limits.staleMs;
      const heard = ask();
      mock.timers.tick(limits.staleAfterMs);
      asked[2]!.end(failure);
      expect(heard).to.deep.equal(['nobody answers']);
    });

    it('gives the old one when too much is under way', () => {
      open({ questions: 1 });
      ask();
      asked[0]!.end(says('192.0.2.1', 60));
      nowMs += 100_000;
      ask('other.example');
      expect(ask()).to.deep.equal([`0 192.0.2.1 age 0 ttl 30 ede ${String(EdeCode.STALE_ANSWER)}`]);
    });

    for (const [what, octets] of [
      ['cannot be read', says('192.0.2.1').subarray(0, -1)],
      ['is truncated', response(query('www.example'), {}, { tc: true })],
      ['is none', Buffer.alloc(0)],
    ] as const) {
      it(`takes one that ${what} for none`, () => {
        const heard = ask('other.example');
        asked[1]!.end(octets);
        expect(heard).to.have.length(1);
        expect(heard[0]).to.include('malformed');
      });
    }
  });

  it('gives up what is under way when it is closed, and tells all who wait', () => {
    const heard = [ask('a.example'), ask('a.example'), ask('b.example')];
    answers.close();
    expect(heard).to.deep.equal([['shut down'], ['shut down'], ['shut down']]);
    expect(asked.map(({ isGivenUp }) => isGivenUp)).to.deep.equal([true, true]);
    expect(answers.underWay).to.equal(0);
    mock.timers.tick(60_000);
  });

  it('tells who asks, and keeps no place, when asking is a defect', () => {
    const { octets, questionStart, questionEnd } = sought('www.example');
    const heard: string[] = [];
    const broken: Waiting = {
      ...{ octets, questionStart, questionEnd },
      ask: () => {
        throw new TypeError('defect');
      },
      answered: () => heard.push('answered'),
      failed: ({ failure }) => heard.push(failure),
    };
    expect(() => {
      answers.ask(sought('www.example'), broken);
    }).to.throw('defect');
    expect(heard).to.deep.equal(['internal error']);
    expect(answers.underWay).to.equal(0);
    ask();
    expect(asked, 'and the next is asked').to.have.length(1);
  });
});
