/** Delegations without a key, with keys nobody knows, and islands below them (RFC 4035 section 5.2, RFC 6840 section 5.2). */
import { dsOf, relabelled } from '../keys.ts';
import {
  denials,
  labSeconds,
  plainZone,
  signing,
  soundWindow,
  tlsa,
  type LabZone,
  type Question,
  type ZoneKeys,
} from '../lab-zone.ts';
import { withoutRrset, withoutTypes, withRrsigField, type ZoneLine } from '../zone-lines.ts';

const records = ['www A 192.0.2.1', `_443._tcp.www ${tlsa}`];

/** An algorithm that nobody has (RFC 8624 leaves it unassigned). */
const unknownAlgorithm = 200;

function asked(expected: Question[2]): Question[] {
  return [
    ['_443._tcp.www', 'TLSA', expected],
    ['nothing', 'TLSA', expected],
  ];
}

/** The zone as if its key were of another algorithm. */
function relabel(lines: readonly ZoneLine[], { own }: ZoneKeys): ZoneLine[] {
  const changed = relabelled(own, unknownAlgorithm);
  return lines.map((line) => {
    const fields = line.rdata.split(/\s+/);
    if (line.type === 'DNSKEY') fields[2] = String(unknownAlgorithm);
    else if (line.type === 'RRSIG') [fields[1], fields[6]] = [String(unknownAlgorithm), String(changed.tag)];
    else return line;
    return { ...line, rdata: fields.join(' ') };
  });
}

/** A digest that fits nothing. */
const nobody = '00'.repeat(32);

function children(parent: string, signer: 'ldns' | 'bind' | 'knot', unsure: Question[2]): LabZone[] {
  const signed = (name: string, ds: LabZone['ds'] & {}, expected: Question[2]): LabZone => ({
    apex: `${name}.${parent}`,
    signing: signing({ signer }),
    records,
    ds,
    questions: asked(expected),
  });
  const at = (name: string): string => `${name}.${parent}`;
  return [
    plainZone(at('insecure'), [...asked('insecure'), ['@', 'DS', unsure]]),
    signed('secure', ({ own }) => [dsOf(own, at('secure'))], 'secure'),
    signed('signed-without-ds', () => [], 'insecure'),
    {
      ...signed(
        'unknown-algorithm',
        ({ own }) => [dsOf(relabelled(own, unknownAlgorithm), at('unknown-algorithm'))],
        'insecure',
      ),
      spoil: (lines, _also, keys) => relabel(lines, keys),
    },
    signed('unknown-digest', ({ own }) => [`${own.tag} ${own.algorithm} 200 ${nobody}`], 'insecure'),
    signed('sha-1-only', ({ own }) => [dsOf(own, at('sha-1-only'), 1)], 'insecure'),
    signed('sha-384-only', ({ own }) => [dsOf(own, at('sha-384-only'), 4)], 'secure'),
    signed(
      'sha-1-and-256',
      ({ own }) => [dsOf(own, at('sha-1-and-256'), 1), dsOf(own, at('sha-1-and-256'))],
      'secure',
    ),
    // RFC 4509 section 3: a good SHA-1 digest does not help when a SHA-256 digest is there.
    signed(
      'sha-256-wrong',
      ({ own }) => [dsOf(own, at('sha-256-wrong'), 1), `${own.tag} ${own.algorithm} 2 ${nobody}`],
      'bogus',
    ),
    signed(
      'unknown-besides',
      ({ own }) => [
        `${own.tag} ${unknownAlgorithm} 2 ${nobody}`,
        `${own.tag} ${own.algorithm} 200 ${nobody}`,
        dsOf(own, at('unknown-besides')),
      ],
      'secure',
    ),
    // An island of security: signed, with a chain of its own, but below an insecure zone.
    {
      apex: at('parent-of-island'),
      records,
      questions: [],
    },
    signed('island.parent-of-island', ({ own }) => [dsOf(own, at('island.parent-of-island'))], 'insecure'),
    // What is wrong in an insecure zone does not make it bogus.
    {
      ...signed('expired-and-insecure', () => [], 'insecure'),
      signing: signing({ signer, window: { ...soundWindow, expiration: labSeconds - 1 } }),
    },
  ];
}

