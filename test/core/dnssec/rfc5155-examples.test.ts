/**
 * The responses of RFC 5155 appendix B: as they were signed in 2005, the same zone signed with the algorithms of today,
 * and that without opt-out; whole, and damaged in every place.
 *
 * All records of the published zone have the opt-out flag, so what needs a next closer name is insecure there
 * (RFC 5155 section 9.2).
 */
import { expect } from 'chai';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeNsec3, parseNsec3 } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { KeyReplacement, readResponse, readZone, response } from '../../support/published-response.ts';
import {
  asFromResolver,
  expectNoForgery,
  judge,
  rootAbove,
  settingOf,
  withEachOctetChanged,
  withoutEachRecord,
} from './appendix.ts';
import type { Needless, Setting } from './appendix.ts';

const zone = readZone('rfc5155/zone.txt');
/** The signatures hold from 2005-10-21 to 2015-04-20. */
const nowMs = Date.parse('2010-01-01T00:00:00Z');

interface Edition {
  readonly title: string;
  readonly isOptOut: boolean;
  readonly setting: Setting;
  /** New keys in the place of the published ones. */
  readonly keys?: KeyReplacement;
  readonly patterns: readonly number[];
}

const editions: readonly Edition[] = [
  {
    title: 'as published (algorithm 7)',
    isOptOut: true,
    setting: settingOf(zone, nowMs, [7]),
    patterns: [0x01, 0x20, 0x80, 0xff],
  },
  ...([8, 13, 15] as const).flatMap((algorithm) => {
    const keys = new KeyReplacement(zone, algorithm);
    const setting = settingOf(keys.sign(zone), nowMs);
    const title = `signed again with algorithm ${String(algorithm)}`;
    return [
      { title, isOptOut: true, setting, keys, patterns: [0x01] },
      { title: `${title}, without opt-out`, isOptOut: false, setting, keys, patterns: [0x01, 0x80] },
    ];
  }),
];

interface Example {
  readonly tag: string;
  readonly file: string;
  readonly words: string;
  readonly reason: 'signed' | 'denied';
  readonly rcode: number;
  readonly needsNextCloser: boolean;
  readonly needless: Needless;
  /** Besides those, where the verdict is insecure anyway. */
  readonly needlessUnderOptOut?: Needless;
}

const soa: Needless = {
  'example SOA': 'says how long the denial may be kept',
  'example RRSIG SOA': 'signs what has no part in the proof',
};
const additional = (...labels: string[]): Needless =>
  Object.fromEntries(labels.map((label) => [label, 'nobody asked for it']));
/** The records about the wildcard, by their owner: an opt-out span is insecure whatever the wildcard has. */
const aboutWildcard = (owner: string): Needless => ({
  [`${owner} NSEC3`]: 'says of the wildcard what makes no difference',
  [`${owner} RRSIG NSEC3`]: 'signs what makes no difference',
});

const examples: readonly Example[] = [
  {
    tag: '[RFC5155-B.1]',
    file: 'b1',
    words: 'a name error',
    reason: 'denied',
    rcode: Rcode.NXDOMAIN,
    needsNextCloser: true,
    needless: soa,
    needlessUnderOptOut: aboutWildcard('35mthgpgcu1qg68fab165klnsnk3dpvl.example'),
  },
  {
    tag: '[RFC5155-B.2]',
    file: 'b2',
    words: 'a no data error',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needsNextCloser: false,
    needless: soa,
  },
  {
    tag: '[RFC5155-B.2.1]',
    file: 'b2-1',
    words: 'a no data error of an empty non-terminal',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needsNextCloser: false,
    needless: soa,
  },
  {
    tag: '[RFC5155-B.4]',
    file: 'b4',
    words: 'an answer from a wildcard',
    reason: 'signed',
    rcode: Rcode.NOERROR,
    needsNextCloser: true,
    needless: {
      'example NS': 'says whom to ask, not what is',
      'example RRSIG NS': 'signs what has no part in the proof',
      ...additional('ai.example A', 'ai.example RRSIG A', 'ai.example AAAA', 'ai.example RRSIG AAAA'),
    },
  },
  {
    tag: '[RFC5155-B.5]',
    file: 'b5',
    words: 'a no data error of a wildcard',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needsNextCloser: true,
    needless: soa,
    needlessUnderOptOut: aboutWildcard('r53bq7cc2uvmubfu5ocmm6pers9tk9en.example'),
  },
];

