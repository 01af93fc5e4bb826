/**
 * One view of the DNS: first the lists of names (what is blocked is not answered), then the local zones, then the resolvers
 * behind. A local alias goes through all three again with its target, at most 8 times, so that no circle goes on for ever.
 *
 * Files are read when the view is made, and at `reload`, while nothing else is done.
 *
 * Limitations: what the resolvers behind answer is passed on as it is: an alias in it that leads to a blocked name, or into a
 * local zone, is not looked at. The file of `ca` is read once.
 */
import { X509Certificate } from 'node:crypto';
import {
  ConfigError,
  DnsFormatError,
  EdeCode,
  Forwarder,
  Rcode,
  RrClass,
  type ForwardedClient,
  type ForwardEnd,
  type ForwardLimits,
  type ForwardServer,
  type GiveUp,
  type Log,
  type Metrics,
  type Name,
} from '../../../core/index.ts';
import { fileProblem } from './file-problem.ts';
import type { ViewLimits } from './limits.ts';
import { LocalAnswer, type Step } from './local-answer.ts';
import { judgeName, refusal } from './name-verdict.ts';
import type { ViewOutcome, ViewQuery } from './query.ts';
import type { ViewConfig } from './view-config.ts';
import { ViewFiles, type ReadText, type ViewData } from './view-data.ts';

/** What a view needs of a forwarder (core/forward). */
export interface ViewForwarder {
  ask(query: Buffer, end: ForwardEnd, client?: ForwardedClient): GiveUp;
  /** Every server is thought dead. */
  readonly isDown: boolean;
  close(): void;
}

export interface ViewParts {
  /** For logs, metrics and messages. */
  readonly name: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly limits: ViewLimits & ForwardLimits;
  readonly readText: ReadText;
  /** Called once, if the view has upstreams; each has its transport and its authorities. Tests have their own. */
  readonly openForwarder?: (servers: readonly ForwardServer[]) => ViewForwarder;
}

/** Octets of a PEM file of authorities; all that browsers trust are 250 KB. */
const maxPemOctets = 4 * 1024 * 1024;
/** Where the question's name begins (RFC 1035 section 4.1.1). */
const headerOctets = 12;

export class View {
  readonly #name: string;
  readonly #log: Log;
  readonly #blockAnswer: ViewConfig['block-answer'];
  readonly #files: ViewFiles;
  readonly #forwarder: ViewForwarder | undefined;
  readonly #answers: Readonly<Record<'list' | 'zone' | 'upstream', { value: number }>>;
  #data: ViewData;
  #generation = 1;
  #wrong: string | undefined;

