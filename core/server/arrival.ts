/**
 * From a raw TCP connection to a client that is known, known to be anonymous, or refused. Each step has its bound, and each
 * "no" its reason:
 *
 *     TLS handshake → snapshot of what the peer showed → claims, admission, lookup, match (identify.ts)
 *
 * All of it is bounded by `handshake-time`, so a slow authoritative server behind a client's name cannot keep a place (DANCE
 * architecture, "Slowloris"). Nothing is read from the client before it is decided who it is.
 *
 * What a "no" means is the listener's choice (draft-ietf-dance-client-auth-13 section 8.2): the alert handshake_failure and
 * the end of the connection, whatever the reason, so that a client learns none; or an anonymous client.
 */
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { ClaimSource } from '../dane/claims.ts';
import type { ClientIdentity } from '../dane/identity.ts';
import type { NoIdentityReason, PeerCredentials } from '../dane/types.ts';
import type { ListenerTls } from '../plugin/contract.ts';
import { alertDescriptions, closeWithAlert } from '../tls/alert.ts';
import { handshake, type Handshake } from '../tls/handshake.ts';
import { snapshotPeer, type PeerSnapshot } from '../tls/peer-snapshot.ts';
import type { Visitor } from './admission.ts';
import { identify, type ProofMeans, type ShownClient } from './identify.ts';
import type { ConnectionLimits } from './limits.ts';

/** What the arrival of a connection needs. */
export interface ArrivalMeans {
  /** The listener's; asked once for each connection. */
  readonly context: () => SecureContext;
  readonly tls: () => ListenerTls;
  readonly alpnProtocols: readonly string[];
  readonly isAlpnOptional?: boolean | undefined;
  readonly limits: () => ConnectionLimits;
  readonly proof: ProofMeans;
  /** Says what may be looked up for the client. */
  readonly visitor?: Visitor | undefined;
  /** Takes a place for an anonymous client, if one is free; asked once at most. */
  readonly takesAnonymous: () => boolean;
  /** Whether it is us who ended the connection. */
  readonly isClosing: () => boolean;
  /** An error that is nobody's but ours and came too late to be thrown. */
  readonly onDefect: (error: unknown) => void;
}

/** Why a connection did not come as far as its service. */
export type RefusalReason =
  Exclude<Handshake, { socket: TLSSocket }>['reason'] | NoIdentityReason | 'gate-closing' | 'internal-error';

/** Why a client is not identified. */
export interface WhyNot {
  readonly reason: RefusalReason;
  /** Empty for nothing. */
  readonly detail: string;
  /** The names that it claims, as text. */
  readonly claims?: string;
  readonly key?: ShownKey | undefined;
}

/** What a client shows: a certificate, or a raw public key. */
export type ShownKey = 'x509' | 'raw-public-key';

/** A client that is known. */
export interface Identified {
  readonly identity: ClientIdentity;
  readonly source: ClaimSource;
  readonly peer: PeerCredentials;
}

/** What somebody claims to be, and how the listener took it when he came: enough to identify him again. */
export interface Claimant {
  readonly shown: ShownClient;
  readonly tls: ListenerTls;
}

interface Settling {
  /** Resolves when no lookup is under way for the connection, and the alert, if one was sent, has had its time. */
  readonly settled: Promise<unknown>;
}

export function keyOf({ certificate }: PeerCredentials): ShownKey {
  return certificate === undefined ? 'raw-public-key' : 'x509';
}

export type Arrival = Settling &
  (
    | {
        readonly outcome: 'identified';
        readonly socket: TLSSocket;
        readonly identified: Identified;
        readonly claimant: Claimant;
      }
    | {
        readonly outcome: 'anonymous';
        readonly socket: TLSSocket;
        readonly whyNot: WhyNot;
        /** Undefined for a client that showed nothing. */
        readonly claimant: Claimant | undefined;
      }
    | { readonly outcome: 'refused'; readonly whyNot: WhyNot }
  );
/** An arrival that is served. */
export type ServedArrival = Exclude<Arrival, { outcome: 'refused' }>;

