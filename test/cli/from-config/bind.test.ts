import path from 'node:path';
import { expect } from 'chai';
import {
  noteLines,
  notifiedLines,
  openLines,
  peerLines,
  readFixture,
  readText,
  unknownLines,
} from './bind-summary.ts';

/** What a file of the fixtures comes to; a list that is not there is empty. Lines of the file itself have no file name. */
interface Case {
  readonly title: string;
  readonly file: string;
  readonly choices?: { view?: string; root?: string };
  readonly peers?: readonly string[];
  readonly open?: readonly string[];
  readonly unknown?: readonly string[];
  readonly notes?: readonly string[];
  readonly notified?: readonly string[];
  readonly steps?: readonly string[];
}

const cases: readonly Case[] = [
  {
    title: 'a hidden primary with one key for all secondaries',
    file: 'hidden-primary.conf',
    peers: ['15: key xfr.example.net: transfer example.net example.org 2.0.192.in-addr.arpa'],
    notified: [
      '16: 192.0.2.2 key xfr.example.net: example.net example.org 2.0.192.in-addr.arpa internal.example',
      '16: 2001:db8::2 key xfr.example.net: example.net example.org 2.0.192.in-addr.arpa internal.example',
    ],
  },
  {
    title: 'the three files of Debian, which include one another by absolute paths',
    file: '/etc/bind/named.conf',
    choices: {
      root: 'debian',
    },
    peers: [
      'named.conf.local:10: 198.51.100.7: transfer example.com',
      'named.conf.local:16: 198.51.100.7: transfer example.info',
      'named.conf.local:16: 203.0.113.0/28: transfer example.info',
    ],
    notes: ['named.conf.default-zones:7: localhost, 127.in-addr.arpa'],
  },
  {
    title: 'views that share a zone, chosen by key',
    file: 'views.conf',
    peers: [
      '13: key inside.ns2.example.net: transfer corp.example',
      '22: key outside.ns2.example.net: transfer example.net',
      '22: 198.51.100.9: transfer example.net',
    ],
    unknown: ['15: zone "example.com"'],
    notes: ['28: view chaos CH { … };'],
    steps: [
      'view outside (views.conf:19): let 127.0.0.1 in without a key; match-clients, or those of a view before, do not fit the gate’s address',
      'the views inside, outside need a gate each, since BIND chooses by address: give each view an address of its own (listen-on, match-destinations { 127.0.0.2; }) and name it in that gate (primary: 127.0.0.2:53)',
    ],
  },
  {
    title: 'views that share a zone, chosen by key, of which only outside is read',
    file: 'views.conf',
    choices: {
      view: 'outside',
    },
    peers: [
      '22: key outside.ns2.example.net: transfer example.com example.net',
      '22: 198.51.100.9: transfer example.com example.net',
    ],
    notes: ['28: view chaos CH { … };'],
    steps: [
      'view outside (views.conf:19): let 127.0.0.1 in without a key; match-clients, or those of a view before, do not fit the gate’s address',
    ],
  },
  {
    title: 'views that share a zone, chosen by key, of which only inside is read',
    file: 'views.conf',
    choices: {
      view: 'inside',
    },
    peers: [
      '13: key inside.ns2.example.net: transfer example.com',
      '13: key inside.ns2.example.net: transfer corp.example',
    ],
    notes: ['28: view chaos CH { … };'],
  },
  {
    title: 'keys and zones in files of their own, by name and by pattern',
    file: 'split/named.conf',
    peers: [
      'named.conf:1: key ns1.hoster.example: transfer a.example',
      'b.zone:4: key ns1.hoster.example: transfer b.example',
      'b.zone:4: 203.0.113.5: transfer b.example',
    ],
    unknown: ['named.conf:4: include zones/generated.conf;', 'named.conf:5: include nothing/*.conf;'],
  },
  {
    title: 'lists of servers within lists, keys of servers, and zones of secondaries',
    file: 'server-lists.conf',
    peers: [
      '11: 198.51.100.5: transfer own.example quiet.example told.example',
      '11: 198.51.100.8: transfer own.example quiet.example told.example',
      '10: 192.0.2.50: notify theirs.example mirrored.example',
      '21: key dist1: update theirs.example',
      '27: key dist1: notify theirs-too.example',
      '27: 192.0.2.61: notify theirs-too.example',
    ],
    unknown: ['15: nowhere;'],
    notified: [
      '4: 198.51.100.5 key ns5.example.org (far): own.example theirs.example theirs-too.example mirrored.example',
      '4: 2001:db8:5::5 (far): own.example theirs.example theirs-too.example mirrored.example',
      '5: 198.51.100.6 key dist1 (all-of-them): own.example theirs.example theirs-too.example mirrored.example',
      '15: 198.51.100.8 key ns5.example.org: told.example',
    ],
  },
  {
    title: 'negations, nested lists, built-in acls and keys with addresses',
    file: 'acl-logic.conf',
    peers: [
      '4: 192.0.2.0/24 (office): transfer one.example',
      '4: 198.51.100.0/24 (office): transfer one.example',
      '5: 203.0.113.1 (partners): transfer one.example',
      '5: key b.example.net (partners): transfer one.example',
      '8: key a.example.net 192.0.2.0/24 (signed-office): transfer three.example',
      '8: key a.example.net 198.51.100.0/24 (signed-office): transfer three.example',
      '14: 192.0.2.1: transfer five.example',
      '15: 203.0.113.7: transfer six.example',
      '4: 192.0.2.0/24 (office): transfer seven.example',
      '4: 198.51.100.0/24 (office): transfer seven.example',
      '17: 192.0.2.4: transfer eight.example',
    ],
    open: [
      '11: two.example: transfer: allow-transfer { ! key a.example.net; any; };',
      '18: nine.example: transfer: allow-transfer { 0.0.0.0/0; };',
    ],
    unknown: [
      '4: not 192.0.2.66',
      '4: not 198.51.100.0/25',
      '5: not 192.0.2.66, 198.51.100.0/25',
      '11: not key a.example.net',
      '6: localnets;',
      '16: geoip country DE;',
    ],
    notes: ['6: localhost;', '19: ::1;'],
  },
  {
    title: 'zones that are open, by word and by default',
    file: 'open.conf',
    open: [
      '2: default.example: transfer: no allow-transfer, which is "any" for BIND before 9.20 and "none" from 9.20 on',
      '7: copied.example: transfer: no allow-transfer, which is "any" for BIND before 9.20 and "none" from 9.20 on',
      '3: said.example: transfer: allow-transfer { any; };',
      '3: said.example: update: allow-update { any; };',
    ],
    notes: ['1: blackhole { … };', '5: 0.0.127.in-addr.arpa'],
  },
  {
    title: 'zones that are updated, by list and by policy',
    file: 'dynamic.conf',
    peers: [
      '4: key dhcp: update lan.example',
      '4: 192.0.2.67: update lan.example',
      '9: key acme.web.example: update acme.example',
      '10: key dhcp: update acme.example [TXT of _acme-challenge.acme.example]',
    ],
    unknown: ['17: deny dhcp name www.denied.example.;', '17: grant acme.web.example zonesub ANY;'],
    notes: ['11: grant local-ddns zonesub any;', '19: update-policy local;'],
  },
  {
    title: 'transfers over TLS',
    file: 'tls.conf',
    peers: ['13: 192.0.2.20: transfer example.net', '13: key ns7.example.net: transfer example.net'],
    open: ['17: example.org: transfer: allow-transfer transport tls { any; };'],
    notes: [
      '1: tls listener { … };',
      '13: allow-transfer port 853 transport tls { … };',
      '17: allow-transfer transport tls { … };',
    ],
    steps: [
      'allow-transfer (tls.conf:13) is for TLS: take port and transport out, since the gate asks over plain TCP',
      'allow-transfer (tls.conf:17) is for TLS: take port and transport out, since the gate asks over plain TCP',
    ],
  },
  {
    title: 'catalogs, databases and what else has nothing to do with access',
    file: 'catalog.conf',
    peers: [
      '2: key member1.example.net (members): transfer catalog.example rpz.example 0/25.2.0.192.in-addr.arpa',
    ],
    unknown: [
      '5: allow-new-zones yes;',
      '7: catalog-zones { … };',
      '10: allow-everything yes;',
      '15: dlz db { … };',
    ],
    steps: [
      'allow-query (catalog.conf:17) leaves out 127.0.0.1: add it for rpz.example, or the gate gets no answer to SOA queries',
    ],
  },
  {
    title: 'a file in the style of BIND 8, with comments of every kind',
    file: 'old-style.conf',
    peers: [
      '18: 192.0.2.12 (slaves): transfer old.example',
      '18: 192.0.2.13 (slaves): transfer old.example',
      '18: 192.0.2.12 (slaves): transfer sub.old.example',
      '18: 192.0.2.13 (slaves): transfer sub.old.example',
    ],
  },
  {
    title: 'the key of a pair of hosts',
    file: 'host-pair.conf',
    peers: ['13: key host1-host2 10.1.2.3: transfer example.com'],
    unknown: ['12: localnets;'],
  },
];