  /** Reads the files. Throws ConfigError if one of them cannot be used, and what the forwarder throws for its servers. */
  constructor(config: ViewConfig, parts: ViewParts) {
    const { name: view, limits, readText } = parts;
    this.#name = view;
    this.#log = parts.log;
    this.#blockAnswer = config['block-answer'];
    const answers = parts.metrics.counter(
      'dot_view_answers_total',
      'Questions that the cache had no answer to, by what of the view answered: list, zone or upstream.',
      ['view', 'from'],
    );
    this.#answers = {
      list: answers.series({ view, from: 'list' }),
      zone: answers.series({ view, from: 'zone' }),
      upstream: answers.series({ view, from: 'upstream' }),
    };
    this.#files = new ViewFiles(config, limits, readText);
    this.#data = this.#files.read();
    const servers = serversOf(config, readText);
    const open =
      parts.openForwarder ??
      (() => new Forwarder({ ...parts, servers, label: view, proxyProtocol: config['proxy-protocol'] }));
    this.#forwarder = servers.length === 0 ? undefined : open(servers);
  }

  /** Grows when what the view says by itself has changed: answers of before are then not to be given any more. */
  get generation(): number {
    return this.#generation;
  }

  /** Why the view is not what its configuration says, in words for the operator. */
  get problem(): string | undefined {
    if (this.#wrong !== undefined) return this.#wrong;
    return this.#forwarder?.isDown === true ? `no upstream of view ${this.#name} answers` : undefined;
  }

  /**
   * Calls `end` once: at once for what the view has itself, later for what is forwarded, and never after the view was told to
   * give up.
   */
  resolve(query: ViewQuery, end: (outcome: ViewOutcome) => void): GiveUp {
    const data = this.#data;
    const verdict = judgeName(data, query.octets, headerOctets);
    if (verdict !== undefined) {
      this.#answers.list.value += 1;
      end(refusal(new LocalAnswer(query), verdict, this.#blockAnswer));
      return nothing;
    }
    if (data.zones.isEmpty || query.class !== RrClass.IN) return this.#forward(query, end);
    return this.#resolveLocally(data, query, end);
  }

  /** Reads the files again. What was read before stays if one of them cannot be used; `problem` and the log say so. */
  reload(): void {
    try {
      const data = this.#files.read();
      this.#wrong = undefined;
      if (data === this.#data) return;
      this.#data = data;
      this.#generation += 1;
      const { blocked, allowed } = data;
      this.#log.info('view loaded', {
        view: this.#name,
        blocked: blocked?.size ?? 0,
        allowed: allowed?.size ?? 0,
      });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#wrong = `view ${this.#name} goes on with the files as they were before: ${error.message}`;
      this.#log.error('view kept', { view: this.#name, problem: error.message });
    }
  }

  close(): void {
    this.#forwarder?.close();
  }

  #resolveLocally(data: ViewData, query: ViewQuery, end: (outcome: ViewOutcome) => void): GiveUp {
    const answer = new LocalAnswer(query);
    let name = query.name();
    for (;;) {
      const step = this.#step(data, answer, name, query.type);
      if (step === undefined) {
        return answer.isEmpty ? this.#forward(query, end) : this.#forwardTarget(query, answer, name, end);
      }
      if ('octets' in step) {
        this.#answers.zone.value += 1;
        end(step);
        return nothing;
      }
      // LocalAnswer counts the steps.
      name = step.next;
      const verdict = judgeName(data, name.wire, 0);
      if (verdict === undefined) continue;
      this.#answers.list.value += 1;
      end(refusal(answer, verdict, this.#blockAnswer));
      return nothing;
    }
  }

  /** Undefined: only an upstream knows. */
  #step({ zones }: ViewData, answer: LocalAnswer, name: Name, type: number): Step {
    const found = zones.zoneFor(name, type);
    if (found === undefined) return undefined;
    // The DS record at an apex is a matter of the zone above, also for who asks whether ours is signed at all.
    if (found.isAboveApex && this.#forwarder !== undefined) return undefined;
    return answer.take(found.zone.find(name, type), name, found.zone);
  }

  #forward(query: ViewQuery, end: (outcome: ViewOutcome) => void): GiveUp {
    if (this.#forwarder === undefined) return this.#refuseUnknown(query, end);
    this.#answers.upstream.value += 1;
    return this.#forwarder.ask(query.octets, end, query.client);
  }

  /** Asks for the name that an alias leads to, with all else as it was asked. */
  #forwardTarget(
    query: ViewQuery,
    answer: LocalAnswer,
    target: Name,
    end: (outcome: ViewOutcome) => void,
  ): GiveUp {
    if (this.#forwarder === undefined) return this.#refuseUnknown(query, end);
    this.#answers.upstream.value += 1;
    const octets = Buffer.concat([
      query.octets.subarray(0, headerOctets),
      target.wire,
      query.octets.subarray(endOfName(query.octets)),
    ]);
    const endHere: ForwardEnd = (outcome) => {
      end(Buffer.isBuffer(outcome) ? this.#merge(answer, outcome, target) : outcome);
    };
    return this.#forwarder.ask(octets, endHere, query.client);
  }

  #merge(answer: LocalAnswer, octets: Buffer, target: Name): ViewOutcome {
    try {
      return answer.merge(octets);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) throw error;
      const failure = `the upstream's answer about ${target.toString()} is no DNS message: ${error.message}`;
      return { failure, isTimeout: false, kind: 'unusable' };
    }
  }

  #refuseUnknown(query: ViewQuery, end: (outcome: ViewOutcome) => void): GiveUp {
    this.#answers.zone.value += 1;
    const ede = { infoCode: EdeCode.PROHIBITED, text: 'only the local zones are answered here' };
    end(new LocalAnswer(query).finish(Rcode.REFUSED, [], ede));
    return nothing;
  }
}

function nothing(): void {
  // What was answered at once cannot be given up.
}

/** The servers with the transport and the authorities that the configuration has for all of them. */
function serversOf({ upstreams, transport, ca }: ViewConfig, readText: ReadText): ForwardServer[] {
  const authorities = ca === undefined ? undefined : [readAuthorities(ca, readText)];
  return upstreams.map((server) => {
    if (server.tls === undefined) return { ...server, transport };
    return authorities === undefined ? server : { ...server, tls: { ...server.tls, ca: authorities } };
  });
}

/** TLS passes over what it cannot read in such a file, and would then trust nobody. */
function readAuthorities(file: string, readText: ReadText): string {
  const pem = readText(file, maxPemOctets);
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw fileProblem(
      file,
      1,
      'has no certificate that can be read',
      'give a PEM file of authorities',
      error,
    );
  }
  return pem;
}

/** After the name of the question, which is not compressed. */
function endOfName(octets: Buffer): number {
  let at = headerOctets;
  while ((octets[at] ?? 0) !== 0) at += (octets[at] ?? 0) + 1;
  return at + 1;
}
