/**
 * The configuration of danced, version 1: one YAML file, typed.
 *
 * Later versions get a module of their own beside this one; `version` says which one reads the file.
 */
import { dirname, resolve } from 'node:path';
import type { Name } from '../dns/name.ts';
import { accessSchema, finishAccess, type AccessConfig } from './access-config.ts';
import { YamlDocument } from './document.ts';
import type { Endpoint } from './endpoint.ts';
import type { ConfigPath, ConfigProblem } from './errors.ts';
import {
  everyAbility,
  extensionTypeKey,
  hasListenerKeys,
  missingAbilities,
  type TlsAbilities,
} from './listener.ts';
import { finishResolver, resolverSchema, type ResolverConfig } from './resolver-config.ts';
import { choice, domainName, endpoint, filePath, textBlock, z, type ConfigSchema } from './schema.ts';
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
  readonly access: AccessConfig;
  readonly observe: {
    /** Where metrics and health are served; nowhere if missing. */
    readonly listen?: Endpoint | undefined;
    readonly level: LogLevel;
    readonly format: 'json' | 'text';
  };
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

/** The known plugins: the word after `use:` and the schema of the keys beside it. */
export type PluginSchemas = ReadonlyMap<string, { readonly schema: ConfigSchema<unknown> }>;

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
  access: accessSchema,
  observe: observeSchema.prefault({}),
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
  const list = checkAccess(document);
  const problems = [
    ...version,
    ...(checked.ok ? [] : checked.problems),
    ...(resolution?.problems ?? []),
    ...(list?.problems ?? []),
    ...checkExtensionType(document, can),
    ...uses.problems,
  ];
  if (!checked.ok || !resolution || !list?.config || problems.length > 0 || document.problems.length > 0)
    throw document.error(problems);

  const { identity, dane, observe } = checked.value;
  const folder = dirname(resolve(document.file));
  const config: DancedConfig = {
    version: 1,
    identity: { name: identity.name, directory: resolve(folder, identity.directory) },
    resolver: resolution.config,
    dane: {
      ...(dane.roots !== undefined && { roots: resolve(folder, dane.roots) }),
      extensionType: dane['extension-type'],
    },
    access: list.config,
    observe,
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

/** The same for the access list. */
function checkAccess(document: YamlDocument): ReturnType<typeof finishAccess> | undefined {
  const part = isRecord(document.value) ? document.value['access'] : undefined;
  const checked = document.checkPart(accessSchema, part, ['access']);
  return checked.ok ? finishAccess(document, checked.value) : undefined;
}

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
