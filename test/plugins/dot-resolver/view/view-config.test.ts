import { expect } from 'chai';
import { YamlDocument } from '../../../../core/config/document.ts';
import { formatProblem } from '../../../../core/config/errors.ts';
import { viewSchema, type ViewConfig } from '../../../../plugins/dot-resolver/view/view-config.ts';

/** The view of a text, or its problems. */
function read(text: string): ViewConfig | string[] {
  const document = YamlDocument.parse(text, 'view.yaml');
  const checked = document.checkPart(viewSchema, document.value, []);
  return checked.ok ? checked.value : checked.problems.map(formatProblem);
}

describe('viewSchema', () => {
  it('needs no more than an upstream', () => {
    expect(read('upstreams: ["127.0.0.1:5300"]')).to.deep.equal({
      upstreams: [{ address: '127.0.0.1', port: 5300, transport: 'udp' }],
      transport: 'udp',
      zones: [],
      blocked: [],
      allowed: [],
      'block-answer': 'nxdomain',
      'proxy-protocol': false,
      'client-subnet': 'strip',
    });
  });

  it('reads all that a view can have', () => {
    const text = `upstreams: ["192.0.2.1:853#dns.example", "[::1]#dns.example"]
transport: tcp
ca: ca.pem
zones: { corp.example: corp.zone, Lab.example.: lab.zone }
blocked: [ads.txt, more.txt]
allowed: good.txt
block-answer: refused
proxy-protocol: true
client-subnet: pass
`;
    const view = read(text) as ViewConfig;
    expect(view).to.deep.include({
      upstreams: [
        { address: '192.0.2.1', port: 853, transport: 'tls', tls: { name: 'dns.example' } },
        { address: '::1', port: 853, transport: 'tls', tls: { name: 'dns.example' } },
      ],
      transport: 'tcp',
      ca: 'ca.pem',
      blocked: ['ads.txt', 'more.txt'],
      allowed: ['good.txt'],
      'block-answer': 'refused',
      'proxy-protocol': true,
      'client-subnet': 'pass',
    });
    expect(view.zones.map(({ apex, file }) => [apex.toString(), file])).to.deep.equal([
      ['corp.example', 'corp.zone'],
      ['Lab.example', 'lab.zone'],
    ]);
  });

  it('needs no upstream where there are zones', () => {
    expect(read('zones: { corp.example: corp.zone }')).to.include({ transport: 'udp' });
  });

  const refused: [what: string, text: string, problem: RegExp][] = [
    [
      'nothing to answer from',
      'blocked: b.txt',
      /^view\.yaml:1:1: upstreams: missing, and there are no zones/,
    ],
    ['an empty list of upstreams', 'upstreams: []', /upstreams: is an empty list/],
    [
      'a name instead of an address',
      'upstreams: [dns.example]',
      /upstreams\[0\]: "dns\.example" is not an IP address/,
    ],
    ['an upstream with port 0', 'upstreams: ["127.0.0.1:0"]', /upstreams\[0\]: "127\.0\.0\.1:0" has port 0/],
    [
      'a # without a name',
      'upstreams: ["127.0.0.1#"]',
      /upstreams\[0\]: "127\.0\.0\.1#" has no name after #/,
    ],
    [
      'another transport',
      'upstreams: [127.0.0.1]\ntransport: tls',
      /^view\.yaml:2:12: transport: is the text "tls"/,
    ],
    [
      'TLS beside cleartext',
      'upstreams: ["127.0.0.1", "::1#a.b"]',
      /^view\.yaml:1:12: upstreams: some with a name/,
    ],
    ['authorities for nobody', 'upstreams: [127.0.0.1]\nca: ca.pem', /^view\.yaml:2:5: ca: has no effect/],
    [
      'PROXY headers to nobody',
      'zones: { a: b }\nproxy-protocol: true',
      /^view\.yaml:2:17: proxy-protocol: has no effect/,
    ],
    [
      'a zone that is no name',
      'zones: { a..b: x }',
      /^view\.yaml:1:16: zones\["a\.\.b"\]: is no domain name/,
    ],
    [
      'a zone that stands twice',
      'zones: { a.b: x, A.b.: y }',
      /^view\.yaml:1:24: zones\["A\.b\."\]: stands twice/,
    ],
    ['a zone without a file', 'zones: { a: }', /zones\.a: is empty/],
    ['a list of zones', 'zones: [a]', /zones: is a list, not a map of zones and their files/],
    ['a list of names that is no path', 'upstreams: [127.0.0.1]\nblocked: { a: b }', /blocked: is a map/],
    [
      'an unknown key',
      'upstreams: [127.0.0.1]\nblock: x',
      /^view\.yaml:2:1: block: unknown key; did you mean/,
    ],
    [
      'another way to block',
      'upstreams: [127.0.0.1]\nblock-answer: drop',
      /block-answer: is the text "drop"/,
    ],
  ];
  for (const [what, text, problem] of refused) {
    it(`refuses ${what}`, () => {
      const problems = read(text);
      expect(Array.isArray(problems)).to.equal(true);
      expect((problems as string[]).join('\n')).to.match(problem);
    });
  }
});
