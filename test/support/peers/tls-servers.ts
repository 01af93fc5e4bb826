/**
 * TLS servers of others that ask for a certificate: `openssl s_server`, and gnutls-serv, which has raw public keys too.
 * They speak no DNS: what they get they give back, OpenSSL's reversed.
 */
import { createPublicKey } from 'node:crypto';
import { encodePem } from '../../../core/pki/pem.ts';
import type { TestCertificate } from '../certificate-factory.ts';
import { freePort, pathOf, type RunningProgram, type TestBed } from './test-bed.ts';

/** What a server shows. */
export interface ServerKey {
  /** The end entity first. */
  readonly chain: readonly [TestCertificate, ...TestCertificate[]];
  /** Shows the bare key instead; gnutls-serv only. */
  readonly isRaw?: boolean;
}

export interface TlsServer {
  readonly port: number;
  readonly program: RunningProgram;
  /** Whether this, of its log, says that a client's Certificate came; an empty one does not count. */
  readonly sawCertificate: (log: string) => boolean;
  /** Whether this, of its log, says that a handshake failed. */
  readonly sawFailure: (log: string) => boolean;
}

export type StartTlsServer = (bed: TestBed, key: ServerKey) => Promise<TlsServer>;

interface KeyFiles {
  readonly certificate: string;
  readonly key: string;
  readonly publicKey: string;
}

let written = 0;

function writeKey(bed: TestBed, { chain }: ServerKey): KeyFiles {
  const folder = `tls-server-${String(++written)}`;
  const { privateKey } = chain[0].key;
  const pem = chain.map(({ der }) => encodePem(der, 'CERTIFICATE')).join('');
  return {
    certificate: bed.write(`${folder}/certificate.pem`, pem),
    key: bed.write(`${folder}/key.pem`, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600),
    publicKey: bed.write(
      `${folder}/public.pem`,
      createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }),
    ),
  };
}

/** Says each message of a handshake as it comes. */
export async function startOpensslServer(bed: TestBed, server: ServerKey): Promise<TlsServer> {
  const port = await freePort();
  const files = writeKey(bed, server);
  const identity = ['-cert', files.certificate, '-cert_chain', files.certificate, '-key', files.key];
  const program = bed.start(pathOf('openssl'), [
    ...['s_server', '-accept', `127.0.0.1:${String(port)}`, ...identity],
    ...['-alpn', 'dot', '-tls1_3', '-rev', '-msg', '-Verify', '5'],
  ]);
  await program.waitForPort(port);
  return {
    port,
    program,
    // A Certificate message without a certificate has 8 octets with its header.
    sawCertificate: (log) => /<<< TLS 1\.3, Handshake \[length (?!0008)[\da-f]+\], Certificate\n/.test(log),
    sawFailure: (log) => log.includes('CONNECTION FAILURE'),
  };
}

export async function startGnutlsServer(bed: TestBed, server: ServerKey): Promise<TlsServer> {
  const port = await freePort();
  const files = writeKey(bed, server);
  const identity = server.isRaw
    ? ['--rawpkkeyfile', files.key, '--rawpkfile', files.publicKey]
    : ['--x509certfile', files.certificate, '--x509keyfile', files.key];
  const program = bed.start(pathOf('gnutls-serv'), [
    ...['--port', String(port), '--alpn=dot', '--echo', '--require-client-cert', ...identity],
    ...['--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK'],
  ]);
  await program.waitForPort(port);
  return {
    port,
    program,
    sawCertificate: (log) => /Got a certificate list of|Got \d+ Raw public-key/.test(log),
    sawFailure: (log) => log.includes('Error in handshake'),
  };
}
