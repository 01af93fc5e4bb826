/** A view over files in memory, with a forwarder that answers when the test says so. */
import { forwardLimits } from '../../../../core/forward/limits.ts';
import type { ForwardedClient, ForwardEnd, ForwardServer } from '../../../../core/forward/server.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../../../core/dns/message.ts';
import { RrClass, rrTypeFromName } from '../../../../core/dns/constants.ts';
import { ConfigError } from '../../../../core/config/errors.ts';
import { Name } from '../../../../core/dns/name.ts';
import { presentRecord } from '../../../../core/dns/present.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { viewLimits } from '../../../../plugins/dot-resolver/view/limits.ts';
import type { ViewOutcome, ViewQuery } from '../../../../plugins/dot-resolver/view/query.ts';
import { viewSchema } from '../../../../plugins/dot-resolver/view/view-config.ts';
import { View, type ViewForwarder } from '../../../../plugins/dot-resolver/view/view.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';

export interface Forwarded {
  readonly octets: Buffer;
  readonly end: ForwardEnd;
  readonly client: ForwardedClient | undefined;
  isGivenUp: boolean;
}

export interface ViewBed {
  readonly view: View;
  readonly files: Record<string, string>;
  readonly log: ReturnType<typeof memoryLog>;
  readonly metrics: Metrics;
  /** What went to the upstreams, in order. */
  readonly forwarded: Forwarded[];
  /** As the forwarder was made. */
  readonly servers: readonly ForwardServer[];
  isDown: boolean;
  isClosed: boolean;
  /** What the view says at once; undefined for what it forwards. */
  ask(question: string, options?: Partial<ViewQuery>): ViewOutcome | undefined;
}

/** Opens a view; `config` is as it is written, `files` are texts by path. */
export function openView(
  config: Record<string, unknown>,
  files: Record<string, string> = {},
  limits: Partial<Record<keyof typeof viewLimits, number>> = {},
): ViewBed {
  const log = memoryLog();
  const metrics = new Metrics();
  const forwarded: Forwarded[] = [];
  const forwarder: ViewForwarder = {
    ask: (octets, end, client) => {
      const one: Forwarded = { octets, end, client, isGivenUp: false };
      forwarded.push(one);
      return () => {
        one.isGivenUp = true;
      };
    },
    get isDown() {
      return bed.isDown;
    },
    close: () => {
      bed.isClosed = true;
    },
  };
  let servers: readonly ForwardServer[] = [];
  const view = new View(viewSchema.parse(config), {
    name: 'internal',
    log,
    metrics,
    nowMs: () => 0,
    limits: { ...limitsOf(forwardLimits), ...limitsOf(viewLimits, limits) },
    readText: (file, maxOctets) => {
      const text = files[file];
      const problem = { file, line: 1, column: 1, path: [], right: 'correct the path' };
      if (text === undefined) throw new ConfigError([{ ...problem, wrong: 'there is no such file' }]);
      if (text.length > maxOctets) throw new ConfigError([{ ...problem, wrong: 'too large' }]);
      return text;
    },
    openForwarder: (list) => {
      servers = list;
      return forwarder;
    },
  });
  const bed: ViewBed = {
    view,
    files,
    log,
    metrics,
    forwarded,
    get servers() {
      return servers;
    },
    isDown: false,
    isClosed: false,
    ask: (question, options) => {
      let outcome: ViewOutcome | undefined;
      view.resolve(queryFor(question, options), (what) => {
        if (outcome !== undefined) throw new Error('answered twice');
        outcome = what;
      });
      return outcome;
    },
  };
  return bed;
}

/** A question written as `www.corp.example A`. */
export function queryFor(question: string, options: Partial<ViewQuery> = {}): ViewQuery {
  const [text = '', typeText = 'A'] = question.split(' ');
  const name = Name.parse(text);
  const type = rrTypeFromName(typeText) ?? 0;
  const { dnssecOk = false, checkingDisabled = false } = options;
  const edns = { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk, options: [] };
  const octets = encodeMessage(makeQuery({ id: 0, name, type, rd: true, cd: checkingDisabled, edns }));
  return { octets, name: () => name, type, class: RrClass.IN, dnssecOk, checkingDisabled, ...options };
}

/** The message of an outcome. */
export function messageOf(outcome: ViewOutcome | undefined): Message {
  if (Buffer.isBuffer(outcome)) return parseMessage(outcome);
  if (outcome === undefined || !('octets' in outcome))
    throw new Error(`no answer: ${JSON.stringify(outcome)}`);
  return parseMessage(outcome.octets);
}

/** The answer section, a record a line. */
export function answersOf(outcome: ViewOutcome | undefined): string[] {
  return messageOf(outcome).answers.map(presentRecord);
}

/** The authority section, a record a line. */
export function authoritiesOf(outcome: ViewOutcome | undefined): string[] {
  return messageOf(outcome).authorities.map(presentRecord);
}
