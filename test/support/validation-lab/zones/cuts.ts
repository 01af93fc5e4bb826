/** TLSA records at, below and above zone cuts: who is asked, and whose word counts (RFC 4035 sections 2.2 and 5). */
import { denials, signing, tlsa, type LabZone } from '../lab-zone.ts';

const kinds = ['nsec', 'nsec3', 'opt-out'] as const;

export const cuts: readonly LabZone[] = kinds.flatMap((kind, index): LabZone[] => {
  const apex = `cuts-${kind}.test.`;
  const signer = (['ldns', 'knot', 'bind'] as const)[index]!;
  const unsure = kind === 'opt-out' ? 'insecure' : 'secure';
  const signed = signing({ signer, denial: denials[kind], algorithm: 14 });
  const at = [`@ ${tlsa}`, `_25._tcp.mail ${tlsa}`];
  return [
    {
      apex,
      signing: signed,
      records: [
        ...at,
        // Above the cuts at _tcp.above and _tcp.plain.
        `above ${tlsa}`,
        'plain A 192.0.2.1',
      ],
      questions: [
        ['@', 'TLSA', 'secure'],
        ['above', 'TLSA', 'secure'],
        ['plain', 'TLSA', 'secure'],
        ['_25._tcp.mail', 'TLSA', 'secure'],
        ['child', 'DS', 'secure'],
        ['leaf', 'DS', unsure],
      ],
    },
    {
      apex: `child.${apex}`,
      signing: signed,
      records: at,
      questions: [
        ['@', 'TLSA', 'secure'],
        ['@', 'A', 'secure'],
        ['_25._tcp.mail', 'TLSA', 'secure'],
        ['_25._tcp.nothing', 'TLSA', unsure],
      ],
    },
    // Three cuts deep, with an empty non-terminal between.
    {
      apex: `deep.empty.child.${apex}`,
      signing: signed,
      records: at,
      questions: [
        ['@', 'TLSA', 'secure'],
        ['_25._tcp.mail', 'TLSA', 'secure'],
        ['nothing', 'TLSA', unsure],
      ],
    },
    {
      apex: `leaf.${apex}`,
      records: at,
      questions: [
        ['@', 'TLSA', 'insecure'],
        ['_25._tcp.mail', 'TLSA', 'insecure'],
        ['nothing', 'TLSA', 'insecure'],
      ],
    },
    {
      apex: `_tcp.above.${apex}`,
      signing: signed,
      records: [`_25 ${tlsa}`, `@ ${tlsa}`],
      questions: [
        ['@', 'TLSA', 'secure'],
        ['_25', 'TLSA', 'secure'],
        ['_26', 'TLSA', unsure],
      ],
    },
    {
      apex: `_tcp.plain.${apex}`,
      records: [`_25 ${tlsa}`],
      questions: [
        ['_25', 'TLSA', 'insecure'],
        ['_26', 'TLSA', 'insecure'],
      ],
    },
  ];
});
