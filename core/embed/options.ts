/**
 * What a program may say when it opens danced, and the check of it. What the configuration file has too is written as it is
 * there (`resolver`, `limits`), is read by the same schemas, and is told wrong in the same words.
 *
 * Limitations: relative paths are relative to the working directory of the program.
 */
import type { AccessControl } from '../acl/access-control.ts';
import { YamlDocument } from '../config/document.ts';
import { parseEndpoint, type Endpoint } from '../config/endpoint.ts';
import { formatPath, type ConfigPath } from '../config/errors.ts';
import { extensionTypeKey, listenerKeys, missingAbilities, type TlsAbilities } from '../config/listener.ts';
import {
  finishResolver,
  localValidation,
  resolverSchema,
  type ResolverConfig,
} from '../config/resolver-config.ts';
import { filePath, flag, fromLimits, textBlock, z, type ConfigSchema } from '../config/schema.ts';
import { explainIssue, issueMessage, wordsOfIssue } from '../config/words.ts';
import type { ClaimSource } from '../dane/claims.ts';
import type { Log, LogFields, LogLevel } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ListenerTls, OnFailure } from '../plugin/contract.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { connectionLimits, type ConnectionLimits } from '../server/limits.ts';
import type { Dialect } from '../tls/client-id.ts';
import type { LoadedIdentity } from '../tls/identity.ts';
import type { TlsFeatures } from '../tls/native/native.ts';
import type { AccessOptions } from './access-options.ts';
import { resolvConfServers } from './resolv-conf.ts';

/** How TLSA records are found: the keys of `resolver` in docs/configuration.md, with their defaults. */
export interface ResolverOptions {
  readonly validation?: 'local' | 'trust-ad';
  /** Those of /etc/resolv.conf if absent. */
  readonly servers?: readonly string[];
  readonly ca?: string;
  readonly timeout?: string;
  readonly 'trust-anchors'?: string;
  readonly 'negative-trust-anchors'?: readonly { readonly name: string; readonly until: string }[];
  readonly 'stale-max'?: string;
  readonly prefetch?: boolean;
  readonly limits?: Readonly<Record<string, number | string>>;
}

/** Bounds on connections and proofs: the keys of `limits` in docs/configuration.md; times with their unit, as "10s". */
export type LimitOptions = {
  readonly [K in keyof typeof connectionLimits]?: (typeof connectionLimits)[K]['unit'] extends 'ms'
    ? string
    : number;
};

/** Takes what would go into a log. */
export type LogFunction = (level: LogLevel, event: string, fields: LogFields) => void;

/** A logger of pino, known by its `bindings`: the fields come first. */
export interface PinoLogger extends Record<LogLevel, (fields: LogFields, message: string) => void> {
  bindings(): object;
}

