import { join } from 'node:path';
import { expect } from 'chai';
import { knotPassedOverSections } from '../../../cli/from-config/knot-options.ts';
import { readKnot } from '../../../cli/from-config/knot.ts';
import { fixturesIn, readTexts, secrets, showConfig } from './shown-config.ts';
import type { ShownConfig } from './shown-config.ts';

const fixtures = fixturesIn(join(import.meta.dirname, 'knot'));

function readFixture(name: string) {
  return readKnot(fixtures.path(name), fixtures.read, fixtures.list);
}

describe('reading knot.conf', () => {
  const nothing = { peers: [], open: [], notified: [], unknown: [] };
  const expected: Readonly<Record<string, ShownConfig>> = {
    'both-roles.conf': {
      ...nothing,
      zones: ['ours.example', 'theirs.example'],
      peers: [
        'both-roles.conf:21 transfer 192.0.2.1 (secondary-may-transfer): ours.example',
        'both-roles.conf:25 notify 192.0.2.2 (primary): theirs.example',
        'both-roles.conf:25 notify 2001:db8::2 (primary): theirs.example',
      ],
      notified: ['both-roles.conf:33 192.0.2.1 (secondary): ours.example'],
    },
    'templates.conf': {
      zones: ['default.example', 'keyed.example', 'plain.example', 'own.example'],
      peers: [
        'templates.conf:23 transfer 192.0.2.10 key partner-a.example (a): default.example',
        'templates.conf:23 transfer 2001:db8:a::10 key partner-a.example (a): default.example',
        'templates.conf:23 transfer 203.0.113.10 key partner-b.example (b): default.example',
        'templates.conf:26 transfer+notify 192.0.2.0/24 key partner-a.example (keys): keyed.example',
        'templates.conf:26 transfer+notify 192.0.2.0/24 key partner-b.example (keys): keyed.example',
        'templates.conf:26 transfer+notify 2001:db8::/32 key partner-a.example (keys): keyed.example',
        'templates.conf:26 transfer+notify 2001:db8::/32 key partner-b.example (keys): keyed.example',
        'templates.conf:30 transfer 198.51.100.7 (office): keyed.example own.example',
      ],
      open: [],
      notified: [
        'templates.conf:41 192.0.2.10 key partner-a.example (a): default.example',
        'templates.conf:41 2001:db8:a::10 key partner-a.example (a): default.example',
        'templates.conf:41 203.0.113.10 key partner-b.example (b): default.example',
      ],
      unknown: ['templates.conf:33 acl: forgotten', 'templates.conf:46 template: spare'],
    },
    'updates.conf': {
      ...nothing,
      zones: ['dynamic.example'],
      peers: [
        'updates.conf:13 transfer+update key admin (whole-zone): dynamic.example',
        'updates.conf:17 update 192.0.2.53 key dhcp (addresses-only): dynamic.example [A,AAAA of all]',
        'updates.conf:22 update key acme (challenges): dynamic.example [TXT of _acme-challenge.dynamic.example *._acme-challenge.dynamic.example _acme-challenge.www.dynamic.example *._acme-challenge.www.dynamic.example]',
      ],
      unknown: ['updates.conf:33 acl: no-deletes, deny: on'],
    },
    'order-and-denials.conf': {
      ...nothing,
      zones: ['first.example', 'second.example', 'open.example', 'keyed.example'],
      peers: [
        'order-and-denials.conf:20 notify 192.0.2.200 (in-banned): first.example',
        'order-and-denials.conf:20 transfer+notify 192.0.2.200 (in-banned): second.example',
        'order-and-denials.conf:23 transfer 192.0.2.0/24 key k1 (partly-banned): first.example',
        'order-and-denials.conf:30 transfer key k1 (either-key): first.example',
        'order-and-denials.conf:33 transfer 203.0.113.0/29 (silent): second.example',
        'order-and-denials.conf:44 notify key k1 (any-with-key): keyed.example',
      ],
      open: [
        'order-and-denials.conf:39 open.example transfer: acl everybody without address and key',
        'order-and-denials.conf:41 open.example notify: acl everywhere for every address, without key',
      ],
      unknown: [
        'order-and-denials.conf:14 acl: banned, deny: on',
        'order-and-denials.conf:17 acl: revoked, deny: on',
        'order-and-denials.conf:18 acl: actionless',
        'order-and-denials.conf:20 acl: in-banned',
        'order-and-denials.conf:27 acl: with-k2',
        'order-and-denials.conf:30 acl: either-key',
        'order-and-denials.conf:36 acl: three',
      ],
    },
    'automatic.conf': {
      ...nothing,
      zones: ['a.example', 'b.example'],
      peers: [
        'automatic.conf:35 notify 192.0.2.1 key k (up): a.example b.example',
        'automatic.conf:36 transfer 198.51.100.1 (down1): a.example',
        'automatic.conf:36 transfer 2001:db8:1::1 (down1): a.example',
        'automatic.conf:36 transfer 198.51.100.2 key k (down2): a.example',
        'automatic.conf:41 transfer 198.51.100.2 key k (down2): b.example',
      ],
      notified: [
        'automatic.conf:36 198.51.100.1 (down1): a.example',
        'automatic.conf:36 2001:db8:1::1 (down1): a.example',
        'automatic.conf:36 198.51.100.2 key k (down2): a.example',
        'automatic.conf:36 198.51.100.3 (shy): a.example',
        'automatic.conf:41 198.51.100.2 key k (down2): b.example',
      ],
      unknown: ['automatic.conf:27 address: /run/other/dns.sock'],
    },
    'catalog-and-modules.conf': {
      ...nothing,
      zones: ['received.catalog', 'made.catalog', 'm1.example'],
      peers: [
        'catalog-and-modules.conf:52 notify 192.0.2.101 (from-distributor): received.catalog',
        'catalog-and-modules.conf:55 transfer 192.0.2.102 (consumer): made.catalog m1.example',
      ],
      unknown: [
        'catalog-and-modules.conf:2 proxy-allowlist',
        'catalog-and-modules.conf:30 mod-queryacl',
        'catalog-and-modules.conf:79 catalog-role: interpret',
      ],
    },
    'included-files.conf': {
      ...nothing,
      zones: ['one.example', 'two.example'],
      peers: [
        'keys.conf:6 transfer key split.example (split): one.example two.example',
        'more.conf:2 transfer 192.0.2.40 (more): one.example',
      ],
      unknown: ['included-files.conf:3 include: missing.conf'],
    },
    'later-version.conf': {
      ...nothing,
      zones: ['a.example', 'b.example', 'c.example'],
      peers: [
        'later-version.conf:20 transfer (ns3.partner.example): a.example',
        'later-version.conf:20 transfer (ns4.partner.example): a.example',
        'later-version.conf:24 transfer (by-pin): b.example',
        'later-version.conf:27 transfer+notify 192.0.2.4 (ns2.partner.example): b.example',
      ],
      unknown: [
        'later-version.conf:4 shiny-secret',
        'later-version.conf:6 orchard',
        'later-version.conf:17 clear',
        'later-version.conf:22 protocol: tls quic',
        'later-version.conf:25 cert-key: e5gs8oCXHFjDVYOTlDdtTSJLwSWEaM2a1Wyv2jkWxVU=',
        'later-version.conf:28 remote: unheard-of',
        'later-version.conf:29 action: graft',
        'later-version.conf:31 address: eth0',
        'later-version.conf:37 flavour',
        'later-version.conf:44 acl: nothing',
        'later-version.conf:46 template: nothing',
      ],
    },
  };

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

    it(`reports an item that nobody knows after every item of ${name}, and a section after every section`, () => {
      const path = fixtures.path(name);
      const lines = (fixtures.read(path) ?? '').split('\n');
      let section = '';
      let tried = 0;
      for (const [at, line] of lines.entries()) {
        section = /^([a-z][a-z0-9-]*):/.exec(line)?.[1] ?? section;
        const indent = /^[ -]*(?=[a-z])/.exec(line)?.[0].length ?? 0;
        // Those sections are passed over whole, and one that is not known is reported once.
        const isRead =
          !knotPassedOverSections.has(section) && !/^(?:mod-queryacl|orchard|clear)$/.test(section);
        if (indent === 0 ? !line.startsWith('include:') : !isRead) continue;
        const changed = [
          ...lines.slice(0, at + 1),
          `${' '.repeat(indent)}frobnicate: x`,
          ...lines.slice(at + 1),
        ];
        const config = readKnot(
          path,
          (p) => (p === path ? changed.join('\n') : fixtures.read(p)),
          fixtures.list,
        );
        expect(showConfig(config).unknown).to.include(`${name}:${String(at + 2)} frobnicate`);
        tried += 1;
      }
      expect(tried).to.be.greaterThan(2);
    });
  }

  it('counts the items that have nothing to do with access', () => {
    const text =
      'server:\n  user: k\nlog:\n  - target: syslog\n    any: info\nkey:\n  - id: k\n    secret: abcd\nzone:\n  - domain: a.example\n';
    expect(readTexts(readKnot, { 'knot.conf': text }).notAboutAccess).to.equal(4);
  });
});
