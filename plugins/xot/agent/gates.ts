/**
 * The gates of an agent, and the way of a request to them: the first of a zone's list that works is asked, then the next, as
 * long as nothing of an answer has come. A gate that has failed is passed over until it has answered in the background, and then
 * preferred again.
 *
 * Limitations: a transfer that breaks in the middle is not gone on with at another gate; who asked for it asks again.
 */
import { failureOfAll, Rcode, rcodeName, type Name } from '../../../core/index.ts';
import { UpstreamError, type Upstream, type UpstreamStream } from '../upstream/upstream.ts';
import { gatesOf, type GateLists } from './gate-lists.ts';
import type { GateText } from './gate-text.ts';
import { GateWay, type GateWayOptions } from './gate-way.ts';

export interface GatesOptions extends Omit<GateWayOptions, 'gate' | 'upstream'> {
  readonly lists: GateLists;
  /** Connects to nobody yet. */
  readonly open: (gate: GateText) => Upstream;
}

export class Gates {
  readonly #lists: GateLists;
  /** By their texts: a gate of several lists is one. */
  readonly #ways = new Map<string, GateWay>();

  /** Connects to nobody yet. Throws RangeError for a gate that nothing could prove. */
  constructor(options: GatesOptions) {
    const { lists, open } = options;
    this.#lists = lists;
    for (const { gate } of lists.places) {
      if (this.#ways.has(gate.text)) continue;
      this.#ways.set(gate.text, new GateWay({ ...options, gate, upstream: open(gate) }));
    }
  }

  /** All of them. */
  get ways(): readonly GateWay[] {
    return [...this.#ways.values()];
  }

  /** Those of a zone, in their order; none for a zone that has none. */
  waysOf(zone: Name): readonly GateWay[] {
    return (gatesOf(this.#lists, zone) ?? []).flatMap(({ text }) => this.#ways.get(text) ?? []);
  }

  /** The same with those first that work, or of which nothing is known. */
  inOrder(zone: Name): readonly GateWay[] {
    const ways = this.waysOf(zone);
    for (const way of ways) way.checkAgain(zone);
    const isBad = ({ problem }: GateWay): boolean => problem !== undefined;
    return [...ways.filter((way) => !isBad(way)), ...ways.filter(isBad)];
  }

  /** For one request about a zone. */
  for(zone: Name): GatesOfZone {
    return new GatesOfZone(zone, this.inOrder(zone));
  }

  /** Asks each gate for one of its zones, to know whether it works; again and again while it does not. */
  watch(zones: Iterable<Name>): void {
    const unseen = new Set(this.#ways.values());
    for (const zone of zones) {
      if (unseen.size === 0) break;
      for (const way of this.waysOf(zone)) if (unseen.delete(way)) way.watch(zone);
    }
  }

  /** Keeps no connections any more; what is under way comes to its end. */
  close(): void {
    for (const way of this.#ways.values()) way.close();
  }
}

/** A gate that has an answer like these may lack what another has. */
const worthAnother: ReadonlySet<number> = new Set([
  Rcode.SERVFAIL,
  Rcode.REFUSED,
  Rcode.NOTAUTH,
  Rcode.NOTIMP,
]);

/** The gates of one zone as one server, for one request. */
export class GatesOfZone implements Upstream {
  readonly label: string;
  /** The gate that answered last. */
  used: string | undefined;
  readonly #zone: Name;
  readonly #ways: readonly GateWay[];

  constructor(zone: Name, ways: readonly GateWay[]) {
    this.label = ways.map(({ text }) => text).join(', ');
    this.#zone = zone;
    this.#ways = ways;
  }

  async ask(message: Buffer, signal: AbortSignal): Promise<Buffer> {
    const failures: UpstreamError[] = [];
    const ways = this.#ways;
    for (const [index, way] of ways.entries()) {
      try {
        const answer = await way.upstream.ask(message, signal);
        way.noteGood();
        this.used = way.text;
        if (index === ways.length - 1 || !worthAnother.has(rcodeOf(answer))) return answer;
        failures.push(noOf(way, answer));
      } catch (error) {
        failures.push(this.#noteFailure(way, error, signal));
      }
    }
    throw this.#none(failures);
  }

  transfer(query: Buffer, signal: AbortSignal): UpstreamStream {
    return new FirstTransfer(() => this.#transfers(query, signal));
  }

  close(): void {
    // They are the agent's.
  }

  /** The transfer of the first gate that has one, with its messages. */
  async *#transfers(query: Buffer, signal: AbortSignal): AsyncGenerator<Batch> {
    const failures: UpstreamError[] = [];
    const ways = this.#ways;
    for (const [index, way] of ways.entries()) {
      const stream = way.upstream.transfer(query, signal);
      let hasBegun = false;
      try {
        for await (const messages of stream) {
          const [first] = messages;
          if (
            !hasBegun &&
            first !== undefined &&
            index < ways.length - 1 &&
            worthAnother.has(rcodeOf(first))
          ) {
            way.noteGood();
            // Its answer ends with this message (RFC 5936 section 2.2).
            stream.finish();
            failures.push(noOf(way, first));
            break;
          }
          if (!hasBegun) way.noteGood();
          hasBegun = true;
          this.used = way.text;
          yield { stream, messages };
        }
      } catch (error) {
        const failure = this.#noteFailure(way, error, signal);
        // A part of the answer has gone to who asked.
        if (hasBegun) throw failure;
        failures.push(failure);
      }
      if (hasBegun) return;
    }
    throw this.#none(failures);
  }

  /** Gives the error back if it is the gate's, and throws all others. */
  #noteFailure(way: GateWay, error: unknown, signal: AbortSignal): UpstreamError {
    if (signal.aborted || !(error instanceof UpstreamError)) throw error;
    way.noteFailure(error.words);
    return error;
  }

  #none(failures: readonly UpstreamError[]): UpstreamError {
    const [first, ...others] = failures;
    if (first !== undefined && others.length === 0) return first;
    const words = failures.map((failure) => failure.words).join('; ');
    const kind = failureOfAll(failures.map((failure) => failure.kind));
    return new UpstreamError(kind, words || `there is no gate for ${this.#zone.toString()}`);
  }
}

/** What came together, and from where. */
interface Batch {
  readonly stream: UpstreamStream;
  readonly messages: readonly Buffer[];
}

/** Messages of whichever transfer they come from. */
class FirstTransfer implements UpstreamStream {
  readonly #begin: () => AsyncGenerator<Batch>;
  #stream: UpstreamStream | undefined;

  constructor(begin: () => AsyncGenerator<Batch>) {
    this.#begin = begin;
  }

  get framed(): Buffer | undefined {
    return this.#stream?.framed;
  }

  finish(): void {
    this.#stream?.finish();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Buffer[], void, undefined> {
    for await (const { stream, messages } of this.#begin()) {
      this.#stream = stream;
      yield messages;
    }
  }
}

/** The lower bits, of octets that are at least a header. */
function rcodeOf(message: Buffer): number {
  return message.readUInt8(3) & 0xf;
}

function noOf(way: GateWay, answer: Buffer): UpstreamError {
  return new UpstreamError('unreachable', `${way.upstream.label} answered ${rcodeName(rcodeOf(answer))}`);
}