/** Parents that are sound. */
const parents: LabZone[] = Object.entries(denials).flatMap(([kind, denial], index) => {
  const signer = (['bind', 'ldns', 'knot'] as const)[index]!;
  const apex = `parent-${kind}.test.`;
  const unsure = kind === 'opt-out' ? 'insecure' : 'secure';
  const parent: LabZone = {
    apex,
    signing: signing({ signer, denial }),
    records,
    questions: [...asked('secure').slice(0, 1), ['nothing', 'TLSA', unsure]],
  };
  return [parent, ...children(apex, signer, unsure)];
});

/** Parents in which the word about a child is missing or changed. */
const brokenParents: LabZone[] = (['nsec', 'nsec3'] as const).flatMap((kind): LabZone[] => {
  const apex = `broken-parent-${kind}.test.`;
  const signer = kind === 'nsec' ? 'bind' : 'knot';
  return [
    {
      apex,
      signing: signing({ signer, denial: denials[kind] }),
      records,
      spoil: (lines) => withoutRrset(lines, `ds-removed.${apex}`, 'DS'),
      questions: asked('secure'),
    },
    {
      ...plainZone(`ds-removed.${apex}`, asked('bogus')),
      ds: ({ strange }) => [dsOf(strange, `ds-removed.${apex}`)],
    },
  ];
});

/** No proof that an unsigned child has no key. */
const unprovedParents: LabZone[] = (['nsec', 'nsec3', 'opt-out'] as const).flatMap((kind): LabZone[] => {
  const apex = `unproved-parent-${kind}.test.`;
  return [
    {
      apex,
      signing: signing({ signer: kind === 'nsec3' ? 'ldns' : 'knot', denial: denials[kind] }),
      records,
      spoil: (lines) => withoutTypes(lines, 'NSEC', 'NSEC3', 'NSEC3PARAM'),
      questions: asked('secure').slice(0, 1),
    },
    plainZone(`unsigned.${apex}`, [...asked('bogus'), ['@', 'DS', 'bogus']]),
  ];
});

/** A delegation that the signer has not seen goes unnoticed in an opt-out span only (RFC 5155 section 12.2). */
const injected: LabZone[] = (['nsec', 'nsec3', 'opt-out'] as const).flatMap((kind): LabZone[] => {
  const apex = `injected-${kind}.test.`;
  const child = plainZone(`new.${apex}`, asked(kind === 'opt-out' ? 'insecure' : 'bogus'));
  return [
    { apex, signing: signing({ signer: 'knot', denial: denials[kind] }), records, questions: [] },
    { ...child, isInjected: true },
  ];
});

/** A signature in the name of the zone above a cut without a key is no reason to call the record bogus. */
const signedFromAbove: LabZone[] = (['parent-nsec', 'parent-opt-out'] as const).map((name) => {
  const apex = `signed-from-above.${name}.test.`;
  return {
    apex,
    signing: signing(),
    records,
    ds: () => [],
    spoil: (lines) => withRrsigField(lines, `_443._tcp.www.${apex}`, 'TLSA', 7, `${name}.test.`),
    questions: asked('insecure'),
  };
});

/** Algorithms with SHA-1, which operators must treat as unsupported (RFC 9905 section 2). */
const sha1: LabZone[] = [
  {
    apex: 'rsasha1.test.',
    signing: signing({ algorithm: 5, signer: 'ldns' }),
    records,
    questions: asked('insecure'),
  },
  {
    apex: 'rsasha1-nsec3.test.',
    signing: signing({ algorithm: 7, signer: 'bind', denial: denials.nsec3 }),
    records,
    questions: asked('insecure'),
  },
];

export const delegations: readonly LabZone[] = [
  ...parents,
  ...brokenParents,
  ...unprovedParents,
  ...injected,
  ...signedFromAbove,
  ...sha1,
];