/** Handshake and proof under one deadline. Rejects for defects of ours only. */
export async function arrive(raw: Socket, means: ArrivalMeans): Promise<Arrival> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    // Given a reason, it does not make an error with a stack.
    abort.abort('handshake-time');
  }, means.limits()['handshake-time']);
  try {
    const tls = means.tls();
    const shaken = await handshake(
      raw,
      means.context(),
      abort.signal,
      means.alpnProtocols,
      means.isAlpnOptional,
    );
    if (!shaken.socket) {
      const reason = means.isClosing() ? 'gate-closing' : shaken.reason;
      return { outcome: 'refused', whyNot: { reason, detail: shaken.detail }, settled: Promise.resolve() };
    }
    // From here to the end of the connection somebody listens for errors; 'close' follows each.
    shaken.socket.on('error', () => undefined);
    return await judge(raw, shaken.socket, means, tls, abort.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function judge(
  raw: Socket,
  socket: TLSSocket,
  means: ArrivalMeans,
  tls: ListenerTls,
  deadline: AbortSignal,
): Promise<Arrival> {
  const snapshot = snapshotPeer(socket);
  const key = snapshot.credentials && keyOf(snapshot.credentials);
  const no = (why: WhyNot, source?: ClaimSource, proving?: Promise<unknown>): Arrival =>
    refuse(socket, snapshot, tls, means, { whyNot: { ...why, key }, source, proving });
  if (snapshot.credentials === undefined) return no({ reason: snapshot.reason, detail: snapshot.detail });
  const { credentials, clientId } = snapshot;
  const claimant: Claimant = { shown: { credentials, clientId }, tls };
  const gone = connectionGone(socket, deadline);
  const identifying = identify(claimant.shown, means.proof, {
    claims: tls.claims,
    dialect: tls.dialect,
    longestProofMs: means.limits()['proof-time'],
    signal: gone,
    visitor: means.visitor,
  });
  const verdict = await Promise.race([identifying, gone.left]);
  gone.stop();
  if ('left' in verdict) {
    const { left } = verdict;
    // Who leaves while the DNS is asked keeps the handshake place until it has answered, and so does who is not waited for
    // any longer: else strangers could have any number of lookups under way.
    const proving = identifying.catch(means.onDefect);
    if (left.reason === 'timeout' && !means.isClosing()) return no(left, undefined, proving);
    raw.destroy();
    const reason = means.isClosing() ? 'gate-closing' : left.reason;
    return { outcome: 'refused', whyNot: { ...left, reason }, settled: proving };
  }
  const { source, claims } = verdict;
  if (!verdict.identity) return no({ reason: verdict.reason, detail: verdict.detail, claims }, source);
  // An identity has a name, and a name a source.
  if (source === undefined) throw new TypeError('an identity without a claim');
  const identified = { identity: verdict.identity, source, peer: credentials };
  return { outcome: 'identified', socket, identified, claimant, settled: Promise.resolve() };
}

interface No {
  readonly whyNot: WhyNot;
  readonly source: ClaimSource | undefined;
  /** The lookup that is still under way. */
  readonly proving: Promise<unknown> | undefined;
}

/** What a "no" means at this listener. */
function refuse(
  socket: TLSSocket,
  { credentials, clientId, connectionId }: PeerSnapshot,
  tls: ListenerTls,
  { takesAnonymous, tls: tlsNow }: ArrivalMeans,
  { whyNot, source, proving }: No,
): Arrival {
  // The listener may have become another while the client was asked for.
  const letsIn = tls.onFailure === 'anonymous' && tlsNow().onFailure === 'anonymous';
  if (letsIn && !mustAbort(whyNot.reason, source) && takesAnonymous()) {
    const claimant = credentials && { shown: { credentials, clientId }, tls };
    return { outcome: 'anonymous', socket, whyNot, claimant, settled: Promise.resolve(proving) };
  }
  // Draft section 12: one alert for every reason, so that a client cannot learn which names are known.
  const closed = closeWithAlert(socket, connectionId, alertDescriptions.handshakeFailure);
  return { outcome: 'refused', whyNot, settled: Promise.all([closed, proving]) };
}

/** What ends the connection at any listener: draft sections 5, 7 and 8.2 leave no choice. */
export function mustAbort(reason: RefusalReason, source: ClaimSource | undefined): boolean {
  return reason === 'bad-name' || (reason === 'name-mismatch' && source === 'extension');
}

interface Gone {
  /** Resolves when the client leaves or the deadline passes. */
  readonly left: Promise<{ readonly left: WhyNot }>;
  /** Whether it has. */
  readonly aborted: boolean;
  /** Watches no longer. */
  readonly stop: () => void;
}

/** Watches the connection while the proof is under way. */
function connectionGone(socket: TLSSocket, deadline: AbortSignal): Gone {
  const { promise: left, resolve } = Promise.withResolvers<{ readonly left: WhyNot }>();
  let aborted = false;
  const end = (why: WhyNot): void => {
    aborted = true;
    resolve({ left: why });
  };
  const onClose = (): void => {
    end({ reason: 'gone', detail: 'the client closed the connection before it was identified' });
  };
  const onDeadline = (): void => {
    end({ reason: 'timeout', detail: 'the proof was not finished in time' });
  };
  socket.once('close', onClose);
  deadline.addEventListener('abort', onDeadline);
  return {
    left,
    get aborted() {
      return aborted;
    },
    stop: () => {
      socket.off('close', onClose);
      deadline.removeEventListener('abort', onDeadline);
    },
  };
}
