import { expect } from 'chai';
import { checkConfig } from '../../../core/config/config.ts';
import { YamlDocument } from '../../../core/config/document.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import { validationLimits } from '../../../core/dnssec/budget.ts';
import { resolverLimits } from '../../../core/resolver/limits.ts';
import { domainName, endpoint, endpoints, fromLimits, z } from '../../../core/config/schema.ts';

const limits = {
  transfers: { default: 8, min: 1, max: 64, unit: 'count', reason: 'transfers at once' },
  'idle-time': { default: 30_000, min: 1000, max: 3_600_000, unit: 'ms', reason: 'without a request' },
} as const;

const plugins = new Map([
  [
    'xot/gate',
    {
      schema: z.strictObject({
        listen: endpoints(853),
        primary: endpoint(53),
        zones: z.array(domainName()).min(1),
        limits: fromLimits(limits),
      }),
    },
  ],
]);

const right = `version: 1
identity:
  name: _xfr.ns1.example.net
  directory: identity
resolver:
  servers: [127.0.0.1, "[::1]:5353"]
  validation: trust-ad
access:
  store: file
  file: /srv/access.yaml
plugins:
  - use: xot/gate
    listen: ["[::]:853"]
    primary: 127.0.0.1
    zones: [example.com]
    limits: { idle-time: 2m }
`;

const local = `resolver:
  servers: ["tls://192.0.2.53:8853#dns.example.com", "tls://192.0.2.54#dns.example.net"]
  ca: ca.pem
  timeout: 5s
  trust-anchors: root.key
  negative-trust-anchors: [{ name: broken.example, until: 2026-12-01 }]
  stale-max: 1h
  prefetch: false
  limits: { questions: 32 }
dane: { roots: /etc/ssl/roots.pem }
`;

function load(text: string) {
  return checkConfig(YamlDocument.parse(text, 'danced.yaml'), plugins).config;
}

