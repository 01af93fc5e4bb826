import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeNsec } from '../../core/dns/rdata.ts';
import { provedByNsec } from '../../lab/denial.ts';
import type { Denial } from '../../lab/denial.ts';
import type { RrSet } from '../../lab/zone.ts';

const { NS, SOA, DS, A, CNAME, TLSA, DNAME } = RrType;

function nsec(owner: string, next: string, ...types: number[]): RrSet {
  const rdatas = [encodeNsec({ nextName: Name.parse(next), types })];
  return { name: Name.parse(owner), type: RrType.NSEC, ttl: 60, rdatas };
}

const apex = nsec('example', 'b.example', SOA, NS);
const last = nsec('m.example', 'example', A);

const cases: [title: string, name: string, type: number, nsecs: RrSet[], proved: Denial][] = [
  [
    'a gap and no wildcard deny a name',
    'c.example',
    TLSA,
    [nsec('b.example', 'd.example', A), apex],
    'no-name',
  ],
  ['one record may do both', 'a.example', TLSA, [apex], 'no-name'],
  ['the last record goes round to the apex', 'z.example', A, [last, apex], 'no-name'],
  ['a gap alone leaves room for a wildcard', 'c.example', A, [nsec('b.example', 'd.example', A)], 'nothing'],
  ['the name without the type', 'b.example', TLSA, [nsec('b.example', 'd.example', A)], 'no-data'],
  ['the name with the type', 'b.example', A, [nsec('b.example', 'd.example', A)], 'nothing'],
  [
    'an alias may lead to the type [RFC6840-4.3]',
    'b.example',
    A,
    [nsec('b.example', 'd.example', CNAME)],
    'nothing',
  ],
  ['an empty non-terminal [RFC8020-2]', 'x.example', A, [nsec('m.example', 'a.x.example', A)], 'no-data'],
  ['a cut without DS', 'b.example', DS, [nsec('b.example', 'd.example', NS)], 'unsigned-cut'],
  ['no cut', 'b.example', DS, [nsec('b.example', 'd.example', A)], 'no-data'],
  [
    'the child cannot deny its DS [RFC6840-4.4]',
    'b.example',
    DS,
    [nsec('b.example', 'x.b.example', NS, SOA)],
    'nothing',
  ],
  [
    "the parent cannot deny the child's types [RFC6840-4.1]",
    'b.example',
    A,
    [nsec('b.example', 'd.example', NS)],
    'nothing',
  ],
  ['nor its names [RFC6840-4.1]', 'x.b.example', A, [nsec('b.example', 'd.example', NS), apex], 'nothing'],
  [
    'nor may a DNAME deny what is below it',
    'x.b.example',
    A,
    [nsec('b.example', 'd.example', DNAME), apex],
    'nothing',
  ],
  ['a name outside of the gap', 'e.example', A, [nsec('b.example', 'd.example', A), apex], 'nothing'],
  ['a name outside of the zone', 'z.test', A, [last, apex], 'nothing'],
  ['no records at all', 'a.example', A, [], 'nothing'],
];

describe('lab/denial', () => {
  for (const [title, name, type, nsecs, proved] of cases) {
    it(`${title}: ${proved}`, () => {
      expect(provedByNsec(Name.parse(name), type, nsecs)).to.equal(proved);
    });
  }
});
