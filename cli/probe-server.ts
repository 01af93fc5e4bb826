/**
 * What a client of this identity meets at a server, step by step, by the code that connects clients: address, TLSA
 * lookup, TCP, TLS, proof of the server, what it asked of us, whether it let us in, and what it answers.
 *
 * Limitations: a server of TLS 1.3 says whether it takes us when the handshake is over; whether it does is known with its
 * first answer.
 */
import { DnsConnection } from '../core/client/dns-connection.ts';
import { gatherEvidence, tlsaName, type Evidence, type Gathered } from '../core/client/evidence.ts';
import type { ClientLimits } from '../core/client/limits.ts';
import { connectProved, type OpenedServer, type ServerDial } from '../core/client/open-server.ts';
import { noAnswerReasons, NoAnswerError, type NoAnswerReason } from '../core/client/reasons.ts';
import type { ServerPolicy } from '../core/client/server-policy.ts';
import { Rcode, rcodeName } from '../core/dns/constants.ts';
import { Name } from '../core/dns/name.ts';
import type { LookupResult, Resolver } from '../core/resolver/resolver.ts';
import { alpnProtocol } from '../core/tls/context.ts';
import type { ClientCredentials, DialTls } from '../core/tls/dial-context.ts';
import type { AskedByServer } from '../core/tls/dial.ts';
import { findAddresses, lookupTrouble, type ProbeTarget } from './probe-target.ts';
import { askSoa, askTransfer, type Answered } from './probe-questions.ts';

export interface ProbeQuestion {
  readonly target: ProbeTarget;
  readonly policy: ServerPolicy;
  readonly credentials: ClientCredentials | undefined;
  readonly tls: DialTls;
  /** Whose SOA record is asked for, and which is transferred; without it the SOA record of the root is asked for. */
  readonly zone: Name | undefined;
  readonly resolver: Resolver;
  readonly limits: ClientLimits;
  readonly nowMs: () => number;
}

/** One step; the first that fails is the last. */
export interface ProbeStep {
  readonly step: 'address' | 'lookup' | 'tcp' | 'tls' | 'server' | 'client' | 'admitted' | 'soa' | 'transfer';
  readonly ok: boolean;
  readonly detail: string;
}

/** `answered` or `transferred`, or why not; `answered-refused`: REFUSED is no sign that we are known. */
export type ProbeReason =
  'answered' | 'answered-refused' | 'transferred' | 'no-address' | 'no-soa' | 'no-transfer' | NoAnswerReason;

/** What was shown to the server. */
export interface ShownToServer {
  /** `either`: a certificate if the server takes one, else a raw public key; it is not known which it took. */
  readonly key: ClientCredentials['shows'] | 'nothing';
  readonly name?: Name;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly reason: ProbeReason;
  readonly steps: readonly ProbeStep[];
  readonly address?: string;
  readonly lookup?: LookupResult;
  readonly tls?: { readonly version: string; readonly cipher: string; readonly alpn: string | undefined };
  readonly verdict?: { readonly proof: string; readonly endsMs: number };
  readonly asked?: AskedByServer;
  readonly shown?: ShownToServer;
  readonly serial?: number;
  readonly records?: number;
}

type Opened = Extract<OpenedServer, { readonly verdict: object }>;

/** Goes the way of a client. Rejects for what is wrong on our side, as connectProved does. */
export async function probeServer(question: ProbeQuestion): Promise<ProbeResult> {
  const { target, policy, resolver, nowMs } = question;
  const way = new Way();
  const { addresses, detail } = await findAddresses(target, resolver);
  if (addresses.length === 0) return way.end('address', 'no-address', detail);
  way.pass('address', detail);

  const gathered = await gatherEvidence(policy, target.port, resolver, nowMs);
  if (gathered.lookup !== undefined) way.found = { lookup: gathered.lookup };
  if (gathered.evidence === undefined) {
    return way.end('lookup', gathered.reason, notFound(gathered, policy, target.port));
  }
  if (gathered.lookup !== undefined) {
    const applies = gathered.evidence.tlsa === undefined ? 'DANE does not apply: ' : '';
    way.pass('lookup', `${applies}${gathered.lookup.detail}`);
  }
  const { address, opened } = await openFirst(question, addresses, gathered.evidence);
  way.found = { ...way.found, address };
  if (opened.socket === undefined) return failedToOpen(way, opened, address);
  way.pass('tcp', address);
  return meet(question, way, opened);
}

