import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeNsec } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { PlainMemory } from '../../../core/dnssec/lookup.ts';
import { ordinaryPeriod, SignedInternet } from '../../support/signed-internet.ts';
import { signRrset } from '../../support/signing-key.ts';
import { rootAnchor, runLookup } from '../../support/validated-lookup.ts';
import type { Lie } from '../../support/validated-lookup.ts';
import { recordOf } from '../../support/zone-signer.ts';
import { forged, saying } from './lies.ts';
import { internet } from './trust-zones.ts';

describe('a validated lookup, where a reviewer looked', () => {
  describe('with an alias in the place of the DS records of a trust anchor', () => {
    // In the zone above there are no DS records for it: an island of trust in a signed zone.
    const island = { zone: Name.parse('half.example'), ds: internet.ds('half.example'), dnskeys: [] };
    const anchors = new TrustAnchors([rootAnchor(internet), island]);
    const islandKey = internet.keys.get('half.example')![0]!;

    const aliases = {
      'without a signature': parseRecords('half.example. CNAME x.plain.example.'),
      'that the zone below has signed': forged(
        'half.example. CNAME x.plain.example.',
        islandKey,
        'half.example',
      ),
    };
    for (const [what, answers] of Object.entries(aliases)) {
      it(`believes no alias ${what}, and does not forget the anchor [RFC4035-2.4]`, () => {
        const memory = new PlainMemory();
        // Only the first of the questions for it is answered with the lie.
        let told = 0;
        const lie: Lie = (truth, { type, name }) =>
          type === RrType.DS && name.equals(island.zone) && told++ === 0
            ? saying(truth, { answers })
            : undefined;
        const { verdict } = runLookup(internet, 'DS half.example', { anchors, memory, lie });
        expect(verdict.status).to.equal('bogus');
        expect(runLookup(internet, 'TLSA _xfr.half.example', { anchors, memory }).verdict).to.include({
          status: 'secure',
          reason: 'signed',
        });
      });
    }
  });

  describe('in a zone that makes its denials when they are asked for', () => {
    const online = new SignedInternet({
      '.': {},
      z: { records: 'a.b TXT "below an empty non-terminal"\n_xfr TXT "no TLSA"' },
      'plain.z': { keys: 'unsigned', records: '_xfr TXT "plain"' },
      'ns2.z': { records: '_xfr TXT "signed"' },
    });
    const signer = online.signer('z');
    const key = online.keys.get('z')![0]!;
    const nxname = 128;

    function nsec(owner: Name, nextName: Name, ...types: number[]): ResourceRecord[] {
      const rdata = encodeNsec({ nextName, types: [...types, RrType.NSEC, RrType.RRSIG] });
      const rrset = { name: owner, type: RrType.NSEC, ttl: 300, rdatas: [rdata] };
      return [
        recordOf(owner, RrType.NSEC, rdata, 300),
        signRrset(rrset, key, { ...ordinaryPeriod, signer: signer.apex }),
      ];
    }

    /** The NSEC record at a name, which ends right behind it. */
    function atName(name: Name, ...more: number[]): ResourceRecord[] {
      const types = signer.rrsets.filter((rrset) => rrset.name.equals(name)).map(({ type }) => type);
      const ownTypes = types.filter((type) => type !== RrType.NSEC);
      return nsec(name, name.prepend(Buffer.of(0)), ...ownTypes, ...more);
    }

    const exists = (name: Name): boolean => signer.rrsets.some((each) => each.name.isAtOrBelow(name));

    /** RFC 9824 section 3.1: no name is absent; one that would be has the type NXNAME. */
    function compact(name: Name): ResourceRecord[] {
      return exists(name) ? atName(name) : atName(name, nxname);
    }

    /** RFC 4470 section 3: spans that hold little more than the name, and the wildcard. */
    function minimal(name: Name): ResourceRecord[] {
      if (exists(name)) return atName(name);
      const [label = Buffer.alloc(0)] = name.labels().slice(-2);
      const before = Buffer.from(label);
      before.writeUInt8(before.readUInt8(before.length - 1) - 1, before.length - 1);
      const below = (octets: Buffer): Name => signer.apex.prepend(octets);
      return [
        ...nsec(below(Buffer.concat([before, Buffer.of(255)])), below(Buffer.concat([label, Buffer.of(0)]))),
        ...nsec(below(Buffer.from(')~')), below(Buffer.from('*\0'))),
      ];
    }

    function judge(question: string, denial: (name: Name) => ResourceRecord[], rcode?: number) {
      const lie = (truth: Message, { name }: { name: Name }): Message | undefined => {
        const isDenied = truth.answers.length === 0 && name.isBelow(signer.apex);
        const isOwn = truth.authorities.some(
          (record) => record.type === RrType.SOA && record.name.equals(signer.apex),
        );
        if (!isDenied || !isOwn) return undefined;
        const soa = truth.authorities.filter((record) => record.type !== RrType.NSEC);
        const authorities = [...soa, ...denial(name)];
        return saying(truth, { rcode: exists(name) ? 0 : (rcode ?? truth.header.rcode), authorities });
      };
      const { status, reason, rcode: proved } = runLookup(online, question, { lie }).verdict;
      return `${status} ${reason} ${String(proved)}`;
    }

    const cases: readonly [question: string, byCompact: string, byMinimal: string][] = [
      ['TLSA _xfr.z', 'secure denied 0', 'secure denied 0'],
      ['TLSA b.z', 'secure denied 0', 'secure denied 0'],
      ['TLSA nowhere.z', 'secure denied 0', 'secure denied 3'],
      ['TLSA x.y.nowhere.z', 'secure denied 0', 'secure denied 3'],
      ['DS nowhere.z', 'secure denied 0', 'secure denied 3'],
      ['DS plain.z', 'secure denied 0', 'secure denied 0'],
      ['TXT _xfr.plain.z', 'insecure no-ds 0', 'insecure no-ds 0'],
      ['TXT _xfr.ns2.z', 'secure signed 0', 'secure signed 0'],
    ];
    for (const [question, byCompact, byMinimal] of cases) {
      it(`finds ${question}, by compact denial ${byCompact} [RFC9824-3.1]`, () => {
        expect(judge(question, compact, 0)).to.equal(byCompact);
        // Servers may say NXDOMAIN beside it (RFC 9824 section 5); what is proved is the name without records.
        expect(judge(question, compact, 3)).to.equal(byCompact);
      });

      it(`finds ${question}, by narrow spans ${byMinimal} [RFC4470-3]`, () => {
        expect(judge(question, minimal)).to.equal(byMinimal);
      });
    }
  });
});
