/** CNAME and DNAME within and across zones (RFC 1034 section 3.6.2, RFC 6672): an alias is as secure as its weakest hop. */
import { labSeconds, nsec, nsec3, plainZone, signing, soundWindow, tlsa, type LabZone } from '../lab-zone.ts';
import { withRdata } from '../zone-lines.ts';

/** A name of 254 octets, to which nothing can be added. */
function longName(apex: string): string {
  const left = 254 - (apex.length + 1) - 3 * 61;
  return [
    ['l', 60],
    ['m', 60],
    ['n', 60],
    ['o', left - 1],
  ]
    .map(([letter, length]) => String(letter).repeat(Number(length)))
    .join('.');
}

function aliasZone(
  apex: string,
  options: Parameters<typeof signing>[0],
  more: LabZone['questions'] = [],
): LabZone {
  return {
    apex,
    signing: signing(options),
    records: [
      `_443._tcp.www ${tlsa}`,
      'one CNAME _443._tcp.www',
      'two CNAME one',
      'three CNAME two',
      'dangling CNAME nothing',
      'nodata CNAME host',
      'host A 192.0.2.1',
      'to-secure CNAME _443._tcp.www.alias-target.test.',
      'to-nothing CNAME nothing.alias-target.test.',
      'to-insecure CNAME _443._tcp.www.alias-plain.test.',
      'to-bogus CNAME _443._tcp.www.alias-bogus.test.',
      'through-insecure CNAME back.alias-insecure.test.',
      'through-secure CNAME back.alias-target.test.',
      'loop-a CNAME loop-b',
      'loop-b CNAME loop-a',
      'self CNAME self',
      'tree DNAME copy',
      `_443._tcp.copy ${tlsa}`,
      'deep.copy CNAME _443._tcp.www',
      'out DNAME alias-target.test.',
      'out-insecure DNAME alias-plain.test.',
      'out-bogus DNAME alias-bogus.test.',
      'out-again DNAME tree.alias-target.test.',
      `long DNAME ${longName(apex)}`,
      'into-tree CNAME _443._tcp.tree',
      `own DNAME www`,
      `own ${tlsa}`,
    ],
    questions: [
      ['one', 'TLSA', 'secure'],
      ['one', 'CNAME', 'secure'],
      ['three', 'TLSA', 'secure'],
      ['dangling', 'TLSA', 'secure'],
      ['nodata', 'TLSA', 'secure'],
      ['to-secure', 'TLSA', 'secure'],
      ['to-nothing', 'TLSA', 'secure'],
      ['to-insecure', 'TLSA', 'insecure'],
      ['to-bogus', 'TLSA', 'bogus'],
      ['through-insecure', 'TLSA', 'insecure'],
      ['through-secure', 'TLSA', 'secure'],
      ['tree', 'DNAME', 'secure'],
      // The DNAME is for what is below it; its owner may have more.
      ['tree', 'TLSA', 'secure'],
      ['own', 'TLSA', 'secure'],
      ['_443._tcp.own', 'TLSA', 'secure'],
      ['_443._tcp.tree', 'TLSA', 'secure'],
      ['deep.tree', 'TLSA', 'secure'],
      ['nothing.tree', 'TLSA', 'secure'],
      ['_tcp.tree', 'TLSA', 'secure'],
      ['into-tree', 'TLSA', 'secure'],
      ['_443._tcp.www.out', 'TLSA', 'secure'],
      ['_443._tcp.www.out', 'A', 'secure'],
      ['nothing.out', 'TLSA', 'secure'],
      ['_443._tcp.www.out-insecure', 'TLSA', 'insecure'],
      ['_443._tcp.www.out-bogus', 'TLSA', 'bogus'],
      ['_443._tcp.www.out-again', 'TLSA', 'secure'],
      // The resolver between gives up before anybody can judge.
      ['loop-a', 'TLSA', 'indeterminate'],
      ['self', 'TLSA', 'indeterminate'],
      ['self', 'CNAME', 'secure'],
      ...more,
    ],
  };
}

const target: LabZone = {
  apex: 'alias-target.test.',
  signing: signing({ signer: 'knot', algorithm: 15 }),
  records: [
    `_443._tcp.www ${tlsa}`,
    'back CNAME _443._tcp.www.aliases-nsec.test.',
    'tree DNAME copy',
    `_443._tcp.www.copy ${tlsa}`,
  ],
  questions: [['_443._tcp.www', 'TLSA', 'secure']],
};

const bogus: LabZone = {
  apex: 'alias-bogus.test.',
  signing: signing({ window: { ...soundWindow, expiration: labSeconds - 1 } }),
  records: [`_443._tcp.www ${tlsa}`],
  questions: [['_443._tcp.www', 'TLSA', 'bogus']],
};

const throughInsecure: LabZone = {
  apex: 'alias-insecure.test.',
  records: ['back CNAME _443._tcp.www.aliases-nsec.test.', `_443._tcp.www ${tlsa}`],
  questions: [['back', 'TLSA', 'insecure']],
};

/** An alias that was changed after it was signed. */
const changed: LabZone = {
  apex: 'alias-changed.test.',
  signing: signing({ signer: 'ldns' }),
  records: [`_443._tcp.www ${tlsa}`, `other ${tlsa}`, 'alias CNAME _443._tcp.www', 'tree DNAME www'],
  spoil: (lines) =>
    withRdata(
      withRdata(lines, 'alias.alias-changed.test.', 'CNAME', () => 'other.alias-changed.test.'),
      'tree.alias-changed.test.',
      'DNAME',
      () => 'alias-target.test.',
    ),
  questions: [
    ['alias', 'TLSA', 'bogus'],
    ['_443._tcp.tree', 'TLSA', 'bogus'],
    ['_443._tcp.www.tree', 'TLSA', 'bogus'],
  ],
};

export const aliases: readonly LabZone[] = [
  aliasZone('aliases-nsec.test.', { signer: 'bind', denial: nsec }, [
    // The DNAME record is the proof that there can be no such name.
    ['x.long', 'TLSA', 'secure'],
  ]),
  aliasZone('aliases-nsec3.test.', { signer: 'ldns', denial: nsec3 }),
  aliasZone('aliases-knot.test.', { signer: 'knot', denial: nsec3, algorithm: 8 }),
  target,
  bogus,
  throughInsecure,
  changed,
  plainZone('alias-plain.test.', [['_443._tcp.www', 'TLSA', 'insecure']]),
];
