import { expect } from 'chai';
import { readKnot } from '../../../cli/from-config/knot.ts';
import { OldConfigError } from '../../../cli/from-config/old-config.ts';
import { readTexts, showConfig } from './shown-config.ts';
import type { ShownConfig } from './shown-config.ts';

function read(text: string): ShownConfig {
  return showConfig(readTexts(readKnot, { 'knot.conf': text }));
}

describe('the rights of knot.conf', () => {
  describe('acl', () => {
    const head = 'acl:\n  - id: x\n    action: transfer\n';
    const foot = 'zone:\n  - domain: a.example\n    acl: x\n';
    const cases: [what: string, items: string, shown: Partial<ShownConfig>][] = [
      [
        'without address and key is open',
        '',
        { peers: [], open: ['knot.conf:2 a.example transfer: acl x without address and key'] },
      ],
      [
        'needs both, address and key',
        '    address: 192.0.2.1\n    key: K.Example.\n',
        { peers: ['knot.conf:2 transfer 192.0.2.1 key k.example (x): a.example'], open: [] },
      ],
      [
        'takes lists in lines',
        '    address: 192.0.2.1\n    address: [ 192.0.2.2 , "192.0.2.3" ]\n',
        {
          peers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(
            (address) => `knot.conf:2 transfer ${address} (x): a.example`,
          ),
          open: [],
        },
      ],
      [
        'whose addresses are none gives nothing, and is not open',
        '    address: eth0\n',
        { peers: [], open: [], unknown: ['knot.conf:4 address: eth0'] },
      ],
      [
        'whose remotes are none gives nothing, and is not open',
        '    remote: r\n',
        { peers: [], open: [], unknown: ['knot.conf:4 remote: r'] },
      ],
      [
        'may be open for one family of addresses',
        '    address: ::/0\n',
        { peers: [], open: ['knot.conf:2 a.example transfer: acl x for every address, without key'] },
      ],
      [
        'denies as the last deny says',
        '    deny: off\n    address: 192.0.2.1\n    deny: TRUE\n',
        { peers: [], open: [], unknown: ['knot.conf:6 acl: x, deny: on'] },
      ],
      [
        'allows as the last deny says',
        '    address: 192.0.2.1\n    deny: on\n    deny: false\n',
        { peers: ['knot.conf:2 transfer 192.0.2.1 (x): a.example'], unknown: [] },
      ],
    ];
    for (const [what, items, shown] of cases) {
      it(what, () => {
        expect(read(`${head}${items}${foot}`)).to.deep.include(shown);
      });
    }

    const denials: [deny: string, allow: string, isRefused: boolean][] = [
      ['address: 192.0.2.0/24', 'address: 192.0.2.1', true],
      ['address: 192.0.2.1', 'address: 192.0.2.0/24', false],
      ['address: 192.0.2.0/24', 'key: k', false],
      ['address: [0.0.0.0/0, ::/0]', 'key: k', true],
      ['address: 0.0.0.0/0', 'key: k', false],
      ['key: k', 'address: 192.0.2.1', false],
      ['key: k', 'key: k', true],
      ['key: k', 'key: other', false],
      ['comment: whoever', 'key: k', true],
      ['cert-key: AAAA', 'key: k', false],
      ['action: notify', 'key: k', false],
      ['action: [notify, transfer]', 'key: k', true],
    ];
    for (const [deny, allow, isRefused] of denials) {
      it(`with ${allow} ${isRefused ? 'is refused' : 'stands'} after deny with ${deny}`, () => {
        const text = `acl:\n  - id: d\n    deny: on\n    ${deny}\n  - id: x\n    action: transfer\n    ${allow}\nzone:\n  - domain: a.example\n    acl: `;
        expect(read(`${text}[d, x]`).peers).to.have.length(isRefused ? 0 : 1);
        expect(read(`${text}[d, x]`).unknown).to.include('knot.conf:3 acl: d, deny: on');
        expect(read(`${text}[x, d]`).peers).to.have.length(1);
      });
    }
  });

  describe('templates', () => {
    const acls =
      'acl:\n  - id: one\n    address: 192.0.2.1\n    action: transfer\n  - id: two\n    address: 192.0.2.2\n    action: transfer\n';
    const templates =
      'template:\n  - id: default\n    acl: one\n  - id: other\n    acl: two\n  - id: bare\n    file: x\n';
    const cases: [what: string, zone: string, addresses: string[]][] = [
      ['gives a zone without template the default one', '', ['192.0.2.1']],
      ['gives a zone its own template and not the default one', '    template: other\n', ['192.0.2.2']],
      ['has no recourse to the default one', '    template: bare\n', []],
      ['is overridden by the zone as a whole', '    acl: two\n', ['192.0.2.2']],
      ['is overridden wherever the zone says it', '    acl: one\n    template: other\n', ['192.0.2.1']],
      [
        'takes the last template that is named',
        '    template: default\n    template: other\n',
        ['192.0.2.2'],
      ],
    ];
    for (const [what, zone, addresses] of cases) {
      it(what, () => {
        const { peers } = readTexts(readKnot, {
          'knot.conf': `${acls}${templates}zone:\n  - domain: a.example\n${zone}`,
        });
        expect(peers.map(({ address }) => address)).to.deep.equal(addresses);
      });
    }
  });

  it('of a rule without action refuse who does not sign, and nobody else', () => {
    const text = (allow: string): string =>
      `acl:\n  - id: d\n    address: 192.0.2.1\n  - id: x\n    address: 192.0.2.1\n    action: transfer\n${allow}` +
      'zone:\n  - domain: a.example\n    acl: [d, x]\n';
    expect(read(text('')).peers).to.deep.equal([]);
    expect(read(text('    key: k\n')).peers).to.have.length(1);
    expect(read(text('')).unknown).to.deep.equal(['knot.conf:2 acl: d', 'knot.conf:4 acl: x']);
  });

  it('gives notified servers nothing without automatic-acl', () => {
    const text =
      'remote:\n  - id: r\n    address: 192.0.2.1\nzone:\n  - domain: a.example\n    notify: r\n    master: r\n';
    expect(read(text).peers).to.deep.equal([]);
    expect(read(`server:\n  automatic-acl: true\n${text}`).peers).to.have.length(2);
  });

  it('stops rules with too many pairs of address and key', () => {
    const many = (what: string): string =>
      Array.from({ length: 100 }, (_, at) => `${what}${String(at)}`).join(', ');
    const text = `acl:\n  - id: x\n    address: [${many('192.0.2.')}]\n    key: [${many('k')}]\n    action: transfer\nzone:\n  - domain: a\n    acl: x`;
    expect(() => read(text)).to.throw(OldConfigError, 'more than 4096 pairs');
  });
});
