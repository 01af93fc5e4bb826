/** Configuration of `use: recursive-auth/gate`. */
import {
  allowanceOf,
  connectionLimits,
  dotPort,
  fairLimits,
  forwardLimits,
  forwardServer,
  issueMessage,
  listenerKeys,
  parseRate,
  perSecond,
  readTurnsLimits,
  schema,
  withDefaults,
  type Allowance,
  type ConnectionLimits,
  type Endpoint,
  type FairLimits,
  type ForwardLimits,
  type ForwardServer,
  type ListenerConfig,
  type Name,
  type ReadTurnsLimits,
} from '../../../core/index.ts';
import { answerLimits, connectionDefaults, type AnswerLimitNumbers } from './limits.ts';

/** What becomes of a question that there is no time for. */
export type ShedPolicy = 'refuse' | 'drop';

/** How well the members of a class are served, and what they may ask for. */
export interface ClassConfig {
  readonly weight: number;
  /** Of each member. */
  readonly allowance: Allowance | undefined;
  /** Of all members together. */
  readonly total: Allowance | undefined;
  /** Of each member, in each worker. */
  readonly requestsAtOnce: number | undefined;
  /** Undefined: every name. */
  readonly zones: readonly Name[] | undefined;
  readonly except: readonly Name[];
  readonly shed: ShedPolicy;
}

export interface RecursiveAuthGateConfig extends ListenerConfig {
  readonly listen: readonly Endpoint[];
  /** They are asked by `transport`, whatever is written in them. */
  readonly upstreams: readonly ForwardServer[];
  readonly transport: 'udp' | 'tcp';
  readonly 'proxy-protocol': boolean;
  /** Questions a second. */
  readonly 'upstream-rate': number | undefined;
  /** The most important first; the last is that of strangers. */
  readonly classes: ReadonlyMap<string, ClassConfig>;
  readonly 'log-queries': boolean;
  readonly limits: ConnectionLimits & AnswerLimitNumbers & FairLimits & ForwardLimits & ReadTurnsLimits;
}

const { z } = schema;
const maxUpstreams = 16;
const maxClasses = 32;
const maxNames = 1000;
const maxWeight = 1000;
const maxBurst = 1_000_000_000;
const maxAtOnce = 1_000_000;
/** The class of those who are not known; no role has this name here. */
export const strangersWord = 'strangers';

const strangersWeight = 1;
const membersWeight = 20;

const rate = (example: string) => schema.textBlock({ what: 'a rate', example }, parseRate).optional();
const burst = schema.wholeNumber({ min: 1, max: maxBurst, example: 2000 }).optional();
const names = (example: string) => z.array(schema.domainName(example)).max(maxNames);

const classSchema = z
  .strictObject({
    weight: schema.wholeNumber({ min: 1, max: maxWeight, example: 10 }).optional().meta({
      description:
        'Its part of what the servers can do while there is not enough for all: a class of weight 20 gets twenty times what one of weight 1 gets. 20 if not said, and 1 for strangers. Less than that lets a flood of strangers be felt where members alone keep the servers busy. What one class does not need the others have.',
    }),
    rate: rate('5000/s').meta({
      description:
        'Questions of each member: of a name, and among strangers of a network (/24 of IPv4, /56 of IPv6). What is beyond it is refused, or dropped.',
    }),
    burst: burst.meta({
      description:
        'Questions at one go, before `rate` counts; what the rate gives in one second if not said.',
    }),
    'total-rate': rate('20000/s').meta({ description: 'Questions of all members together.' }),
    'total-burst': burst.meta({ description: 'The same for `total-rate`.' }),
    'requests-at-once': schema.wholeNumber({ min: 1, max: maxAtOnce, example: 500 }).optional().meta({
      description: 'Questions of each member that wait for the servers, in each worker.',
    }),
    zones: names('example.com').optional().meta({
      description:
        'What may be asked for: names at or below these. Every name if not said. Of `zones` and `except` the longest name that fits decides.',
      what: 'a list of domain names',
      example: '[example.com]',
    }),
    except: names('corp.example.com').default([]).meta({
      description: 'Names at or below these may not be asked for.',
      what: 'a list of domain names',
      example: '[corp.example.com]',
    }),
    shed: schema.choice(['refuse', 'drop']).default('refuse').meta({
      description:
        'What becomes of questions beyond these limits, and of those that there is no time for: REFUSED with an Extended DNS Error, after which resolvers ask another server at once; or no reply.',
    }),
  })
  .superRefine((written, context) => {
    for (const [burstKey, rateKey] of [
      ['burst', 'rate'],
      ['total-burst', 'total-rate'],
    ] as const) {
      if (written[burstKey] === undefined || written[rateKey] !== undefined) continue;
      const message = issueMessage({
        wrong: `means nothing without ${rateKey}`,
        right: 'write both, or neither',
      });
      context.addIssue({ code: 'custom', message, path: [burstKey], input: written[burstKey] });
    }
    for (const [index, name] of written.except.entries()) {
      if (written.zones?.some((other) => other.equals(name)) !== true) continue;
      const message = issueMessage({ wrong: 'is one of zones too', right: 'take it out here, or there' });
      context.addIssue({ code: 'custom', message, path: ['except', index], input: name });
    }
  })
  .meta({ what: 'a map', example: '{ weight: 20, rate: 5000/s }' });

