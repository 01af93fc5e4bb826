import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { encodePem } from '../../../core/pki/pem.ts';
import { endEntity, sharedKey, type KeyKind } from '../certificate-factory.ts';
import { certificateBody } from './client-flight.ts';
import { ExtensionType, HandshakeType, SignatureScheme } from './numbers.ts';
import { extensionBody } from './octets.ts';
import { scriptedHandshake, scriptedVerdict, type ClientScript } from './scripted-client.ts';
import type { ScriptedSession } from './session.ts';
import { EchoServer, serverCertificate, serverKey } from './test-servers.ts';

const timeoutMs = 5_000;
const hello = Buffer.from('hello');

/** What a script needs to show this kind of key. */
function showing(kind: KeyKind): Required<Pick<ClientScript, 'certificate' | 'certificateVerify'>> & {
  readonly der: Buffer;
} {
  const key = sharedKey('scripted client', kind);
  const { der } = endEntity({ key, names: ['client.example'] });
  return { der, certificate: [{ data: der, extensions: [] }], certificateVerify: { key: key.privateKey } };
}

async function connect(script: ClientScript): Promise<ScriptedSession> {
  const outcome = await scriptedHandshake(script);
  if (outcome.kind !== 'complete') throw new Error(`no handshake: ${JSON.stringify(outcome)}`);
  return outcome.session;
}