describe('readBind', () => {
  describe('reads', () => {
    for (const { title, file, choices, steps = [], ...expected } of cases) {
      it(`${title} (${file})`, () => {
        const config = readFixture(file, choices);
        const found = {
          peers: peerLines(config),
          open: openLines(config),
          unknown: unknownLines(config),
          notes: noteLines(config),
          notified: notifiedLines(config),
        };
        const start = file.includes('/') ? '' : `${path.basename(file)}:`;
        const lists = ['peers', 'open', 'unknown', 'notes', 'notified'] as const;
        for (const list of lists) {
          expect(found[list], list).to.deep.equal((expected[list] ?? []).map((line) => start + line));
        }
        expect(config.steps).to.deep.equal(steps);
        expect(config.notAboutAccess).to.be.greaterThan(0);
        expect(JSON.stringify(config)).not.to.include('bm90IGEgc2VjcmV0');
      });
    }
  });

  function zone(statements: string): string {
    return `zone "example.com" { type primary; ${statements} };`;
  }

  describe('takes', () => {
    it('the list of the zone, else of its view, else of options', () => {
      const config = readText(`
        options { allow-transfer { 192.0.2.1; }; };
        view "a" { allow-transfer { 192.0.2.2; };
          zone "view.example" { type primary; };
          zone "own.example" { type primary; allow-transfer { 192.0.2.3; }; };
        };
        view "b" { zone "options.example" { type primary; }; };
      `);
      expect(peerLines(config)).to.deep.equal([
        'named.conf:3: 192.0.2.2: transfer view.example',
        'named.conf:5: 192.0.2.3: transfer own.example',
      ]);
    });

    it('options that come after the zones', () => {
      const config = readText(`${zone('')} acl late { 192.0.2.4; }; options { allow-transfer { LATE; }; };`);
      expect(peerLines(config)).to.deep.equal(['named.conf:1: 192.0.2.4 (LATE): transfer example.com']);
    });

    it('no view for transfers where only recursion gets it', () => {
      const config = readText(`view "r" { match-recursive-only yes; ${zone('allow-transfer { any; };')} };`);
      expect([config.peers, config.open]).to.deep.equal([[], []]);
    });

    it('a zone in another view for the clients of both', () => {
      const config = readText(`
        view "a" { match-clients { 192.0.2.1; }; ${zone('allow-transfer { any; };')} };
        view "b" { match-clients { 192.0.2.2; }; zone "example.com" { in-view "a"; }; };
      `);
      expect(peerLines(config).map((line) => line.split(': ')[1])).to.deep.equal(['192.0.2.1', '192.0.2.2']);
    });

    it('a mirror as given to nobody, unless the zone itself says so', () => {
      const mirror = (more: string): string =>
        `options { allow-transfer { 192.0.2.1; }; }; zone "m.example" { type mirror; ${more} };`;
      expect(readText(mirror('')).peers).to.deep.equal([]);
      expect(readText(mirror('allow-transfer { 192.0.2.2; };')).peers[0]?.address).to.equal('192.0.2.2');
    });

    it('update-policy for what counts beside allow-update', () => {
      const config = readText(zone('update-policy local; allow-update { any; };'));
      expect(openLines(config).filter((line) => line.includes('update:'))).to.deep.equal([]);
    });

    describe('rules of update-policy', () => {
      const policy = (rule: string) => readText(zone(`update-policy { ${rule} };`));
      const said: [rule: string, records: string][] = [
        ['grant k zonesub ANY;', ''],
        ['grant k zonesub A AAAA;', ' [A,AAAA of all]'],
        ['grant k name a.example. any;', ' [all of a.example]'],
        ['grant k subdomain A.example. TXT;', ' [TXT of a.example *.a.example]'],
        ['grant k wildcard *.a.example. TYPE65280;', ' [TYPE65280 of *.a.example]'],
        ['grant host.example self . A;', ' [A of host.example]'],
        ['grant host.example. selfsub host.example. ANY;', ' [all of host.example *.host.example]'],
        ['grant host.example selfwild . SRV;', ' [SRV of *.host.example]'],
      ];
      for (const [rule, records] of said) {
        it(`${rule} gives${records || ' the zone'}`, () => {
          const config = policy(rule);
          expect(config.peers.filter(({ actions }) => actions.includes('update'))).to.have.length(1);
          expect(
            peerLines(config)
              .find((line) => line.includes('update'))
              ?.split('example.com')[1],
          ).to.equal(records);
          expect([unknownLines(config), noteLines(config)]).to.deep.equal([[], []]);
        });
      }

      it('without types are carried over, with a word about those that BIND leaves out', () => {
        const config = policy('grant k subdomain a.example.;');
        expect(peerLines(config).at(-1)).to.match(/ \[all of a\.example \*\.a\.example\]$/);
        expect(config.notes?.map(({ why }) => why.slice(0, 58))).to.deep.equal(
          ['without types BIND leaves out NS, SOA and RRSIG; the rule h'].map((text) => text.slice(0, 58)),
        );
      });

      const reported = [
        'grant * self . A;',
        'grant k wildcard a.example. A;',
        'grant k name *.a.example. A;',
        'grant k name a.example. PTR(1);',
        'grant k krb5-self . A;',
        'grant k 6to4-self . PTR;',
        'grant k name . A;',
      ];
      for (const rule of reported) {
        it(`${rule} are reported`, () => {
          const config = policy(rule);
          expect(config.peers.filter(({ actions }) => actions.includes('update'))).to.deep.equal([]);
          expect(config.unknown.map(({ why }) => why)).to.deep.equal([
            'which records these are cannot be said in an access list: this stays with the primary, by key',
          ]);
        });
      }

      it('of one key are kept apart', () => {
        const config = policy(
          'grant k name a.example. A; grant k name b.example. TXT; grant k name c.example. A;',
        );
        expect(peerLines(config).filter((line) => line.includes('update'))).to.have.length(3);
      });
    });

    it('names of keys and zones without regard to case, dots and quotes', () => {
      const config = readText(`
        zone Example.COM. { type primary; allow-transfer { key "NS2.Example."; }; };
        zone "b.example" { type primary; allow-transfer { KEY ns2.example; }; };
      `);
      expect(peerLines(config).map((line) => line.slice('named.conf:1: '.length))).to.deep.equal([
        'key ns2.example: transfer example.com',
        'key ns2.example: transfer b.example',
      ]);
    });
  });

  describe('reports with its line', () => {
    const unknown: Record<string, { text: string; lines: string[]; why: string }> = {
      'an acl that is not there': {
        text: zone('allow-transfer { nobody; };'),
        lines: ['1: nobody, which is no acl of these files;'],
        why: 'neither a key nor an address',
      },
      'an acl that stands in itself': {
        text: `acl a { b; };\nacl b { a; };\n${zone('allow-transfer { a; };')}`,
        lines: ['2: a, an acl that stands in itself;'],
        why: 'neither a key nor an address',
      },
      'a statement twice': {
        text: zone('allow-transfer { none; };\nallow-transfer { 192.0.2.1; };'),
        lines: ['2: allow-transfer { … };'],
        why: 'in line 1 already',
      },
      'a clause of a key, without what may be its secret': {
        text: 'key k {\n algorithm hmac-sha256;\n secert "bm90IGEgc2VjcmV0";\n};',
        lines: ['3: key { secert …; }'],
        why: 'not a statement that is known',
      },
      'a secret in a wrong place, without it': {
        text: 'options {\n secret "bm90IGEgc2VjcmV0"; };',
        lines: ['2: secret …;'],
        why: 'not a statement that is known',
      },
      'an unknown block': {
        text: '\n\nwhatever "x" { y { z; }; };',
        lines: ['3: whatever x { … };'],
        why: 'not a statement that is known',
      },
      'a type of zone': {
        text: 'zone "example.com" { type tertiary; allow-transfer { none; }; };',
        lines: ['1: zone "example.com"'],
        why: 'type tertiary',
      },
      'a name that is none': {
        text: 'zone "a..b" { type primary; };',
        lines: ['1: zone a..b { … };'],
        why: 'no domain name',
      },
      'a template': {
        text: zone('template "t"; allow-transfer { none; };'),
        lines: ['1: template t;'],
        why: 'templates of zones are not read',
      },
    };
    for (const [title, { text, lines, why }] of Object.entries(unknown)) {
      it(title, () => {
        const config = readText(text);
        expect(unknownLines(config)).to.deep.equal(lines.map((line) => `named.conf:${line}`));
        expect(config.unknown[0]?.why).to.include(why);
        expect(JSON.stringify(config)).not.to.include('bm90IGEgc2VjcmV0');
      });
    }
  });

  it('reads many zones with one list in one go', () => {
    const zones = Array.from({ length: 20_000 }, (_, n) => `zone "z${String(n)}.example" { type primary; };`);
    const config = readText(
      `options { allow-transfer { 192.0.2.1; key k.example; }; };\n${zones.join('\n')}`,
    );
    expect(config.peers.map(({ zones: each }) => each.length)).to.deep.equal([20_000, 20_000]);
  });
});
