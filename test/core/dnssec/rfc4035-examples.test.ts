/**
 * The responses of RFC 4035 appendix B: as they were signed in 2004, and the same zone signed with the algorithms of
 * today; whole, and damaged in every place.
 */
import { expect } from 'chai';
import { Rcode, RrType } from '../../../core/dns/constants.ts';
import type { Message } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import {
  dnskeyResponse,
  KeyReplacement,
  readResponse,
  readZone,
  response,
} from '../../support/published-response.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { ZoneSigner } from '../../support/zone-signer.ts';
import {
  asFromResolver,
  expectNoForgery,
  judge,
  rootAbove,
  settingOf,
  spareSignatures,
  withEachOctetChanged,
  withoutEachRecord,
} from './appendix.ts';
import type { Needless, Setting } from './appendix.ts';

const zone = readZone('rfc4035/zone.txt');
/** The signatures hold from 2004-04-09 to 2004-05-09. */
const nowMs = Date.parse('2004-05-01T00:00:00Z');

interface Edition {
  readonly title: string;
  readonly setting: Setting;
  /** New keys in the place of the published ones. */
  readonly keys?: KeyReplacement;
  readonly patterns: readonly number[];
}

const editions: readonly Edition[] = [
  {
    title: 'as published (algorithm 5)',
    setting: settingOf(zone, nowMs, [5]),
    patterns: [0x01, 0x20, 0x80, 0xff],
  },
  ...([8, 13, 15] as const).map((algorithm): Edition => {
    const keys = new KeyReplacement(zone, algorithm);
    return {
      title: `signed again with algorithm ${String(algorithm)}`,
      setting: settingOf(keys.sign(zone), nowMs),
      keys,
      patterns: [0x01, 0x80],
    };
  }),
];

/** The verdicts of RFC 4035 appendix C, and which records of a response have no part in its proof. */
interface Example {
  readonly tag: string;
  readonly file: string;
  readonly words: string;
  readonly reason: 'signed' | 'denied';
  readonly rcode: number;
  readonly needless: Needless;
}

const soa: Needless = {
  'example SOA': 'says how long the denial may be kept',
  'example RRSIG SOA': 'signs what has no part in the proof',
};
const servers: Needless = {
  'example NS': 'says whom to ask, not what is',
  'example RRSIG NS': 'signs what has no part in the proof',
};
const additional = (...labels: string[]): Needless =>
  Object.fromEntries(labels.map((label) => [label, 'nobody asked for it']));

const examples: readonly Example[] = [
  {
    tag: '[RFC4035-B.1]',
    file: 'b1',
    words: 'an answer',
    reason: 'signed',
    rcode: Rcode.NOERROR,
    needless: {
      ...servers,
      ...additional(
        'xx.example A',
        'xx.example RRSIG A',
        'xx.example AAAA',
        'xx.example RRSIG AAAA',
        'ns1.example A',
        'ns1.example RRSIG A',
        'ns2.example A',
        'ns2.example RRSIG A',
      ),
    },
  },
  {
    tag: '[RFC4035-B.2]',
    file: 'b2',
    words: 'a name error',
    reason: 'denied',
    rcode: Rcode.NXDOMAIN,
    needless: soa,
  },
  {
    tag: '[RFC4035-B.3]',
    file: 'b3',
    words: 'a no data error',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needless: soa,
  },
  {
    tag: '[RFC4035-B.4]',
    file: 'b4',
    words: 'the DS record in a referral to a signed zone',
    reason: 'signed',
    rcode: Rcode.NOERROR,
    needless: {
      'a.example NS': 'says whom to ask, not what is; and is not signed',
      'ns1.a.example A': 'glue',
      'ns2.a.example A': 'glue',
    },
  },
  {
    tag: '[RFC4035-B.5]',
    file: 'b5',
    words: 'the missing DS record in a referral to an unsigned zone',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needless: {
      'b.example NS': 'says whom to ask, not what is; and is not signed',
      'ns1.b.example A': 'glue',
      'ns2.b.example A': 'glue',
    },
  },
  {
    tag: '[RFC4035-B.6]',
    file: 'b6',
    words: 'an answer from a wildcard',
    reason: 'signed',
    rcode: Rcode.NOERROR,
    needless: {
      ...servers,
      ...additional('ai.example A', 'ai.example RRSIG A', 'ai.example AAAA', 'ai.example RRSIG AAAA'),
    },
  },
  {
    tag: '[RFC4035-B.7]',
    file: 'b7',
    words: 'a no data error of a wildcard',
    reason: 'denied',
    rcode: Rcode.NOERROR,
    needless: soa,
  },
];

