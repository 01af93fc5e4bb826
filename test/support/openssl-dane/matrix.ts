/**
 * The DANE matrix: cases by every combination that matters, and some thousand at random, of usage, selector, matching
 * type, chain shape, dates, names, roots, defects of certificates and broken records.
 *
 * What a case is comes from the tables and a seed; the keys in it are made at run time.
 */
import { Random } from '../../fuzz/random.ts';
import { Cast, shapes, usualChain, usualName, usualTimeMs, wholeChain } from './chains.ts';
import type { Replacements, Shape, Target } from './chains.ts';
import { namePairs } from './names.ts';
import type { DaneQuestion } from './openssl-dane.ts';
import { certificateSets, describeRecord, makeRecord, recordSets, targetOf } from './records.ts';
import type { RecordSpec } from './records.ts';
import { variations } from './variations.ts';

/** Which roots the verifier has. */
export type Roots = 'root' | 'none' | 'foreign' | 'both' | 'intermediate' | 'leaf';

/** What a case is made of: what the table of differences between danced and OpenSSL looks at. */
export interface CaseParts {
  /** Title of the change to the sound cast; 'sound' when there is none. */
  readonly variation: string;
  /** Title of the pair of names; 'usual' when the certificate is for the name that is claimed. */
  readonly names: string;
  readonly shape: string;
  readonly roots: Roots;
  readonly purpose: 'client' | 'server';
  readonly records: readonly RecordSpec[];
}

export interface DaneCase {
  readonly title: string;
  readonly parts: CaseParts;
  readonly question: DaneQuestion;
}

/** Cases that belong together, made when they are asked for. */
export interface CaseGroup {
  readonly title: string;
  /** The same seed gives the same cases, but for their keys. */
  readonly make: (seed: number) => DaneCase[];
}

const usages = [0, 1, 2, 3];
const selectors = [0, 1];
const matchingTypes = [0, 1, 2];
const purposes = ['client', 'server'] as const;
const randomCases = 1000;

export const caseGroups: readonly CaseGroup[] = [
  { title: 'chain shapes', make: shapeCases },
  { title: 'self-signed end entities', make: selfSignedCases },
  { title: 'long and short paths', make: pathCases },
  { title: 'roots', make: rootCases },
  { title: 'dates, keys and extensions', make: variationCases },
  { title: 'names', make: nameCases },
  { title: 'records', make: recordCases },
  { title: 'chance', make: (seed) => chanceCases(new Random(seed)) },
];

interface CaseInput {
  readonly cast: Cast;
  readonly records: readonly RecordSpec[];
  readonly shape?: Shape;
  readonly roots?: Roots;
  readonly purpose?: 'client' | 'server';
  readonly variation?: string;
  readonly names?: string;
  readonly name?: string;
}

function makeCase(input: CaseInput): DaneCase {
  const { cast, records, shape = usualChain, roots = 'root', purpose = 'client' } = input;
  const { variation = 'sound', names = 'usual', name = usualName } = input;
  const parts = { variation, names, shape: shape.title, roots, purpose, records };
  const shownRecords = records.map(describeRecord).join(', ');
  return {
    title: `${purpose}; ${variation}; names ${names}; sent ${shape.title}; roots ${roots}; TLSA ${shownRecords}`,
    parts,
    question: {
      purpose,
      name,
      nowMs: usualTimeMs,
      records: records.map((spec) => makeRecord(cast, spec)),
      chain: shape.chain.map((who) => cast.get(who).der),
      roots: rootsOf(roots).map((who) => cast.get(who).der),
    },
  };
}

function rootsOf(roots: Roots): readonly Target[] {
  switch (roots) {
    case 'none':
      return [];
    case 'both':
      return ['foreignRoot', 'root'];
    case 'foreign':
      return ['foreignRoot'];
    case 'root':
    case 'intermediate':
    case 'leaf':
      return [roots];
  }
}

/** One record of each usage, selector and matching type about each of these certificates. */
function everyRecord(targets: readonly Target[], matching: readonly number[] = matchingTypes): RecordSpec[] {
  return targets.flatMap((of) =>
    usages.flatMap((usage) =>
      selectors.flatMap((selector) =>
        matching.map((matchingType) => ({ usage, selector, matchingType, of })),
      ),
    ),
  );
}

