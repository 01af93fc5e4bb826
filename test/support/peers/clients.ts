/** dig and kdig as clients of a gate: one request over TLS, with or without a certificate of their own. */
import { pathOf, runProgram } from './test-bed.ts';
import { recordLines } from './zone-text.ts';

export interface ClientRequest {
  readonly gate: { readonly port: number; readonly certificateFile: string; readonly name: string };
  readonly name: string;
  /** As "AXFR", "SOA" or "IXFR=3". */
  readonly type: string;
  readonly identity?: { readonly certificateFile: string; readonly keyFile: string };
  /** More words of the command line, as "+dnssec". */
  readonly more?: readonly string[];
}

/** What the client got: the records as it prints them, sorted, and everything that it said. */
export interface ClientResult {
  readonly records: readonly string[];
  readonly output: string;
}

export type Client = (request: ClientRequest) => Promise<ClientResult>;

/** dig of BIND: with a certificate of its own it insists on knowing the server's. */
export async function dig({ gate, name, type, identity, more = [] }: ClientRequest): Promise<ClientResult> {
  const tls = ['+tls', `+tls-ca=${gate.certificateFile}`, `+tls-hostname=${gate.name}`];
  if (identity) tls.push(`+tls-certfile=${identity.certificateFile}`, `+tls-keyfile=${identity.keyFile}`);
  const server = ['@127.0.0.1', '-p', String(gate.port)];
  return ask('dig', [...server, ...tls, '+onesoa', '+time=20', '+tries=1', ...more, name, type]);
}

/** kdig of Knot DNS, with GnuTLS. */
export async function kdig({ gate, name, type, identity, more = [] }: ClientRequest): Promise<ClientResult> {
  const tls = ['+tls', `+tls-ca=${gate.certificateFile}`, `+tls-hostname=${gate.name}`];
  if (identity) tls.push(`+tls-certfile=${identity.certificateFile}`, `+tls-keyfile=${identity.keyFile}`);
  const server = ['@127.0.0.1', '-p', String(gate.port)];
  const { records, output } = await ask('kdig', [
    ...server,
    ...tls,
    '+time=20',
    '+retry=0',
    ...more,
    name,
    type,
  ]);
  // kdig prints the SOA at both ends of a transfer.
  return { records: [...new Set(records)], output };
}

async function ask(program: 'dig' | 'kdig', args: readonly string[]): Promise<ClientResult> {
  const { stdout, stderr } = await runProgram(pathOf(program), args);
  return { records: recordLines(stdout), output: stdout + stderr };
}
