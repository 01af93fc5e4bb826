import { expect } from 'chai';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';

/** What `named-rrchecker -u` of BIND 9.18 makes of it. */
const asBind: [text: string, hex: string][] = [
  [
    'NAPTR 100 50 "s" "z3950+I2L+I2C" "!^.*$!x!i" _z3950._tcp.gatech.edu.',
    '0064003201730d7a333935302b49324c2b49324309215e2e2a2421782169065f7a33393530045f746370066761746563680365647500',
  ],
  ['PX 10 a.example. b.example.', '000a0161076578616d706c65000162076578616d706c6500'],
  ['CERT PKIX 1 RSASHA256 AAEC', '0001000108000102'],
  ['CERT 65535 1 13 AAEC', 'ffff00010d000102'],
  [
    'URI 10 1 "ftp://ftp1.example.com/public"',
    '000a00016674703a2f2f667470312e6578616d706c652e636f6d2f7075626c6963',
  ],
  ['OPENPGPKEY AAECAwQF', '000102030405'],
  [
    'DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=',
    '000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40',
  ],
  [
    'ZONEMD 2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE7EB1A7B641A47BA7FED2DD5B97AE499FAFA4F22C6BD647DE',
    '7848b78c0101febe3d4ce2ec2ffa4ba99d46cd69d6d29711e55217057bee7eb1a7b641a47ba7fed2dd5b97ae499fafa4f22c6bd647de',
  ],
  ['CSYNC 66 3 A NS AAAA', '000000420003000460000008'],
  ['EUI48 00-00-5e-00-53-2a', '00005e00532a'],
  ['EUI64 00-00-5e-ef-10-00-00-2A', '00005eef1000002a'],
  [
    'IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
    '0a0102c0000226010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801',
  ],
  [
    'IPSECKEY 10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
    '0a0002010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801',
  ],
  [
    'IPSECKEY 10 3 2 mygateway.example.com. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
    '0a0302096d7967617465776179076578616d706c6503636f6d00010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801',
  ],
  [
    'IPSECKEY 10 2 2 2001:db8::1 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
    '0a020220010db8000000000000000000000001010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801',
  ],
  [
    'HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e19WzK00+CI6zBCQTdtWsuxKbWIy87UOoJTwkUs7lBu+Upr1gsNrut79ryra+bSRGQb1slImA8YVJyuIDsj7kwzG7jnERNqnWxZ48AWkskmdHaVDP4BcelrTI3rMXdXF5D rvs.example.com. b.example.',
    '10020084200100107b1a74df365639cc39f1d57803010001b771ca136e4aeb5ce44333c53b3d2c13c22243851fc708bcce29f7e2eb5787b5f56ccad34f8223acc10904ddb56b2ec4a6d6232f3b50ea094f0914b3b941bbe529af582c36bbadefdaf2adaf9b4911906f5b2522603c615272b880ec8fb930cc6ee39c444daa75b1678f005a4b2499d1da5433f805c7a5ad3237acc5dd5c5e4303727673076578616d706c6503636f6d000162076578616d706c6500',
  ],
  ['APL 1:192.168.32.0/21 !1:192.168.38.0/28', '00011503c0a82000011c83c0a826'],
  ['APL 1:224.0.0.0/4 2:FF00:0:0:0:0:0:0:0/8', '00010401e000020801ff'],
  ['LOC 42 21 54 N 71 06 18 W -24m 30m', '0033161389172dd070be15f000988d20'],
  ['LOC 42 21 43.952 N 71 5 6.344 W -24m 1m 200m', '001224138917069070bf2dd800988d20'],
  ['LOC 52 14 05 N 00 08 50 E 10m', '001216138b3556c88008165000989a68'],
  ['LOC 32 7 19 S 116 2 25 E 10.57m 0m 90000000m 1.5m', '00009912791b7d2898e6486800989aa1'],
  [
    'SVCB 16 foo.example.org. alpn="h2,h3-19" mandatory=ipv4hint,alpn ipv4hint=192.0.2.1',
    '001003666f6f076578616d706c65036f7267000000000400010004000100090268320568332d313900040004c0000201',
  ],
  ['SVCB 0 foo.example.com.', '000003666f6f076578616d706c6503636f6d00'],
  ['SVCB 1 foo.example.com. port=53', '000103666f6f076578616d706c6503636f6d00000300020035'],
  ['SVCB 1 foo.example.com. key667=hello', '000103666f6f076578616d706c6503636f6d00029b000568656c6c6f'],
  [
    'SVCB 1 foo.example.com. key667="hello\\210qoo"',
    '000103666f6f076578616d706c6503636f6d00029b000968656c6c6fd2716f6f',
  ],
  [
    'SVCB 1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1"',
    '000103666f6f076578616d706c6503636f6d000006002020010db800000000000000000000000120010db8000000000000000000530001',
  ],
  [
    'HTTPS 1 . alpn=h3,h2 no-default-alpn ech=AAECAw== ipv4hint=192.0.2.1,192.0.2.2',
    '000100000100060268330268320002000000040008c0000201c00002020005000400010203',
  ],
  [
    'SVCB 16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"',
    '001003666f6f076578616d706c65036f7267000001000c08665c6f6f2c626172026832',
  ],
  [
    'SVCB 16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2',
    '001003666f6f076578616d706c65036f7267000001000c08665c6f6f2c626172026832',
  ],
  [
    'SVCB 1 dns.example. alpn=dot dohpath=/dns-query{?dns}',
    '000103646e73076578616d706c65000001000403646f74000700102f646e732d71756572797b3f646e737d',
  ],
  ['KEY 256 3 8 AAEC', '01000308000102'],
  [
    'SIG A 8 2 3600 20360101000000 20260101000000 1 example. AAEC',
    '0001080200000e107c245f006955b9000001076578616d706c6500000102',
  ],
  ['AFSDB 1 a.example.', '00010161076578616d706c6500'],
  ['RT 10 a.example.', '000a0161076578616d706c6500'],
  ['KX 10 a.example.', '000a0161076578616d706c6500'],
  ['RP a.example. b.example.', '0161076578616d706c65000162076578616d706c6500'],
  ['MINFO a.example. b.example.', '0161076578616d706c65000162076578616d706c6500'],
  ['HINFO "cpu x" os', '056370752078026f73'],
  ['SPF "v=spf1"', '06763d73706631'],
  ['CAA 128 issue "ca.example; a=b"', '8005697373756563612e6578616d706c653b20613d62'],
  ['SMIMEA 3 1 1 aabb', '030101aabb'],
];

