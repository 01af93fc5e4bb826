/**
 * Requests of programs beside the agent, and their replies: from memory, from a gate, or, where there is no other way, an old
 * answer (RFC 8767), the network's resolvers for a few names (captive.ts), or SERVFAIL with the reason.
 *
 * A gate gets the question and the flags DO and CD, and nothing else of the request: no client subnet, no cookie.
 */
import {
  type Answer,
  Answers,
  errorAnswer,
  extrasOf,
  forwardedQuery,
  GatesError,
  hopQuery,
  keepReplyTo,
  QueryReader,
  ReplyPlan,
  readAnswer,
  type AnswerExtras,
  type GatePool,
  type Gates,
  type Log,
  type PlainReply,
  type PlainSource,
  type ReplyTo,
  type ReplyWay,
  type SourceFailure,
} from '../../../core/index.ts';
import type { CaptiveNetwork } from './captive.ts';
import type { AgentLimits } from './limits.ts';
import type { AgentMetrics, AnswerSource } from './metrics.ts';
import { circle, oddities, refusalOf, unreachable, type Refusal } from './refusals.ts';

/** What may differ from one request to the next, since it is reloaded. */
export interface Means {
  /** Of `gates`. */
  readonly pool: GatePool;
  readonly gates: Gates;
  readonly captive: CaptiveNetwork | undefined;
  readonly limits: AgentLimits;
}

export interface QuestionsOptions {
  readonly means: () => Means;
  readonly metrics: AgentMetrics;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Any number that nobody can guess (QueryReader). */
  readonly seed: number;
}

/** One request, and how it is replied to. */
interface Asked {
  readonly to: ReplyTo;
  readonly way: ReplyWay;
  readonly reply: PlainReply;
}

/** Where the question stands in the key of a reader: after scope and flags. */
const nameInKey = 5;
const typeAndClassOctets = 4;
const malformed: SourceFailure = { failure: 'the answer is malformed', isTimeout: false, kind: 'unusable' };
const noExtras: AnswerExtras = { ageSeconds: 0 };
const streamOctets = 65_535;