function shapeCases(): DaneCase[] {
  const cast = new Cast();
  const targets = ['leaf', 'intermediate', 'root', 'foreignRoot'] as const;
  return shapes.flatMap((shape) =>
    (['root', 'none', 'foreign'] as const).flatMap((roots) =>
      everyRecord(targets, roots === 'foreign' ? [1] : matchingTypes).map((record) =>
        makeCase({ cast, shape, roots, records: [record] }),
      ),
    ),
  );
}

function selfSignedCases(): DaneCase[] {
  const kinds: readonly (readonly [string, Replacements])[] = [
    ['self-signed leaf', { leaf: { issuer: undefined } }],
    ['self-signed leaf without basicConstraints', { leaf: { issuer: undefined, basicConstraints: null } }],
    ['self-signed leaf without extensions', { leaf: { issuer: undefined, ...bare } }],
    ['self-signed leaf has expired', { leaf: { issuer: undefined, notAfterMs: usualTimeMs - 1000 } }],
    ['self-signed leaf for another name', { leaf: { issuer: undefined, names: ['ns1.example.net'] } }],
    ['self-signed leaf with a spoiled signature', { leaf: { issuer: undefined, spoilSignature: true } }],
  ];
  const shapes: readonly Shape[] = [
    { title: 'leaf', chain: ['leaf'] },
    { title: 'leaf, stranger', chain: ['leaf', 'stranger'] },
  ];
  return kinds.flatMap(([variation, replace]) => {
    const cast = new Cast(replace);
    return shapes.flatMap((shape) =>
      (['leaf', 'none', 'foreign'] as const).flatMap((roots) =>
        everyRecord(['leaf', 'stranger']).map((record) =>
          makeCase({ cast, variation, shape, roots, records: [record] }),
        ),
      ),
    );
  });
}

const bare = {
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  keyIdentifiers: false,
} as const;

function pathCases(): DaneCase[] {
  const direct = new Cast({ leaf: { issuer: new Cast().get('root') } });
  const upper = new Cast({ viaUpper: true });
  const directShapes: readonly Shape[] = [
    { title: 'leaf', chain: ['leaf'] },
    { title: 'leaf, root', chain: ['leaf', 'root'] },
    { title: 'leaf, cross-signed root, foreign root', chain: ['leaf', 'crossRoot', 'foreignRoot'] },
  ];
  const upperShapes: readonly Shape[] = [
    { title: 'leaf, intermediate, upper', chain: ['leaf', 'intermediate', 'upper'] },
    { title: 'leaf, intermediate, upper, root', chain: ['leaf', 'intermediate', 'upper', 'root'] },
    { title: 'leaf, root, upper, intermediate', chain: ['leaf', 'root', 'upper', 'intermediate'] },
    { title: 'leaf, upper, intermediate', chain: ['leaf', 'upper', 'intermediate'] },
    { title: 'leaf, intermediate, root without the upper', chain: ['leaf', 'intermediate', 'root'] },
  ];
  const roots = ['root', 'none'] as const;
  return [
    ...directShapes.flatMap((shape) =>
      everyRecord(['leaf', 'root']).flatMap((record) =>
        roots.map((kind) =>
          makeCase({
            cast: direct,
            variation: 'leaf below the root',
            shape,
            roots: kind,
            records: [record],
          }),
        ),
      ),
    ),
    ...upperShapes.flatMap((shape) =>
      everyRecord(['leaf', 'intermediate', 'upper', 'root'], [0, 1]).flatMap((record) =>
        roots.map((kind) =>
          makeCase({ cast: upper, variation: 'one CA more', shape, roots: kind, records: [record] }),
        ),
      ),
    ),
  ];
}

/** Stores with several roots, or with a root that is none. */
function rootCases(): DaneCase[] {
  const cast = new Cast();
  const records = usages.flatMap((usage) =>
    (['leaf', 'intermediate', 'root', 'foreignRoot', 'crossRoot'] as const).map((of) => ({
      usage,
      selector: usage % 2 === 0 ? 0 : 1,
      matchingType: 1,
      of,
    })),
  );
  return shapes.flatMap((shape) =>
    (['both', 'intermediate', 'leaf'] as const).flatMap((roots) =>
      records.map((record) => makeCase({ cast, shape, roots, records: [record] })),
    ),
  );
}

