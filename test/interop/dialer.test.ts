/**
 * The client's end against TLS servers of others: each certificate usage with the right key, a wrong one, an expired and
 * a renamed certificate; and what of ours leaves before the server is proved.
 *
 * In TLS 1.3 a client's Certificate, with its name in it, its Finished and its data are records of type 23; a client
 * that has sent none has said nothing but its ClientHello.
 */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { DnsConnection } from '../../core/client/dns-connection.ts';
import { defaultClientLimits } from '../../core/client/limits.ts';
import { connectProved, openServer, type OpenedServer } from '../../core/client/open-server.ts';
import type { ServerPolicy } from '../../core/client/server-policy.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import type { ClientCredentials } from '../../core/tls/dial-context.ts';
import {
  authority,
  endEntity,
  makeKey,
  sharedKey,
  type TestCertificate,
} from '../support/certificate-factory.ts';
import { OctetRelay, recordTypes } from '../support/octet-relay.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { startGnutlsServer, startOpensslServer } from '../support/peers/tls-servers.ts';
import type { ServerKey, StartTlsServer, TlsServer } from '../support/peers/tls-servers.ts';
import { ScriptedResolver } from '../support/scripted-resolver.ts';
import { asLoaded, issueTestIdentity } from '../support/test-identity.ts';

const serverName = 'ns1.example';
const clientName = '_xfr.ns2.example';
const dayMs = 86_400_000;

const root = authority({ key: sharedKey('dialer root'), subject: 'Dialer Root' });
const stranger = authority({ key: sharedKey('dialer stranger'), subject: 'Stranger' });
const key = sharedKey('dialer server');
const otherKey = makeKey();
const good = endEntity({ key, issuer: root, names: [serverName] });
const certificates = {
  good,
  expired: endEntity({ key, issuer: root, names: [serverName], notAfterMs: Date.now() - dayMs }),
  renamed: endEntity({ key, issuer: root, names: ['ns9.example'] }),
} as const;
type Kind = keyof typeof certificates;

/** A record of this usage about what it is to be about: the server's own with 1 and 3, its authority with 0 and 2. */
function record(usage: number, kind: Kind): Buffer {
  return encodeTlsa(tlsaOf(usage, usage % 2 === 0 ? root : certificates[kind]));
}

function wrongRecord(usage: number): Buffer {
  const own = endEntity({ key: otherKey, issuer: root, names: [serverName] });
  return encodeTlsa(tlsaOf(usage, usage % 2 === 0 ? stranger : own));
}

function tlsaOf(usage: number, { der, spki }: TestCertificate): ReturnType<typeof tlsaFor> {
  const subject = { certificate: der, subjectPublicKeyInfo: spki };
  return tlsaFor(subject, { usage, selector: 1, matchingType: 1 });
}

const usages = ['PKIX-TA', 'PKIX-EE', 'DANE-TA', 'DANE-EE'];

