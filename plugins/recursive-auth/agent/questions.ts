/**
 * Questions of the recursive resolver beside the agent, and their replies: what the servers of the zone say, with its flags and
 * Extended DNS Errors, or a no with its reason.
 *
 * Nothing is kept: the recursive resolver does that. Who asks the same at the same time gets the same answer. A server gets the
 * question, the flags RD, AD, CD and DO, and nothing else of the request: no client subnet, no cookie.
 *
 * Limitations: options of EDNS are those of one hop, so that an NSID or a cookie of the server does not come through.
 */
import {
  Answers,
  errorAnswer,
  forwardedQuery,
  GatesError,
  keepReplyTo,
  oddities,
  QueryReader,
  RefusalLines,
  ReplyPlan,
  RrType,
  type Answer,
  type AnswerLimits,
  type Log,
  type PlainReply,
  type PlainSource,
  type Refusal,
  type ReplyTo,
  type ReplyWay,
  type SourceFailure,
  type SourceOutcome,
  type Sources,
  type Waiting,
} from '../../../core/index.ts';
import type { AgentLimits } from './limits.ts';
import type { AgentMetrics, AnswerSource } from './metrics.ts';
import { askTheParent, circleWords, notAllowed, noZone, refusalOf, unreachable } from './refusals.ts';
import { keyOfName, type ServedZone, type ZoneTable } from './zone-table.ts';