export class Questions {
  readonly answers: Answers;
  readonly #options: QuestionsOptions;
  readonly #reader: QueryReader;
  readonly #plan = new ReplyPlan();
  #saidCircle = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
    this.#reader = new QueryReader(options.seed);
    this.answers = new Answers({ limits: answerLimits(options.means().limits), nowMs: options.nowMs });
  }

  /** Answers one request. */
  readonly take = (octets: Buffer, from: PlainSource, reply: PlainReply): void => {
    const { metrics, nowMs } = this.#options;
    metrics.requests.add({ transport: from.isStream ? 'tcp' : 'udp' });
    const reader = this.#reader;
    const isQuestion = reader.read(octets, 0, octets.length);
    const asked = { to: reader, way: wayOf(reader, from), reply };
    if (!isQuestion) {
      const refusal = reader.oddity === undefined ? undefined : oddities[reader.oddity];
      if (refusal === undefined) reply(undefined);
      else this.#refuse(asked, refusal);
      return;
    }
    const refusal = refusalOf(reader) ?? this.#circle();
    if (refusal !== undefined) {
      this.#refuse(asked, refusal);
      return;
    }
    reader.enter(0);
    const cached = this.answers.find(reader, nowMs());
    if (cached !== undefined) this.#answer(asked, cached, extrasOf(cached), 'cache');
    else this.#ask({ ...asked, to: keepReplyTo(reader) });
  };

  setLimits(limits: AgentLimits): void {
    this.answers.setLimits(answerLimits(limits));
  }

  close(): void {
    this.answers.close();
  }

  /** The question of the reader goes to a gate. */
  #ask(asked: Asked): void {
    const reader = this.#reader;
    const { captive, limits } = this.#options.means();
    const query = forwardedQuery(reader);
    const nameKey = keyOfName(reader);
    if (captive?.isProbe(nameKey, reader.type, reader.class) === true) {
      void this.#askCaptive(asked, query, captive);
      return;
    }
    const { octets, questionStart, questionEnd } = asked.to;
    this.answers.ask(reader, {
      octets,
      questionStart,
      questionEnd,
      ask: (end) => {
        this.#askGates(query, limits['agent-time']).then(end, (error: unknown) => {
          this.#options.log.error('defect', { doing: 'question', error });
          end({ failure: 'internal error', isTimeout: false, kind: 'other' });
        });
        // It has an end of its own, and its answer is worth keeping.
        return () => undefined;
      },
      answered: (answer, extras) => {
        this.#answer(asked, answer, extras, extras.staleTtl === undefined ? 'gate' : 'stale');
      },
      failed: (failure) => {
        this.#answer(asked, answerOf(asked.to, unreachable(failure)), noExtras, 'failed');
      },
    });
  }

  async #askGates(query: Buffer, timeMs: number): Promise<Buffer | SourceFailure> {
    try {
      // The link has seen to it that the question of the answer is ours, if it has one; the scanner, that it has.
      return await this.#options.means().gates.ask(hopQuery(query), timeMs);
    } catch (error) {
      if (!(error instanceof GatesError)) throw error;
      return { failure: error.message, isTimeout: error.isTimeout, kind: error.kind };
    }
  }

  /** First the gates, and only if none can be reached the network; without memory, which would last longer than the network. */
  async #askCaptive(asked: Asked, query: Buffer, captive: CaptiveNetwork): Promise<void> {
    const { limits } = this.#options.means();
    const timeMs = Math.max(limits['agent-time'] - limits['captive-time'], limits['captive-time']);
    try {
      const outcome = await this.#askGates(query, timeMs);
      const fresh = 'failure' in outcome ? undefined : readAnswer(outcome);
      if (fresh !== undefined) {
        this.#answer(asked, fresh, noExtras, 'gate');
        return;
      }
      const found = await captive.ask(query);
      if (found !== undefined) {
        this.#answer(asked, found, noExtras, 'captive');
        return;
      }
      const failure = 'failure' in outcome ? outcome : malformed;
      this.#answer(asked, answerOf(asked.to, unreachable(failure)), noExtras, 'failed');
    } catch (error) {
      this.#options.log.error('defect', { doing: 'question in a captive network', error });
      asked.reply(undefined);
    }
  }

  /** Whether the question of the reader is our own resolver's, who asks us on behalf of ourselves. */
  #circle(): Refusal | undefined {
    const { gates } = this.#options.means();
    if (!gates.isLooking || !gates.isLookedFor(keyOfName(this.#reader))) return undefined;
    if (!this.#saidCircle) {
      const advice = 'give resolver.servers that do not ask this agent, as the resolver of the network';
      this.#options.log.warn('the agent is asked for its own gate', { advice });
    }
    this.#saidCircle = true;
    return circle;
  }

  #refuse(asked: Asked, refusal: Refusal): void {
    this.#answer(asked, answerOf(asked.to, refusal), noExtras, 'refused');
  }

  #answer({ to, way, reply }: Asked, answer: Answer, extras: AnswerExtras, source: AnswerSource): void {
    const isOld = source === 'cache' && extras.staleTtl !== undefined;
    this.#options.metrics.answers.add({ source: isOld ? 'stale' : source });
    const octets = Buffer.allocUnsafe(this.#plan.measure(answer, to, way, extras));
    this.#plan.write(octets, 0, answer, to, way, extras);
    reply(octets);
  }
}

function answerLimits(limits: AgentLimits) {
  return {
    entries: limits['cache-entries'],
    octets: limits['cache-octets'],
    staleMs: limits['stale-answers'],
    staleAfterMs: limits['stale-after'],
    questions: limits.questions,
    keep: {
      ttlMax: limits['ttl-max'] / 1000,
      negativeMax: limits['negative-ttl-max'] / 1000,
      failure: limits['failure-ttl'] / 1000,
    },
  };
}

/** RFC 6891 section 6.2.3 by UDP; by TCP anything fits. Nothing here is encrypted. */
function wayOf(reader: QueryReader, { isStream, udpOctets, idleTimeMs }: PlainSource): ReplyWay {
  return {
    maxOctets: isStream ? streamOctets : Math.min(reader.udpOctets, udpOctets),
    idleTimeMs: isStream ? idleTimeMs : undefined,
    isEncrypted: false,
  };
}

/** As Name.key: the name in the key of a reader is in lower case. */
function keyOfName({ key, keyLength }: QueryReader): string {
  return key.toString('latin1', nameInKey, keyLength - typeAndClassOctets);
}

function answerOf(to: ReplyTo, { rcode, error }: Refusal): Answer {
  return errorAnswer(to, rcode, error);
}