/** For each change of the certificates: every usage, with the anchor sent, and only in the DNS. */
function variationCases(): DaneCase[] {
  const leafAlone: Shape = { title: 'leaf', chain: ['leaf'] };
  const asked: readonly (readonly [Shape, Roots, readonly number[], Target])[] = [
    [usualChain, 'root', [0, 1, 1], 'root'],
    [usualChain, 'root', [0, 0, 1], 'intermediate'],
    [usualChain, 'root', [1, 1, 1], 'leaf'],
    [wholeChain, 'none', [2, 0, 1], 'root'],
    [wholeChain, 'none', [2, 1, 1], 'root'],
    [usualChain, 'none', [2, 0, 1], 'intermediate'],
    [usualChain, 'none', [2, 1, 1], 'intermediate'],
    [usualChain, 'none', [2, 0, 0], 'root'],
    [usualChain, 'none', [2, 1, 0], 'root'],
    [usualChain, 'none', [2, 1, 0], 'intermediate'],
    [leafAlone, 'none', [2, 0, 0], 'intermediate'],
    [leafAlone, 'none', [2, 1, 0], 'intermediate'],
    [usualChain, 'none', [2, 0, 1], 'leaf'],
    [usualChain, 'none', [3, 0, 1], 'leaf'],
    [leafAlone, 'none', [3, 1, 1], 'leaf'],
  ];
  return variations.flatMap(({ title, replace }) => {
    const cast = new Cast(replace);
    // Only keyUsage and extendedKeyUsage know what the peer is.
    const matteringPurposes = /keyUsage/i.test(title) ? purposes : (['client'] as const);
    return asked.flatMap(([shape, roots, [usage = 0, selector = 0, matchingType = 0], of]) =>
      matteringPurposes.map((purpose) =>
        makeCase({
          cast,
          variation: title,
          shape,
          roots,
          purpose,
          records: [{ usage, selector, matchingType, of }],
        }),
      ),
    );
  });
}

function nameCases(): DaneCase[] {
  return namePairs.flatMap(({ title, name, replace }) => {
    const cast = new Cast(replace);
    return purposes.flatMap((purpose) =>
      usages.map((usage) =>
        makeCase({
          cast,
          name,
          names: title,
          purpose,
          records: [{ usage, selector: 1, matchingType: 1, of: targetOf[usage] ?? 'leaf' }],
        }),
      ),
    );
  });
}

function recordCases(): DaneCase[] {
  const cast = new Cast();
  const leafAlone: Shape = { title: 'leaf', chain: ['leaf'] };
  return (['root', 'none'] as const).flatMap((roots) => [
    ...recordSets.map(({ records }) => makeCase({ cast, records, roots })),
    ...certificateSets.flatMap(({ records }) =>
      [leafAlone, usualChain].map((shape) => makeCase({ cast, records, roots, shape })),
    ),
  ]);
}

/** Everything at once: what no table would put together. */
function chanceCases(random: Random): DaneCase[] {
  const cases: DaneCase[] = [];
  for (let count = 0; count < randomCases; count += 1) {
    const isSound = random.below(3) === 0;
    const { title, replace } = isSound ? { title: 'sound', replace: {} } : random.pick(variations);
    // Two that both set the names would make neither.
    const areNamesFree = replace.leaf?.names === undefined && replace.leaf?.more === undefined;
    const pair = areNamesFree && random.below(3) === 0 ? random.pick(namePairs) : undefined;
    const leaf = { ...replace.leaf, ...pair?.replace.leaf };
    const cast = new Cast({ ...replace, leaf, viaUpper: isSound && random.below(4) === 0 });
    const records = Array.from({ length: 1 + random.below(4) }, () => randomRecord(random));
    cases.push(
      makeCase({
        cast,
        records,
        shape: random.pick(shapes),
        roots: random.pick(['root', 'root', 'none', 'foreign', 'both'] as const),
        purpose: random.pick(purposes),
        variation: title,
        ...(pair && { names: pair.title, name: pair.name }),
      }),
    );
  }
  return cases;
}

function randomRecord(random: Random): RecordSpec {
  const usage = random.pick([0, 1, 2, 2, 3, 3]);
  return {
    usage,
    selector: random.below(2),
    matchingType: random.below(3),
    of: random.pick([targetOf[usage] ?? 'leaf', 'leaf', 'intermediate', 'root', 'foreignRoot'] as const),
    damage: random.below(4) === 0 ? 'wrong' : random.below(8) === 0 ? 'short' : undefined,
  };
}