function problemsOf(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

/** The right configuration with one part replaced. */
function having(from: string, to: string): string {
  expect(right).to.include(from);
  return right.replace(from, to);
}

describe('the configuration', () => {
  it('becomes typed values, with defaults for what is not said', () => {
    const config = load(right);
    expect(config.identity.name.toString()).to.equal('_xfr.ns1.example.net');
    expect(config.resolver).to.deep.equal({
      validation: 'trust-ad',
      servers: [
        { address: '127.0.0.1', port: 53 },
        { address: '::1', port: 5353 },
      ],
      timeoutMs: 3000,
    });
    expect(config.dane).to.deep.equal({ extensionType: 0xff5b });
    expect(config.observe).to.deep.equal({ level: 'info', format: 'json' });
  });

  it('has one process unless it is told how many', () => {
    expect(load(right).workers).to.equal(1);
    expect(load(`${right}workers: 64\n`).workers).to.equal(64);
    for (const wrong of ['0', '65', '1.5', 'two', '"2"']) {
      expect(problemsOf(`${right}workers: ${wrong}\n`)[0]).to.match(/^danced\.yaml:17:10: workers: /);
    }
  });

  it('validates by itself unless it is told that a resolver does', () => {
    const { resolver } = load(having('  validation: trust-ad\n', ''));
    expect(resolver).to.deep.include({
      validation: 'local',
      trustAnchors: 'builtin',
      negativeTrustAnchors: [],
      staleMaxMs: 0,
      prefetch: true,
      timeoutMs: 3000,
    });
    expect(resolver).not.to.have.property('ca');
    expect(resolver).to.have.property('limits').that.includes({ 'failed-signatures': 4, 'keys-per-tag': 2 });
  });

  it('has one name for each limit of validation and of the resolver', () => {
    const both = Object.keys(validationLimits).filter((name) => Object.hasOwn(resolverLimits, name));
    expect(both).to.deep.equal([]);
  });

  it('takes everything that validation of its own can be told', () => {
    const text = having('resolver:\n  servers: [127.0.0.1, "[::1]:5353"]\n  validation: trust-ad\n', local);
    const { config } = checkConfig(YamlDocument.parse(text, '/etc/danced/danced.yaml'), plugins);
    const { resolver } = config;
    if (resolver.validation !== 'local') throw new Error(resolver.validation);
    const { limits: bounds, negativeTrustAnchors, ...rest } = resolver;
    expect(rest).to.deep.equal({
      validation: 'local',
      servers: [
        { address: '192.0.2.53', port: 8853, tls: { name: 'dns.example.com' } },
        { address: '192.0.2.54', port: 853, tls: { name: 'dns.example.net' } },
      ],
      ca: '/etc/danced/ca.pem',
      trustAnchors: '/etc/danced/root.key',
      staleMaxMs: 3_600_000,
      prefetch: false,
      timeoutMs: 5000,
    });
    expect(bounds.questions).to.equal(32);
    expect(negativeTrustAnchors.map(({ name, untilMs }) => [name.toString(), untilMs])).to.deep.equal([
      ['broken.example', Date.UTC(2026, 11, 1)],
    ]);
    expect(config.dane).to.deep.equal({ roots: '/etc/ssl/roots.pem', extensionType: 0xff5b });
  });

  it('takes relative paths from the folder of the file', () => {
    const document = YamlDocument.parse(right, '/etc/danced/danced.yaml');
    const { config } = checkConfig(document, plugins);
    expect([config.identity.directory, config.access]).to.deep.equal([
      '/etc/danced/identity',
      { store: 'file', file: '/srv/access.yaml' },
    ]);
  });

  it('gives each plugin what its own schema made of its part', () => {
    const [gate] = load(right).plugins;
    expect(gate?.use).to.equal('xot/gate');
    expect(gate?.path).to.deep.equal(['plugins', 0]);
    expect(gate?.config).to.deep.include({
      listen: [{ address: '::', port: 853 }],
      primary: { address: '127.0.0.1', port: 53 },
      limits: { transfers: 8, 'idle-time': 120_000 },
    });
  });

  it('takes every limit of a plugin that says nothing of limits from the table', () => {
    const [gate] = load(having('    limits: { idle-time: 2m }\n', '')).plugins;
    expect(gate?.config).to.deep.include({ limits: { transfers: 8, 'idle-time': 30_000 } });
  });

  describe('with a mistake says where it is, what is wrong and what would be right:', () => {
    const mistakes: readonly { what: string; text: string; says: readonly string[] }[] = [
      {
        what: 'an empty file',
        text: '# nothing yet\n',
        says: ['danced.yaml:1:1: the file is empty; the first line is: version: 1'],
      },
      {
        what: 'a list instead of a map',
        text: '- version: 1\n',
        says: ['danced.yaml:1:1: the file is a list, not a map; the first line is: version: 1'],
      },
      {
        what: 'no version',
        text: having('version: 1\n', ''),
        says: ['danced.yaml:1:1: version: missing; the first line is: version: 1'],
      },
      {
        what: 'another version, whose other keys are not judged',
        text: 'version: 2\nwhatever: true\n',
        says: [
          'danced.yaml:1:10: version: is the number 2, but this danced reads version 1; write: version: 1',
        ],
      },
      {
        what: 'the version not first',
        text: `${right.replace('version: 1\n', '')}version: 1\n`,
        says: ['danced.yaml:16:1: version: is not the first key; move it to the first line'],
      },
      {
        what: 'an unknown key, near a known one',
        text: having('  directory: identity', '  directory: identity\n  nmae: x'),
        says: ['danced.yaml:5:3: identity.nmae: unknown key; did you mean name?'],
      },
      {
        what: 'an unknown key, near none',
        text: having('  directory: identity', '  directory: identity\n  password: x'),
        says: ['danced.yaml:5:3: identity.password: unknown key; the keys here are: name, directory'],
      },
      {
        what: 'a missing key',
        text: having('  name: _xfr.ns1.example.net\n', ''),
        says: ['danced.yaml:3:3: identity.name: missing; for example: name: _xfr.ns1.example.com'],
      },
      {
        what: 'a missing part',
        text: having('resolver:\n  servers: [127.0.0.1, "[::1]:5353"]\n  validation: trust-ad\n', ''),
        says: ['danced.yaml:1:1: resolver: missing; for example: resolver: { servers: [127.0.0.1] }'],
      },
      {
        what: 'a key without a value',
        text: having('primary: 127.0.0.1', 'primary:'),
        says: ['danced.yaml:14:5: plugins[0].primary: is empty; for example: primary: 127.0.0.1:53'],
      },
      {
        what: 'a number where a name belongs',
        text: having('_xfr.ns1.example.net', '53'),
        says: [
          'danced.yaml:3:9: identity.name: is the number 53, not a domain name; for example: name: _xfr.ns1.example.com',
        ],
      },
      {
        what: 'a domain name that is none',
        text: having('[example.com]', '[example..com]'),
        says: [
          'danced.yaml:15:13: plugins[0].zones[0]: "example..com" is not a domain name: an empty label in a name; for example: - example.com',
        ],
      },
      {
        what: 'a host name where an address belongs',
        text: having('primary: 127.0.0.1', 'primary: ns1.example.net'),
        says: [
          'danced.yaml:14:14: plugins[0].primary: "ns1.example.net" is not an IP address with an optional port; for example: primary: 127.0.0.1:53',
        ],
      },
      {
        what: 'a port that is none',
        text: having('[::]:853', '[::]:85300'),
        says: [
          'danced.yaml:13:14: plugins[0].listen[0]: "[::]:85300" has a port that is not a number from 0 to 65535; for example: - 127.0.0.1:853',
        ],
      },
      {
        what: 'one address where a list belongs',
        text: having('["[::]:853"]', '"[::]:853"'),
        says: [
          'danced.yaml:13:13: plugins[0].listen: is the text "[::]:853", not a list of addresses; for example: listen: ["127.0.0.1:853"]',
        ],
      },
      {
        what: 'an empty list',
        text: having('[example.com]', '[]'),
        says: ['danced.yaml:15:12: plugins[0].zones: is an empty list; write at least 1'],
      },
      {
        what: 'a resolver that is not on this machine [RFC4035-4.9.3]',
        text: having('[127.0.0.1, "[::1]:5353"]', '[192.0.2.53]'),
        says: [
          'danced.yaml:6:13: resolver.servers[0]: "192.0.2.53" is not a loopback address: the AD bit of a resolver elsewhere could be set by anybody on the way; for example: - 127.0.0.1:53',
        ],
      },
      {
        what: 'an unknown way of validation',
        text: having('trust-ad', 'trust-me'),
        says: ['danced.yaml:7:15: resolver.validation: is the text "trust-me"; did you mean trust-ad?'],
      },
      {
        what: 'TLS to a resolver whose AD bit is believed, which is on this machine',
        text: having('"[::1]:5353"', '"tls://127.0.0.1#dns.example"'),
        says: [
          'danced.yaml:6:24: resolver.servers[1]: "tls://127.0.0.1#dns.example" is for validation: local; with trust-ad the resolver is on this machine; for example: - 127.0.0.1:53',
        ],
      },
      {
        what: 'keys that count only when danced validates by itself',
        text: having(
          '  validation: trust-ad',
          '  validation: trust-ad\n  trust-anchors: builtin\n  stale-max: 0s',
        ),
        says: [
          'danced.yaml:8:3: resolver.trust-anchors: has no effect with trust-ad; take it out, or write validation: local',
          'danced.yaml:9:3: resolver.stale-max: has no effect with trust-ad; take it out, or write validation: local',
        ],
      },
      {
        what: 'a server over TLS without its name [RFC8310-5]',
        text: having('[127.0.0.1, "[::1]:5353"]\n  validation: trust-ad', '["tls://192.0.2.53"]'),
        says: [
          'danced.yaml:6:13: resolver.servers[0]: "tls://192.0.2.53" has no name after #: without it nobody knows whether the right server answers; for example: - 127.0.0.1:53',
        ],
      },
      {
        what: 'servers with and without TLS [RFC8310-5.1]',
        text: having(
          '[127.0.0.1, "[::1]:5353"]\n  validation: trust-ad',
          '[192.0.2.53, "tls://192.0.2.53#dns.example"]',
        ),
        says: [
          'danced.yaml:6:25: resolver.servers[1]: is asked over TLS, and the first one in clear: whoever disturbs TLS could read every question; write all with tls://, or none',
        ],
      },
      {
        what: 'authorities for TLS that nobody is asked over',
        text: having('  validation: trust-ad', '  ca: ca.pem'),
        says: [
          'danced.yaml:7:3: resolver.ca: no server is asked over TLS; take it out, or write a server as: tls://ADDRESS#NAME',
        ],
      },
      {
        what: 'a negative trust anchor without an end [RFC7646-2]',
        text: having('  validation: trust-ad', '  negative-trust-anchors: [{ name: a.example }]'),
        says: [
          'danced.yaml:7:28: resolver.negative-trust-anchors[0].until: missing; for example: until: 2026-12-01',
        ],
      },
      {
        what: 'an end of a negative trust anchor that no calendar has',
        text: having(
          '  validation: trust-ad',
          '  negative-trust-anchors: [{ name: a.example, until: 2026-02-30 }]',
        ),
        says: [
          'danced.yaml:7:54: resolver.negative-trust-anchors[0].until: "2026-02-30" is not a date, with or without a time; for example: until: 2026-12-01',
        ],
      },
      {
        what: 'yes where true belongs',
        text: having('  validation: trust-ad', '  prefetch: yes'),
        says: [
          'danced.yaml:7:13: resolver.prefetch: is the text "yes", not true or false; write true or false',
        ],
      },
      {
        what: 'records that are to be used for longer than three days after their time',
        text: having('  validation: trust-ad', '  stale-max: 73h'),
        says: [
          'danced.yaml:7:14: resolver.stale-max: "73h" is not from 0s to 72h; for example: stale-max: 0s',
        ],
      },
      {
        what: 'a limit of validation out of range',
        text: having('  validation: trust-ad', '  limits: { failed-signatures: 1000 }'),
        says: [
          'danced.yaml:7:32: resolver.limits.failed-signatures: is the number 1000, which is too large; write a number from 1 to 100',
        ],
      },
      {
        what: 'a store that there is not',
        text: having('store: file', 'store: radis'),
        says: ['danced.yaml:9:10: access.store: is the text "radis"; did you mean redis?'],
      },
      {
        what: 'a word that is none of the possible',
        text: `${right}observe: { level: wran, format: xml }\n`,
        says: [
          'danced.yaml:17:19: observe.level: is the text "wran"; did you mean warn?',
          'danced.yaml:17:33: observe.format: is the text "xml"; write one of: json, text',
        ],
      },
      {
        what: 'a plugin that does not exist',
        text: having('use: xot/gate', 'use: xot/gaet'),
        says: ['danced.yaml:12:10: plugins[0].use: there is no such plugin; did you mean xot/gate?'],
      },
      {
        what: 'an entry without a plugin',
        text: having('  - use: xot/gate\n    listen', '  - listen'),
        says: ['danced.yaml:12:5: plugins[0].use: missing; for example: use: xot/gate'],
      },
      {
        what: 'a time without its unit',
        text: having('idle-time: 2m', 'idle-time: 120'),
        says: [
          'danced.yaml:16:26: plugins[0].limits.idle-time: is the number 120, not a time with its unit; for example: idle-time: 30s',
        ],
      },
      {
        what: 'a time out of range',
        text: having('idle-time: 2m', 'idle-time: 2h'),
        says: [
          'danced.yaml:16:26: plugins[0].limits.idle-time: "2h" is not from 1s to 1h; for example: idle-time: 30s',
        ],
      },
      {
        what: 'a number out of range',
        text: having('idle-time: 2m', 'transfers: 65'),
        says: [
          'danced.yaml:16:26: plugins[0].limits.transfers: is the number 65, which is too large; write a number from 1 to 64',
        ],
      },
      {
        what: 'half a number',
        text: having('idle-time: 2m', 'transfers: 1.5'),
        says: [
          'danced.yaml:16:26: plugins[0].limits.transfers: is the number 1.5, not a whole number; for example: transfers: 8',
        ],
      },
      {
        what: 'a key twice',
        text: `${right}access: { store: file, file: other.yaml }\n`,
        says: ['danced.yaml:17:1: access: the same key a second time; keep one of the two'],
      },
      {
        what: 'a tab',
        text: having('  directory', '\tdirectory'),
        says: ['danced.yaml:4:1: a tab is used to indent; use spaces'],
      },
      {
        what: 'a bracket that stays open',
        text: having('[example.com]', '[example.com'),
        says: [
          'danced.yaml:16:5: not YAML: a [ or { above is not closed; close it, and indent its lines deeper than its key',
        ],
      },
      {
        what: 'a second document',
        text: `${right}---\nversion: 1\n`,
        says: ['danced.yaml:17:1: a second document (---) in the file; keep one document a file'],
      },
      {
        what: 'aliases, by which a small file can become a huge one',
        text: having('[example.com]', '[&zone example.com, *zone]'),
        says: [
          'danced.yaml:15:32: plugins[0].zones[1]: an alias (*name) is not allowed; write the value out, or put a name like "*.example" in quotes',
        ],
      },
      {
        what: 'a tag',
        text: having('[example.com]', '[!!binary example.com]'),
        says: [
          'danced.yaml:15:22: plugins[0].zones[0]: a tag (!name) is not allowed; write the value without it',
        ],
      },
      {
        what: 'characters that a terminal obeys, which are shown and not sent',
        text: having('_xfr.ns1.example.net', '"\u001b[2J\u202e"'),
        says: [
          'danced.yaml:3:9: identity.name: "\\u{1b}[2J\\u{202e}" is not a domain name: a character that must be escaped in a name (at octet 0); for example: name: _xfr.ns1.example.com',
        ],
      },
    ];
    for (const { what, text, says } of mistakes) {
      it(what, () => {
        expect(problemsOf(text)).to.deep.equal(says);
      });
    }
  });

  it('reports all mistakes of a file at once, in the order of the file', () => {
    const text = right
      .replace('directory', 'dirctory')
      .replace('[127.0.0.1, "[::1]:5353"]', '[]')
      .replace('idle-time', 'idel-time')
      .replace('store: file', 'store: files');
    const places = problemsOf(text).map((line) => line.split(':').slice(1, 3).join(':'));
    expect(places).to.deep.equal(['3:3', '4:3', '6:12', '9:10', '16:15']);
  });

  it('counts lines the same when they end with CR LF', () => {
    const says = problemsOf(having('store: file', 'store: none').replaceAll('\n', '\r\n'));
    expect(says).to.deep.equal([
      'danced.yaml:9:10: access.store: is the text "none"; write one of: file, redis',
    ]);
  });

  it('never lets a key reach the prototype of an object', () => {
    const [says] = problemsOf(`${right}__proto__: { observe: { level: debug } }\n`);
    expect(says).to.match(/^danced\.yaml:17:1: __proto__: unknown key;/);
  });
});
