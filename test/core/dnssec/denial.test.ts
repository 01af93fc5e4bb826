/**
 * The proofs of absence against a model of the zone: random zones, their NSEC and NSEC3 chains made by other code, and
 * for every question exactly the proofs that are true.
 */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { WorkBudget, defaultValidationLimits } from '../../../core/dnssec/budget.ts';
import {
  proveNoCloser,
  proveNoData,
  proveNoDs,
  proveNoName,
  readDenialRecords,
} from '../../../core/dnssec/denial.ts';
import type { DenialRecords } from '../../../core/dnssec/denial.ts';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import type { RrSet } from '../../../lab/zone.ts';
import { base32hex, nsec3Chain, nsec3Hash, nsecChain, orderKey } from '../../support/denial-chain.ts';
import type { Nsec3Options } from '../../support/denial-chain.ts';
import { askedLabels, askedType, zoneModel } from './zone-model.ts';
import type { Truth, ZoneModel } from './zone-model.ts';

type Style = 'nsec' | Nsec3Options;

const styles: readonly (readonly [string, Style])[] = [
  ['NSEC', 'nsec'],
  ['NSEC3', {}],
  ['NSEC3 with salt and iterations', { salt: Buffer.from('aabbccdd', 'hex'), iterations: 3 }],
  ['NSEC3 with opt-out', { optOut: true }],
];

/** Every kind of proof, in words that do not depend on how it was reached. */
interface Outcome {
  readonly noName: string;
  readonly noData: string;
  readonly noDs: string;
  readonly noCloser: string;
}

for (const [title, style] of styles) {
  describe(`proofs of absence by ${title}`, () => {
    const isOptOut = style !== 'nsec' && style.optOut === true;

    it('prove of every name and type what is true, and nothing else', () => {
      fc.assert(
        fc.property(zoneModel, askedLabels, askedType, (zone, labels, type) => {
          const name = nameIn(zone, labels);
          fc.pre(!isOwnDs(zone, name, type));
          const records = recordsOf(zone, chainOf(zone, style));
          expect(outcome(zone, records, name, type)).to.deep.equal(truth(zone, name, type, isOptOut));
        }),
        { numRuns: 600 },
      );
    });

    it('prove nothing untrue with any part of the records', () => {
      fc.assert(
        fc.property(
          zoneModel,
          askedLabels,
          askedType,
          fc.infiniteStream(fc.boolean()),
          (zone, labels, type, kept) => {
            const name = nameIn(zone, labels);
            fc.pre(!isOwnDs(zone, name, type));
            const part = chainOf(zone, style).filter(() => kept.next().value);
            const found = outcome(zone, recordsOf(zone, part), name, type);
            const whole = truth(zone, name, type, isOptOut);
            for (const kind of ['noName', 'noData', 'noDs', 'noCloser'] as const) {
              if (found[kind] === 'bogus' || isUnderOptOut(found[kind], kind)) continue;
              expect(found[kind], kind).to.equal(whole[kind]);
            }
          },
        ),
        { numRuns: 600 },
      );
    });

    it('need each record of the proof, and no others', () => {
      let proofs = 0;
      fc.assert(
        fc.property(zoneModel, askedLabels, askedType, (zone, labels, type) => {
          const name = nameIn(zone, labels);
          fc.pre(!isOwnDs(zone, name, type));
          const whole = truth(zone, name, type, isOptOut);
          for (const kind of ['noName', 'noData', 'noDs', 'noCloser'] as const) {
            if (whole[kind] === 'bogus') continue;
            const needed = neededRecords(zone, style, name, kind);
            const all = outcome(zone, recordsOf(zone, needed), name, type);
            expect(all[kind], `${kind} with all`).to.equal(whole[kind]);
            for (const record of needed) {
              const others = needed.filter((each) => each !== record);
              const found = outcome(zone, recordsOf(zone, others), name, type);
              expect(found[kind], `${kind} without ${record.name.toString()}`).to.equal('bogus');
              proofs += 1;
            }
          }
        }),
        { numRuns: 400 },
      );
      expect(proofs).to.be.greaterThan(200);
    });
  });
}

