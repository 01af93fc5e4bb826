/**
 * What a gate would say of a client now, step by step, by the gate's own code: is its name in the access list, does its
 * certificate claim it, is its TLSA record secure, does one match, and what may it do then, at which gate?
 *
 * Limitations: the TLS handshake is not judged; a client that shows a certificate without its key is refused there. Of a
 * certificate only the dNSNames are taken for claims: a client that says its name in dane_clientid needs none. A proof is
 * taken to hold for as long as a gate with the default `proof-time` would.
 */
import { decideByEntry } from '../core/acl/access-control.ts';
import type { AccessEntry, Decision } from '../core/acl/model.ts';
import { admittedClaims } from '../core/dane/claims.ts';
import { matchTlsa, maximumTlsaRecords, type MatchResult } from '../core/dane/match.ts';
import type { Verdict } from '../core/dane/prove.ts';
import { noIdentityReasons, type NoIdentityReason, type PeerCredentials } from '../core/dane/types.ts';
import { sortRecords, type SortedRecords } from '../core/dane/usable.ts';
import { RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import type { Tlsa } from '../core/dns/rdata.ts';
import type { Certificate } from '../core/pki/certificate.ts';
import type { LookupResult, Resolver } from '../core/resolver/resolver.ts';
import { prove } from '../core/server/identify.ts';
import { connectionLimits } from '../core/server/limits.ts';
import type { GateSays } from './verify-gates.ts';
import type { JudgedList } from './verify-list.ts';

/** What the question is, and what the answer rests on. */
export interface ClientQuestion {
  readonly name: Name;
  /** What the client shows; without it the question is which keys would be accepted. */
  readonly peer: PeerCredentials | undefined;
  /** Without it everybody is admitted, and nothing is said of what they may do. */
  readonly list: Omit<JudgedList, 'close'> | undefined;
  /** The zones of the gates. */
  readonly zones: readonly Name[];
  /** What the gates make of a client that the list has this entry for; undefined for one that is not identified. */
  readonly askGates: (entry: AccessEntry | undefined) => readonly GateSays[];
  readonly resolver: Resolver;
  readonly roots: readonly Certificate[];
  readonly nowMs: () => number;
}

/** One step of a gate; the first that fails is the last. */
export interface ClientStep {
  readonly step: 'access' | 'claim' | 'lookup' | 'match' | 'permission';
  readonly ok: boolean;
  readonly detail: string;
}

/** `identified`, or `has-keys` where nothing was shown to be matched; else why not, as in docs/errors.md. */
export type ClientReason =
  'identified' | 'has-keys' | NoIdentityReason | Exclude<Decision['reason'], 'allowed'>;

/** What a gate would say. */
export interface ClientVerdict {
  readonly ok: boolean;
  readonly reason: ClientReason;
  readonly steps: readonly ClientStep[];
  readonly lookup?: LookupResult;
  readonly match?: MatchResult;
  /** The records that count: those of the keys and authorities that would be accepted. */
  readonly accepts: readonly Tlsa[];
  /** Zones of the gates that the client may transfer, and those that it may not. */
  readonly may: readonly Name[];
  readonly mayNot: readonly Name[];
  /** What each gate makes of it. */
  readonly gates: readonly GateSays[];
  /** Milliseconds since the epoch: when the proof has to be made again. */
  readonly untilMs?: number;
}

interface Fault {
  readonly reason: ClientReason;
  readonly detail: string;
}

/** Goes the way of a connection (core/server/identify.ts). */
export async function verifyClient(question: ClientQuestion): Promise<ClientVerdict> {
  const { name, peer, list, zones, nowMs, askGates } = question;
  const way = new Way(askGates);
  const entry = await list?.entryFor(name);
  if (list !== undefined) {
    if (entry === undefined) return way.end('access', { reason: 'not-admitted', detail: notInList });
    if (typeof entry === 'string') return way.end('access', { reason: 'not-admitted', detail: entry });
    way.pass('access', entryInWords(entry));
  }
  if (peer !== undefined) {
    const fault = await claimFault(name, peer, list);
    if (fault !== undefined) return way.end('claim', fault);
    way.pass('claim', peer.certificate === undefined ? saidWithKey : 'the certificate has this name');
  }

  const lookup = await question.resolver.lookup(name, RrType.TLSA);
  way.found = { lookup };
  const fault = lookupFault(lookup);
  if (fault !== undefined) return way.end('lookup', fault);
  way.pass('lookup', lookup.detail);
  const { usable: accepts, unusable } = countingRecords(lookup, peer, question.roots);
  way.found = { lookup, accepts };
  const known = typeof entry === 'object' ? entry : undefined;
  if (peer === undefined && accepts.length > 0) {
    way.entry = known;
    return way.arrive('has-keys');
  }
  if (peer === undefined) {
    return way.end('match', { reason: 'no-usable-record', detail: `unusable: ${unusable.join(', ')}` });
  }

  const { match, verdict } = await judge(question, peer, lookup);
  way.found = { ...way.found, match };
  if (!verdict.identity) {
    const { reason, detail } = verdict;
    return way.end('match', { reason, detail: detail || noIdentityReasons[reason] });
  }
  const { identity } = verdict;
  way.pass('match', identity.proof);
  way.entry = known;
  way.found = { ...way.found, untilMs: identity.notAfter };
  if (known === undefined || list === undefined) return way.arrive('identified');

  const mayTransfer = (zone: Name): boolean =>
    decideByEntry(known, list.roles, { action: 'transfer', zone }, nowMs()).allowed;
  const may = zones.filter(mayTransfer);
  const mayNot = zones.filter((zone) => !mayTransfer(zone));
  way.found = { ...way.found, may, mayNot };
  const explained = askGates(known).filter(({ ok }) => ok !== undefined);
  const detail = [
    ...(may.length > 0 ? [`may transfer ${listed(may)}`] : []),
    ...(mayNot.length > 0 ? [`may not transfer ${listed(mayNot)}`] : []),
    ...explained.map(({ use, ok }) => `${ok === true ? 'is served by' : 'gets nothing of'} ${use}`),
  ].join('; ');
  if (detail === '') return way.arrive('identified');
  if (may.length === 0 && !explained.some(({ ok }) => ok === true)) {
    return way.end('permission', { reason: 'no-rule', detail });
  }
  way.pass('permission', detail);
  return way.arrive('identified');
}

/** The steps so far, and what they found. */
class Way {
  found: Partial<ClientVerdict> = {};
  /** Of the access list, once the client is identified. */
  entry: AccessEntry | undefined;
  readonly #steps: ClientStep[] = [];
  readonly #askGates: ClientQuestion['askGates'];

  constructor(askGates: ClientQuestion['askGates']) {
    this.#askGates = askGates;
  }

  pass(step: ClientStep['step'], detail: string): void {
    this.#steps.push({ step, ok: true, detail });
  }

  end(step: ClientStep['step'], { reason, detail }: Fault): ClientVerdict {
    this.#steps.push({ step, ok: false, detail });
    return this.#verdict(false, reason);
  }

  arrive(reason: ClientReason): ClientVerdict {
    return this.#verdict(true, reason);
  }

  #verdict(ok: boolean, reason: ClientReason): ClientVerdict {
    const gates = this.#askGates(this.entry);
    return { accepts: [], may: [], mayNot: [], gates, ...this.found, ok, reason, steps: this.#steps };
  }
}

const notInList = 'the access list has neither this name nor one above it as *.name; the DNS is not asked';

function entryInWords({ pattern, line, rights }: AccessEntry): string {
  const roles = rights.roles.length > 0 ? `; roles: ${rights.roles.join(', ')}` : '';
  const where = line === undefined ? '' : `, line ${String(line)}`;
  return `${pattern}${where}${roles}`;
}

/** Whether a gate would look this name up for a client that shows this. */
async function claimFault(
  name: Name,
  peer: PeerCredentials,
  list: ClientQuestion['list'],
): Promise<Fault | undefined> {
  // With a raw public key the name can only be said, and we take it to be.
  if (peer.certificate === undefined) return undefined;
  const admits = async (other: Name): Promise<boolean> =>
    list === undefined || typeof (await list.entryFor(other)) === 'object';
  const claims = await admittedClaims(peer.dnsNames, admits);
  if (claims.some((claim) => claim.equals(name))) return undefined;
  const has = peer.dnsNames.length === 0 ? 'it has none' : `it has ${listed(peer.dnsNames)}`;
  const detail = `the certificate does not claim it by a dNSName: ${has}; a client of danced says its name itself`;
  return { reason: 'no-claim', detail };
}

const saidWithKey = 'with a raw public key the client says its name in the TLS extension dane_clientid';

/** What proveClient says of such an answer, whatever the client shows (RFC 6698 section 4.1). */
function lookupFault({ status, records, detail }: LookupResult): Fault | undefined {
  if (status === 'insecure' || status === 'bogus') return { reason: status, detail };
  if (status === 'indeterminate') return { reason: 'lookup-failed', detail };
  return records.length > 0 ? undefined : { reason: 'no-tlsa', detail };
}

function countingRecords(
  { records }: LookupResult,
  peer: PeerCredentials | undefined,
  roots: readonly Certificate[],
): SortedRecords {
  const rdatas = records.slice(0, maximumTlsaRecords).map(({ rdata }) => rdata);
  const hasCertificate = peer === undefined || peer.certificate !== undefined;
  return sortRecords(rdatas, { hasCertificate, hasRoots: roots.length > 0 });
}

async function judge(
  { name, roots, nowMs }: ClientQuestion,
  peer: PeerCredentials,
  lookup: LookupResult,
): Promise<{ match: MatchResult; verdict: Verdict }> {
  const resolver = { lookup: () => Promise.resolve(lookup) };
  // Admission has been judged above.
  const access = { admit: () => Promise.resolve({ admitted: true, entry: '' } as const) };
  const means = { access, resolver, roots, nowMs };
  const verdict = await prove(name, peer, means, connectionLimits['proof-time'].default);
  const context = { name, nowMs: nowMs(), purpose: 'client', roots } as const;
  const match = matchTlsa(
    lookup.records.map(({ rdata }) => rdata),
    peer,
    context,
  );
  return { match, verdict };
}

function listed(names: readonly Name[]): string {
  const shown = names.slice(0, 8).map((name) => name.toString());
  return names.length > shown.length
    ? `${shown.join(', ')} and ${String(names.length - shown.length)} more`
    : shown.join(', ');
}