describe('the scripted TLS client', () => {
  const p256 = showing('p256');
  let server: EchoServer;

  before(async () => {
    server = await EchoServer.start();
  });

  after(() => server[Symbol.asyncDispose]());

  const script = (rest: Partial<ClientScript> = {}): ClientScript => ({
    ...server.target,
    alpn: ['dot'],
    certificate: p256.certificate,
    certificateVerify: p256.certificateVerify,
    firstData: hello,
    ...rest,
  });

  describe('as a sound client', () => {
    for (const kind of ['p256', 'p384', 'ed25519', 'rsa2048'] as const) {
      it(`shows a certificate with a key ${kind}, and the server sees it`, async () => {
        const { der, certificate, certificateVerify } = showing(kind);
        const verdict = await scriptedVerdict(script({ certificate, certificateVerify }));
        expect(verdict).to.deep.equal({ kind: 'data', octets: hello });
        expect(server.shown.at(-1)).to.deep.equal(der);
      });
    }

    it('shows none when the script has none', async () => {
      const verdict = await scriptedVerdict({ ...server.target, alpn: ['dot'], firstData: hello });
      expect(verdict).to.deep.equal({ kind: 'data', octets: hello });
      expect(server.shown.at(-1)).to.equal(undefined);
    });

    it('sends none to a server that does not ask', async () => {
      await using incurious = await EchoServer.start({ requestCert: false });
      await using session = await connect(script(incurious.target));
      expect(session.flight.certificateRequest).to.equal(undefined);
      expect(await session.receive(5, timeoutMs)).to.deep.equal(hello);
    });

    it('gives what the server says in its flight', async () => {
      await using session = await connect(script());
      const { certificate, certificateRequest, encryptedExtensions, messages } = session.flight;
      expect(session.flight.selectedProtocol).to.equal('dot');
      const alpn = extensionBody(encryptedExtensions, ExtensionType.applicationLayerProtocolNegotiation);
      expect(alpn?.toString('latin1')).to.equal('\0\x04\x03dot');
      expect(certificate.entries).to.deep.equal([{ data: serverCertificate.der, extensions: [] }]);
      expect(certificateRequest?.context).to.have.length(0);
      const schemes = extensionBody(certificateRequest?.extensions ?? [], ExtensionType.signatureAlgorithms);
      expect(schemes?.toString('hex')).to.include('0403').and.include('0807');
      expect(certificateRequest?.octets.readUInt8(0)).to.equal(HandshakeType.certificateRequest);
      expect(messages.map(({ name }) => name)).to.deep.equal([
        'encryptedExtensions',
        'certificateRequest',
        'certificate',
        'certificateVerify',
        'finished',
      ]);
    });

    it('keeps the tickets that come before data', async () => {
      await using session = await connect(script());
      expect(await session.verdict(timeoutMs)).to.include({ kind: 'data' });
      const names = session.handshakeMessages.map(({ name }) => name);
      expect(names).to.deep.equal(['newSessionTicket', 'newSessionTicket']);
    });

    it('talks on after the handshake, in records of many sizes', async () => {
      await using session = await connect(script());
      const long = Buffer.alloc(100_000, 'octets');
      await session.send(long);
      expect(await session.receive(hello.length, timeoutMs)).to.deep.equal(hello);
      expect(await session.receive(long.length, timeoutMs)).to.deep.equal(long);
      expect(await session.next(20)).to.deep.equal({ kind: 'silence' });
    });

    it('loses nothing when it is slow to read', async () => {
      await using session = await connect(script());
      const long = Buffer.alloc(2_000_000, 'octets');
      await session.send(long);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const received = await session.receive(hello.length + long.length, timeoutMs);
      expect(received.equals(Buffer.concat([hello, long]))).to.equal(true);
    });

    const deliveries: Partial<ClientScript>[] = [
      { separateRecords: true },
      { recordOctets: 1 },
      { recordOctets: 100, separateRecords: true, writeOctets: 7 },
      { writeOctets: 1 },
    ];
    for (const delivery of deliveries) {
      it(`is understood when it sends ${JSON.stringify(delivery)}`, async () => {
        await using session = await connect(script(delivery));
        expect(await session.receive(hello.length, timeoutMs)).to.deep.equal(hello);
        expect(server.shown.at(-1)).to.deep.equal(p256.der);
      });
    }
  });

  describe('with a hostile script', () => {
    const wrongKey = sharedKey('somebody else').privateKey;
    const spoil = (octets: Buffer): Buffer => {
      const spoilt = Buffer.from(octets);
      spoilt[spoilt.length - 1]! ^= 1;
      return spoilt;
    };
    const cases: [does: string, rest: Partial<ClientScript>, alert: string, protection: string][] = [
      ['signs with another key', { certificateVerify: { key: wrongKey } }, 'decrypt_error', 'application'],
      [
        'spoils the signature',
        { certificateVerify: { ...p256.certificateVerify, edit: spoil } },
        'decrypt_error',
        'application',
      ],
      [
        'names another scheme',
        { certificateVerify: { ...p256.certificateVerify, scheme: SignatureScheme.ed25519 } },
        'illegal_parameter',
        'application',
      ],
      [
        'leaves CertificateVerify out',
        { editFlight: ([certificate, , finished]) => [certificate!, finished!] },
        'unexpected_message',
        'application',
      ],
      ['spoils Finished', { editFinished: spoil }, 'decrypt_error', 'application'],
      ['cuts Finished short', { editFinished: (data) => data.subarray(1) }, 'decode_error', 'application'],
      [
        'sends Certificate twice',
        { editFlight: ([certificate, ...rest]) => [certificate!, certificate!, ...rest] },
        'unexpected_message',
        'application',
      ],
      [
        'cuts Certificate short',
        { certificate: ({ context }) => certificateBody(context, []).subarray(0, -1) },
        'decode_error',
        'application',
      ],
      ['shares no protocol', { alpn: ['h2'] }, 'no_application_protocol', 'none'],
      ['cuts ClientHello short', { editClientHello: (body) => body.subarray(0, -1) }, 'decode_error', 'none'],
    ];
    for (const [does, rest, name, protection] of cases) {
      it(`hears ${name} when it ${does}`, async () => {
        const verdict = await scriptedVerdict(script(rest));
        expect(verdict).to.include({ kind: 'alert', level: 2, name, protection });
      });
    }

    it('hears certificate_required from a server that insists', async () => {
      await using strict = await EchoServer.start({ rejectUnauthorized: true });
      const { certificate, certificateVerify, ...bare } = script(strict.target);
      expect([certificate, certificateVerify]).not.to.include(undefined);
      expect(await scriptedVerdict(bare)).to.include({ kind: 'alert', name: 'certificate_required' });
    });

    it('hears protocol_version from a server without TLS 1.3', async () => {
      await using old = await EchoServer.start({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
      const verdict = await scriptedVerdict(script(old.target));
      expect(verdict).to.include({ kind: 'alert', name: 'protocol_version', protection: 'none' });
    });

    it('hears the alert for a record out of place, and then the end', async () => {
      await using session = await connect(script());
      await session.receive(hello.length, timeoutMs);
      await session.sendRecord(99, hello);
      expect(await session.verdict(timeoutMs)).to.include({ kind: 'alert', name: 'unexpected_message' });
      expect(await session.verdict(timeoutMs)).to.include({ kind: 'closed' });
    });
  });

  it('talks to the server of the openssl program, which insists on a certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scripted-tls-'));
    const file = join(folder, 'server.pem');
    const key = serverKey.privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(file, `${key}${encodePem(serverCertificate.der, 'CERTIFICATE')}`);
    const tlsOptions = ['-tls1_3', '-cert', file, '-Verify', '1', '-alpn', 'dot', '-rev'];
    const program = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...tlsOptions], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const target = { host: '127.0.0.1', port: await acceptedPort(program.stdout) };
      const refused = await scriptedVerdict({ ...target, alpn: ['dot'] });
      expect(refused).to.include({ kind: 'alert', name: 'certificate_required' });
      await using session = await connect(script({ ...target, firstData: Buffer.from('stressed\n') }));
      expect((await session.receive(9, timeoutMs)).toString()).to.equal('desserts\n');
    } finally {
      program.kill();
      rmSync(folder, { recursive: true });
    }
  });
});

/** The port that s_server says it has: it prints `ACCEPT 127.0.0.1:PORT`. */
async function acceptedPort(output: Readable): Promise<number> {
  let printed = '';
  for await (const chunk of output.iterator({ destroyOnReturn: false })) {
    printed += String(chunk);
    const port = /ACCEPT \S+:(\d+)\n/.exec(printed)?.[1];
    if (port !== undefined) {
      output.resume();
      return Number(port);
    }
  }
  throw new Error(`s_server did not start: ${printed}`);
}