/** The first address at which somebody takes the connection. */
async function openFirst(
  question: ProbeQuestion,
  addresses: readonly string[],
  evidence: Evidence,
): Promise<{ readonly address: string; readonly opened: OpenedServer }> {
  const { target, policy, tls, credentials, nowMs, limits } = question;
  const [address = '', ...others] = addresses;
  const endpoint = { address, port: target.port };
  const alpn = { alpnProtocols: [alpnProtocol], needsAlpn: false };
  const server: ServerDial = { endpoint, policy, tls, credentials, ...alpn, nowMs };
  const opened = await connectProved(server, evidence, limits['connect-time']);
  const isElsewhere = opened.socket === undefined && !opened.isConnected && others.length > 0;
  return isElsewhere ? openFirst(question, others, evidence) : { address, opened };
}

function failedToOpen(
  way: Way,
  { reason, detail, isConnected }: Extract<OpenedServer, { readonly isConnected: boolean }>,
  address: string,
): ProbeResult {
  if (!isConnected) return way.end('tcp', reason, `${address}: ${detail}`);
  way.pass('tcp', address);
  if (reason.startsWith('server-')) return way.end('server', reason, inWords(reason, detail));
  if (reason === 'refused-by-server') return way.end('tls', reason, `the server broke it off: ${detail}`);
  const advice = reason === 'timeout' ? '; does that port speak TLS? (DNS over TLS is 853)' : '';
  return way.end('tls', reason, `${inWords(reason, detail)}${advice}`);
}

/** Why there is nothing by which the server could be proved, and what to do. */
function notFound(
  { reason, detail, lookup }: Extract<Gathered, { readonly reason: string }>,
  { name }: ServerPolicy,
  port: number,
): string {
  if (reason === 'server-no-tlsa' && name !== undefined) {
    const owner = tlsaName(name, port).toString();
    return `${detail}; publish ${owner}. TLSA 3 1 1 … (danced tlsa DIR --name ${owner}), or give --pin or --ca`;
  }
  return lookup === undefined ? detail : lookupTrouble(lookup);
}

/** From the end of the handshake on. */
async function meet(question: ProbeQuestion, way: Way, opened: Opened): Promise<ProbeResult> {
  const { credentials, limits, zone } = question;
  const { socket, asked, verdict } = opened;
  const version = socket.getProtocol() ?? 'TLS';
  const cipher = socket.getCipher().standardName;
  const alpn =
    socket.alpnProtocol === false || socket.alpnProtocol === null ? undefined : socket.alpnProtocol;
  way.found = { ...way.found, tls: { version, cipher, alpn }, verdict, asked };
  const protocol = alpn === undefined ? 'no ALPN, which zone transfers need (RFC 9103)' : `ALPN ${alpn}`;
  way.pass('tls', `${version}, ${cipher}, ${protocol}`);
  way.pass('server', `proved by ${verdict.proof}`);
  const shown = shownTo(asked, credentials);
  way.found = { ...way.found, shown };
  way.pass('client', `the server asked for ${askedInWords(asked)}; ${shownInWords(shown)}`);

  const connection = new DnsConnection({ socket, who: 'server', limits });
  try {
    const soa = await askSoa(connection, zone ?? Name.root);
    way.pass('admitted', 'the server lets us in (as a known client or an anonymous one: it does not say)');
    const detail = `${soa.detail}${refusalInWords(soa, asked, zone)}`;
    if (zone === undefined) {
      if (isRefused(soa)) return way.end('soa', 'answered-refused', `of the root: ${detail}`);
      way.pass('soa', `of the root: ${soa.detail}`);
      return way.arrive('answered');
    }
    way.found = { ...way.found, ...numbersOf(soa) };
    if (!soa.ok) return way.end('soa', 'no-soa', detail);
    way.pass('soa', soa.detail);
    const transfer = await askTransfer(connection, zone);
    way.found = { ...way.found, ...numbersOf(transfer) };
    if (!transfer.ok) {
      const why = refusalInWords(transfer, asked, zone);
      return way.end('transfer', 'no-transfer', `${transfer.detail}${why}`);
    }
    way.pass('transfer', transfer.detail);
    return way.arrive('transferred');
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    return way.end(way.isAdmitted ? 'transfer' : 'admitted', error.reason, whyNot(error, asked, credentials));
  } finally {
    connection.close();
  }
}

