import { join } from 'node:path';
import { expect } from 'chai';
import { readNsd } from '../../../cli/from-config/nsd.ts';
import { OldConfigError } from '../../../cli/from-config/old-config.ts';
import { fixturesIn, readTexts, secrets, showConfig } from './shown-config.ts';
import type { ShownConfig } from './shown-config.ts';

const fixtures = fixturesIn(join(import.meta.dirname, 'nsd'));

function readFixture(name: string) {
  return readNsd(fixtures.path(name), fixtures.read, fixtures.list);
}

function read(text: string): ShownConfig {
  return showConfig(readTexts(readNsd, { 'nsd.conf': text }));
}

describe('reading nsd.conf', () => {
  const nothing = { peers: [], open: [], notified: [], unknown: [] };
  const expected: Readonly<Record<string, ShownConfig>> = {
    'one-file-each-role.conf': {
      ...nothing,
      zones: ['alone.example', 'ours.example', 'theirs.example'],
      peers: [
        'one-file-each-role.conf:20 transfer 192.0.2.21: ours.example',
        'one-file-each-role.conf:26 notify 192.0.2.22: theirs.example',
      ],
      notified: ['one-file-each-role.conf:19 192.0.2.21: ours.example'],
    },
    'patterns-and-keys.conf': {
      ...nothing,
      zones: ['example.org', 'example.net', '2.0.192.in-addr.arpa'],
      peers: [
        'patterns-and-keys.conf:27 transfer 192.0.2.1 key partner-a.example: example.org example.net 2.0.192.in-addr.arpa',
        'patterns-and-keys.conf:28 transfer 2001:db8:a::/48 key partner-a.example: example.org example.net 2.0.192.in-addr.arpa',
        'patterns-and-keys.conf:35 transfer 203.0.113.0/28 key partner-b.example: example.org example.net',
        'patterns-and-keys.conf:46 transfer 198.51.100.9: example.net',
      ],
      notified: [
        'patterns-and-keys.conf:25 192.0.2.1 key partner-a.example: example.org example.net 2.0.192.in-addr.arpa',
        'patterns-and-keys.conf:26 2001:db8:a::1 key partner-a.example: example.org example.net 2.0.192.in-addr.arpa',
        'patterns-and-keys.conf:34 203.0.113.5 key partner-b.example: example.org example.net',
      ],
    },
    'secondary-service.conf': {
      ...nothing,
      zones: ['customer.example', 'shop.customer.example'],
      peers: [
        'secondary-service.conf:43 notify 192.0.2.53: customer.example shop.customer.example',
        'secondary-service.conf:44 notify 192.0.2.48/29 key customer.example: customer.example shop.customer.example',
        'secondary-service.conf:45 notify key customer.example: customer.example shop.customer.example',
        'secondary-service.conf:46 notify key customer.example: customer.example shop.customer.example',
        'secondary-service.conf:58 transfer 198.51.100.77: shop.customer.example',
      ],
      notified: ['secondary-service.conf:59 198.51.100.77: shop.customer.example'],
    },
    'ranges-and-blocked.conf': {
      ...nothing,
      zones: ['ranges.example', 'open.example', 'blocked.example', '.'],
      peers: [
        'ranges-and-blocked.conf:4 transfer 192.0.2.10-192.0.2.19: ranges.example',
        'ranges-and-blocked.conf:4 transfer 2001:db8::1-2001:db8::f: ranges.example',
        'ranges-and-blocked.conf:5 transfer 203.0.113.0&255.255.255.0: ranges.example',
        'ranges-and-blocked.conf:8 transfer 198.51.100.0&255.255.255.15: ranges.example',
        'ranges-and-blocked.conf:9 transfer 198.51.100.53: ranges.example',
        'ranges-and-blocked.conf:23 transfer 192.0.3.7: blocked.example',
        'ranges-and-blocked.conf:24 notify 192.0.2.7: blocked.example',
      ],
      open: [
        'ranges-and-blocked.conf:14 open.example transfer: provide-xfr: 0.0.0.0/0 NOKEY',
        'ranges-and-blocked.conf:15 open.example transfer: provide-xfr: ::0/0 NOKEY',
        'ranges-and-blocked.conf:31 . notify: allow-notify: 0.0.0.0-255.255.255.255 NOKEY',
      ],
      unknown: [
        'ranges-and-blocked.conf:16 provide-xfr: 192.0.2.66 BLOCKED',
        'ranges-and-blocked.conf:21 provide-xfr: 192.0.2.7 NOKEY',
        'ranges-and-blocked.conf:22 provide-xfr: 192.0.2.0/24 BLOCKED',
        'ranges-and-blocked.conf:25 allow-query: 198.51.100.0/24 NOKEY',
        'ranges-and-blocked.conf:26 allow-query: 0.0.0.0/0 BLOCKED',
      ],
    },
    'many-servers.conf': {
      ...nothing,
      zones: ['fixed.example'],
      peers: ['many-servers.conf:43 transfer 192.0.2.201 key added.example: fixed.example'],
      unknown: ['many-servers.conf:31 pattern: name: added'],
    },
    'included-files.conf': {
      ...nothing,
      zones: ['one.example', 'two.example', 'last.example'],
      peers: [
        'keys.conf:7 transfer 192.0.2.30 key split.example: one.example last.example',
        'zone-two.conf:3 transfer 192.0.2.31 key split.example: two.example',
      ],
      unknown: ['included-files.conf:5 include: /nonexistent/extra.conf'],
    },
    'later-version.conf': {
      ...nothing,
      zones: ['catalog.example'],
      peers: [
        'later-version.conf:20 transfer 192.0.2.2 (ns2.partner.example): catalog.example',
        'later-version.conf:21 transfer (ns2.partner.example): catalog.example',
        'later-version.conf:22 transfer (other-tls): catalog.example',
      ],
      unknown: [
        'later-version.conf:4 tls-auth-xfr-only: yes',
        'later-version.conf:6 allow-proxy: 192.0.2.8',
        'later-version.conf:8 shiny-secret',
        'later-version.conf:10 orchard',
        'later-version.conf:11 pear',
        'later-version.conf:12 provide-xfr',
        'later-version.conf:23 catalog-producer-zone: catalog.example',
        'later-version.conf:27 catalog: consumer',
        'later-version.conf:28 catalog-member-pattern: members',
        'later-version.conf:30 include-pattern: missing',
        'later-version.conf:31 provide-xfr: eth0 NOKEY',
      ],
    },
  };

  it('asks for no name of this machine, where the gate asks from', () => {
    const rules = ['127.0.0.1 NOKEY', '::1 NOKEY', '127.0.0.1 k', '192.0.2.1 NOKEY'];
    const lines = rules.map((rule) => `  provide-xfr: ${rule}\n`).join('');
    const { peers, notes } = readTexts(readNsd, { 'nsd.conf': `zone:\n  name: a.example\n${lines}` });
    expect(peers.map(({ address, keyName }) => [address, keyName])).to.deep.equal([
      ['127.0.0.1', 'k'],
      ['192.0.2.1', undefined],
    ]);
    expect(notes?.map(({ statement, at }) => [statement, at.line])).to.deep.equal([
      ['127.0.0.1', 3],
      ['::1', 4],
    ]);
  });

  it('has an expectation for every fixture', () => {
    expect(fixtures.names).to.deep.equal(Object.keys(expected).sort());
  });

  for (const [name, config] of Object.entries(expected)) {
    it(`reads ${name}`, () => {
      expect(showConfig(readFixture(name))).to.deep.equal(config);
    });
  }

  for (const name of fixtures.names) {
    it(`shows no secret of ${name}`, () => {
      const text = JSON.stringify(readFixture(name));
      expect(secrets.filter((secret) => text.includes(secret))).to.deep.equal([]);
    });

    it(`reports a statement that nobody knows wherever it is put in ${name}`, () => {
      const lines = (fixtures.read(fixtures.path(name)) ?? '').split('\n');
      let reported = 0;
      for (let at = 1; at < lines.length; at += 1) {
        const changed = [...lines.slice(0, at), 'frobnicate: x', ...lines.slice(at)].join('\n');
        const path = fixtures.path(name);
        try {
          const config = readNsd(path, (p) => (p === path ? changed : fixtures.read(p)), fixtures.list);
          expect(showConfig(config).unknown, `line ${String(at + 1)}`).to.include(
            `${name}:${String(at + 1)} frobnicate`,
          );
          reported += 1;
        } catch (error) {
          // In the midst of a statement, or before the first clause.
          if (!(error instanceof OldConfigError)) throw error;
        }
      }
      expect(reported).to.be.greaterThan(lines.length / 2);
    });
  }

  it('counts the statements that have nothing to do with access', () => {
    const text =
      'server:\n port: 53\n verbosity: 1\nkey:\n name: k.example\n secret: abcd\nzone:\n name: a.example\n zonefile: a\n';
    expect(readTexts(readNsd, { 'nsd.conf': text }).notAboutAccess).to.equal(5);
  });

  describe('patterns', () => {
    const rules = '192.0.2.1 NOKEY';
    const cases: [what: string, text: string, peers: string[]][] = [
      [
        'come in where they are included, with what stands around',
        `pattern: name: p\n provide-xfr: ${rules}\nzone: name: a.example\n provide-xfr: 192.0.2.2 k\n include-pattern: p\n provide-xfr: 192.0.2.3 k`,
        [
          'nsd.conf:2 transfer 192.0.2.1: a.example',
          'nsd.conf:4 transfer 192.0.2.2 key k: a.example',
          'nsd.conf:6 transfer 192.0.2.3 key k: a.example',
        ],
      ],
      [
        'have what they included themselves, before the name too',
        `pattern: name: p\n provide-xfr: ${rules}\npattern:\n include-pattern: p\n name: q\nzone: include-pattern: q\n name: a.example`,
        ['nsd.conf:2 transfer 192.0.2.1: a.example'],
      ],
      [
        'do not get what is added to the zone',
        `pattern: name: p\n provide-xfr: ${rules}\nzone: name: a.example include-pattern: p\n provide-xfr: 192.0.2.2 NOKEY\nzone: name: b.example include-pattern: p`,
        ['nsd.conf:2 transfer 192.0.2.1: a.example b.example', 'nsd.conf:4 transfer 192.0.2.2: a.example'],
      ],
    ];
    for (const [what, text, peers] of cases) {
      it(what, () => {
        const shown = read(text);
        expect(shown.peers).to.deep.equal(peers);
        expect(shown.unknown).to.deep.equal([]);
      });
    }

    it('must stand above', () => {
      const shown = read(
        `zone: name: a.example\n include-pattern: p\npattern: name: p\n provide-xfr: ${rules}`,
      );
      expect(shown.peers).to.deep.equal([]);
      expect(shown.unknown).to.deep.equal(['nsd.conf:2 include-pattern: p', 'nsd.conf:3 pattern: name: p']);
    });

    it('that include one another twice over are stopped', () => {
      const texts = Array.from(
        { length: 20 },
        (_, at) =>
          `pattern: name: p${String(at + 1)}\n include-pattern: p${String(at)}\n include-pattern: p${String(at)}\n`,
      );
      const text = `pattern: name: p0\n provide-xfr: ${rules}\n${texts.join('')}`;
      expect(() => read(text)).to.throw(OldConfigError, 'more than 4096 rules');
    });
  });

  describe('BLOCKED', () => {
    it('takes precedence over what it covers, wherever it stands, for the same action alone', () => {
      const shown = read(
        'zone: name: a.example\n provide-xfr: 192.0.2.7 k\n allow-notify: 192.0.2.7 k\n provide-xfr: 192.0.2.0&255.255.255.0 BLOCKED',
      );
      expect(shown.peers).to.deep.equal(['nsd.conf:3 notify 192.0.2.7 key k: a.example']);
      expect(shown.unknown).to.deep.equal([
        'nsd.conf:2 provide-xfr: 192.0.2.7 k',
        'nsd.conf:4 provide-xfr: 192.0.2.0&255.255.255.0 BLOCKED',
      ]);
    });

    it('leaves a wider rule, and is reported', () => {
      const shown = read(
        'zone: name: a.example\n provide-xfr: 192.0.2.0/24 k\n provide-xfr: 192.0.2.66 BLOCKED',
      );
      expect(shown.peers).to.deep.equal(['nsd.conf:2 transfer 192.0.2.0/24 key k: a.example']);
      expect(shown.unknown).to.deep.equal(['nsd.conf:3 provide-xfr: 192.0.2.66 BLOCKED']);
    });
  });
});
