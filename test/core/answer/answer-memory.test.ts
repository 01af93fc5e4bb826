import { expect } from 'chai';
import fc from 'fast-check';
import { AnswerMemory } from '../../../core/answer/answer-memory.ts';
import { AnswerScanner } from '../../../core/answer/answer-scanner.ts';
import type { KeySought } from '../../../core/answer/key-table.ts';
import { extendedError } from '../../../core/dns/edns.ts';
import { ednsOf, query, response } from './wire.ts';

const startMs = Date.UTC(2026, 10, 23);
/** The memory is never smaller than this. */
const leastOctets = 2 ** 18;

function sought(text: string, hash = hashOf(text)): KeySought {
  return { hash, key: Buffer.from(`${text}and more`), keyLength: text.length };
}

function hashOf(text: string): number {
  let hash = 0;
  for (const octet of Buffer.from(text)) hash = Math.imul(hash ^ octet, 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) & 0x3fff_ffff;
}

/** An answer whose TXT record says this, padded to about so many octets. */
function answer(text: string, octets = 0, ttl = 300): Buffer {
  const filling = Array.from({ length: Math.ceil(octets / 200) }, () => ` "${'x'.repeat(190)}"`).join('');
  return response(query('www.example'), { answers: `www.example. ${String(ttl)} TXT "${text}"${filling}` });
}

function put(memory: AnswerMemory, at: KeySought, message: Buffer, nowMs: number, seconds = 300): boolean {
  const scanner = new AnswerScanner();
  const copy = Buffer.from(message);
  expect(scanner.scan(copy)).to.equal(undefined);
  return memory.put(at, copy, scanner, seconds, nowMs);
}

/** The octets that the memory shows now. */
function shown(memory: AnswerMemory): Buffer {
  return Buffer.from(memory.octets.subarray(memory.start, memory.start + memory.length));
}

