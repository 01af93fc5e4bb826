import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { resolverSchema } from '../../../core/config/resolver-config.ts';
import { formatServer } from '../../../core/config/server-text.ts';
import { openAuthenticator } from '../../../core/embed/authenticator.ts';
import {
  checkListen,
  checkResolver,
  type AuthenticatorOptions,
  type ListenOptions,
  type ResolverOptions,
} from '../../../core/embed/options.ts';
import { everyAbility } from '../../../core/config/listener.ts';
import { accessTo } from '../../support/access.ts';
import { issueTestIdentity } from '../../support/test-identity.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';

const folder = mkdtempSync(join(tmpdir(), 'danced-embed-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

// The compiler refuses a key too many here, or one too few.
const resolverKeys: Record<keyof ResolverOptions, true> = {
  validation: true,
  servers: true,
  ca: true,
  timeout: true,
  'trust-anchors': true,
  'negative-trust-anchors': true,
  'stale-max': true,
  prefetch: true,
  limits: true,
};

describe('options of openAuthenticator', () => {
  /** What it says is wrong; what it opens is closed. */
  async function problemOf(options: unknown): Promise<string> {
    try {
      const danced = await openAuthenticator(options as AuthenticatorOptions);
      await danced.close(0);
      return 'none';
    } catch (error) {
      return String(error);
    }
  }
  const base = { access: accessTo('a.example'), resolver: new ScriptedResolver() };

  it('are no more than the access list', async () => {
    expect(await problemOf({ access: accessTo('a.example') })).to.equal('none');
  });

  const cases: [what: string, options: unknown, words: RegExp][] = [
    ['nothing', undefined, /missing/],
    [
      'no access list',
      { resolver: base.resolver },
      /^OptionsError: access: is not the path of an access list/,
    ],
    ['an unknown key', { ...base, acess: 'x' }, /^OptionsError: acess: unknown key; did you mean access\?/],
    ['an identity that is none', { ...base, identity: {} }, /^OptionsError: identity: is not the path/],
    ['a log that is none', { ...base, log: console }, /^OptionsError: log: is not a function/],
    [
      'a limit out of its range',
      { ...base, limits: { 'handshake-time': '5m' } },
      /^OptionsError: limits\.handshake-time: "5m" is not from 500ms to 2m; for example: handshake-time: 10s/,
    ],
    [
      'a limit without unit',
      { ...base, limits: { 'idle-time': 5000 } },
      /is the number 5000, not a time with its unit/,
    ],
    ['a limit that is none', { ...base, limits: { conections: 1 } }, /did you mean connections\?/],
    [
      'a number of the extension',
      { ...base, extensionType: 70_000 },
      /^OptionsError: extensionType: .*too large/,
    ],
    [
      'a number that the TLS library has itself',
      { ...base, extensionType: 16 },
      /^OptionsError: extensionType: the TLS library does not take the extension 16: .*; leave it out, for 65371/,
    ],
    [
      'a resolver that is none',
      { ...base, resolver: { servers: ['dns.example'] } },
      /^OptionsError: resolver\.servers\[0\]: "dns\.example" /,
    ],
    [
      'a resolver whose parts do not go together',
      { ...base, resolver: { validation: 'trust-ad', servers: ['192.0.2.1'] } },
      /^OptionsError: resolver\.servers\[0\]: "192\.0\.2\.1" is not a loopback address/,
    ],
    [
      'keys without effect',
      { ...base, resolver: { validation: 'trust-ad', prefetch: false } },
      /^OptionsError: resolver\.prefetch: has no effect with trust-ad/,
    ],
    [
      'a Redis that nobody names',
      { ...base, access: { store: 'redis' } },
      /^OptionsError: access\.redis: missing; for example: redis: \{ servers/,
    ],
    [
      'a Redis with a key that there is not',
      { ...base, access: { store: 'redis', redis: { servers: ['127.0.0.1'], port: 1 } } },
      /^OptionsError: access\.redis\.port: unknown key/,
    ],
    ['an access list that is not there', { ...base, access: join(folder, 'none') }, /there is no such file/],
    [
      'an identity that is not there',
      { ...base, identity: join(folder, 'none') },
      /^IdentityError: .*no such file/,
    ],
    ['roots that are not there', { ...base, roots: join(folder, 'none') }, /there is no such file/],
    [
      'trust anchors that are not there',
      { ...base, resolver: { 'trust-anchors': join(folder, 'none') } },
      /there is no such file/,
    ],
  ];
  for (const [what, options, words] of cases) {
    it(`are refused for ${what}`, async () => {
      expect(await problemOf(options)).to.match(words);
    });
  }

  it('name files, which are read', async () => {
    const { certificatePem, privateKeyPem } = await issueTestIdentity('api.example');
    const [access, identity, roots] = ['access.yaml', 'identity', 'roots.pem'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    mkdirSync(identity);
    writeFileSync(access, 'version: 1\nclients:\n  a.example: { allow: [] }\n');
    writeFileSync(join(identity, 'certificate.pem'), certificatePem);
    writeFileSync(join(identity, 'key.pem'), privateKeyPem, { mode: 0o644 });
    writeFileSync(roots, certificatePem);
    const lines: unknown[][] = [];
    const log = (...line: unknown[]): unknown => lines.push(line);
    const danced = await openAuthenticator({ access, identity, roots, resolver: base.resolver, log });
    expect(lines[0]?.slice(0, 2)).to.deep.equal(['warn', 'identity']);
    // What is broken changes nothing.
    writeFileSync(access, 'version: 2\n');
    rmSync(join(identity, 'key.pem'));
    danced.reload();
    const events = lines.map(([, event]) => event);
    expect(events).to.include.members(['access list broken', 'access list kept', 'identity not reloaded']);
    await danced.close(0);
  });

  it('take a logger of pino, and give it fields that cannot start a line', async () => {
    const lines: unknown[][] = [];
    const write = (...line: unknown[]): unknown => lines.push(line);
    const logger = {
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: write,
      bindings: () => ({}),
    };
    writeFileSync(join(folder, 'access2.yaml'), 'version: 1\nclients: {}\n');
    const danced = await openAuthenticator({ ...base, access: join(folder, 'access2.yaml'), log: logger });
    writeFileSync(join(folder, 'access2.yaml'), '\u2028');
    danced.reload();
    await danced.close(0);
    expect(lines[0]?.[1]).to.equal('access list broken');
    expect(JSON.stringify(lines[0]?.[0])).to.include('access2.yaml').and.not.include('\u2028');
  });
});

describe('options of the resolver', () => {
  it('have the keys of the configuration', () => {
    expect(Object.keys(resolverKeys).sort()).to.deep.equal(Object.keys(resolverSchema.shape).sort());
  });

  it('have the defaults of the configuration', () => {
    const config = checkResolver({ servers: ['192.0.2.1'] });
    expect(config).to.include({
      validation: 'local',
      timeoutMs: 3000,
      trustAnchors: 'builtin',
      prefetch: true,
    });
    expect(config.servers.map(formatServer)).to.deep.equal(['192.0.2.1:53']);
  });

  it('ask those that this machine asks when no server is named', () => {
    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 192.0.2.7\nnameserver 192.0.2.8\n');
    for (const options of [undefined, {}, { timeout: '1s' }]) {
      const { servers } = checkResolver(options, resolvConf);
      expect(servers.map(formatServer)).to.deep.equal(['192.0.2.7:53', '192.0.2.8:53']);
    }
    // The AD bit counts from this machine only.
    expect(checkResolver({ validation: 'trust-ad' }, resolvConf).servers.map(formatServer)).to.deep.equal([
      '127.0.0.1:53',
    ]);
  });

  it('make paths absolute', () => {
    const config = checkResolver({ 'trust-anchors': 'root.key' });
    expect(config.validation === 'local' && config.trustAnchors).to.equal(join(process.cwd(), 'root.key'));
  });
});

describe('options of a listener', () => {
  const addresses = ['127.0.0.1:0'];

  it('have defaults', () => {
    const { tls, alpn } = checkListen({ addresses }, everyAbility);
    expect(tls).to.deep.equal({
      claims: ['extension', 'certificate-name'],
      onFailure: 'alert',
      dialect: 'draft-13',
      allowsTls12: false,
      rawPublicKeys: true,
      recordPadding: 0,
    });
    expect(alpn).to.equal(undefined);
  });

  const cases: [options: object, words: RegExp][] = [
    [{}, /^addresses: missing/],
    [{ addresses: [] }, /^addresses: is an empty list/],
    [{ addresses: ['127.0.0.1'] }, /^addresses\[0\]: "127\.0\.0\.1" has no port; for example: - \[::\]:8443/],
    [{ addresses: ['api.example:443'] }, /is not an IP address/],
    [{ addresses, onFailure: 'anonymus' }, /^onFailure: .*did you mean anonymous\?/],
    [{ addresses, onfailure: 'alert' }, /^onfailure: unknown key; did you mean onFailure\?/],
    [{ addresses, claims: [] }, /^claims: is an empty list/],
    [{ addresses, claims: ['extension', 'extension'] }, /^claims: names a source twice/],
    [{ addresses, claims: ['certificate-name', 'extension'] }, /^claims: puts certificate-name first/],
    [{ addresses, allowsTls12: true }, /^allowsTls12: has no effect with the dialect draft-13/],
    [{ addresses, allowsTls12: 'yes', dialect: 'draft-09' }, /^allowsTls12: /],
    [{ addresses, alpn: [''] }, /^alpn\[0\]: "" is not the name of a protocol/],
    [{ addresses, label: 'a\nb' }, /^label: .*is not a word/],
    [{ addresses, recordPadding: -1 }, /^recordPadding: .*too small/],
  ];
  for (const [options, words] of cases) {
    it(`are refused: ${JSON.stringify(options)}`, () => {
      expect(() => checkListen(options as ListenOptions, everyAbility)).to.throw(words);
    });
  }
});