/** What may differ from one request to the next, since it is reloaded. */
export interface Means {
  readonly table: ZoneTable;
  readonly allowed: Sources;
  readonly limits: AgentLimits;
  /** Counts up with each reload: what was asked before is not waited for by those who ask after it. */
  readonly generation: number;
  /** The names that are, or may be, looked up for servers at this moment. */
  readonly isLookedFor: (key: string) => boolean;
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

const streamOctets = 65_535;
const noExtras = { ageSeconds: 0 } as const;
/** Scopes of questions, below those that have a meaning of their own (core/answer). */
const mostGenerations = 2 ** 29;

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #reader: QueryReader;
  readonly #plan = new ReplyPlan();
  readonly #answers: Answers;
  readonly #lines = new RefusalLines();
  /** Different questions under way of each zone, by its text. */
  readonly #ofZones = new Map<string, number>();
  #saidCircle = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
    this.#reader = new QueryReader(options.seed);
    this.#answers = new Answers({ limits: answerLimits(options.means().limits), nowMs: options.nowMs });
  }

  /** Different questions that wait for an answer. */
  get underWay(): number {
    return this.#answers.underWay;
  }

  /** Answers one request. */
  readonly take = (octets: Buffer, from: PlainSource, reply: PlainReply): void => {
    const { metrics, means } = this.#options;
    metrics.requests.add({ transport: from.isStream ? 'tcp' : 'udp' });
    const reader = this.#reader;
    const isQuestion = reader.read(octets, 0, octets.length);
    const asked: Asked = { to: reader, way: wayOf(reader, from), reply };
    const { table, allowed } = means();
    if (!allowed.has(addressOf(from.remote))) {
      if (reader.oddity === 'not-a-query') reply(undefined);
      else this.#refuse(asked, notAllowed, from);
      return;
    }
    if (!isQuestion) {
      const refusal = reader.oddity === undefined ? undefined : oddities[reader.oddity];
      if (refusal === undefined) reply(undefined);
      else this.#refuse(asked, refusal, from);
      return;
    }
    const key = keyOfName(reader);
    const zone = table.find(key, reader.type);
    const no = refusalOf(reader);
    if (no !== undefined) this.#refuse(asked, no, from);
    else if (zone !== undefined) this.#ask({ ...asked, to: keepReplyTo(reader) }, zone, key);
    else if (reader.type === RrType.DS && table.hasApex(key)) this.#refuse(asked, askTheParent, from);
    else this.#refuse(asked, noZone, from);
  };

  setLimits(limits: AgentLimits): void {
    this.#answers.setLimits(answerLimits(limits));
  }

  close(): void {
    this.#answers.close();
  }

  /** The question of the reader goes to the servers of its zone. */
  #ask(asked: Asked, zone: ServedZone, key: string): void {
    const reader = this.#reader;
    const { generation } = this.#options.means();
    // RD goes on as it came, so those with and without are two questions.
    reader.enter((generation % mostGenerations) * 2 + (reader.recursionDesired ? 1 : 0));
    const query = forwardedQuery(reader, { keepsFlags: true });
    const { octets, questionStart, questionEnd } = asked.to;
    const waiting: Waiting = {
      octets,
      questionStart,
      questionEnd,
      ask: (end) => {
        this.#count(zone, 1);
        const done = (outcome: SourceOutcome): void => {
          this.#count(zone, -1);
          end(outcome);
        };
        this.#askZone(query, zone, key).then(done, (error: unknown) => {
          this.#options.log.error('defect', { doing: 'question', error });
          done({ failure: 'internal error', isTimeout: false, kind: 'other' });
        });
        // It has an end of its own.
        return () => undefined;
      },
      answered: (answer) => {
        this.#answer(asked, answer, zone.text, zone.mode === 'strict' ? 'gates' : 'opportunistic');
      },
      failed: ({ failure, kind }) => {
        const refusal = unreachable(`${zone.text}: ${failure}`, kind);
        this.#answer(asked, answerOf(asked.to, refusal), zone.text, 'failed');
      },
    };
    this.#answers.ask(reader, waiting, this.#hasRoom(zone) ? 1 : 0);
  }

  /** A zone whose servers are silent leaves as many places free as it has: it must not take the answers of all others along. */
  #hasRoom({ text }: ServedZone): boolean {
    const { table, limits } = this.#options.means();
    const free = limits.questions - this.#answers.underWay;
    return table.zones.length === 1 || (this.#ofZones.get(text) ?? 0) < free;
  }

  #count({ text }: ServedZone, change: number): void {
    const count = (this.#ofZones.get(text) ?? 0) + change;
    if (count > 0) this.#ofZones.set(text, count);
    else this.#ofZones.delete(text);
  }

  async #askZone(query: Buffer, zone: ServedZone, key: string): Promise<Buffer | SourceFailure> {
    const { limits, isLookedFor } = this.#options.means();
    // Our own resolver may be who asks, and then it waits for us, and we for it. Others ask such questions as well: so this one
    // is asked like all others, but nobody waits for it as long.
    const mayBeOurs = !zone.isUp() && isLookedFor(key);
    const timeMs = mayBeOurs ? Math.min(limits['circle-time'], limits['agent-time']) : limits['agent-time'];
    try {
      // Whether the question of the answer is ours has been seen to where it came from.
      return await zone.way.ask(query, timeMs);
    } catch (error) {
      if (!(error instanceof GatesError)) throw error;
      const { message, isTimeout, kind } = error;
      if (!mayBeOurs || !isTimeout || !isLookedFor(key)) return { failure: message, isTimeout, kind };
      this.#sayCircle(zone);
      return { failure: circleWords, isTimeout, kind };
    }
  }

  #sayCircle({ text }: ServedZone): void {
    if (this.#saidCircle) return;
    this.#saidCircle = true;
    const advice =
      'give resolver.servers that do not send this zone to the agent, or that know the names of its servers otherwise';
    this.#options.log.warn('the agent seems to be asked for its own servers', { zone: text, advice });
  }

  #refuse(asked: Asked, refusal: Refusal, { remote }: PlainSource): void {
    const { log, nowMs } = this.#options;
    const unseen = this.#lines.next('', nowMs());
    if (unseen !== undefined) log.warn('refused', { remote, reason: refusal.reason, unseen });
    this.#answer(asked, answerOf(asked.to, refusal), '', 'refused');
  }

  #answer({ to, way, reply }: Asked, answer: Answer, zone: string, source: AnswerSource): void {
    this.#options.metrics.answers.add({ zone, source });
    const octets = Buffer.allocUnsafe(this.#plan.measure(answer, to, way, noExtras));
    this.#plan.write(octets, 0, answer, to, way, noExtras);
    reply(octets);
  }
}

/** Only who asks the same at the same time shares an answer. */
function answerLimits(limits: AgentLimits): AnswerLimits {
  return {
    entries: 0,
    octets: 0,
    staleMs: 0,
    staleAfterMs: 0,
    questions: limits.questions,
    keep: { ttlMax: 0, negativeMax: 0, failure: 0 },
  };
}

/** RFC 6891 section 6.2.3 by UDP; by TCP anything fits. Nothing here is encrypted. RA is what the server says. */
function wayOf(reader: QueryReader, { isStream, udpOctets, idleTimeMs }: PlainSource): ReplyWay {
  return {
    maxOctets: isStream ? streamOctets : Math.min(reader.udpOctets, udpOctets),
    idleTimeMs: isStream ? idleTimeMs : undefined,
    isEncrypted: false,
    isAuthoritative: true,
  };
}

/** Of an address with its port. Total: that of a connection that is gone already is `unknown`, which may nothing. */
function addressOf(remote: string): string {
  return remote.slice(0, Math.max(0, remote.lastIndexOf(':'))).replace(/^\[|\]$/g, '');
}

function answerOf(to: ReplyTo, { rcode, infoCode, text }: Refusal): Answer {
  return errorAnswer(to, rcode, infoCode === undefined ? undefined : { infoCode, text });
}
