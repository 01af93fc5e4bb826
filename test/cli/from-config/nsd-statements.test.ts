import { expect } from 'chai';
import fc from 'fast-check';
import { IncludedFiles } from '../../../cli/from-config/included-files.ts';
import { nsdStatements } from '../../../cli/from-config/nsd-statements.ts';
import { readNsd } from '../../../cli/from-config/nsd.ts';
import { OldConfigError } from '../../../cli/from-config/old-config.ts';
import { readTexts, secrets, showConfig } from './shown-config.ts';
import type { ShownConfig } from './shown-config.ts';

function read(text: string): ShownConfig {
  return showConfig(readTexts(readNsd, { 'nsd.conf': text }));
}

describe('the statements of nsd.conf', () => {
  describe('the syntax', () => {
    it('is the same with CRLF, tabs, quotes, and all on one line', () => {
      const peers = ['transfer 192.0.2.1 key k.example: a.example'];
      for (const text of [
        'zone:\r\n\tname:\ta.example\r\n\tprovide-xfr: 192.0.2.1 k.example\r\n',
        'zone: name: "a.example" provide-xfr: "192.0.2.1" "K.example."',
        '# comment: x\nzone:#c\nname:"a.example"provide-xfr:\n192.0.2.1\nk.example #',
      ]) {
        expect(
          read(text.replace('zone:#c', 'zone: #c')).peers.map((line) => line.replace(/^\S+ /, '')),
        ).to.deep.equal(peers);
      }
    });

    const broken: [text: string, message: string][] = [
      ['192.0.2.1 zone:', 'nsd.conf:1: column 1: a value stands here without an attribute'],
      ['port: 53', 'nsd.conf:1: column 1: port: stands before every clause'],
      ['server: yes', 'nsd.conf:1: column 1: server: begins a clause and takes no value'],
      ['zone:\n  zonefile: x\n', 'nsd.conf:1: column 1: this zone has no name'],
      ['pattern:\n', 'nsd.conf:1: column 1: this pattern has no name'],
      ['zone:\n  name:\n', 'nsd.conf:2: column 3: name: takes one value; there are 0'],
      ['zone:\n  name: a.example b.example', 'nsd.conf:2: column 3: name: takes one value; there are 2'],
      ['zone:\n  name: a..example', 'nsd.conf:1: column 1: a..example is not a domain name'],
      [
        'zone: name: a.example\nzone: name: A.example.',
        'nsd.conf:2: column 1: the zone a.example was defined in nsd.conf:1',
      ],
      [
        'zone:\n name: a.example\n provide-xfr: 192.0.2.1',
        'nsd.conf:3: column 2: provide-xfr: takes an address and a key',
      ],
      [
        'zone:\n name: a.example\n notify: 192.0.2.1',
        'nsd.conf:3: column 2: notify: takes an address and a key',
      ],
      ['zone:\n name: "a.example\n\n', 'nsd.conf:2: column 8: the string that begins here has no end'],
      ['server: identity: "a\n" \\', 'nsd.conf:2: column 3: a backslash'],
      ['server:\n  include:', 'nsd.conf:2: column 3: include: without the name of a file'],
      ['server:\n  include: port: 53', 'nsd.conf:2: column 3: include: without the name of a file'],
    ];
    for (const [text, message] of broken) {
      it(`says what is wrong with ${JSON.stringify(text)}`, () => {
        expect(() => read(text)).to.throw(OldConfigError, message);
      });
    }

    it('drops secrets at once', () => {
      const text =
        'key: name: k secret: abcd\nserver: cookie-secret: "00" port: 53\ntls-auth: client-key-pw: pw';
      const files = new IncludedFiles(() => text, undefined);
      const statements = [...nsdStatements('nsd.conf', files, () => undefined)];
      expect(statements.flatMap(({ values }) => values)).to.deep.equal(['k', '53']);
    });

    it('has no secret in its errors', () => {
      const secret = secrets[0] ?? '';
      for (const text of [
        secret,
        `key: ${secret}`,
        `key: name: a ${secret}\nzone:`,
        `key: secret: "${secret}`,
      ]) {
        let message = '';
        try {
          message = JSON.stringify(read(text));
        } catch (error) {
          message = String(error);
        }
        expect(message).to.not.include(secret);
      }
    });

    it('ends in a result or in OldConfigError, whatever the text', () => {
      const parts = fc.constantFrom(
        ...[
          'zone:',
          'pattern:',
          'server:',
          'key:',
          'tls-auth:',
          'name:',
          'include-pattern:',
          'provide-xfr:',
          'secret:',
        ],
        ...[
          'a.example',
          '192.0.2.1',
          '::/0',
          'NOKEY',
          'BLOCKED',
          '"',
          '\\',
          '\n',
          '#',
          'x:',
          '@',
          '&',
          '/33',
          'include:',
          '*',
        ],
      );
      const space = fc.constantFrom(' ', '', '\n');
      const texts = fc.array(fc.tuple(fc.oneof({ weight: 9, arbitrary: parts }, fc.string()), space), {
        maxLength: 40,
      });
      fc.assert(
        fc.property(texts, (pieces) => {
          try {
            read(pieces.flat().join(''));
          } catch (error) {
            if (!(error instanceof OldConfigError)) throw error;
          }
        }),
        { numRuns: 500 },
      );
    });
  });

  describe('included files', () => {
    it('are looked for beside the first file, wherever the statement stands', () => {
      const shown = showConfig(
        readTexts(readNsd, {
          '/etc/nsd/nsd.conf': 'include: sub/one.conf',
          '/etc/nsd/sub/one.conf': 'include: "two.conf"',
          '/etc/nsd/two.conf': 'zone: name: a.example\n provide-xfr: 192.0.2.1 NOKEY',
        }),
      );
      expect(shown.peers).to.deep.equal(['two.conf:2 transfer 192.0.2.1: a.example']);
      expect(shown.unknown).to.deep.equal([]);
    });

    it('continue the clause in which they are included', () => {
      const shown = showConfig(
        readTexts(readNsd, {
          'nsd.conf': 'zone:\n name: a.example\n include: rules\n provide-xfr: 192.0.2.2 NOKEY',
          rules: 'provide-xfr: 192.0.2.1 NOKEY',
        }),
      );
      expect(shown.peers).to.deep.equal([
        'rules:1 transfer 192.0.2.1: a.example',
        'nsd.conf:4 transfer 192.0.2.2: a.example',
      ]);
    });

    it('that are not there are reported, and so are patterns that nobody can follow', () => {
      const text = 'include: gone.conf\ninclude: "all/*.conf"\nzone: name: a.example';
      const config = readNsd('nsd.conf', (path) => (path === 'nsd.conf' ? text : undefined));
      expect(showConfig(config).unknown).to.deep.equal([
        'nsd.conf:1 include: gone.conf',
        'nsd.conf:2 include: all/*.conf',
      ]);
      expect(config.unknown[0]?.why).to.include('gone.conf cannot be read');
      expect(config.unknown[1]?.why).to.include('pattern was not followed');
    });

    it('that go round in a circle are an error', () => {
      const texts = { 'nsd.conf': 'include: b.conf', 'b.conf': 'server:\n include: nsd.conf' };
      expect(() => readTexts(readNsd, texts)).to.throw(
        OldConfigError,
        'more than 16 deep; look for a circle',
      );
    });

    it('may not be more than 10,000', () => {
      const names = Array.from({ length: 10_001 }, (_, at) => `f${String(at)}`);
      const readFile = (path: string): string => (path === 'nsd.conf' ? 'server:\ninclude: f*' : '');
      expect(() => readNsd('nsd.conf', readFile, () => names)).to.throw(
        OldConfigError,
        'nsd.conf:2: more than 10000 files',
      );
    });

    it('may not be too long together', () => {
      const names = Array.from({ length: 17 }, (_, at) => `f${String(at)}`);
      const long = `#${' '.repeat(16 * 1024 * 1024 - 1)}`;
      const readFile = (path: string): string => (path === 'nsd.conf' ? 'server:\ninclude: f*' : long);
      expect(() => readNsd('nsd.conf', readFile, () => names)).to.throw(
        OldConfigError,
        'nsd.conf:2: too long with f3',
      );
    });

    it('may not be too long, and the first must be there', () => {
      const long = ' '.repeat(16 * 1024 * 1024 + 1);
      expect(() => readTexts(readNsd, { 'nsd.conf': long })).to.throw(OldConfigError, 'too long');
      expect(() => readNsd('nsd.conf', () => undefined)).to.throw(OldConfigError, 'cannot be read');
    });
  });
});
