/**
 * The configuration of danced, version 1: one YAML file, typed.
 *
 * Later versions get a module of their own beside this one; `version` says which one reads the file.
 */
import { dirname, resolve } from 'node:path';
import type { Name } from '../dns/name.ts';
import { accessSchema, finishAccess, type AccessConfig } from './access-config.ts';
import { YamlDocument } from './document.ts';
import { formatEndpoint, isLoopback, type Endpoint } from './endpoint.ts';
import { formatPath, type ConfigPath, type ConfigProblem } from './errors.ts';
import {
  everyAbility,
  extensionTypeKey,
  hasListenerKeys,
  missingAbilities,
  type TlsAbilities,
} from './listener.ts';
import { finishResolver, resolverSchema, type ResolverConfig } from './resolver-config.ts';
import {
  choice,
  domainName,
  endpoint,
  filePath,
  textBlock,
  wholeNumber,
  z,
  type ConfigSchema,
} from './schema.ts';
import { checkVersion } from './version.ts';
import { suggest } from './words.ts';

export interface DancedConfig {
  readonly version: 1;
  readonly identity: {
    /** Owner name of our own TLSA record. */
    readonly name: Name;
    /** Absolute; holds certificate.pem and key.pem. */
    readonly directory: string;
  };
  readonly resolver: ResolverConfig;
  readonly dane: {
    /** Absolute; PEM certificates of the authorities that PKIX-TA and PKIX-EE records need. */
    readonly roots?: string;
    /** Number of the TLS extension dane_clientid. */
    readonly extensionType: number;
  };
  /** Undefined where no plugin needs one: then nobody may do anything. */
  readonly access?: AccessConfig | undefined;
  readonly observe: {
    /** Where metrics and health are served; nowhere if missing. */
    readonly listen?: Endpoint | undefined;
    readonly level: LogLevel;
    readonly format: 'json' | 'text';
  };
  /** Processes that serve; 1: the one that was started, and no other. */
  readonly workers: number;
  /** At least one. */
  readonly plugins: readonly PluginUse[];
}

type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One entry of `plugins`. */
export interface PluginUse {
  readonly use: string;
  /** Where it stands in the file. */
  readonly path: ConfigPath;
  /** What the plugin's own schema made of it. */
  readonly config: unknown;
}

export interface LoadedConfig {
  readonly config: DancedConfig;
  /** For the positions of later findings. */
  readonly document: YamlDocument;
}

/** The known plugins, by the word after `use:`: as much of one as checking a file takes. */
export type PluginSchemas = ReadonlyMap<
  string,
  {
    /** Of the keys beside `use`. */
    readonly schema: ConfigSchema<unknown>;
    /** Whether there must be an access list; true if not said. */
    readonly needsAccess?: boolean | undefined;
    endpoints?(config: unknown): {
      readonly listens: readonly { readonly at: Endpoint; readonly path: ConfigPath }[];
    };
  }
>;

const identitySchema = z
  .strictObject({
    name: domainName('_xfr.ns1.example.com').meta({
      description: 'Owner name of our own TLSA record: who we are.',
    }),
    directory: filePath('/etc/danced/identity').meta({
      description: 'Directory with `certificate.pem` and `key.pem`, as `danced keygen` makes it.',
    }),
  })
  .meta({
    description: 'Who we are.',
    example: '{ name: _xfr.ns1.example.com, directory: /etc/danced/identity }',
  });

const daneSchema = z
  .strictObject({
    roots: filePath('/etc/ssl/certs/ca-certificates.crt').optional().meta({
      description:
        'PEM file of the certification authorities that are trusted for records of the usages PKIX-TA (0) and PKIX-EE (1). Without it such records count as unusable. Read at the start.',
    }),
    'extension-type': extensionTypeKey,
  })
  .meta({
    description: 'How clients say their names, and how TLSA records are matched.',
    example: '{ roots: /etc/ssl/certs/ca-certificates.crt }',
  });