/** An unsigned delegation may be in an opt-out span, so that no type of a name there is more than insecure. */
function isUnderOptOut(found: string, kind: keyof Outcome): boolean {
  return found === 'insecure' && kind === 'noData';
}

describe('a zone on its way from NSEC to NSEC3', () => {
  const zone = Name.parse('example');
  const data = ['example', 'a.example', 'c.example'].map((text) => rrset(text, RrType.A));
  const budget = new WorkBudget();
  const name = Name.parse('b.example');

  it('is believed by either kind of records, with the other incomplete', () => {
    const nsec = nsecChain(zone, data, 60);
    const nsec3 = nsec3Chain(zone, data, 60);
    const both = readDenialRecords(zone, [...nsec.slice(0, 1), ...nsec3].map(signed));
    expect(proveNoName(name, both, budget).kind).to.equal('secure');
    const other = readDenialRecords(zone, [...nsec, ...nsec3.slice(0, 1)].map(signed));
    expect(proveNoName(name, other, budget).kind).to.equal('secure');
    const neither = readDenialRecords(zone, [...nsec.slice(0, 1), ...nsec3.slice(0, 1)].map(signed));
    expect(proveNoName(name, neither, budget)).to.include({ kind: 'bogus', reason: 'denial-missing' });
  });
});

describe('an answer without records to deny with', () => {
  const records = readDenialRecords(Name.parse('example'), []);
  const budget = new WorkBudget();

  it('proves nothing', () => {
    const name = Name.parse('www.example');
    expect(proveNoName(name, records, budget)).to.include({ kind: 'bogus', reason: 'denial-missing' });
    expect(proveNoData(name, RrType.A, records, budget)).to.include({ reason: 'denial-missing' });
    expect(proveNoDs(name, records, budget)).to.include({ reason: 'denial-missing' });
    const wildcard = Name.parse('*.example');
    expect(proveNoCloser(name, wildcard, records, budget)).to.include({ reason: 'denial-missing' });
  });

  it('says nothing of names outside its zone', () => {
    const name = Name.parse('www.example.net');
    expect(proveNoName(name, records, budget)).to.include({ reason: 'denial-wrong' });
  });
});

function nameIn(zone: ZoneModel, labels: readonly Buffer[]): Name {
  return Name.fromLabels([...labels, ...zone.apex.labels()]);
}

/** DS records of the apex are not the zone's; nsec.test.ts and nsec3.test.ts have that. */
function isOwnDs(zone: ZoneModel, name: Name, type: number): boolean {
  return type === RrType.DS && name.equals(zone.apex);
}

function chainOf(zone: ZoneModel, style: Style): RrSet[] {
  return style === 'nsec'
    ? nsecChain(zone.apex, zone.rrsets, 60)
    : nsec3Chain(zone.apex, zone.rrsets, 60, style);
}

function recordsOf(zone: ZoneModel, chain: readonly RrSet[]): DenialRecords {
  return readDenialRecords(zone.apex, chain.map(signed));
}

function signed(each: RrSet): RrSet & { signatures: [] } {
  return { ...each, signatures: [] };
}

function rrset(owner: string, type: number): RrSet {
  return { name: Name.parse(owner), type, ttl: 60, rdatas: [Buffer.alloc(0)] };
}

/** What the proofs say; the wildcard is the right one where there is a right one. */
function outcome(zone: ZoneModel, records: DenialRecords, name: Name, type: number): Outcome {
  const budget = new WorkBudget({ ...defaultValidationLimits, 'nsec3-hash-rounds': 100_000 });
  const wildcard = wildcardFor(zone, name);
  return {
    noName: proveNoName(name, records, budget).kind,
    noData: proveNoData(name, type, records, budget).kind,
    noDs: proveNoDs(name, records, budget).kind,
    noCloser: wildcard === undefined ? 'bogus' : proveNoCloser(name, wildcard, records, budget).kind,
  };
}

