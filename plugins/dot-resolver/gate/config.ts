/** Configuration of `use: dot-resolver/gate`. */
import {
  allowanceOf,
  connectionLimits,
  dotPort,
  forwardLimits,
  issueMessage,
  listenerKeys,
  parseRate,
  schema,
  withDefaults,
  type Allowance,
  type ConnectionLimits,
  type Endpoint,
  type ForwardLimits,
  type ListenerConfig,
} from '../../../core/index.ts';
import { viewLimits, type ViewLimits } from '../view/limits.ts';
import { checkView, viewKeys, type ViewConfig } from '../view/view-config.ts';
import { answerLimits, connectionDefaults, type AnswerLimitNumbers } from './limits.ts';

/** Who goes first when the upstreams are short of places. */
export type ServiceClass = 'high' | 'normal' | 'low';

/** What all who share a view or a role may do together. */
export interface Totals {
  readonly allowance: Allowance | undefined;
  readonly requestsAtOnce: number | undefined;
  readonly class: ServiceClass | undefined;
}

export interface GateViewConfig extends ViewConfig {
  readonly totals: Totals;
}

export interface DotGateConfig extends ListenerConfig {
  readonly listen: readonly Endpoint[];
  readonly views: Readonly<Record<string, GateViewConfig>>;
  readonly 'default-view': string;
  readonly roles: Readonly<Record<string, Totals>>;
  readonly privacy: 'identity' | 'role';
  readonly 'log-queries': boolean;
  readonly limits: ConnectionLimits & AnswerLimitNumbers & ForwardLimits & ViewLimits;
}

const { z } = schema;
const maxAtOnce = 1_000_000;

const totalsKeys = {
  rate: schema.textBlock({ what: 'a rate', example: '1000/s' }, parseRate).optional().meta({
    description: 'Requests of all of them together: a whole number for each s, m or h.',
  }),
  burst: schema.wholeNumber({ min: 1, max: 1_000_000_000, example: 2000 }).optional().meta({
    description: 'Requests at one go, before `rate` counts; what the rate gives in one second if not said.',
  }),
  'requests-at-once': schema.wholeNumber({ min: 1, max: maxAtOnce, example: 500 }).optional().meta({
    description: 'Requests of all of them together that wait for an upstream, in each worker.',
  }),
  class: schema.choice(['high', 'normal', 'low']).optional().meta({
    description:
      'Who goes first when the places of `questions` run short: `low` may have half of them, `normal` four fifths, `high` all. That of a role counts before that of a view; `normal` if neither says.',
  }),
};

interface WrittenTotals {
  readonly rate?: Parameters<typeof allowanceOf>[0] | undefined;
  readonly burst?: number | undefined;
  readonly 'requests-at-once'?: number | undefined;
  readonly class?: ServiceClass | undefined;
}

const view = z
  .strictObject({ ...viewKeys, ...totalsKeys })
  .superRefine((written, context) => {
    checkView({ ...written, ca: written.ca }, context);
    checkTotals(written, context);
  })
  .transform(({ rate, burst, 'requests-at-once': atOnce, class: serviceClass, ...of }): GateViewConfig => ({
    ...of,
    totals: totalsOf({ rate, burst, 'requests-at-once': atOnce, class: serviceClass }),
  }))
  .meta({ what: 'a map', example: '{ upstreams: ["127.0.0.1:5300"] }' });

const role = z
  .strictObject(totalsKeys)
  .superRefine(checkTotals)
  .transform(totalsOf)
  .meta({ what: 'a map', example: '{ rate: 1000/s }' });

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, {
  error: issueMessage({ wrong: 'is no word of letters, digits, - _ and .', right: 'for example: internal' }),
});

export const dotGateSchema: schema.ConfigSchema<DotGateConfig> = z
  .strictObject({
    listen: schema
      .endpoints(dotPort)
      .meta({ description: 'Addresses to take DNS over TLS on; port 853 unless one is given.' }),
    views: z
      .record(word, view)
      .refine((views) => Object.keys(views).length > 0, {
        error: issueMessage({
          wrong: 'has no view',
          right: 'for example: default: { upstreams: ["127.0.0.1:5300"] }',
        }),
      })
      .meta({
        description: 'What members see, by the word that `view` of a rule in the access list names.',
        what: 'a map of views',
        example: '{ default: { upstreams: ["127.0.0.1:5300"] } }',
      }),
    'default-view': word.default('default').meta({
      description: 'The view of members whose rule in the access list names none.',
      what: 'a word',
      example: 'default',
    }),
    roles: z.record(word, role).default({}).meta({
      description: 'Limits on all members of a role together, by the words of `roles` in the access list.',
      what: 'a map of roles',
      example: '{ guest: { rate: 1000/s } }',
    }),
    privacy: schema.choice(['identity', 'role']).default('identity').meta({
      description:
        'Whether the log says who asks, by name and address, or only by roles. Whose connection is refused is always told.',
    }),
    'log-queries': schema.flag().default(false).meta({
      description: 'A line in the log for each question, at level info.',
    }),
    // A resolver for its community answers nobody else, unless the operator says otherwise.
    ...listenerKeys({ onFailure: 'alert' }),
    limits: schema.fromLimits({
      ...withDefaults(connectionLimits, connectionDefaults),
      ...answerLimits,
      ...forwardLimits,
      ...viewLimits,
    }),
  })
  .superRefine(({ views, 'default-view': defaultView }, context) => {
    if (Object.hasOwn(views, defaultView)) return;
    const message = issueMessage({
      wrong: `"${defaultView}" is none of the views`,
      right: `write one of: ${Object.keys(views).join(', ')}`,
    });
    context.addIssue({ code: 'custom', message, path: ['default-view'], input: defaultView });
  });

function checkTotals({ rate, burst }: WrittenTotals, context: schema.z.RefinementCtx): void {
  if (burst === undefined || rate !== undefined) return;
  const message = issueMessage({ wrong: 'means nothing without a rate', right: 'write both, or neither' });
  context.addIssue({ code: 'custom', message, path: ['burst'], input: burst });
}

function totalsOf({
  rate,
  burst,
  'requests-at-once': requestsAtOnce,
  class: serviceClass,
}: WrittenTotals): Totals {
  return { allowance: rate && allowanceOf(rate, burst), requestsAtOnce, class: serviceClass };
}