for (const { title, setting, keys, patterns } of editions) {
  describe(`the example responses of RFC 4035 appendix B ${title}`, function () {
    // Thousands of lookups in one test.
    this.timeout(60_000);
    const spare = spareSignatures(setting);
    const read = (file: string): Message => {
      const published = readResponse(`rfc4035/${file}.txt`);
      return asFromResolver(keys?.signMessage(published) ?? published);
    };

    for (const { tag, file, words, reason, rcode, needless } of examples) {
      it(`prove ${words} ${tag}`, () => {
        const verdict = judge(read(file), setting);
        expect(verdict).to.include({ status: 'secure', reason, rcode });
        expect(verdict.records).to.have.length(reason === 'signed' ? 1 : 0);
      });

      it(`do not prove ${words} with any record of the proof left out ${tag}`, () => {
        const allowed = { ...needless, ...spare };
        const sound = read(file);
        const { tried, harmless } = expectNoForgery(withoutEachRecord, sound, setting, allowed);
        expect(tried).to.be.greaterThan(5);
        expect(new Set(harmless)).to.deep.equal(new Set(Object.keys(allowed)));
      });

      it(`do not prove ${words} with any octet of the proof changed ${tag}`, () => {
        const allowed = { ...needless, ...spare };
        const sound = read(file);
        const { tried, harmless } = expectNoForgery(
          (message) => withEachOctetChanged(message, patterns),
          sound,
          setting,
          allowed,
        );
        expect(tried).to.be.greaterThan(500);
        expect(new Set(harmless)).to.deep.equal(new Set(Object.keys(allowed)));
      });
    }

    it('do not prove by the child that a zone has no DS record [RFC4035-B.8]', () => {
      const message = read('b8');
      expect(judge(message, setting)).to.include({ status: 'indeterminate', reason: 'no-anchor' });
      const root = rootAbove(setting);
      expect(judge(message, root).status).to.equal('bogus');
      // It is the answer that is wrong, not the setting.
      expect(judge(root.ds ?? message, root)).to.include({ status: 'secure', reason: 'signed' });
      expect(judge(read('b1'), root, undefined, [root.ds ?? message, setting.dnskeys]).status).to.equal(
        'secure',
      );
    });

    it('make what is below the unsigned zone insecure [RFC4035-B.5]', () => {
      const answer = response({ name: Name.parse('mc.b.example'), type: RrType.MX }, Rcode.NOERROR, {
        answers: parseRecords('mc.b.example. MX 1 x.b.example.'),
      });
      const referral = read('b5');
      expect(judge(answer, setting, undefined, [referral])).to.include({
        status: 'insecure',
        reason: 'no-ds',
      });
      for (const { message, label } of withoutEachRecord(referral)) {
        const isProof = label.endsWith('NSEC');
        const { status } = judge(answer, setting, undefined, [message]);
        expect(status, label).to.equal(isProof ? 'bogus' : 'insecure');
      }
    });

    if (keys !== undefined) {
      it('vouch for the keys of the signed zone [RFC4035-B.4]', () => {
        const child = new SigningKey(13);
        const apex = Name.parse('a.example');
        const published = readResponse('rfc4035/b4.txt');
        const authorities = published.authorities.map((record) =>
          record.type === RrType.DS ? { ...record, rdata: child.ds(apex) } : record,
        );
        const signer = new ZoneSigner({
          apex,
          records: parseRecords('a.example. NS ns1.a.example.\nmc.a.example. MX 1 x.a.example.'),
          keys: [child],
          period: { inception: nowMs / 1000 - 60, expiration: nowMs / 1000 + 60 },
          denial: 'nsec',
        });
        const referral = asFromResolver(keys.signMessage({ ...published, authorities }));
        const answer = response({ name: Name.parse('mc.a.example'), type: RrType.MX }, Rcode.NOERROR, {
          answers: signer.records('mc.a.example', RrType.MX),
        });
        const others = [referral, dnskeyResponse(apex, signer.all())];
        expect(judge(answer, setting, undefined, others)).to.include({ status: 'secure', reason: 'signed' });
        const unsigned = { ...answer, answers: answer.answers.slice(0, 1) };
        const noCut = response({ name: Name.parse('mc.a.example'), type: RrType.DS }, Rcode.NOERROR, {
          authorities: signer.denial('mc.a.example'),
        });
        expect(judge(unsigned, setting, undefined, [...others, noCut])).to.include({
          status: 'bogus',
          reason: 'no-signature',
        });
      });
    }
  });
}