const observeSchema = z
  .strictObject({
    listen: endpoint(9153)
      .optional()
      .meta({ description: 'Address that serves `/metrics`, `/livez` and `/readyz` over HTTP.' }),
    level: choice(['debug', 'info', 'warn', 'error'])
      .default('info')
      .meta({ description: 'The least important line that is logged.' }),
    format: choice(['json', 'text']).default('json').meta({ description: 'Form of the log lines.' }),
  })
  .meta({ description: 'Logs, metrics, health.', example: '{ listen: "127.0.0.1:9153" }' });

const workersSchema = wholeNumber({ min: 1, max: 64, example: 2 }).default(1).meta({
  description:
    'Processes that serve on the same ports, for as many processor cores; see [Several processes](commands.md#several-processes). `1`: one process does everything. What `limits` bound (connections, handshakes, requests under way, memory) is bounded in each of them, and so are caches of DNS answers and proofs; rates of rules, and failures of addresses and names, are counted for all together.',
});

const pluginsSchema = z
  .array(
    z
      .looseObject({
        use: textBlock({ what: 'the name of a plugin', example: 'xot/gate' }, (text) => text),
      })
      .meta({ what: 'a map that starts with use', example: '{ use: xot/gate, … }' }),
  )
  .min(1)
  .max(64)
  .meta({ description: 'What danced does; each entry is a plugin.', example: '[{ use: xot/gate, … }]' });

/** The whole file but for the keys of each plugin; scripts/generate-docs.ts reads it too. */
export const configSchema = z.strictObject({
  // checkVersion says what is wrong with it.
  version: z
    .unknown()
    .optional()
    .meta({ description: 'Version of this format; always the first key.', example: '1' }),
  identity: identitySchema,
  resolver: resolverSchema,
  dane: daneSchema.prefault({}),
  access: accessSchema.optional(),
  observe: observeSchema.prefault({}),
  workers: workersSchema,
  plugins: pluginsSchema,
});

/**
 * Reads and checks a configuration file. Throws ConfigError with everything that is wrong in it.
 *
 * @param can what TLS can do here; what the file asks for beyond that is wrong
 */
export function loadConfig(
  file: string,
  plugins: PluginSchemas,
  can: TlsAbilities = everyAbility,
): LoadedConfig {
  return checkConfig(YamlDocument.read(file), plugins, can);
}

/** `loadConfig` for a document that has been read. Relative paths are relative to its file. */
export function checkConfig(
  document: YamlDocument,
  plugins: PluginSchemas,
  can: TlsAbilities = everyAbility,
): LoadedConfig {
  const version = checkVersion(document);
  const checked = document.checkPart(configSchema, document.value, []);
  const uses = checkPlugins(document, plugins, can);
  const resolution = checkResolver(document);
  const list = checkAccess(document, plugins);
  const problems = [
    ...version,
    ...(checked.ok ? [] : checked.problems),
    ...(resolution?.problems ?? []),
    ...(list?.problems ?? []),
    ...checkExtensionType(document, can),
    ...(resolution ? asksItself(document, resolution.config, uses.plugins, plugins) : []),
    ...uses.problems,
  ];
  if (!checked.ok || !resolution || list === undefined || problems.length > 0 || document.problems.length > 0)
    throw document.error(problems);

  const { identity, dane, observe, workers } = checked.value;
  const folder = dirname(resolve(document.file));
  const config: DancedConfig = {
    version: 1,
    identity: { name: identity.name, directory: resolve(folder, identity.directory) },
    resolver: resolution.config,
    dane: {
      ...(dane.roots !== undefined && { roots: resolve(folder, dane.roots) }),
      extensionType: dane['extension-type'],
    },
    ...(list.config && { access: list.config }),
    observe,
    workers,
    plugins: uses.plugins,
  };
  return { config, document };
}

function checkExtensionType(document: YamlDocument, can: TlsAbilities): ConfigProblem[] {
  const part = isRecord(document.value) ? document.value['dane'] : undefined;
  const written: Record<string, unknown> = isRecord(part) ? { 'extension-type': part['extension-type'] } : {};
  const missing = missingAbilities(document, ['dane'], written, can);
  const number = written['extension-type'];
  if (missing.length > 0 || typeof number !== 'number' || can.takesExtensionType?.(number) !== false)
    return missing;
  const wrong = `${String(number)} is another extension, which the TLS library has itself`;
  return [
    document.problem(['dane', 'extension-type'], wrong, 'leave this key out, or take one from 0xff00 up'),
  ];
}