describe('AnswerMemory', () => {
  let memory: AnswerMemory;

  beforeEach(() => {
    memory = new AnswerMemory({ entries: 100, octets: leastOctets, staleMs: 60_000 }, startMs);
  });

  it('gives what was put under a key, and nothing under another', () => {
    expect(put(memory, sought('a'), answer('one'), startMs)).to.equal(true);
    expect(memory.find(sought('a'), startMs)).to.equal(true);
    expect(shown(memory)).to.deep.equal(answer('one'));
    expect(memory).to.include({ rcode: 0, ageSeconds: 0, isFresh: true, mayBeStale: false, placeCount: 1 });
    for (const other of ['b', 'aa', '']) expect(memory.find(sought(other), startMs), other).to.equal(false);
  });

  it('keeps keys apart whose hashes are the same, as long as there are few of them', () => {
    const keys = ['a', 'b', 'ab', 'ba', 'aa'];
    for (const key of keys) put(memory, sought(key, 4711), answer(key), startMs);
    for (const key of keys) {
      expect(memory.find(sought(key, 4711), startMs)).to.equal(true);
      expect(shown(memory)).to.deep.equal(answer(key));
    }
    expect(memory.find(sought('bb', 4711), startMs)).to.equal(false);
    expect(memory.size).to.equal(keys.length);
  });

  it('gives no other answer than that of the key, however many hashes are the same', () => {
    const keys = Array.from({ length: 60 }, (_, index) => `key ${String(index)}`);
    for (const key of keys) put(memory, sought(key, 4711), answer(key), startMs);
    const found = keys.filter((key) => memory.find(sought(key, 4711), startMs));
    expect(found).to.include('key 59');
    for (const key of found) {
      memory.find(sought(key, 4711), startMs);
      expect(shown(memory)).to.deep.equal(answer(key));
    }
    expect(memory.size).to.be.at.most(60);
  });

  it('shows where TTLs stand, and the Extended DNS Errors that came along [RFC8914-3]', () => {
    const option = extendedError(6, 'bogus');
    const message = response(
      query('www.example'),
      {
        answers: 'www.example. 60 TXT "a"\nwww.example. 70 TXT "b"',
        additionals: 'x.example. 80 A 192.0.2.1',
      },
      { edns: ednsOf({ options: [option] }) },
    );
    put(memory, sought('before'), answer('before'), startMs);
    put(memory, sought('a'), message, startMs);
    memory.find(sought('before'), startMs);
    memory.find(sought('a'), startMs);
    const ttls = Array.from(
      memory.places.subarray(memory.placesAt, memory.placesAt + memory.placeCount),
      (place) => memory.octets.readUInt32BE(memory.start + place),
    );
    expect(ttls).to.deep.equal([60, 70, 80]);
    const errors = memory.errors.subarray(memory.errorsAt, memory.errorsAt + memory.errorsLength);
    expect(errors.subarray(4)).to.deep.equal(option.data);
    // Without the OPT record.
    expect(shown(memory).readUInt16BE(10)).to.equal(1);
  });

  it('grows old, stays for the time that old answers may be given, and is gone [RFC8767-5]', () => {
    put(memory, sought('a'), answer('one'), startMs, 10);
    const at = (ms: number): unknown[] => [
      memory.find(sought('a'), startMs + ms),
      memory.isFresh,
      memory.ageSeconds,
    ];
    expect(at(3_500)).to.deep.equal([true, true, 3]);
    expect(at(9_999)).to.deep.equal([true, true, 9]);
    expect(at(10_000).slice(0, 2)).to.deep.equal([true, false]);
    expect(at(69_900).slice(0, 2)).to.deep.equal([true, false]);
    expect(at(70_000)[0]).to.equal(false);
  });

  it('may be given though old for as long as a failure was noted for, and not longer', () => {
    put(memory, sought('a'), answer('one'), startMs, 10);
    memory.noteFailure(sought('a'), startMs + 40_000);
    memory.noteFailure(sought('unknown'), startMs + 40_000);
    for (const [ms, mayBeStale] of [
      [20_000, true],
      [39_000, true],
      [40_000, false],
    ] as const) {
      memory.find(sought('a'), startMs + ms);
      expect(memory).to.include({ isFresh: false, mayBeStale });
    }
    put(memory, sought('a'), answer('two'), startMs + 50_000, 10);
    memory.find(sought('a'), startMs + 65_000);
    expect(memory.mayBeStale, 'a new answer has not failed').to.equal(false);
  });

  it('gives nothing that a clock which was set back would keep for ever', () => {
    put(memory, sought('a'), answer('one'), startMs + 3_600_000);
    expect(memory.find(sought('a'), startMs + 3_599_500)).to.equal(true);
    expect(memory.find(sought('a'), startMs)).to.equal(false);
  });

  it('keeps to its bounds of entries and octets', () => {
    for (let index = 0; index < 3_000; index += 1) {
      put(memory, sought(String(index)), answer(String(index), (index * 37) % 5_000), startMs);
      expect(memory.size).to.be.at.most(100);
      expect(memory.used).to.be.at.most(leastOctets);
      expect(memory.find(sought(String(index)), startMs), 'the newest').to.equal(true);
    }
    expect(memory.octets.length).to.equal(leastOctets);
  });

  it('takes the longest message, and none that would need half of it or more', () => {
    const longest = response(query('www.example'), {
      answers: Array.from(
        { length: 250 },
        (_, index) => `www.example. 60 TXT "${String(index)}${'x'.repeat(243)}"`,
      ).join('\n'),
    });
    expect(longest.length).to.be.above(63_000);
    expect(put(memory, sought('a'), longest, startMs)).to.equal(true);
    memory.find(sought('a'), startMs);
    expect(shown(memory).equals(longest)).to.equal(true);
  });

  for (const bounds of [
    { entries: 0, octets: leastOctets },
    { entries: 100, octets: 0 },
  ]) {
    it(`keeps nothing with ${JSON.stringify(bounds)}`, () => {
      const none = new AnswerMemory({ ...bounds, staleMs: 0 }, startMs);
      expect(put(none, sought('a'), answer('one'), startMs)).to.equal(false);
      expect(none.find(sought('a'), startMs)).to.equal(false);
      none.noteFailure(sought('a'), startMs);
      expect(none).to.include({ size: 0, used: 0 });
    });
  }

  it('keeps what is asked for again and again, and lets go what nobody wants', () => {
    const hot = Array.from({ length: 10 }, (_, index) => `hot ${String(index)}`);
    for (const key of hot) put(memory, sought(key), answer(key), startMs);
    let [asked, lost] = [0, 0];
    for (let index = 0; index < 5_000; index += 1) {
      put(memory, sought(`cold ${String(index)}`), answer('cold'), startMs);
      if (index % 5 > 0) continue;
      for (const key of hot) {
        asked += 1;
        if (memory.find(sought(key), startMs)) expect(shown(memory).equals(answer(key))).to.equal(true);
        else {
          lost += 1;
          put(memory, sought(key), answer(key), startMs);
        }
      }
    }
    // Where many hashes are near each other, the newest has the place.
    expect(lost / asked).to.be.below(0.01);
  });

  it('never gives what a naive memory would not give, and forgets only for want of room', () => {
    const step = fc.record({
      what: fc.constantFrom('put', 'put', 'find', 'find', 'wait', 'fail'),
      key: fc.integer({ min: 0, max: 400 }),
      octets: fc.constantFrom(0, 0, 500, 5_000, 20_000),
      seconds: fc.constantFrom(1, 10, 300),
      ms: fc.constantFrom(0, 900, 5_000, 61_000),
    });
    const bounds = fc.constantFrom(
      { entries: 10_000, octets: 2 ** 24 },
      { entries: 20, octets: leastOctets },
    );
    const check = fc.property(
      bounds,
      fc.array(step, { minLength: 50, maxLength: 300 }),
      ({ entries, octets }, steps) => {
        const tried = new AnswerMemory({ entries, octets, staleMs: 30_000 }, startMs);
        const model = new Map<string, { message: Buffer; freshMs: number; failedMs: number }>();
        let nowMs = startMs;
        for (const [index, each] of steps.entries()) {
          const text = `k${String(each.key)}`;
          // Few hashes, so that many share one.
          const key = sought(text, each.key % 97);
          const known = model.get(text);
          if (each.what === 'wait') nowMs += each.ms;
          else if (each.what === 'put') {
            const message = answer(`${text} ${String(index)}`, each.octets);
            if (put(tried, key, message, nowMs, each.seconds))
              model.set(text, { message, freshMs: nowMs + each.seconds * 1000, failedMs: 0 });
          } else if (each.what === 'fail') {
            tried.noteFailure(key, nowMs + 2_000);
            if (known !== undefined) known.failedMs = nowMs + 2_000;
          } else {
            const isThere = known !== undefined && nowMs < known.freshMs + 30_000;
            const isFound = tried.find(key, nowMs);
            if (isFound) {
              expect(isThere).to.equal(true);
              expect(shown(tried).equals(known!.message)).to.equal(true);
              expect(tried.isFresh).to.equal(nowMs < known!.freshMs);
              expect(tried.mayBeStale).to.equal(nowMs < known!.failedMs);
            } else if (entries === 10_000) {
              expect(isThere).to.equal(false);
            }
          }
          expect(tried.size).to.be.at.most(entries);
          expect(tried.used).to.be.at.most(tried.octets.length);
        }
      },
    );
    fc.assert(check, { numRuns: 60 });
  });
});