for (const [program, start] of Object.entries<StartTlsServer>({
  'openssl s_server': startOpensslServer,
  'gnutls-serv': startGnutlsServer,
})) {
  describe(`the dialer to ${program}`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    const servers = new Map<string, TlsServer>();
    let relay: OctetRelay;
    let current: TlsServer;
    let credentials: ClientCredentials;
    let resolver: ScriptedResolver;

    before(async () => {
      const identity = asLoaded(await issueTestIdentity(clientName));
      credentials = { identity, name: Name.parse(clientName), shows: 'certificate' };
      relay = await OctetRelay.start(() => current.port);
      for (const [kind, certificate] of Object.entries(certificates)) {
        servers.set(kind, await start(bed, { chain: [certificate, root] }));
      }
    });
    after(async () => {
      await relay.close();
      await bed.close();
    });

    beforeEach(() => {
      resolver = new ScriptedResolver();
    });

    function dialler(policy: Partial<ServerPolicy>, more: Partial<ClientCredentials> = {}) {
      return {
        endpoint: { address: '127.0.0.1', port: relay.port },
        policy: {
          name: Name.parse(serverName),
          dane: 'required',
          roots: [parseCertificate(root.der)],
          ...policy,
        },
        tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
        credentials: { ...credentials, ...more },
        alpnProtocols: ['dot'],
        needsAlpn: true,
        nowMs: Date.now,
      } as const;
    }

    interface Met {
      readonly opened: OpenedServer;
      /** Content types of the records that we sent. */
      readonly records: readonly number[];
      readonly sent: Buffer;
      readonly sawCertificate: boolean;
    }

    /** Connects to the server of this kind, and says what was sent and what the server saw. */
    async function meet(
      kind: string,
      tlsa: readonly Buffer[],
      policy: Partial<ServerPolicy> = {},
      more: Partial<ClientCredentials> = {},
    ): Promise<Met> {
      current = servers.get(kind)!;
      resolver.publish(`_${String(relay.port)}._tcp.${serverName}`, tlsa);
      const logBefore = current.program.log.length;
      const logSince = (): string => current.program.log.slice(logBefore);
      relay.take();
      const opened = await openServer(dialler(policy, more), resolver, 10_000);
      const isDone = opened.socket ? current.sawCertificate : current.sawFailure;
      await current.program.waitFor('the end of the handshake', () => isDone(logSince()));
      opened.socket?.destroy();
      const sent = relay.take();
      return { opened, sent, records: recordTypes(sent), sawCertificate: current.sawCertificate(logSince()) };
    }

    /** Nothing left but a ClientHello and, in the clear too, the alert; RFC 8446 appendix D.4: 20 is a dummy record. */
    function expectSilence({ sent, records, sawCertificate }: Met): void {
      expect(records.filter((type) => type !== 20)).to.deep.equal([22, 21]);
      expect(sent.includes(clientName)).to.equal(false);
      expect(sawCertificate).to.equal(false);
    }

    for (const [usage, word] of usages.entries()) {
      const isOwnKeyOnly = usage === 3;

      it(`proves it by ${word}, and only then shows who we are [RFC6698-2.1.1]`, async () => {
        const met = await meet('good', [record(usage, 'good')]);
        expect(met.opened).to.deep.include({ asked: { certificate: true, name: false } });
        expect(met.opened.socket && met.opened.verdict.proof).to.equal(`${word} SPKI SHA2-256`);
        expect(met.sawCertificate).to.equal(true);
        expect(met.records.filter((type) => type === 23)).to.have.length.greaterThan(0);
        expect(met.sent.includes(clientName), 'in the clear').to.equal(false);
      });

      it(`says nothing to a server that the ${word} record is not about [RFC6698-4.1]`, async () => {
        const met = await meet('good', [wrongRecord(usage)]);
        expect(met.opened).to.deep.include({ reason: 'server-key-mismatch' });
        expectSilence(met);
      });

      it(`${isOwnKeyOnly ? 'passes over' : 'heeds'} the dates with ${word} [RFC7671-5.1]`, async () => {
        const met = await meet('expired', [record(usage, 'expired')]);
        if (isOwnKeyOnly) expect(met.sawCertificate).to.equal(true);
        else {
          expect(met.opened).to.deep.include({ reason: 'server-expired' });
          expectSilence(met);
        }
      });

      it(`${isOwnKeyOnly ? 'passes over' : 'heeds'} the names with ${word} [RFC7671-10.2]`, async () => {
        const met = await meet('renamed', [record(usage, 'renamed')]);
        if (isOwnKeyOnly) expect(met.sawCertificate).to.equal(true);
        else {
          expect(met.opened).to.deep.include({ reason: 'server-name-mismatch' });
          expectSilence(met);
        }
      });
    }

    it('takes the PKIX where DANE does not apply, with its dates and names [RFC8310-8.1]', async () => {
      const pkix = { dane: 'if-published' } as const;
      const proved = await meet('good', [], pkix);
      expect(proved.opened.socket && proved.opened.verdict.proof).to.equal('PKIX');
      for (const [kind, reason] of [
        ['expired', 'server-expired'],
        ['renamed', 'server-name-mismatch'],
      ] as const) {
        const met = await meet(kind, [], pkix);
        expect(met.opened).to.deep.include({ reason });
        expectSilence(met);
      }
      const unknown = await meet('good', [], { ...pkix, roots: [parseCertificate(stranger.der)] });
      expect(unknown.opened).to.deep.include({ reason: 'server-path-invalid' });
      expectSilence(unknown);
    });

    it('takes no valid PKIX path for a TLSA record that does not match [RFC6698-4.1]', async () => {
      const met = await meet('good', [wrongRecord(3)], { dane: 'if-published' });
      expect(met.opened).to.deep.include({ reason: 'server-key-mismatch' });
      expectSilence(met);
    });

    it('takes a pin, and no other key [RFC7858-4.2]', async () => {
      const pinned = (spki: Buffer): Partial<ServerPolicy> => ({
        dane: 'off',
        roots: undefined,
        pins: [createHash('sha256').update(spki).digest()],
      });
      const proved = await meet('expired', [], pinned(good.spki));
      expect(proved.opened.socket && proved.opened.verdict.proof).to.equal('pin');
      const met = await meet('good', [], pinned(otherKey.spki));
      expect(met.opened).to.deep.include({ reason: 'server-pin-mismatch' });
      expectSilence(met);
      expect(resolver.asked).to.deep.equal([]);
    });

    it('does not even connect where the DNS says nothing secure [RFC8310-5]', async () => {
      const owner = `_${String(relay.port)}._tcp.${serverName}`;
      relay.take();
      for (const [status, reason] of [
        ['bogus', 'server-bogus'],
        ['indeterminate', 'server-lookup-failed'],
        ['insecure', 'server-insecure'],
      ] as const) {
        resolver.publish(owner, [record(3, 'good')], { status });
        const opened = await openServer(dialler({}), resolver, 10_000);
        expect(opened).to.deep.include({ reason, isConnected: false });
      }
      expect(relay.take()).to.have.length(0);
    });

    it('tells a server that does not take us from one that is not proved [RFC8446-6.2]', async () => {
      current = servers.get('good')!;
      const server = dialler({});
      const evidence = { tlsa: [record(3, 'good')], endsMs: Infinity };
      // Without a key of ours: both servers insist on one.
      const opened = await connectProved({ ...server, credentials: undefined }, evidence, 10_000);
      expect(opened.socket).not.to.equal(undefined);
      const connection = new DnsConnection({
        socket: opened.socket!,
        who: 'server',
        limits: defaultClientLimits,
      });
      const refusal = await connection.ask(Buffer.alloc(12)).catch((error: unknown) => error);
      expect(refusal).to.include({ reason: 'refused-by-server', detail: 'certificate_required' });
    });
  });
}