/** What its schema cannot see; also when other parts of the file are wrong. What the schema sees is reported with the rest. */
function checkResolver(document: YamlDocument): ReturnType<typeof finishResolver> | undefined {
  const part = isRecord(document.value) ? document.value['resolver'] : undefined;
  const checked = document.checkPart(resolverSchema, part, ['resolver']);
  return checked.ok ? finishResolver(document, checked.value) : undefined;
}

/** A resolver at an address where a plugin listens would be danced itself, which waits for the answer that it is to give. */
function asksItself(
  document: YamlDocument,
  { servers }: ResolverConfig,
  uses: readonly PluginUse[],
  known: PluginSchemas,
): ConfigProblem[] {
  const listens = uses.flatMap(({ use, path, config }) =>
    (known.get(use)?.endpoints?.(config).listens ?? []).map((listen) => ({
      at: listen.at,
      path: [...path, ...listen.path],
    })),
  );
  return servers.flatMap((server, index) => {
    const own = listens.find(({ at }) => reaches(server, at));
    if (own === undefined) return [];
    const wrong = `is ${formatEndpoint(server)}, where danced itself listens (${formatPath(own.path)}): it would ask itself and wait for ever`;
    const right =
      'write another resolver, as that of the network or the one of your provider; it need not be trusted, since answers are validated';
    return [document.problem(['resolver', 'servers', index], wrong, right)];
  });
}

/** Whether who asks at `server` reaches who listens at `at`. */
function reaches(server: Endpoint, at: Endpoint): boolean {
  if (server.port !== at.port) return false;
  const isEverywhere = at.address === '0.0.0.0' || at.address === '::';
  return at.address === server.address || (isEverywhere && isLoopback(server.address));
}

/** The same for the access list, which may be missing where no plugin serves by it. */
function checkAccess(
  document: YamlDocument,
  known: PluginSchemas,
): ReturnType<typeof finishAccess> | undefined {
  const part = isRecord(document.value) ? document.value['access'] : undefined;
  if (part === undefined) {
    const uses = entriesOf(document.value).map(({ use }) => use);
    const needing = uses.find((use) => typeof use !== 'string' || known.get(use)?.needsAccess !== false);
    if (uses.length > 0 && needing === undefined) return { config: undefined, problems: [] };
    const who =
      typeof needing === 'string' && known.has(needing) ? `, and ${needing} serves whom it names` : '';
    return { config: undefined, problems: [document.problem(['access'], `missing${who}`, accessExample)] };
  }
  const checked = document.checkPart(accessSchema, part, ['access']);
  return checked.ok ? finishAccess(document, checked.value) : undefined;
}

const accessExample = 'for example: access: { store: file, file: access.yaml }';

/** Checks every plugin's part with its own schema, also when other parts of the file are wrong. */
function checkPlugins(
  document: YamlDocument,
  known: PluginSchemas,
  can: TlsAbilities,
): { plugins: PluginUse[]; problems: ConfigProblem[] } {
  const plugins: PluginUse[] = [];
  const problems: ConfigProblem[] = [];
  for (const [index, entry] of entriesOf(document.value).entries()) {
    const { use, ...rest } = entry;
    if (typeof use !== 'string') continue;
    const path = ['plugins', index];
    const plugin = known.get(use);
    if (plugin === undefined) {
      const right = suggest(use, [...known.keys()], 'the plugins are');
      problems.push(document.problem([...path, 'use'], 'there is no such plugin', right));
      continue;
    }
    const checked = document.checkPart(plugin.schema, rest, path);
    if (checked.ok) plugins.push({ use, path, config: checked.value });
    else problems.push(...checked.problems);
    if (hasListenerKeys(plugin.schema)) problems.push(...missingAbilities(document, path, rest, can));
  }
  return { plugins, problems };
}

/** The entries of `plugins` that are maps, without trusting anything; the schema reports the rest. */
function entriesOf(value: unknown): Record<string, unknown>[] {
  const list = isRecord(value) ? value['plugins'] : undefined;
  return Array.isArray(list) ? list.map((entry: unknown) => (isRecord(entry) ? entry : {})) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
