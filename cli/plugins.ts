/**
 * The plugins that a configuration can use: those of this package by name, and others by the path of their module.
 *
 * A module of somebody else exports its `Plugin` (core/plugin/contract.ts) as `plugin`. It runs with all that danced
 * may do: use only what you would run as danced.
 */
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../core/config/errors.ts';
import { YamlDocument } from '../core/config/document.ts';
import { checkConfig, type LoadedConfig } from '../core/config/config.ts';
import type { TlsAbilities } from '../core/config/listener.ts';
import type { Plugin } from '../core/plugin/contract.ts';
import { takesExtensionType } from '../core/tls/context.ts';
import { tlsFeatures } from '../core/tls/native/native.ts';
import { dotAgent } from '../plugins/dot-resolver/agent/agent.ts';
import { dotGate } from '../plugins/dot-resolver/gate/gate.ts';
import { recursiveAuthGate } from '../plugins/recursive-auth/gate/gate.ts';
import { recursiveAgent } from '../plugins/recursive-auth/agent/agent.ts';
import { xotAgent } from '../plugins/xot/agent/agent.ts';
import { xotGate } from '../plugins/xot/gate/gate.ts';

/** By the word after `use:`. */
export type Plugins = ReadonlyMap<string, Plugin<unknown>>;

/** A configuration with the plugins that it uses. */
export type LoadedWithPlugins = LoadedConfig & { readonly plugins: Plugins };

export const builtinPlugins: Plugins = new Map<string, Plugin<unknown>>([
  [xotGate.name, xotGate],
  [xotAgent.name, xotAgent],
  [dotGate.name, dotGate],
  [dotAgent.name, dotAgent],
  [recursiveAgent.name, recursiveAgent],
  [recursiveAuthGate.name, recursiveAuthGate],
]);

/**
 * Reads a configuration and the modules of the plugins that it names by path. Rejects with ConfigError.
 *
 * @param can what TLS can do; that of this process if not said
 * @param text what stands in the file, if it has been read already
 */
export async function loadConfigAndPlugins(
  file: string,
  can: TlsAbilities = tlsFeatures(),
  text?: string,
): Promise<LoadedWithPlugins> {
  const document = text === undefined ? YamlDocument.read(file) : YamlDocument.parse(text, file);
  const plugins = new Map(builtinPlugins);
  for (const { use, path } of modulesNamed(document)) {
    plugins.set(use, await importPlugin(document, use, path));
  }
  return { ...checkConfig(document, plugins, { takesExtensionType, ...can }), plugins };
}

/** The `use:` values that are paths; everything else about them is the schema's business. */
function modulesNamed(document: YamlDocument): { use: string; path: (string | number)[] }[] {
  const entries = (document.value as { plugins?: unknown } | null)?.plugins;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown, index) => {
    const use = (entry as { use?: unknown } | null)?.use;
    return typeof use === 'string' && /^(\.{0,2}\/)/.test(use)
      ? [{ use, path: ['plugins', index, 'use'] }]
      : [];
  });
}

async function importPlugin(
  document: YamlDocument,
  use: string,
  path: (string | number)[],
): Promise<Plugin<unknown>> {
  const module = resolve(dirname(document.file), use);
  try {
    const { plugin } = (await import(pathToFileURL(module).href)) as { plugin?: unknown };
    if (isPlugin(plugin)) return plugin;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      [document.problem(path, `the plugin cannot be loaded: ${why}`, 'give the path of its module')],
      {
        cause: error,
      },
    );
  }
  throw new ConfigError([
    document.problem(
      path,
      'the module exports no plugin',
      'export it as: export const plugin = { name, schema, endpoints, setup }',
    ),
  ]);
}

function isPlugin(value: unknown): value is Plugin<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { name, schema, endpoints, setup } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof schema === 'object' &&
    typeof endpoints === 'function' &&
    typeof setup === 'function'
  );
}