/** A wildcard with records at an ancestor: the nearest one, which is the right one unless something is in between. */
function wildcardFor(zone: ZoneModel, name: Name): Name | undefined {
  for (let above = name; !above.equals(zone.apex);) {
    above = above.parent();
    const wildcard = above.prepend('*');
    const hasData = [RrType.A, RrType.TXT, RrType.TLSA].some((type) => isOwn(zone.truth(wildcard, type)));
    if (hasData) return wildcard;
  }
  return undefined;
}

function isOwn(said: Truth): boolean {
  return said === 'data' || said === 'alias';
}

/** What the proofs ought to say. */
function truth(zone: ZoneModel, name: Name, type: number, isOptOut: boolean): Outcome {
  const shown = isOptOut ? zone.withoutUnsignedCuts() : zone;
  const proved = isOptOut ? 'insecure' : 'secure';
  const said = shown.truth(name, type);
  const isAbsent = said.startsWith('wild') || said === 'no-name';
  const wildcard = isAbsent ? wildcardFor(zone, name) : undefined;
  const isRight = wildcard?.parent().equals(shown.closestEncloser(name)) === true;
  return {
    noName: said === 'no-name' ? proved : 'bogus',
    noData: provedNoData(said, isOptOut),
    noDs: name.equals(zone.apex) ? 'bogus' : provedCut(shown, name, isOptOut && isAbsent),
    noCloser: isRight ? proved : 'bogus',
  };
}

function provedNoData(said: string, isOptOut: boolean): string {
  if (said === 'no-data') return 'secure';
  if (said === 'wild-no-data') return isOptOut ? 'insecure' : 'secure';
  return said === 'no-name' && isOptOut ? 'insecure' : 'bogus';
}

function provedCut(shown: ZoneModel, name: Name, isInOptOutSpan: boolean): string {
  if (isInOptOutSpan) return 'opt-out';
  const said = shown.cutTruth(name);
  if (said === 'unsigned') return 'insecure-delegation';
  return said === 'no-cut' || said === 'no-name' ? said : 'bogus';
}

/** The records that RFC 4035 section 5.4 and RFC 5155 section 8 ask for, each once. */
function neededRecords(zone: ZoneModel, style: Style, name: Name, kind: keyof Outcome): readonly RrSet[] {
  const shown = style !== 'nsec' && style.optOut === true ? zone.withoutUnsignedCuts() : zone;
  const chain = chainOf(zone, style);
  const at = (each: Name): RrSet | undefined => recordAt(chain, each, style);
  if (shown.exists(name)) return unique([at(name)]);
  const encloser = shown.closestEncloser(name);
  const wildcard = encloser.prepend('*');
  if (style === 'nsec') return unique(kind === 'noCloser' ? [at(name)] : [at(name), at(wildcard)]);
  const cover = at(shown.nextCloser(name));
  if (kind === 'noCloser') return unique([cover]);
  // RFC 5155 section 9.2: an opt-out span is insecure whatever is said about the wildcard.
  const isEnough = style.optOut === true && kind !== 'noName';
  return unique([at(encloser), cover, ...(isEnough ? [] : [at(wildcard)])]);
}

/** The record that a name owns or that spans it. */
function recordAt(chain: readonly RrSet[], name: Name, style: Style): RrSet | undefined {
  const keyOf = (owner: Name): string =>
    style === 'nsec' ? orderKey(owner) : (owner.labels()[0]?.toString('latin1') ?? '');
  const wanted = style === 'nsec' ? orderKey(name) : base32hex(nsec3Hash(name, style.iterations, style.salt));
  return chain.findLast((each) => keyOf(each.name) <= wanted) ?? chain.at(-1);
}

function unique(records: readonly (RrSet | undefined)[]): RrSet[] {
  return [...new Set(records)].filter((record) => record !== undefined);
}
