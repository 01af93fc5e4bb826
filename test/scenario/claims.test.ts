/**
 * Where a client's name is from, and what it gets when it is not believed, through the real gate: TLS by node:tls with the
 * addon, DNS by the lab's signed tree.
 */
import { expect } from 'chai';
import { ConfigError } from '../../core/config/errors.ts';
import type { TlsAbilities } from '../../core/config/listener.ts';
import { EdeCode, Rcode } from '../../core/dns/constants.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { edeOf } from '../plugins/xot/messages.ts';
import { makeIdentity, TestGate, tlsaRdata, type TestGateOptions } from '../support/gate.ts';
import { handshakeFailure, visit, type Visit } from '../support/gate-visit.ts';
import { namedClientContext, type NamedClient } from '../support/named-client.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';

describe('the claims of a client', () => {
  let gate: TestGate;
  let client: IssuedIdentity;

  async function start(options: TestGateOptions = {}): Promise<void> {
    gate = await TestGate.start({
      lab: { zones: ['ns2.example', 'stranger.example'] },
      clients: { [clientName]: [zone], '_xfr.other.ns2.example': [zone] },
      ...options,
    });
    client = await gate.client(clientName);
  }

  afterEach(() => gate.close());

  function come(fields: Partial<NamedClient>): Promise<Visit> {
    const secureContext = namedClientContext({ credentials: client, ...fields });
    return visit(gate.endpoint, { secureContext });
  }

  async function lastLine(event: string): Promise<Readonly<Record<string, unknown>>> {
    await gate.idle();
    return gate.log.of(event).at(-1)?.fields ?? {};
  }

  function rcodeOf({ reply }: Visit): number | undefined {
    return reply?.header.rcode;
  }

  describe('at a listener as it is without a word', () => {
    beforeEach(() => start());

    it('are taken from the extension, with a certificate [DANCE-8.2]', async () => {
      expect(rcodeOf(await come({ name: clientName }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({
        client: clientName,
        claim: 'extension',
        key: 'x509',
      });
    });

    it('are taken from the extension, with a raw public key [DANCE-9]', async () => {
      expect(rcodeOf(await come({ name: clientName, rawPublicKey: true }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({
        client: clientName,
        claim: 'extension',
        key: 'raw-public-key',
      });
    });

    it('are taken from the certificate when the extension is not sent', async () => {
      expect(rcodeOf(await come({}))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({
        client: clientName,
        claim: 'certificate-name',
        key: 'x509',
      });
    });

    it('are taken for what they say whatever the case of the letters [RFC4343-3]', async () => {
      expect(rcodeOf(await come({ name: '_XFR.ns2.EXAMPLE' }))).to.equal(Rcode.NOERROR);
    });

    it('need no name in the certificate with DANE-EE [DANCE-4]', async () => {
      const other = await makeIdentity('something.else.example');
      gate.lab.publishTlsa(clientName, [tlsaRdata(other)]);
      expect(rcodeOf(await come({ credentials: other, name: clientName }))).to.equal(Rcode.NOERROR);
    });

    const noes: [title: string, fields: Partial<NamedClient>, reason: string, asks: boolean][] = [
      ['another name than the list knows', { name: '_xfr.stranger.example' }, 'not-admitted', false],
      ['a name of the list without a record', { name: '_xfr.other.ns2.example' }, 'no-tlsa', true],
      ['a U-label [DANCE-7]', { name: '_xfr.münchen.example' }, 'bad-name', false],
      ['a name with a dot at its end [DANCE-7]', { name: `${clientName}.` }, 'bad-name', false],
      ['a name with NUL in it', { name: `${clientName}\0.example` }, 'bad-name', false],
      ['a raw public key and no name [DANCE-9]', { rawPublicKey: true }, 'no-claim', false],
    ];
    for (const [title, fields, reason, asks] of noes) {
      it(`end the connection with an alert for ${title}, though the certificate has a good name [DANCE-8.2]`, async () => {
        const asked = gate.lab.resolver.queries.length;
        const { reply, error } = await come(fields);
        expect({ reply, error }).to.deep.equal({ reply: undefined, error: handshakeFailure });
        expect(await lastLine('connection refused')).to.include({ reason });
        expect(gate.lab.resolver.queries.length > asked).to.equal(asks);
        expect(gate.lab.primary.requests).to.deep.equal([]);
      });
    }

    it('end the connection with an alert when there is no certificate at all [DANCE-8.2]', async () => {
      const { reply, error } = await visit(gate.endpoint, {});
      expect({ reply, error }).to.deep.equal({ reply: undefined, error: handshakeFailure });
      expect(await lastLine('connection refused')).to.include({ reason: 'no-certificate' });
    });
  });

  describe('where the extension alone counts', () => {
    beforeEach(() => start({ listener: { claims: '[extension]' } }));

    it('are not taken from a certificate [DANCE-8.2]', async () => {
      expect(await come({})).to.deep.equal({ reply: undefined, error: handshakeFailure });
      expect(await lastLine('connection refused')).to.include({ reason: 'no-claim' });
    });

    it('are taken from the extension', async () => {
      expect(rcodeOf(await come({ name: clientName }))).to.equal(Rcode.NOERROR);
    });
  });

  describe('where certificates alone count', () => {
    beforeEach(() => start({ listener: { claims: '[certificate-name]' } }));

    it('are not asked for by the extension, and a client that would say a name says none', async () => {
      expect(rcodeOf(await come({ name: '_xfr.stranger.example' }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({ claim: 'certificate-name' });
    });

    it('lead nobody to show a raw public key, which could claim nothing [RFC7250-4.2]', async () => {
      expect(rcodeOf(await come({ rawPublicKey: true }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({ claim: 'certificate-name', key: 'x509' });
    });
  });

  describe('by an extension of another number', () => {
    beforeEach(() => start({ extensionType: 0xff77, listener: { claims: '[extension]' } }));

    it('are heard from who uses that number', async () => {
      expect(rcodeOf(await come({ name: clientName, extensionType: 0xff77 }))).to.equal(Rcode.NOERROR);
    });

    it('are not asked of who uses another', async () => {
      expect(await come({ name: clientName })).to.deep.equal({ reply: undefined, error: handshakeFailure });
      expect(await lastLine('connection refused')).to.include({ reason: 'no-claim' });
    });
  });

  describe('in the old dialect', () => {
    beforeEach(() => start({ listener: { dialect: 'draft-09' } }));

    it('may be left to the only dNSName of the certificate', async () => {
      const result = await come({ name: Buffer.from([0]), dialect: 'draft-09' });
      expect(rcodeOf(result)).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({ client: clientName, claim: 'extension' });
    });

    it('may be said', async () => {
      expect(rcodeOf(await come({ name: clientName, dialect: 'draft-09' }))).to.equal(Rcode.NOERROR);
    });

    it('are not taken over TLS 1.2 by a gate of zone transfers [RFC9103-7.2]', async () => {
      const { reply } = await come({ dialect: 'draft-09', tls12: true });
      expect(reply).to.equal(undefined);
      expect(await lastLine('connection refused')).to.include({ reason: 'tls-failed' });
    });
  });

  describe('where a client may be anonymous', () => {
    const listener = { 'on-failure': 'anonymous' };

    it('are not needed for what the list gives to everybody [DANCE-8.2]', async () => {
      await start({ listener, anonymous: [zone] });
      const { reply, error } = await visit(gate.endpoint, {});
      expect([reply?.header.rcode, error]).to.deep.equal([Rcode.NOERROR, '']);
      expect(await lastLine('client is anonymous')).to.include({ reason: 'no-certificate' });
      const line = await lastLine('connection');
      expect(line).to.include({ anonymous: 'no-certificate', requests: 1 });
      expect(line).not.to.have.property('client');
      expect(
        (await gate.metrics()).get('danced_connections_total{gate="xot/gate",outcome="anonymous"}'),
      ).to.equal(1);
    });

    it('are needed for everything else: REFUSED, Prohibited [RFC8914-4.19]', async () => {
      await start({ listener });
      const { reply } = await visit(gate.endpoint, {});
      expect([reply?.header.rcode, edeOf(reply)?.code]).to.deep.equal([Rcode.REFUSED, EdeCode.PROHIBITED]);
      expect(await lastLine('request refused')).to.include({ reason: 'no-entry' });
      expect(gate.lab.primary.requests).to.deep.equal([]);
    });

    it('give nothing of what an identity would have when they fail', async () => {
      await start({ listener });
      const thief = await makeIdentity(clientName);
      const { reply } = await come({ credentials: thief, name: clientName });
      expect(rcodeOf({ reply, error: '' })).to.equal(Rcode.REFUSED);
      expect(await lastLine('client is anonymous')).to.include({
        reason: 'key-mismatch',
        claims: clientName,
      });
    });

    it('identify who can be identified', async () => {
      await start({ listener });
      expect(rcodeOf(await come({ name: clientName }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('connection')).to.include({ client: clientName });
    });

    it('end the connection all the same when the name is none [DANCE-7]', async () => {
      await start({ listener, anonymous: [zone] });
      expect(await come({ name: '*.ns2.example' })).to.deep.equal({
        reply: undefined,
        error: handshakeFailure,
      });
      expect(await lastLine('connection refused')).to.include({
        reason: 'bad-name',
        claims: '*.ns2.example',
      });
    });

    it('make an anonymous client of one whose proof takes too long', async () => {
      await start({
        listener,
        anonymous: [zone],
        limits: { 'handshake-time': '500ms' },
        resolverTimeout: '2s',
      });
      gate.lab.resolver.delayMs = 1500;
      expect(rcodeOf(await come({ name: clientName }))).to.equal(Rcode.NOERROR);
      expect(await lastLine('client is anonymous')).to.include({ reason: 'timeout' });
    });
  });

  describe('without the TLS addon', () => {
    const without: TlsAbilities = {
      extension: false,
      rawPublicKeys: false,
      recordPadding: false,
      problem: 'it is not built; build it with: npm run build:native',
    };

    for (const [key, value] of [
      ['claims', '[extension]'],
      ['claims', '[extension, certificate-name]'],
      ['dialect', 'draft-09'],
      ['raw-public-keys', 'true'],
      ['record-padding', '512'],
    ] as const) {
      it(`are refused as the configuration asks for them: ${key}: ${value}`, async () => {
        await start({ listener: { [key]: value } });
        const error = await gate.load(without).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        expect(error).to.be.instanceOf(ConfigError);
        const [problem, ...more] = (error as ConfigError).problems;
        expect(more).to.deep.equal([]);
        expect(problem?.path.join('.')).to.equal(`plugins.0.${key}`);
        expect(problem?.wrong).to.include('npm run build:native');
      });
    }

    it('are taken from certificates, if the configuration does not say otherwise', async () => {
      await start();
      expect((await gate.load(without)).config.plugins).to.have.length(1);
    });
  });
});
