import { expect } from 'chai';
import { AnswerScanner, type KeepBounds } from '../../../core/answer/answer-scanner.ts';
import { Rcode } from '../../../core/dns/constants.ts';
import { extendedError, keepalive } from '../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { parseMessage, type Message } from '../../../core/dns/message.ts';
import { MessageWalker } from '../../../core/dns/walker.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';
import { ednsOf, query, response } from './wire.ts';

const bounds: KeepBounds = { ttlMax: 86_400, negativeMax: 3_600, failure: 5 };
const asked = query('www.example');
const soa = (ttl: number, minimum: number): string =>
  `example. ${String(ttl)} SOA ns.example. host.example. 1 2 3 4 ${String(minimum)}`;

type Records = Parameters<typeof response>[1];

function scan(message: Buffer): AnswerScanner {
  const scanner = new AnswerScanner();
  expect(scanner.scan(message)).to.equal(undefined);
  return scanner;
}

/** Seconds that an answer with these records is kept. */
function kept(records: Records, fields: Parameters<typeof response>[2] = {}): number {
  return scan(response(asked, records, fields)).keepSeconds(bounds);
}

describe('AnswerScanner', () => {
  describe('says how long an answer may be kept', () => {
    const nxdomain = { rcode: Rcode.NXDOMAIN };
    const cases: Readonly<Record<string, readonly [seconds: number, expected: number]>> = {
      'the least TTL of all its records [RFC1035-3.2.1]': [
        kept({ answers: 'www.example. 300 A 192.0.2.1', additionals: 'x.example. 60 A 192.0.2.2' }),
        60,
      ],
      'the most that is allowed [RFC8767-4]': [kept({ answers: 'www.example. 604800 A 192.0.2.1' }), 86_400],
      'not at all with a TTL of 0 [RFC1035-3.2.1]': [kept({ answers: 'www.example. 0 A 192.0.2.1' }), 0],
      'for no such name: the TTL of the SOA [RFC2308-5]': [
        kept({ authorities: soa(120, 900) }, nxdomain),
        120,
      ],
      'for no such name: the MINIMUM of the SOA [RFC2308-5]': [
        kept({ authorities: soa(900, 90) }, nxdomain),
        90,
      ],
      'for no such data the same [RFC2308-5]': [kept({ authorities: soa(900, 90) }), 90],
      'for a no, the most that is allowed [RFC2308-5]': [kept({ authorities: soa(90_000, 90_000) }), 3_600],
      'for an alias to a name that is not there: the least of both [RFC2308-2.1]': [
        kept({ answers: 'www.example. 60 CNAME gone.example.', authorities: soa(900, 90) }, nxdomain),
        60,
      ],
      'for an alias to a name without such data: the SOA too [RFC2308-2.2]': [
        kept({ answers: 'www.example. 600 CNAME nothing.example.', authorities: soa(900, 90) }),
        90,
      ],
      'for a no without SOA: not at all [RFC2308-5]': [
        kept({ authorities: 'example. 300 NS ns.example.' }, nxdomain),
        0,
      ],
      'for a no with an SOA that is 0: not at all [RFC2308-5]': [kept({ authorities: soa(0, 900) }), 0],
      'for nothing at all: not at all [RFC2308-2.2]': [kept({}), 0],
      'for SERVFAIL: a moment [RFC9520-3.2]': [kept({}, { rcode: Rcode.SERVFAIL }), 5],
      'for REFUSED: not at all': [kept({}, { rcode: Rcode.REFUSED }), 0],
    };
    for (const [what, [seconds, expected]] of Object.entries(cases)) {
      it(what, () => {
        expect(seconds).to.equal(expected);
      });
    }

    it('a TTL with the highest bit counts as 0 [RFC2181-8]', () => {
      const message = response(asked, { answers: 'www.example. 300 A 192.0.2.1' });
      const scanner = scan(message);
      message.writeUInt32BE(0x8000_0001, scanner.places[0]);
      expect(scan(message).keepSeconds(bounds)).to.equal(0);
    });

    it('the SOA counts in the authority section only', () => {
      expect(kept({ answers: soa(300, 5) })).to.equal(300);
      expect(kept({ answers: 'www.example. 300 A 192.0.2.1', additionals: soa(300, 5) })).to.equal(300);
    });
  });

  describe('takes out the OPT record, which belongs to one hop [RFC6891-6.2.6]', () => {
    const bogus = extendedError(6, 'bogus');
    const edns = ednsOf({ options: [keepalive(1000), bogus] });

    it('and keeps its Extended DNS Errors and its part of the response code [RFC8914-3] [RFC6891-6.1.3]', () => {
      const message = response(
        asked,
        { answers: 'www.example. 300 A 192.0.2.1' },
        { rcode: Rcode.BADCOOKIE, edns },
      );
      const scanner = scan(message);
      const rest = scanner.octets.subarray(0, scanner.length);
      const { header, ...parsed } = parseMessage(Buffer.from(rest));
      expect(parsed.edns).to.equal(undefined);
      expect(parsed.answers).to.have.length(1);
      expect(scanner.rcode).to.equal(Rcode.BADCOOKIE);
      expect(header.rcode).to.equal(Rcode.BADCOOKIE & 15);
      expect(scanner.errors.subarray(4, scanner.errorsLength)).to.deep.equal(bogus.data);
    });

    it('and says where it is not the last record', () => {
      const plain = response(asked, {
        answers: 'www.example. 300 A 192.0.2.1',
        additionals: 'x.example. 60 A 192.0.2.2',
      });
      const opt = response(asked, {}, { edns }).subarray(asked.length);
      const last = plain.length - Buffer.from('x.example').length - 2 - 14;
      const walker = new MessageWalker(plain);
      walker.next();
      walker.next();
      expect(walker.recordStart).to.be.at.most(last + 10);
      const inside = Buffer.concat([
        plain.subarray(0, walker.recordStart),
        opt,
        plain.subarray(walker.recordStart),
      ]);
      inside.writeUInt16BE(2, 10);
      const scanner = scan(inside);
      expect(scanner.hasOptInside).to.equal(true);
      expect(scanner.placeCount).to.equal(2);
    });

    it('and hands on no more words of others than there is room for', () => {
      const options = Array.from({ length: 20 }, (_, index) => extendedError(index, 'x'.repeat(100)));
      const scanner = scan(response(asked, {}, { edns: ednsOf({ options }) }));
      expect(scanner.errorsLength).to.equal(4 * (4 + 2 + 100));
      scanner.addError(Buffer.alloc(80));
      scanner.addError(Buffer.alloc(80));
      expect(scanner.errorsLength).to.be.at.most(512);
    });
  });

  describe('refuses', () => {
    const good = response(asked, { answers: 'www.example. 300 A 192.0.2.1' });
    const cases: Readonly<Record<string, readonly [message: Buffer, words: string]>> = {
      'a query': [asked, 'query'],
      'a truncated answer, which says nothing over a stream [RFC2181-9]': [
        response(asked, {}, { tc: true }),
        'truncated',
      ],
      'an answer without its question': [
        Buffer.concat([Buffer.of(0, 1, 0x80, 2), Buffer.alloc(8)]),
        'question',
      ],
      'less than a header': [good.subarray(0, 11), 'header'],
      'a record that is cut short': [good.subarray(0, -1), 'malformed'],
      'octets after the last record': [Buffer.concat([good, Buffer.of(0)]), 'goes on'],
      'records that are not there': [Buffer.from(good).fill(9, 7, 8), 'malformed'],
    };
    for (const [what, [message, words]] of Object.entries(cases)) {
      it(what, () => {
        expect(new AnswerScanner().scan(Buffer.from(message))).to.include(words);
      });
    }
  });

  it('reads 10,000 changed answers as the strict parser does, or refuses more of them than need be', () => {
    const random = randomNumbers(42);
    const edns = ednsOf({ options: [extendedError(6, 'bogus')] });
    const seeds = [
      response(asked, { answers: 'www.example. 60 CNAME a.example.\na.example. 70 A 192.0.2.1' }, { edns }),
      response(asked, { authorities: soa(120, 900) }, { rcode: Rcode.NXDOMAIN, edns }),
      response(asked, {
        answers: 'www.example. 60 MX 10 mx.example.',
        additionals: 'mx.example. 90 A 192.0.2.1',
      }),
    ];
    let scanned = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const octets = mutate(seeds[round % seeds.length]!, random);
      let parsed: Message | undefined;
      try {
        parsed = parseMessage(octets);
      } catch (error) {
        if (!(error instanceof DnsFormatError)) throw error;
      }
      const scanner = new AnswerScanner();
      const hex = octets.toString('hex');
      const isPlain = parsed?.header.qr === true && !parsed.header.tc && parsed.questions.length === 1;
      const wrong = scanner.scan(Buffer.from(octets));
      if (isPlain) expect(wrong, hex).to.equal(undefined);
      if (wrong !== undefined || parsed === undefined) continue;
      scanned += 1;
      const records = [...parsed.answers, ...parsed.authorities, ...parsed.additionals];
      expect(scanner.rcode, hex).to.equal(parsed.header.rcode);
      const ttls = Array.from(scanner.places.subarray(0, scanner.placeCount), (place) =>
        octets.readUInt32BE(place),
      );
      expect(
        ttls.map((ttl) => (ttl > 0x7fff_ffff ? 0 : ttl)),
        hex,
      ).to.deep.equal(records.map(({ ttl }) => ttl));
      const least = Math.min(...records.map(({ ttl }) => ttl), 86_400);
      expect(scanner.keepSeconds(bounds), hex).to.be.at.most(scanner.rcode === Rcode.SERVFAIL ? 5 : least);
    }
    expect(scanned).to.be.above(1_000);
  });
});