/** What both ends can be told. */
export interface CommonOptions {
  /** Directory with `certificate.pem` and `key.pem`, as `danced keygen` makes it; or what `loadIdentity` gave. */
  readonly identity?: string | LoadedIdentity;
  /** How TLSA records are found, or what finds them. */
  readonly resolver?: ResolverOptions | Resolver;
  /** PEM file of the authorities for PKIX; without it TLSA records of the usages PKIX-TA and PKIX-EE count for nothing. */
  readonly roots?: string;
  /** Number of the TLS extension dane_clientid, the same at both ends. */
  readonly extensionType?: number;
  /** Silent if absent. */
  readonly log?: Log | LogFunction | PinoLogger;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

export interface AuthenticatorOptions extends CommonOptions {
  /**
   * Who may be asked about at all: the path of an access list, which is watched; where it is otherwise, as in the configuration;
   * or anything that decides.
   */
  readonly access: string | AccessOptions | AccessControl;
  readonly limits?: LimitOptions;
  /** Metrics of its own if absent. */
  readonly metrics?: Metrics;
  /** What TLS can do; that of this process if absent. */
  readonly features?: TlsFeatures;
}

export interface ListenOptions {
  /** IP addresses, each with its port: `[::]:8443`. */
  readonly addresses: readonly string[];
  /**
   * What is spoken, as ALPN names it (RFC 7301); a client that offers none of these is refused. None: ALPN is not looked at.
   * The default is `http/1.1` for an http.Server, else none.
   */
  readonly alpn?: readonly string[];
  /** What a client gets that is not identified: the alert handshake_failure, or a connection without identity. */
  readonly onFailure?: OnFailure;
  /**
   * Where names are taken from; by default from both, as far as the addon is there. A name that the client says decides, and its
   * certificate is not asked then (draft-ietf-dance-client-auth section 8.2).
   */
  readonly claims?: readonly ClaimSource[];
  readonly dialect?: Dialect;
  /**
   * Whether clients may come by TLS 1.2 too, only with `draft-09`. Then whoever is on the line reads the client's name, in the
   * ClientHello, and its certificate; the log warns of it.
   */
  readonly allowsTls12?: boolean;
  readonly rawPublicKeys?: boolean;
  /** Octets. */
  readonly recordPadding?: number;
  /** Tells listeners apart in log and metrics. */
  readonly label?: string;
}

/** One thing that is wrong with options. */
export interface OptionProblem {
  readonly path: ConfigPath;
  readonly wrong: string;
  readonly right: string;
}

/** Options that cannot be used; `problems` has all that is wrong. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly code = 'CFG_OPTIONS';
  readonly blame = 'config';
  readonly problems: readonly OptionProblem[];

  constructor(problems: readonly OptionProblem[]) {
    const lines = problems.map(({ path, wrong, right }) => `${formatPath(path)}: ${wrong}; ${right}`);
    super(lines.join('\n'));
    this.problems = problems;
  }
}

/** Checks a value. Throws OptionsError. */
export function checkOptions<T>(schema: ConfigSchema<T>, value: unknown, at: ConfigPath = []): T {
  const result = schema.safeParse(value, { error: explainIssue });
  if (result.success) return result.data;
  throw new OptionsError(result.error.issues.flatMap((issue) => wordsOfIssue(issue, at)));
}

function anyOf(what: string, isRight: (value: unknown) => boolean): ConfigSchema<unknown> {
  const error = issueMessage({ wrong: `is not ${what}`, right: `give ${what}` });
  return z.unknown().refine(isRight, { error });
}

/** Whether it is an object with these methods. */
export function hasFunctions(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isPath = (value: unknown): boolean => filePath('x').safeParse(value).success;
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether it is something that looks up, and not what such a thing is made from. */
export function isResolver(value: ResolverOptions | Resolver): value is Resolver {
  return hasFunctions(value, 'lookup');
}

/** What both ends have; the rest of a whole schema. */
export const commonKeys = {
  identity: anyOf('the path of a directory, or what loadIdentity gave', (value) =>
    isObject(value) ? 'keyPem' in value && 'certificatePem' in value : isPath(value),
  ).optional(),
  resolver: anyOf('a map as the configuration has it, or an object with lookup()', isObject).optional(),
  roots: filePath('/etc/ssl/certs/ca-certificates.crt').optional(),
  extensionType: extensionTypeKey,
  log: anyOf('a function, a logger of pino, or an object with debug, info, warn, error and child', (value) =>
    isFunction(value) ? true : hasFunctions(value, 'debug', 'info', 'warn', 'error', 'child'),
  ).optional(),
  nowMs: anyOf('a function', isFunction).optional(),
};

/** `AuthenticatorOptions`, as far as it is more than a type. */
export const authenticatorSchema = z.strictObject({
  ...commonKeys,
  access: anyOf(
    'the path of an access list, a map with store as the configuration has it, or an object with admit and decide',
    (value) => (isObject(value) ? 'store' in value || hasFunctions(value, 'admit', 'decide') : isPath(value)),
  ),
  limits: fromLimits(connectionLimits),
  metrics: anyOf('the metrics of danced', (value) => hasFunctions(value, 'counter', 'gauge')).optional(),
  features: anyOf('what tlsFeatures gave', isObject).optional(),
});

/** The resolver that options ask for, as the configuration would have it. Throws OptionsError. */
export function checkResolver(options: ResolverOptions | undefined, resolvConf?: string): ResolverConfig {
  const written = { ...options };
  // Without servers it is what the commands do too: those that this machine asks.
  const isUsual = written.servers === undefined;
  if (isUsual) written.servers = ['127.0.0.1'];
  const checked = checkOptions(resolverSchema, written, ['resolver']);
  // The schema has seen it, so it is plain data.
  const document = YamlDocument.parse(JSON.stringify({ resolver: written }), 'options');
  const { config, problems } = finishResolver(document, checked);
  if (problems.length > 0) throw new OptionsError(problems);
  if (!isUsual || config.validation === 'trust-ad') return config;
  return { ...config, servers: localValidation(resolvConfServers(resolvConf)).servers };
}

const listener = listenerKeys({ onFailure: 'alert' });
const address = textBlock({ what: 'an address with its port', example: '[::]:8443' }, (text) => {
  const endpoint = parseEndpoint(text, -1);
  if (endpoint.port < 0) throw new RangeError('has no port');
  return endpoint;
});
const protocol = textBlock({ what: 'the name of a protocol', example: 'http/1.1' }, (text) => {
  // RFC 7301 section 3.1: opaque<1..2^8-1>.
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) throw new RangeError('is not the name of a protocol');
  return text;
});
const label = textBlock({ what: 'a word', example: 'api' }, (text) => {
  if (!/^[\w./-]{1,64}$/.test(text)) throw new RangeError('is not a word of at most 64 letters and digits');
  return text;
});

const listenSchema = z.strictObject({
  addresses: z
    .array(address)
    .min(1)
    .max(16)
    .meta({ what: 'a list of addresses with their ports', example: '["[::]:8443"]' }),
  alpn: z.array(protocol).max(16).optional(),
  onFailure: listener['on-failure'],
  claims: listener.claims,
  dialect: listener.dialect,
  allowsTls12: flag().default(false),
  rawPublicKeys: listener['raw-public-keys'],
  recordPadding: listener['record-padding'],
  label: label.optional(),
});

/** Where to listen and how. */
export interface CheckedListen {
  readonly addresses: readonly Endpoint[];
  readonly alpn: readonly string[] | undefined;
  readonly tls: ListenerTls;
  readonly label: string | undefined;
}

/** Throws OptionsError, also for what is asked for by name and needs the TLS addon where that is missing. */
export function checkListen(options: ListenOptions, can: TlsAbilities): CheckedListen {
  const { addresses, alpn, label: word, ...tls } = checkOptions(listenSchema, options);
  refuseMissing(
    {
      claims: options.claims,
      dialect: options.dialect,
      'raw-public-keys': options.rawPublicKeys,
      'record-padding': options.recordPadding,
    },
    can,
  );
  if (tls.allowsTls12 && tls.dialect !== 'draft-09') {
    const wrong = 'has no effect with the dialect draft-13, which is for TLS 1.3 alone';
    const right = 'leave it out, or say dialect: draft-09';
    throw new OptionsError([{ path: ['allowsTls12'], wrong, right }]);
  }
  return { addresses, alpn, tls, label: word };
}

const optionNames: Readonly<Record<string, string>> = {
  'raw-public-keys': 'rawPublicKeys',
  'record-padding': 'recordPadding',
  'extension-type': 'extensionType',
};

/** Refuses what is asked for by name and cannot be had here. `written` has the keys of the configuration. */
export function refuseMissing(written: Readonly<Record<string, unknown>>, can: TlsAbilities): void {
  const problems = missingAbilities(YamlDocument.parse('{}', 'options'), [], written, can);
  if (problems.length === 0) return;
  throw new OptionsError(
    problems.map(({ path, wrong, right }) => ({
      path: path.map((step) => optionNames[step] ?? step),
      wrong,
      right,
    })),
  );
}

/** The limits with what is not said at its default. Throws OptionsError. */
export function checkLimits(options: LimitOptions | undefined): ConnectionLimits {
  return checkOptions(fromLimits(connectionLimits), options ?? {}, ['limits']);
}
