/**
 * One authoritative server that is asked opportunistically: its state, its connections, and what their coming and going says
 * about TLS with it (RFC 9539 sections 4.6.4 to 4.6.7). How a single question goes is in server-question.ts.
 *
 * A connection that somebody waits on and that is silent is asked for a sign of life over itself; only if that is not answered
 * either it is dead. A name that a server gives no answer for must not make the server look dead.
 */
import {
  encodeMessage,
  makeQuery,
  Name,
  OneServer,
  RrType,
  type ForwardLimits,
  type Log,
  type OneServerEnd,
  type TlsEnd,
  type TlsWatcher,
} from '../../../../core/index.ts';
import type { OpportunisticLimits } from './limits.ts';
import type { OpportunisticMeters } from './metrics.ts';
import { ownAddressFor } from './own-address.ts';
import {
  decide,
  noteActivity,
  noteEstablished,
  noteFailed,
  noteInitiated,
  noteResponse,
  type ProbeDecision,
  type ProbeSession,
  type ProbeState,
} from './probe-state.ts';
import type { ProbeStates } from './probe-states.ts';
import { Rapport } from './rapport.ts';
import { ServerQuestion, type ServerEnd } from './server-question.ts';

/** What all servers of an agent have in common. */
export interface ServerMeans {
  readonly limits: OpportunisticLimits;
  readonly transportLimits: ForwardLimits;
  readonly ports: { readonly clear: number; readonly encrypted: number };
  readonly states: ProbeStates;
  readonly meters: OpportunisticMeters;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** The connections of one time between two drops. */
interface Sessions {
  opening: number;
  open: number;
}

/** Asks for the name servers of the root, which every server has something to say about, if only no. */
const signOfLife = encodeMessage(
  makeQuery({
    ...{ id: 0, name: Name.root, type: RrType.NS, rd: false },
    // With an OPT record it is padded, and looks like any other query.
    edns: { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] },
  }),
);