describe('the dialer and raw public keys, with gnutls-serv', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let server: TlsServer;
  let x509: TlsServer;
  let credentials: ClientCredentials;

  before(async () => {
    const raw: ServerKey = { chain: [good], isRaw: true };
    server = await startGnutlsServer(bed, raw);
    x509 = await startGnutlsServer(bed, { chain: [good, root] });
    const identity = asLoaded(await issueTestIdentity(clientName));
    credentials = { identity, name: Name.parse(clientName), shows: 'raw-public-key' };
  });
  after(() => bed.close());

  async function meet(
    { port, program }: TlsServer,
    tlsa: readonly Buffer[],
    shows: ClientCredentials['shows'] = 'raw-public-key',
  ): Promise<{ readonly opened: OpenedServer; readonly log: string }> {
    const resolver = new ScriptedResolver();
    resolver.publish(`_${String(port)}._tcp.${serverName}`, tlsa);
    const before = program.log.length;
    const opened = await openServer(
      {
        endpoint: { address: '127.0.0.1', port },
        policy: { name: Name.parse(serverName), dane: 'required' },
        tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
        credentials: { ...credentials, shows },
        alpnProtocols: ['dot'],
        needsAlpn: true,
        nowMs: Date.now,
      },
      resolver,
      10_000,
    );
    const isOver = (): boolean => /- Description|Error in handshake/.test(program.log.slice(before));
    await program.waitFor('the end of the handshake', isOver);
    opened.socket?.destroy();
    return { opened, log: program.log.slice(before) };
  }

  it('judges the bare key of a server, and shows ours [RFC7250-4.2]', async () => {
    const { opened, log } = await meet(server, [record(3, 'good')]);
    expect(opened.socket && opened.verdict.proof).to.equal('DANE-EE SPKI SHA2-256');
    expect(opened.shown?.certificate).to.equal(undefined);
    expect(opened.shown?.subjectPublicKeyInfo.equals(good.spki)).to.equal(true);
    expect(log).to.match(/Certificate type: Raw Public Key\n- Got 1 Raw public-key/);
  });

  it('refuses a bare key that is not the published one, and shows nothing [RFC7671-5.1]', async () => {
    const { opened, log } = await meet(server, [wrongRecord(3)]);
    expect(opened).to.deep.include({ reason: 'server-key-mismatch' });
    expect(log).not.to.contain('Raw public-key');
  });

  it('asks for a bare key only with records that fit one [RFC7671-5.1]', async () => {
    const { opened } = await meet(server, [record(2, 'good')]);
    expect(opened).to.include({ reason: 'refused-by-server' });
  });

  it('shows a bare key to a server that has a certificate itself', async () => {
    const { opened, log } = await meet(x509, [record(2, 'good')]);
    expect(opened.socket).not.to.equal(undefined);
    expect(log).to.contain('Got 1 Raw public-key');
  });

  it('shows the certificate where either will do and the server takes one', async () => {
    const { log } = await meet(x509, [record(3, 'good')], 'either');
    expect(log).to.contain(`CN=${clientName}`);
  });
});
