/**
 * openssl s_client and gnutls-cli as clients of a gate: one DNS message in, one out, and all that the program said. Both show
 * what they are told to, a certificate or, gnutls-cli, a raw public key; neither knows dane_clientid.
 *
 * Limitations: they believe any server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FrameReader, frame } from '../../../core/dns/framing.ts';
import { pathOf, type TestBed } from './test-bed.ts';

export interface TlsClientRequest {
  readonly port: number;
  /** One DNS message. */
  readonly message: Buffer;
  /** Files in PEM; none: it shows nothing. */
  readonly identity?: { readonly certificateFile: string; readonly keyFile: string };
  /** gnutls-cli: the key alone, in a file in PEM, as a raw public key; beside an identity it is the second choice. */
  readonly rawPublicKey?: { readonly publicKeyFile: string; readonly keyFile: string };
  /** gnutls-cli: takes nothing but a raw public key from the server. */
  readonly wantsRawPublicKey?: boolean;
}

export interface TlsClientResult {
  /** Undefined when none came. */
  readonly reply: Buffer | undefined;
  /** Everything else that it said. */
  readonly output: string;
}

const timeoutMs = 20_000;
let runs = 0;

/** The program s_client of OpenSSL. */
export function opensslClient({ port, message, identity }: TlsClientRequest): Promise<TlsClientResult> {
  const own = identity ? ['-cert', identity.certificateFile, '-key', identity.keyFile] : [];
  const tls = ['-connect', `127.0.0.1:${String(port)}`, '-tls1_3', '-alpn', 'dot', ...own];
  return exchange(pathOf('openssl'), ['s_client', ...tls, '-quiet', '-nocommands'], message);
}

/** The program gnutls-cli of GnuTLS. */
export async function gnutlsClient(request: TlsClientRequest, bed: TestBed): Promise<TlsClientResult> {
  const { port, message, identity, rawPublicKey } = request;
  const logFile = join(bed.directory, `gnutls-${String(++runs)}.log`);
  const own: string[] = [];
  if (identity) own.push(`--x509certfile=${identity.certificateFile}`, `--x509keyfile=${identity.keyFile}`);
  if (rawPublicKey) {
    own.push(`--rawpkfile=${rawPublicKey.publicKeyFile}`, `--rawpkkeyfile=${rawPublicKey.keyFile}`);
  }
  const tls = [
    `--port=${String(port)}`,
    '--alpn=dot',
    '--no-ca-verification',
    `--priority=${priority(request)}`,
    ...own,
  ];
  const { reply, output } = await exchange(
    pathOf('gnutls-cli'),
    [...tls, `--logfile=${logFile}`, '127.0.0.1'],
    message,
  );
  const log = readFileSync(logFile, 'utf8');
  rmSync(logFile);
  return { reply, output: `${output}${log}` };
}

/** Which types of certificate it offers and takes, in its order (RFC 7250). */
function priority({ identity, rawPublicKey, wantsRawPublicKey }: TlsClientRequest): string {
  const words = ['NORMAL'];
  if (rawPublicKey)
    words.push('-CTYPE-CLI-ALL', ...(identity ? ['+CTYPE-CLI-X509'] : []), '+CTYPE-CLI-RAWPK');
  if (wantsRawPublicKey === true) words.push('-CTYPE-SRV-ALL', '+CTYPE-SRV-RAWPK');
  return words.join(':');
}

/** Runs it until the reply is there, or it ends by itself. */
async function exchange(command: string, args: readonly string[], message: Buffer): Promise<TlsClientResult> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs });
  const reader = new FrameReader();
  let reply: Buffer | undefined;
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdout.on('data', (chunk: Buffer) => {
    [reply] = [reply, ...reader.push(chunk)].filter((found) => found !== undefined);
    // Its end of input ends the connection.
    if (reply !== undefined) child.stdin.end();
  });
  // It may have ended before it has read.
  child.stdin.on('error', () => undefined);
  child.stdin.write(frame(message));
  const ended = once(child, 'close');
  // s_client with -quiet does not look at the end of its input; gnutls-cli, ended so, would lose what it has to say.
  if (command === pathOf('openssl')) child.stdin.once('finish', () => child.kill());
  await ended;
  return { reply, output };
}