type WrittenClass = schema.z.output<typeof classSchema>;

const word = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,62}$/, {
  error: issueMessage({
    wrong: 'is no word of letters, digits, - _ and . that begins with a letter',
    right: 'for example: partner',
  }),
});

const upstream = schema.textBlock(
  { what: 'the address of an authoritative server', example: '127.0.0.1:5300' },
  (text): ForwardServer => {
    const server = forwardServer(text, 'udp');
    if (server.tls !== undefined)
      throw new RangeError('is a server over TLS, and this is for one beside the gate');
    return server;
  },
);

export const recursiveAuthGateSchema: schema.ConfigSchema<RecursiveAuthGateConfig> = z.strictObject({
  listen: schema
    .endpoints(dotPort)
    .meta({ description: 'Addresses to take DNS over TLS on; port 853 unless one is given.' }),
  upstreams: schema.oneOrMore(z.array(upstream).min(1).max(maxUpstreams)).meta({
    description:
      'The authoritative servers behind the gate, the first that works first; port 53 unless one is given, best on loopback.',
    what: 'a server, or a list of servers',
    example: '127.0.0.1:5300',
  }),
  transport: schema.choice(['udp', 'tcp']).default('udp').meta({
    description: 'How they are asked; over TCP also by UDP what does not fit into a datagram.',
  }),
  'proxy-protocol': schema.flag().default(false).meta({
    description:
      'Whether they are told who asks, by PROXY v2: the address of the resolver, and the name that it proved. For servers that take it (NSD, BIND 9.20, PowerDNS), and that answer by it: nothing is kept in memory then.',
  }),
  'upstream-rate': rate('20000/s')
    .transform((read) => (read === undefined ? undefined : perSecond(read)))
    .meta({
      description:
        'Questions that all of them get at the most, where it is known what they can do. What they can do is found out without it too.',
    }),
  classes: z
    .record(word, classSchema)
    .default({})
    .refine((classes) => Object.keys(classes).length < maxClasses, {
      error: issueMessage({ wrong: `has ${String(maxClasses)} classes or more`, right: 'write fewer' }),
    })
    .transform(readClasses)
    .meta({
      description:
        'How well resolvers are served, by the words of `roles` in the access list, the most important first: a resolver is of the first class that is a role of its entry. `strangers` is the class of all others, and of those whom the access list allows nothing by their own names; it comes last.',
      what: 'a map of classes',
      example: '{ partner: { weight: 20 }, strangers: { rate: 20/s } }',
    }),
  'log-queries': schema.flag().default(false).meta({
    description: 'A line in the log for each question, at level info.',
  }),
  // Strangers get what is for everybody (RFC 9539 section 3: the same by all transports, and for all who ask).
  ...listenerKeys({ onFailure: 'anonymous' }),
  limits: schema.fromLimits({
    ...withDefaults(connectionLimits, connectionDefaults),
    ...answerLimits,
    ...fairLimits,
    ...readTurnsLimits,
    ...forwardLimits,
  }),
});

function readClasses(written: Readonly<Record<string, WrittenClass>>): ReadonlyMap<string, ClassConfig> {
  const { [strangersWord]: strangers, ...known } = written;
  const classes = new Map<string, ClassConfig>();
  for (const [name, of] of Object.entries(known)) classes.set(name, classOf(of, membersWeight));
  classes.set(strangersWord, classOf(strangers ?? classSchema.parse({}), strangersWeight));
  return classes;
}

function classOf(written: WrittenClass, usualWeight: number): ClassConfig {
  return {
    weight: written.weight ?? usualWeight,
    allowance: written.rate && allowanceOf(written.rate, written.burst),
    total: written['total-rate'] && allowanceOf(written['total-rate'], written['total-burst']),
    requestsAtOnce: written['requests-at-once'],
    zones: written.zones,
    except: written.except,
    shed: written.shed,
  };
}