export class ProbedServer {
  readonly address: string;
  readonly rapport = new Rapport();
  /** It has said something useful by TLS, or the same as in clear. */
  isVerified = false;
  /** Counts resets. */
  epoch = 0;
  readonly #means: ServerMeans;
  readonly #one: OneServer;
  #own: string | undefined;
  #learning: Promise<void>;
  #sessions: Sessions = { opening: 0, open: 0 };
  #underWay = 0;
  /** Questions under way by TLS. */
  #encrypted = 0;
  /** When anything was last heard by TLS, or began to be waited for; of performance.now. */
  #quietSinceMs = 0;
  #hasAnswered = false;
  #life: { readonly sinceMs: number; readonly giveUp: () => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(address: string, means: ServerMeans) {
    this.address = address;
    this.#means = means;
    this.#one = new OneServer({
      address,
      ports: means.ports,
      limits: means.transportLimits,
      watch: () => this.#watch(),
      onEncryptedAnswer: () => {
        this.#noteEncryptedAnswer();
      },
    });
    this.#learning = this.#learnOwn();
  }

  /** Whether nobody waits for it. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get connections(): number {
    return this.#sessions.open;
  }

  get session(): ProbeSession {
    const { open, opening } = this.#sessions;
    if (open > 0) return 'open';
    return opening > 0 ? 'opening' : 'none';
  }

  /** Whether questions wait for answers over a connection of TLS that is there. */
  get isAskedOverConnection(): boolean {
    return this.#encrypted > 0 && this.session === 'open';
  }

  get limits(): OpportunisticLimits {
    return this.#means.limits;
  }

  get meters(): OpportunisticMeters {
    return this.#means.meters;
  }

  /** Asks it by whatever way the rules have for this question. `end` is called once, later, unless it is given up. */
  ask(query: Buffer, end: (outcome: ServerEnd) => void): () => void {
    const question = new ServerQuestion(this, query, (outcome) => {
      this.#underWay -= 1;
      end(outcome);
    });
    this.#underWay += 1;
    this.#update(noteActivity, false);
    if (this.#own === undefined) void this.#learning.then(() => question.begin());
    else question.begin();
    return () => {
      if (question.giveUp()) this.#underWay -= 1;
    };
  }

  decide(): ProbeDecision {
    const { limits, nowMs } = this.#means;
    return decide(this.#state(), this.session, nowMs(), {
      persistence: limits['probe-persistence'],
      damping: limits['probe-damping'],
      timeout: limits['probe-time'],
    });
  }

  askInClear(query: Buffer, end: OneServerEnd): () => void {
    return this.#one.askInClear(query, end);
  }

  askEncrypted(query: Buffer, end: OneServerEnd): () => void {
    if (this.#encrypted === 0) this.#quietSinceMs = performance.now();
    this.#encrypted += 1;
    this.#listen(this.limits['probe-answer']);
    const giveUp = this.#one.askEncrypted(query, (outcome) => {
      this.#encrypted -= 1;
      end(outcome);
    });
    return () => {
      this.#encrypted -= 1;
      giveUp();
    };
  }

  /** RFC 9539 section 4.6.6: TLS with it does not do; what is under way goes in clear. */
  fail(status: 'fail' | 'timeout', why: string): void {
    const { log, meters } = this.#means;
    const before = this.#state();
    this.#update((state, nowMs) => noteFailed(state, nowMs, status));
    meters.probe(status);
    const fields = { server: this.address, status, why };
    // Most servers know nothing of TLS: that is no news.
    if (before.status === 'success') log.info('authoritative server is asked in clear', fields);
    else log.debug('authoritative server does not speak TLS', fields);
    this.isVerified = false;
    this.#drop(why);
  }

  /** The network is another one. */
  reset(why: string): void {
    this.epoch += 1;
    this.rapport.forget();
    this.#own = undefined;
    this.#learning = this.#learnOwn();
    // Before the connections end: what was under way on them makes new ones at once.
    this.#one.forgetTickets();
    this.#drop(why);
  }

  close(why: string): void {
    this.#isClosed = true;
    this.#sessions = { opening: 0, open: 0 };
    clearTimeout(this.#timer);
    this.#one.close(why);
  }

  /** From here on nothing that the old connections do says anything. */
  #drop(why: string): void {
    this.#sessions = { opening: 0, open: 0 };
    this.#life = undefined;
    this.#one.dropEncrypted(why);
  }

  #state(): ProbeState {
    return this.#means.states.get(this.#own ?? '', this.address);
  }

  #update(change: (state: ProbeState, nowMs: number) => ProbeState, isWorthSaving = true): void {
    const { states, nowMs } = this.#means;
    if (this.#own === undefined) return;
    states.set(this.#own, this.address, change(this.#state(), nowMs()), isWorthSaving);
  }

  async #learnOwn(): Promise<void> {
    const { epoch } = this;
    const own = await ownAddressFor(this.address);
    if (epoch === this.epoch) this.#own = own;
  }

  /** Of one connection. */
  #watch(): TlsWatcher {
    const sessions = this.#sessions;
    sessions.opening += 1;
    this.#update(noteInitiated);
    return {
      opened: ({ localAddress, protocol, isResumed }) => {
        sessions.opening -= 1;
        sessions.open += 1;
        if (sessions !== this.#sessions) return;
        this.#own = localAddress ?? this.#own;
        this.#quietSinceMs = performance.now();
        this.#hasAnswered = false;
        const { log, meters } = this.#means;
        const fields = { server: this.address, protocol, resumed: isResumed };
        if (this.#state().status === 'success') log.debug('authoritative server connected by TLS', fields);
        else log.info('authoritative server speaks TLS', fields);
        this.#update(noteEstablished);
        meters.probe('success');
      },
      ended: (end) => {
        if (end.wasOpen) sessions.open -= 1;
        else sessions.opening -= 1;
        if (sessions === this.#sessions && !this.#isClosed) this.#ended(end);
      },
    };
  }

  #ended({ wasOpen, error, byServer }: TlsEnd): void {
    const code = error !== undefined && 'code' in error ? error.code : undefined;
    if (!wasOpen) {
      // Our side gives a handshake up only when its time is over.
      const isTimeout = code === 'ETIMEDOUT' || (error === undefined && !byServer);
      this.fail(isTimeout ? 'timeout' : 'fail', error?.message ?? 'the handshake was not finished');
    } else if (error !== undefined && !(this.#hasAnswered && wasLost.has(code))) {
      this.fail('fail', error.message);
    }
    // RFC 9539 section 4.6.7: what was closed, or lost after it did well, is made anew by the next question, or by those that
    // are under way. Whether it is still there shows then.
  }

  #noteEncryptedAnswer(): void {
    this.#quietSinceMs = performance.now();
    this.#hasAnswered = true;
    this.#life?.giveUp();
    this.#life = undefined;
    this.#update(noteResponse);
  }

  /** Looks, while somebody waits, whether the connection has become silent. */
  #listen(afterMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#encrypted === 0 || this.#isClosed) return;
      const patienceMs = this.limits['probe-answer'];
      const nowMs = performance.now();
      const quietMs = nowMs - (this.#life?.sinceMs ?? this.#quietSinceMs);
      // Timers may come a moment early.
      if (this.session !== 'open') this.#listen(patienceMs);
      else if (quietMs < patienceMs - 1) this.#listen(patienceMs - quietMs);
      else if (this.#life === undefined) this.#askForLife(nowMs);
      else this.fail('timeout', 'it does not answer by TLS any more');
    }, afterMs);
  }

  #askForLife(nowMs: number): void {
    const giveUp = this.#one.askEncrypted(signOfLife, () => undefined);
    this.#life = { sinceMs: nowMs, giveUp };
    this.#listen(this.limits['probe-answer']);
  }
}

/** How the system says that the other end of a connection is gone. */
const wasLost: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE']);
