import { expect } from 'chai';
import fc from 'fast-check';
import { knotItems } from '../../../cli/from-config/knot-items.ts';
import { readKnot } from '../../../cli/from-config/knot.ts';
import { OldConfigError } from '../../../cli/from-config/old-config.ts';
import { readTexts, secrets, showConfig } from './shown-config.ts';
import type { ShownConfig } from './shown-config.ts';

function read(text: string): ShownConfig {
  return showConfig(readTexts(readKnot, { 'knot.conf': text }));
}

describe('the items of knot.conf', () => {
  describe('the syntax', () => {
    it('is the same with CRLF, comments, quotes and other indents', () => {
      const texts = [
        'acl:\r\n  - id: x\r\n    address: 192.0.2.1\r\n    action: transfer\r\nzone:\r\n- domain: a.example\r\n  acl: x\r\n',
        '# a\nacl:   # b\n -   id:   "x" # c\n     address:   "192.0.2.1"   # d\n\n#e\n     action : [ "transfer" ]\nzone:\n      - domain: a.example\n        acl: [x]',
      ];
      for (const text of texts) {
        expect(read(text).peers.map((line) => line.replace(/^\S+ /, ''))).to.deep.equal([
          'transfer 192.0.2.1 (x): a.example',
        ]);
      }
    });

    const broken: [text: string, message: string][] = [
      ['server:\n\tuser: a', 'knot.conf:2: column 1: Knot DNS takes no tabs'],
      ['---\nserver:\n', 'knot.conf:1: column 1: this is neither `name: value` nor `- name: value`'],
      ['  user: a', 'knot.conf:1: column 3: this stands in no section'],
      ['server:\n  user:a', 'knot.conf:2: column 8: a space must follow the colon'],
      ['server:\n  user: a b', 'knot.conf:2: column 10: the value should end here'],
      ['server:\n  user: a#b', 'knot.conf:2: column 10: the value should end here'],
      ['server:\n  user: "a', 'knot.conf:2: column 9: a value should stand here'],
      ['server:\n  listen: [a, b', 'knot.conf:2: column 16: a list ends with ]'],
      ['server:\n  listen: []', 'knot.conf:2: column 12: a value should stand here'],
      ['server:\n  listen: a, b', 'knot.conf:2: column 12: the value should end here'],
      ['remote:\n  - id: a\n   address: 192.0.2.1', 'knot.conf:3: column 4: indented by 3 and not by 4'],
      ['remote:\n  - id: a\n - id: b', 'knot.conf:3: column 2: indented by 1 and not by 2'],
      ['acl:\n  - id: a\n    action:\n    - transfer', 'knot.conf:4: column 5: this is neither'],
      ['acl:\n  - id:\n', 'knot.conf:2: column 3: a block begins with one value'],
      ['acl:\n  action: transfer', 'knot.conf:2: column 3: the section acl has blocks'],
      ['acl:\n  - name: a', 'knot.conf:2: column 3: a block of the section acl begins with - id:'],
      [
        'acl:\n  - id: a\nacl:\n  - id: a',
        'knot.conf:4: column 3: the same id stands in knot.conf:2 already',
      ],
      [
        'zone:\n  - domain: a.example\n  - domain: A.example.',
        'knot.conf:3: column 3: the same domain stands in knot.conf:2',
      ],
      ['zone:\n  - domain: a..b', 'knot.conf:2: column 3: a..b is not a domain name'],
      ['server:\n  - id: a', 'knot.conf:2: column 3: the section server has no blocks'],
      ['server: a', 'knot.conf:1: column 1: server: begins a section and takes no value'],
      [
        'acl:\n  - id: a\n    deny: perhaps\nzone:\n  - domain: b\n    acl: a',
        'knot.conf:3: column 5: deny: is on or off',
      ],
      ['include:', 'knot.conf:1: column 1: include: takes the name of one file'],
      ['include: a\n  - id: b', 'knot.conf:2: column 3: this stands in no section'],
    ];
    for (const [text, message] of broken) {
      it(`says what is wrong with ${JSON.stringify(text)}`, () => {
        expect(() => readTexts(readKnot, { 'knot.conf': text, a: '' })).to.throw(OldConfigError, message);
      });
    }

    it('drops secrets at once', () => {
      const text = 'key:\n  - id: k\n    secret: abcd\nmod-cookies:\n  - id: c\n    secret: 0x00\n';
      expect([...knotItems(text, 'knot.conf')].flatMap(({ values }) => values)).to.deep.equal(['k', 'c']);
    });

    it('has no secret in its errors', () => {
      const secret = secrets[0] ?? '';
      for (const text of [
        secret,
        `key:\n  - id: k\n    secret: ${secret} x`,
        `key:\n  - id: k\n    secret: "${secret}`,
        `key: ${secret}`,
      ]) {
        expect(() => read(text))
          .to.throw(OldConfigError)
          .with.property('message')
          .that.does.not.include(secret);
      }
    });

    it('ends in a result or in OldConfigError, whatever the text', () => {
      const lines = fc.constantFrom(
        ...[
          'server:',
          'key:',
          'remote:',
          'remotes:',
          'acl:',
          'template:',
          'zone:',
          'orchard:',
          'include: x',
          '# c',
          '',
        ],
        ...[
          '  - id: a',
          '  - id: default',
          '  - domain: a.example',
          '    address: [192.0.2.1, ::/0]',
          '    key: a',
          '    remote: a',
        ],
        ...[
          '    acl: [a, default]',
          '    template: a',
          '    action: [transfer, update]',
          '    deny: on',
          '    notify: a',
          '    "',
        ],
        ...[
          '  automatic-acl: on',
          '    update-type: A',
          '    catalog-role: interpret',
          '    catalog-template: [a]',
        ],
      );
      const texts = fc.array(fc.oneof({ weight: 19, arbitrary: lines }, fc.string()), { maxLength: 40 });
      let results = 0;
      fc.assert(
        fc.property(texts, (pieces) => {
          try {
            read(pieces.join('\n'));
            results += 1;
          } catch (error) {
            if (!(error instanceof OldConfigError)) throw error;
          }
        }),
        { numRuns: 500 },
      );
      expect(results).to.be.greaterThan(0);
    });
  });

  describe('included files', () => {
    it('are looked for beside the file that names them', () => {
      const shown = showConfig(
        readTexts(readKnot, {
          '/etc/knot/knot.conf': 'include: sub/one.conf',
          '/etc/knot/sub/one.conf': 'include: two.conf',
          '/etc/knot/sub/two.conf': 'zone:\n  - domain: a.example',
        }),
      );
      expect(shown.zones).to.deep.equal(['a.example']);
      expect(shown.unknown).to.deep.equal([]);
    });

    it('that are not there are reported, and so are patterns that nobody can follow', () => {
      const text = 'include: gone.conf\ninclude: all/*.conf\n';
      const config = readKnot('knot.conf', (path) => (path === 'knot.conf' ? text : undefined));
      expect(showConfig(config).unknown).to.deep.equal([
        'knot.conf:1 include: gone.conf',
        'knot.conf:2 include: all/*.conf',
      ]);
    });

    it('that go round in a circle are an error', () => {
      expect(() => read('include: knot.conf')).to.throw(
        OldConfigError,
        'more than 16 deep; look for a circle',
      );
    });
  });
});