for (const { title, isOptOut, setting, keys, patterns } of editions) {
  describe(`the example responses of RFC 5155 appendix B ${title}`, function () {
    // Thousands of lookups in one test.
    this.timeout(60_000);
    const read = (file: string): Message => {
      const published = readResponse(`rfc5155/${file}.txt`);
      const flagged = isOptOut
        ? published
        : { ...published, authorities: published.authorities.map(withoutOptOut) };
      return asFromResolver(keys?.signMessage(flagged) ?? flagged);
    };

    for (const { tag, file, words, reason, rcode, needsNextCloser, ...more } of examples) {
      const isInsecure = isOptOut && needsNextCloser;
      const verb = isInsecure ? 'leave open, because of opt-out,' : 'prove';
      const needless = { ...more.needless, ...(isInsecure ? more.needlessUnderOptOut : {}) };

      it(`${verb} ${words} ${tag}`, () => {
        const verdict = judge(read(file), setting);
        const expected = isInsecure
          ? { status: 'insecure', reason: 'opt-out' }
          : { status: 'secure', reason };
        expect(verdict).to.include({ ...expected, rcode });
        expect(verdict.records).to.have.length(reason === 'signed' ? 1 : 0);
      });

      it(`are bogus for ${words} with any record of the proof left out ${tag}`, () => {
        const { tried, harmless } = expectNoForgery(withoutEachRecord, read(file), setting, needless);
        expect(tried).to.be.greaterThan(5);
        expect(new Set(harmless)).to.deep.equal(new Set(Object.keys(needless)));
      });

      it(`are bogus for ${words} with any octet of the proof changed ${tag}`, () => {
        const { tried, harmless } = expectNoForgery(
          (message) => withEachOctetChanged(message, patterns),
          read(file),
          setting,
          needless,
        );
        expect(tried).to.be.greaterThan(250);
        expect(new Set(harmless)).to.deep.equal(new Set(Object.keys(needless)));
      });
    }

    it('do not prove by the child that a zone has no DS record [RFC5155-B.6]', () => {
      const message = read('b6');
      expect(judge(message, setting)).to.include({ status: 'indeterminate', reason: 'no-anchor' });
      const root = rootAbove(setting);
      expect(judge(message, root).status).to.equal('bogus');
      expect(judge(root.ds ?? message, root)).to.include({ status: 'secure', reason: 'signed' });
      const others = [root.ds ?? message, setting.dnskeys];
      expect(judge(read('b2'), root, undefined, others).status).to.equal('secure');
    });

    if (isOptOut) {
      it('make what is below a delegation in an opt-out span insecure [RFC5155-B.3]', () => {
        const referral = read('b3');
        expect(judge(referral, setting)).to.include({ status: 'insecure', reason: 'opt-out' });
        const answer = response({ name: Name.parse('mc.c.example'), type: RrType.MX }, Rcode.NOERROR, {
          answers: parseRecords('mc.c.example. MX 1 x.c.example.'),
        });
        const verdict = judge(answer, setting, undefined, [referral]);
        expect(verdict).to.include({ status: 'insecure', reason: 'opt-out' });
        for (const { message, label } of withoutEachRecord(referral)) {
          const isProof = label.endsWith('NSEC3');
          const { status } = judge(answer, setting, undefined, [message]);
          expect(status, label).to.equal(isProof ? 'bogus' : 'insecure');
        }
      });

      it('are bogus for that delegation with any octet of the proof changed [RFC5155-B.3]', () => {
        const needless = Object.fromEntries(
          ['c.example NS', 'ns1.c.example A', 'ns2.c.example A'].map((label) => [
            label,
            'not signed, no proof',
          ]),
        );
        const { tried, harmless } = expectNoForgery(
          (message) => withEachOctetChanged(message, patterns),
          read('b3'),
          setting,
          needless,
        );
        expect(tried).to.be.greaterThan(250);
        expect(new Set(harmless)).to.deep.equal(new Set(Object.keys(needless)));
      });
    }
  });
}

function withoutOptOut(record: ResourceRecord): ResourceRecord {
  if (record.type !== RrType.NSEC3) return record;
  return { ...record, rdata: encodeNsec3({ ...parseNsec3(record.rdata), flags: 0 }) };
}
