import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mock } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Connector, type ConnectorOptions } from '../../../core/embed/connector.ts';
import { NoAnswerError } from '../../../core/client/reasons.ts';
import { alertOf } from '../../../core/tls/dial.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { asLoaded, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';
import { ask, clientName, EmbedBed, line } from './bed.ts';

describe('Connector', () => {
  let bed: EmbedBed;
  let own: IssuedIdentity;
  const sockets: TLSSocket[] = [];

  beforeEach(async () => {
    own = await issueTestIdentity('api.example');
    bed = await EmbedBed.open({ identity: asLoaded(own) });
    await bed.listen({ claims: ['extension'] });
    publish(own);
  });
  afterEach(async () => {
    mock.timers.reset();
    for (const socket of sockets.splice(0)) socket.destroy();
    await bed.close();
  });

  function publish(server: IssuedIdentity | undefined, fields: object = {}): void {
    const records = server === undefined ? [] : [tlsaOf(server)];
    bed.resolver.publish(`_${String(bed.port)}._tcp.api.example`, records, fields);
  }

  async function connect(options: Partial<ConnectorOptions> = {}, more: object = {}): Promise<TLSSocket> {
    const connector = new Connector({
      identity: asLoaded(bed.client),
      name: clientName,
      resolver: bed.resolver,
      nowMs: () => bed.nowMs,
      ...options,
    });
    const to = `127.0.0.1:${String(bed.port)}`;
    const socket = await connector.connect({ to, server: 'api.example', alpn: ['http/1.1'], ...more });
    sockets.push(socket);
    return socket;
  }

  /** The reason of the refusal. */
  async function reason(options: Partial<ConnectorOptions> = {}, more: object = {}): Promise<string> {
    try {
      await connect(options, more);
      return 'none';
    } catch (error) {
      return error instanceof NoAnswerError ? error.reason : String(error);
    }
  }

  it('says its name to a server that is proved by DANE [DANCE-8.1]', async () => {
    expect(await ask(await connect())).to.equal(`hello ${clientName}`);
  });

  it('shows a raw public key where told so [RFC7250-4.1]', async () => {
    expect(await ask(await connect({ shows: 'raw-public-key' }))).to.equal(`hello ${clientName}`);
    sockets[0]?.destroy();
    expect(await line(bed, 'connection')).to.include({ key: 'raw-public-key', claim: 'extension' });
  });

  it('takes a pin in the place of DANE', async () => {
    publish(undefined);
    const pin = createHash('sha256').update(own.subjectPublicKeyInfo).digest('base64');
    expect(await reason({}, { dane: 'off', pins: [pin] })).to.equal('none');
    const other = createHash('sha256').update('other').digest('base64');
    expect(await reason({}, { dane: 'off', pins: [other] })).to.equal('server-pin-mismatch');
  });

  it('needs no DANE where pins are given, unless told so, and then both [RFC8310-6.4]', async () => {
    publish(undefined);
    const pins = [createHash('sha256').update(own.subjectPublicKeyInfo).digest('base64')];
    expect(await reason({}, { pins })).to.equal('none');
    expect(bed.resolver.asked).to.not.include(`_${String(bed.port)}._tcp.api.example`);
    expect(await reason({}, { pins, dane: 'required' })).to.equal('server-no-tlsa');
    expect(await reason({}, { pins: [] })).to.equal('server-no-tlsa');
    const other = createHash('sha256').update('other').digest('base64');
    expect(await reason({}, { pins: [other] })).to.equal('server-pin-mismatch');
    publish(own);
    expect(await reason({}, { pins, dane: 'required' })).to.equal('none');
    expect(await reason({}, { pins: [other], dane: 'required' })).to.equal('server-pin-mismatch');
  });

  it('is not opened without the TLS addon', async () => {
    const script = `
      import { openConnector } from '${new URL('../../../core/index.ts', import.meta.url).href}';
      const failure = await openConnector({ resolver: { lookup() {} } }).catch((error) => error);
      process.stdout.write(failure.name);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, DANCED_WITHOUT_ADDON: '1' },
    });
    expect(stdout).to.equal('TlsAddonMissing');
  }).timeout(60_000);

  it('connects to no server that is not proved, and shows it nothing', async () => {
    publish(undefined);
    expect(await reason()).to.equal('server-no-tlsa');
    publish(own, { status: 'bogus' });
    expect(await reason()).to.equal('server-bogus');
    publish(await issueTestIdentity('api.example'));
    expect(await reason()).to.equal('server-key-mismatch');
    expect(bed.resolver.asked).to.not.include(clientName);
    expect(await line(bed, 'connection refused')).to.include({ reason: 'tls-failed' });
  });

  it('gives the reasons of connections that fail', async () => {
    expect(await reason({}, { alpn: ['h2'] })).to.match(/no-alpn/);
    bed.resolver.publish('_1._tcp.api.example', [tlsaOf(own)]);
    expect(await reason({}, { to: '127.0.0.1:1' })).to.equal('connect-failed');
    expect(await reason({}, { signal: AbortSignal.abort() })).to.equal('given-up');
  });

  it('hears the alert of a server that does not let it in [DANCE-8.2]', async () => {
    const socket = await connect({ name: 'stranger.example' });
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(alertOf(error)).to.equal('handshake_failure');
  });

  it('destroys the socket when the server is not proved any more', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    publish(own, { ttlSeconds: 100 });
    const socket = await connect();
    const lost = new Promise<Error>((resolve) => socket.once('error', resolve));
    publish(undefined);
    bed.nowMs += 80_000;
    mock.timers.tick(80_000);
    expect(await lost).to.include({ reason: 'server-no-tlsa' });
    expect(socket.destroyed).to.equal(true);
  });

  it('tells nobody who it is without an identity', async () => {
    const options = { identity: undefined as never, name: undefined as never };
    const socket = await connect(options);
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(alertOf(error)).to.equal('handshake_failure');
    expect(await line(bed, 'connection refused')).to.include({ reason: 'no-certificate' });
  });

  const wrong: [what: string, options: object, more: object, words: RegExp][] = [
    ['a name without identity', { identity: undefined }, {}, /^OptionsError: identity: missing/],
    ['an unknown option', { nmae: 'x' }, {}, /nmae: unknown key; did you mean name\?/],
    [
      'an extension that the TLS library has itself',
      { extensionType: 16 },
      {},
      /^OptionsError: extensionType: .*does not take the extension 16/,
    ],
    ['an address without a port', {}, { to: '127.0.0.1' }, /^OptionsError: to: "127\.0\.0\.1" has no port/],
    ['a host name', {}, { to: 'api.example:443' }, /^OptionsError: to: .* is not an IP address/],
    [
      'a server that nothing could prove',
      {},
      { dane: 'off' },
      /^OptionsError: server: there is nothing by which/,
    ],
    ['a pin that is none', {}, { pins: ['x'] }, /^OptionsError: pins\[0\]: "x" is not a SHA-256 digest/],
  ];
  for (const [what, options, more, words] of wrong) {
    it(`refuses ${what}`, async () => {
      expect(await reason(options, more)).to.match(words);
    });
  }
});
