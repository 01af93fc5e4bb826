/**
 * What is known of one authoritative server and TLS, and what follows from it: may TLS be tried, and may a question go in
 * clear (RFC 9539 sections 4.5 and 4.6). One state for each pair of our own address and the server's (RFC 9539 section 4.5.1).
 *
 * Pure; times are milliseconds since the epoch and passed in. The state of RFC 9539 has a field for each encrypted transport;
 * there is one such transport here.
 *
 * Limitations: DNS over QUIC is not spoken. Queries under way, and tickets, are the connection's own.
 */

/** What came of the last try that ended. */
export const probeStatuses = ['unknown', 'success', 'fail', 'timeout'] as const;
export type ProbeStatus = (typeof probeStatuses)[number];

/** Whether there is a connection now: it does not survive a restart, so it is no part of the state. */
export type ProbeSession = 'none' | 'opening' | 'open';

export interface ProbeState {
  readonly status: ProbeStatus;
  /** When the last connection was begun. */
  readonly initiatedMs?: number | undefined;
  /** When the last one was there, or had failed. */
  readonly completedMs?: number | undefined;
  /** When the last answer came by TLS. */
  readonly lastResponseMs?: number | undefined;
  /** When anything was last asked or heard, by TLS or in clear. */
  readonly lastActivityMs?: number | undefined;
}

/** RFC 9539 section 4.3. Milliseconds. */
export interface ProbeTimes {
  readonly persistence: number;
  readonly damping: number;
  readonly timeout: number;
}

/** How a question goes: by TLS and by nothing else; in clear; or in clear at once while TLS is tried beside it. */
export type ProbeDecision = 'encrypted' | 'clear' | 'clear-and-probe';

export const unknownState: ProbeState = { status: 'unknown' };

/** A clock that is set back by more makes what was noted before worthless, rather than true for ever. */
const clockStepMs = 3_600_000;

/** RFC 9539 section 4.6.3: whether a connection may be begun, where there is none. */
export function mayTry(state: ProbeState, nowMs: number, times: ProbeTimes): boolean {
  switch (state.status) {
    case 'success':
      return true;
    case 'fail':
    case 'timeout':
      return ageMs(state.completedMs, nowMs) > times.damping;
    case 'unknown':
      // Begun, and nobody knows how it ended: the process died meanwhile.
      return ageMs(state.initiatedMs, nowMs) > times.timeout;
  }
}

/** RFC 9539 section 4.6.1: whether a question must not go in clear. */
export function avoidsClear(
  state: ProbeState,
  session: ProbeSession,
  nowMs: number,
  times: ProbeTimes,
): boolean {
  if (session === 'open') return true;
  return state.status === 'success' && ageMs(state.lastResponseMs, nowMs) < times.persistence;
}

/** How the next question goes. */
export function decide(
  state: ProbeState,
  session: ProbeSession,
  nowMs: number,
  times: ProbeTimes,
): ProbeDecision {
  if (avoidsClear(state, session, nowMs, times)) return 'encrypted';
  // Nobody waits for a first handshake: the questions that come meanwhile go in clear as well.
  return session === 'none' && mayTry(state, nowMs, times) ? 'clear-and-probe' : 'clear';
}

/** A connection is begun. */
export function noteInitiated(state: ProbeState, nowMs: number): ProbeState {
  return { ...state, initiatedMs: nowMs, lastActivityMs: nowMs };
}

/** RFC 9539 section 4.6.4: the handshake is done. */
export function noteEstablished(state: ProbeState, nowMs: number): ProbeState {
  return { ...state, status: 'success', completedMs: nowMs, lastActivityMs: nowMs };
}

/** RFC 9539 sections 4.6.5 and 4.6.6: it was not made, or broke. Questions may go in clear at once. */
export function noteFailed(state: ProbeState, nowMs: number, status: 'fail' | 'timeout'): ProbeState {
  return { ...state, status, completedMs: nowMs, lastActivityMs: nowMs };
}

/** RFC 9539 section 4.6.9: an answer by TLS. */
export function noteResponse(state: ProbeState, nowMs: number): ProbeState {
  return { ...state, lastResponseMs: nowMs, lastActivityMs: nowMs };
}

/** Anything was asked, or heard in clear. */
export function noteActivity(state: ProbeState, nowMs: number): ProbeState {
  return { ...state, lastActivityMs: nowMs };
}

/** How long ago; for ever for what never was, or is said to have been long after now. */
function ageMs(atMs: number | undefined, nowMs: number): number {
  if (atMs === undefined || atMs > nowMs + clockStepMs) return Infinity;
  return Math.max(0, nowMs - atMs);
}
