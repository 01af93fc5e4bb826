/** TLSA records of the DANE matrix: sound ones, broken ones, and sets of several. */
import { associationData } from '../../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import type { Cast, Target } from './chains.ts';

/** What is done to the association data; what `wrong` gives is well-formed but fits nothing. */
export type Damage = 'wrong' | 'short' | 'long' | 'empty' | 'half';

/** One TLSA record, by the certificate that it is about. */
export interface RecordSpec {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly of: Target;
  readonly damage?: Damage | undefined;
}

/** Several records, under one title. */
export interface RecordSet {
  readonly title: string;
  readonly records: readonly RecordSpec[];
}

/** As `2 1 1 of root`, with `*` for damage. */
export function describeRecord({ usage, selector, matchingType, of, damage }: RecordSpec): string {
  return `${String(usage)} ${String(selector)} ${String(matchingType)} of ${of}${damage ? ` (${damage})` : ''}`;
}

/** The RDATA of a record. Unknown selectors and matching types have the data of SPKI and SHA2-256. */
export function makeRecord(cast: Cast, spec: RecordSpec): Buffer {
  const { der, spki } = cast.get(spec.of);
  const subject = { certificate: der, subjectPublicKeyInfo: spki };
  const selector = spec.selector > 1 ? 1 : spec.selector;
  const matchingType = spec.matchingType > 2 ? 1 : spec.matchingType;
  const data = breakData(associationData(subject, selector, matchingType), spec.damage);
  return encodeTlsa({
    usage: spec.usage,
    selector: spec.selector,
    matchingType: spec.matchingType,
    data,
  });
}

function breakData(data: Buffer, damage: Damage | undefined): Buffer {
  switch (damage) {
    case undefined:
      return data;
    case 'wrong':
      return Buffer.concat([data.subarray(0, -1), Buffer.from([(data.at(-1) ?? 0) ^ 1])]);
    case 'short':
      return data.subarray(0, -1);
    case 'long':
      return Buffer.concat([data, Buffer.from([0])]);
    case 'empty':
      return Buffer.alloc(0);
    case 'half':
      return data.subarray(0, data.length / 2);
  }
}

/** For each usage the certificate that a sound record is about. */
export const targetOf: readonly Target[] = ['root', 'leaf', 'intermediate', 'leaf'];

const damages: readonly Damage[] = ['wrong', 'short', 'long', 'empty', 'half'];
const usages = [0, 1, 2, 3];
const selectors = [0, 1];

/** The record that fits, unless the numbers or the damage say otherwise. */
function record(usage: number, selector: number, matchingType: number, damage?: Damage): RecordSpec {
  return { usage, selector, matchingType, of: targetOf[usage] ?? 'leaf', damage };
}

function set(...records: readonly RecordSpec[]): RecordSet {
  return { title: records.map(describeRecord).join(', '), records };
}

const brokenSingles: readonly RecordSet[] = usages.flatMap((usage) =>
  selectors.flatMap((selector) =>
    [0, 1, 2].flatMap((matching) => damages.map((damage) => set(record(usage, selector, matching, damage)))),
  ),
);

const unknownNumbers: readonly RecordSet[] = [
  ...[4, 100, 255].map((usage) => set(record(usage, 1, 1))),
  ...usages.flatMap((usage) => [
    set(record(usage, 2, 1)),
    set(record(usage, 255, 1)),
    set(record(usage, 1, 3)),
    set(record(usage, 1, 255)),
    set(record(usage, 1, 255), record(usage, 1, 1)),
    set(record(usage, 255, 1), record(usage, 1, 1)),
    set(record(usage, 255, 1), record(usage, 1, 1, 'wrong')),
    set(record(255, 1, 1), record(usage, 1, 1)),
  ]),
];

/** RFC 7671 section 9: of the digests for one usage and selector only the strongest counts. */
const agility: readonly RecordSet[] = usages.flatMap((usage) =>
  selectors.flatMap((selector) => {
    const other = 1 - selector;
    return [
      set(record(usage, selector, 2, 'wrong'), record(usage, selector, 1)),
      set(record(usage, selector, 1), record(usage, selector, 2, 'wrong')),
      set(record(usage, selector, 2), record(usage, selector, 1, 'wrong')),
      set(record(usage, selector, 1, 'wrong'), record(usage, selector, 2)),
      set(record(usage, selector, 2, 'short'), record(usage, selector, 1)),
      set(record(usage, selector, 2, 'empty'), record(usage, selector, 1)),
      set(record(usage, selector, 2, 'wrong'), record(usage, selector, 0)),
      set(record(usage, selector, 2, 'wrong'), record(usage, other, 1)),
      set(record(usage, selector, 1, 'wrong'), record(usage, selector, 1)),
      set(record(usage, selector, 1, 'wrong'), record(usage, selector, 0)),
      set(record(usage, selector, 0, 'wrong'), record(usage, selector, 1)),
      set(record(usage, selector, 2, 'wrong'), record(usage, selector, 2), record(usage, selector, 1)),
      set(record(usage, selector, 3), record(usage, selector, 1)),
      set(record(usage, selector, 2), record(usage, selector, 1)),
      set(
        record(usage, selector, 2, 'wrong'),
        record(usage, selector, 1),
        record(3 - usage, selector, 1),
        record(3 - usage, other, 2, 'wrong'),
      ),
    ];
  }),
);

/** Records of two usages, the first of which does not fit. */
const mixedUsages: readonly RecordSet[] = usages.flatMap((first) =>
  usages
    .filter((second) => second !== first)
    .flatMap((second) => [
      set(record(first, 1, 1, 'wrong'), record(second, 1, 1)),
      set(record(first, 1, 1), record(second, 1, 1, 'wrong')),
      set(record(first, 0, 1), record(second, 1, 2)),
      set(record(first, 0, 1, 'wrong'), record(second, 1, 2, 'wrong')),
    ]),
);

export const recordSets: readonly RecordSet[] = [
  { title: 'no record', records: [] },
  ...brokenSingles,
  ...unknownNumbers,
  ...agility,
  ...mixedUsages,
];

/** Records of which one has a certificate in full that the peer may not have sent. */
export const certificateSets: readonly RecordSet[] = [
  ...usages.flatMap((usage) =>
    [undefined, 'wrong' as const].flatMap((damage) => {
      const whole = { usage, selector: 0, matchingType: 0, of: 'intermediate', damage } as const;
      return [
        set(whole, { ...whole, usage: 2, selector: 1, matchingType: 1, damage: undefined }),
        set(whole, record(0, 1, 1)),
        set(whole, record(1, 1, 1)),
        set(whole, { usage: 2, selector: 0, matchingType: 0, of: 'root' }),
        set(whole, { usage: 2, selector: 1, matchingType: 0, of: 'root' }),
      ];
    }),
  ),
];