function shownTo(asked: AskedByServer, credentials: ClientCredentials | undefined): ShownToServer {
  if (credentials === undefined || !asked.certificate) return { key: 'nothing' };
  const { shows, name } = credentials;
  return { key: shows, ...(asked.name && name !== undefined && { name }) };
}

function askedInWords({ certificate, name }: AskedByServer): string {
  if (!certificate) return 'nothing';
  return name ? 'a certificate and a name (dane_clientid)' : 'a certificate, and no name';
}

const keyInWords: Readonly<Record<ShownToServer['key'], string>> = {
  nothing: 'we showed nothing',
  certificate: 'we showed our certificate',
  'raw-public-key': 'we showed our raw public key',
  either: 'we showed our certificate, or our raw public key if it takes no other',
};

function shownInWords({ key, name }: ShownToServer): string {
  return `${keyInWords[key]}${name === undefined ? '' : ` and the name ${name.toString()}`}`;
}

function isRefused({ rcode }: Answered): boolean {
  return rcode === rcodeName(Rcode.REFUSED);
}

/** What REFUSED means, and what to do; nothing for other answers. */
function refusalInWords(answered: Answered, asked: AskedByServer, zone: Name | undefined): string {
  if (!isRefused(answered)) return '';
  if (!asked.certificate) return '; the server asks for no certificate, so it may go by addresses';
  const advice = zone === undefined ? 'ask for a zone of ours with --zone, and see' : 'see';
  return `; the server knows us and does not allow this, or we are anonymous to it: ${advice} the log of the server`;
}

/** What the end of a connection means, and what to check. */
function whyNot(
  { reason, detail }: NoAnswerError,
  asked: AskedByServer,
  credentials: ClientCredentials | undefined,
): string {
  if (reason !== 'refused-by-server' && reason !== 'connection-lost') return inWords(reason, detail);
  const how =
    reason === 'refused-by-server' ? `refused us: ${detail}` : 'closed the connection without a word';
  return `the server ${how}; ${toCheck(asked, credentials)}`;
}

function toCheck(asked: AskedByServer, credentials: ClientCredentials | undefined): string {
  if (!asked.certificate) return 'it asks for no certificate, so it may go by addresses';
  if (credentials === undefined) return 'it asks for a certificate: give one with --identity';
  const { name, shows } = credentials;
  // A server that asks by another number, or another version, is one that asks for no name.
  const other = asked.name ? '' : '; it may use another --extension-type or --dialect';
  if (shows === 'raw-public-key' && !asked.name) {
    return `a raw public key says no name, and the server does not ask for one: show the certificate${other}`;
  }
  if (asked.name && name === undefined) return 'it asks for a name: give it with --name';
  const who = name?.toString() ?? 'NAME';
  return `see that ${who} has a TLSA record about this key (danced verify ${who} --chain FILE) and is in the access list of the server${other}`;
}

function inWords(reason: NoAnswerReason, detail: string): string {
  return detail === '' ? noAnswerReasons[reason] : `${noAnswerReasons[reason]}: ${detail}`;
}

function numbersOf({ serial, records }: Answered): Pick<ProbeResult, 'serial' | 'records'> {
  return { ...(serial !== undefined && { serial }), ...(records !== undefined && { records }) };
}

/** The steps so far, and what they found. */
class Way {
  found: Partial<ProbeResult> = {};
  readonly #steps: ProbeStep[] = [];

  get isAdmitted(): boolean {
    return this.#steps.some(({ step }) => step === 'admitted');
  }

  pass(step: ProbeStep['step'], detail: string): void {
    this.#steps.push({ step, ok: true, detail });
  }

  end(step: ProbeStep['step'], reason: ProbeReason, detail: string): ProbeResult {
    this.#steps.push({ step, ok: false, detail });
    return { ...this.found, ok: false, reason, steps: this.#steps };
  }

  arrive(reason: ProbeReason): ProbeResult {
    return { ...this.found, ok: true, reason, steps: this.#steps };
  }
}