const rdataOf = (text: string): string => parseRecords(`a 1 ${text}`)[0]?.rdata.toString('hex') ?? '';

describe('the text of data of rare types', () => {
  for (const [text, hex] of asBind) {
    it(`has the octets that BIND makes of it: ${text.slice(0, 50)}`, () => {
      expect(rdataOf(text)).to.equal(hex);
    });
  }

  const wrong: [text: string, words: RegExp][] = [
    ['NAPTR 1 2 "a" "b" c.', /the replacement is missing/],
    ['CERT FOO 1 13 AAEC', /the certificate type is not a number/],
    ['URI 1 2 ""', /the target is empty/],
    ['EUI48 00-00-5e-00-53', /not 6 octets/],
    ['EUI64 00-00-5e-ef-10-00-00-2g', /not 8 octets/],
    ['IPSECKEY 10 0 2 a. AAEC', /written as a dot/],
    ['IPSECKEY 10 4 2 . AAEC', /the gateway type is not a number from 0 to 3/],
    ['IPSECKEY 10 0 2 .', /algorithm 0 is for/],
    ['HIP 2 00 AAE b.', /the key is not base 64/],
    ['APL 3:1.2.3.4/5', /./],
    ['APL 1:1.2.3.4/33', /a prefix longer/],
    ['LOC 91 N 0 E 1m', /the latitude is not/],
    ['LOC 42 60 N 0 E 1m', /the latitude is not/],
    ['LOC 42 1 1 1 N 0 E 1m', /does not end with N or S/],
    ['LOC 42 N 181 E 1m', /the longitude is not/],
    ['LOC 42 N 1 E -100001m', /the altitude is out of range/],
    ['LOC 42 N 1 E x', /not a length in metres/],
    ['LOC 42 N 1 E 1m 90000001m', /is out of range/],
    ['SVCB 1 a. port=65536', /port is not/],
    ['SVCB 1 a. port=1 port=1', /is there twice/],
    ['SVCB 1 a. port', /without the value/],
    ['SVCB 1 a. foo=1', /the parameter "foo" is not known/],
    ['SVCB 1 a. mandatory=port', /a mandatory parameter is missing/],
    ['SVCB 1 a. mandatory=mandatory port=1', /mandatory is not a list/],
    ['SVCB 1 a. no-default-alpn', /without alpn/],
    ['SVCB 1 a. no-default-alpn=1 alpn=h2', /has no value/],
    ['SVCB 1 a. alpn=h2,,h3', /alpn is not a list/],
    ['SVCB 1 a. ech=AAE', /ech is not base 64/],
    ['SVCB 1 a. ipv4hint=1.2.3', /not an IPv4/],
    ['SVCB 1 a. key65535=a', /is not known/],
  ];
  for (const [text, words] of wrong) {
    it(`refuses ${text}`, () => {
      expect(() => rdataOf(text)).to.throw(DnsFormatError, words);
    });
  }
});
