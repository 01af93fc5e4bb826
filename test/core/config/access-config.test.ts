import { expect } from 'chai';
import { accessSchema, finishAccess } from '../../../core/config/access-config.ts';
import { YamlDocument } from '../../../core/config/document.ts';
import { formatProblem } from '../../../core/config/errors.ts';

/** What is made of the part `access`, or all that is wrong with it. */
function read(text: string): unknown {
  const document = YamlDocument.parse(`access:\n${text}`, '/etc/danced/danced.yaml');
  const part = (document.value as { access: unknown }).access;
  const checked = document.checkPart(accessSchema, part, ['access']);
  const { config, problems } = checked.ok
    ? finishAccess(document, checked.value)
    : { config: undefined, ...checked };
  return config ?? problems.map((problem) => formatProblem(problem).replace('/etc/danced/', ''));
}

const redis = (text: string): unknown => read(`  store: redis\n  redis:\n${text.replace(/^/gm, '    ')}`);

describe('the configuration of the access list', () => {
  it('takes a file', () => {
    expect(read('  store: file\n  file: access.yaml')).to.deep.equal({
      store: 'file',
      file: '/etc/danced/access.yaml',
    });
  });

  it('takes a Redis with nothing said but where it is', () => {
    expect(redis('servers: ["127.0.0.1"]')).to.deep.equal({
      store: 'redis',
      redis: { mode: 'single', servers: [{ host: '127.0.0.1', port: 6379 }], database: 0, prefix: 'danced' },
      limits: {
        'known-clients': 200_000,
        'other-names': 20_000,
        'answer-time': 500,
        'poll-time': 400,
        'value-octets': 1_048_576,
      },
    });
  });

  it('takes everything that Redis can be told', () => {
    const text = `servers: [sentinel1.example.net, "[::1]:26380", ::1]
mode: sentinel
master: main
username: gate
password-file: secret
sentinel-password-file: /run/secret
tls: { ca: ca.pem, certificate: own.pem, key: own.key, name: redis.example.net }
database: 3
prefix: other`;
    expect(redis(text))
      .to.have.property('redis')
      .that.deep.equals({
        mode: 'sentinel',
        servers: [
          { host: 'sentinel1.example.net', port: 26_379 },
          { host: '::1', port: 26_380 },
          { host: '::1', port: 26_379 },
        ],
        master: 'main',
        username: 'gate',
        passwordFile: '/etc/danced/secret',
        sentinelPasswordFile: '/run/secret',
        tls: {
          ca: '/etc/danced/ca.pem',
          certificate: '/etc/danced/own.pem',
          key: '/etc/danced/own.key',
          name: 'redis.example.net',
        },
        database: 3,
        prefix: 'other',
      });
  });

  it('takes a socket, and TLS with nothing but itself', () => {
    expect(redis('servers: ["unix:/run/redis/redis.sock"]'))
      .to.have.nested.property('redis.servers')
      .that.deep.equals([{ path: '/run/redis/redis.sock' }]);
    expect(redis('servers: [redis.example.net]\ntls: true'))
      .to.have.nested.property('redis.tls')
      .that.deep.equals({});
  });

  const mistakes: readonly (readonly [what: string, text: string, ...says: string[]])[] = [
    ['no file', '  store: file', 'danced.yaml:2:3: access.file: missing; for example: file: access.yaml'],
    [
      'keys of the other store, of a file',
      '  store: file\n  file: a.yaml\n  redis: { servers: [::1] }\n  limits: {}',
      'danced.yaml:4:3: access.redis: has no effect with store: file; take it out, or write store: redis',
      'danced.yaml:5:3: access.limits: has no effect with store: file; take it out, or write store: redis',
    ],
    [
      'keys of the other store, of Redis',
      '  store: redis\n  file: a.yaml',
      'danced.yaml:3:3: access.file: has no effect with store: redis; take it out, or write store: file',
      'danced.yaml:2:3: access.redis: missing; for example: redis: { servers: ["127.0.0.1:6379"] }',
    ],
  ];
  for (const [what, text, ...says] of mistakes) {
    it(`says what is wrong with ${what}`, () => {
      expect(read(text)).to.deep.equal(says);
    });
  }

  const wrong: readonly (readonly [what: string, text: string, ...says: string[]])[] = [
    [
      'a password in the configuration',
      'servers: [::1]\npassword: secret',
      '5:5: access.redis.password: unknown key; the keys here are: servers, mode, master, username, password-file, sentinel-password-file, tls, database, prefix',
    ],
    [
      'two servers that are one',
      'servers: [::1, 127.0.0.1]',
      '4:14: access.redis.servers: names more than one server, which mode: single does not know; leave one, or write mode: cluster, or mode: sentinel with the sentinels',
    ],
    [
      'sentinels without a name of the primary',
      'servers: [::1]\nmode: sentinel',
      '4:5: access.redis.master: missing, and mode: sentinel needs it; write the name of the primary, as in "sentinel monitor NAME …"',
    ],
    [
      'keys for sentinels where there are none',
      'servers: [::1]\nmaster: x\nsentinel-password-file: y',
      '5:5: access.redis.master: has no effect with mode: single; take it out, or write mode: sentinel',
      '6:5: access.redis.sentinel-password-file: has no effect with mode: single; take it out, or write mode: sentinel',
    ],
    [
      'a socket of a cluster, and a database',
      'servers: ["unix:/x"]\nmode: cluster\ndatabase: 1',
      '4:15: access.redis.servers[0]: is a socket, and with mode: cluster servers are found by their addresses; for example: - 127.0.0.1:6379',
      '6:15: access.redis.database: is not 0, the only one that a cluster has; take it out',
    ],
    [
      'TLS on a socket',
      'servers: ["unix:/x"]\ntls: true',
      '5:5: access.redis.tls: has no effect on a socket of this machine; take it out',
    ],
    [
      'a certificate without its key',
      'servers: [::1]\ntls: { certificate: x }',
      '5:12: access.redis.tls.certificate: is of no use without key; write both, or neither',
    ],
    [
      'no TLS that is written',
      'servers: [::1]\ntls: false',
      '5:10: access.redis.tls: is false, not a map with ca, or true; for example: tls: { ca: /etc/danced/redis-ca.pem }',
    ],
    [
      'braces in the prefix, which would choose the slot',
      'servers: [::1]\nprefix: "{x}"',
      '5:13: access.redis.prefix: "{x}" must be of letters, digits, "_", ".", ":" and "-", a letter or digit first; for example: prefix: danced',
    ],
  ];
  for (const [what, text, ...says] of wrong) {
    it(`says what is wrong with ${what}`, () => {
      expect(redis(text)).to.deep.equal(says.map((line) => `danced.yaml:${line}`));
    });
  }

  for (const [text, says] of [
    ['redis://127.0.0.1', 'is not an address, a host name or unix:/path, each without more'],
    ['127.0.0.1:0', 'has a port that is not a number from 1 to 65535'],
    ['127.1', 'is not an address or host name with an optional port'],
    ['[example]:1', 'has no IPv6 address in its brackets'],
    ['unix:run', 'has no path that begins with / after unix:'],
    ['a b', 'is not an address or host name with an optional port'],
  ] as const) {
    it(`does not take ${text} for a server`, () => {
      expect(redis(`servers: [${JSON.stringify(text)}]`)).to.deep.equal([
        `danced.yaml:4:15: access.redis.servers[0]: "${text}" ${says}; for example: - 127.0.0.1:6379`,
      ]);
    });
  }
});
