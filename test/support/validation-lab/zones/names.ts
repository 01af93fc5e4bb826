/** Names with escapes, octets that are no characters, and as many octets as a name can have; empty non-terminals. */
import { nsec, nsec3, signers, signing, tlsa, type LabZone, type Question } from '../lab-zone.ts';

const label = (letter: string, length: number): string => letter.repeat(length);

/** Names relative to an apex, in the escapes of zone files (RFC 1035 section 5.1). */
const odd = [
  'a\\.b',
  'two\\032words',
  '\\000\\001\\127\\128\\255',
  'quote\\"and\\;semicolon',
  'back\\\\slash',
  'at\\@sign.\\(paren\\)',
  'MiXeD.CaSe',
  '_443.\\*.star',
  '\\195\\188mlaut',
  '-dash-.under_score',
  label('x', 63),
];

/** Of so many octets with the apex, in long labels and in labels of one octet. */
function longest(apex: string, octets: number): string[] {
  const left = octets - (apex.length + 1);
  const long = [label('a', 63), label('b', 63), label('c', 63)].join('.');
  const rest = left - 3 * 64;
  const short = Array.from({ length: Math.floor(left / 2) - (left % 2) }, () => 'y').join('.');
  return [`${label('d', rest - 1)}.${long}`, left % 2 === 0 ? short : `zz.${short}`];
}

export const names: readonly LabZone[] = [nsec, nsec3].flatMap((denial) =>
  signers.map((signer): LabZone => {
    const apex = `names-${denial.kind}-${signer}.test.`;
    // dnssec-signzone cannot sign what leaves no room for a wildcard below it.
    const long = longest(apex, signer === 'bind' && denial.kind === 'nsec3' ? 253 : 255);
    const all = [...odd, ...long];
    return {
      apex,
      signing: signing({ denial, signer }),
      // NSD 4.6 ends when a name of an NSEC3 zone leaves no room for a wildcard below it.
      authority: 'knot',
      records: [
        ...all.map((name) => `${name} ${tlsa}`),
        'a.b TXT "two labels"',
        `one.two.three.four.five ${tlsa}`,
        'five TXT "at the end"',
      ],
      questions: [
        ...all.map((name): Question => [name, 'TLSA', 'secure']),
        ...odd.slice(0, 1).map((name): Question => [name, 'A', 'secure']),
        ...long.map((name): Question => [name, 'A', 'secure']),
        // One name is not the other.
        ['a.b', 'TLSA', 'secure'],
        ['mixed.case', 'TLSA', 'secure'],
        ['two\\032wordz', 'TLSA', 'secure'],
        ['\\000\\001\\127\\128', 'TLSA', 'secure'],
        // Empty non-terminals: they exist, and have nothing.
        ['two.three.four.five', 'TLSA', 'secure'],
        ['four.five', 'TLSA', 'secure'],
        ['zero.four.five', 'TLSA', 'secure'],
        ['\\*.star', 'TLSA', 'secure'],
      ],
    };
  }),
);

/** Apexes that are hard to write. */
export const oddApexes: readonly LabZone[] = [
  {
    apex: 'a\\.b\\032c.test.',
    signing: signing({ signer: 'bind' }),
    records: [`www ${tlsa}`],
    questions: [
      ['www', 'TLSA', 'secure'],
      ['nothing', 'TLSA', 'secure'],
    ],
  },
  {
    apex: '\\000\\255.test.',
    signing: signing({ signer: 'ldns', denial: nsec3 }),
    records: [`www ${tlsa}`],
    questions: [
      ['www', 'TLSA', 'secure'],
      ['nothing', 'TLSA', 'secure'],
    ],
  },
];
