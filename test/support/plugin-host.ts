/** The host of a plugin with only the parts that a test gives; whoever uses another one fails. */
import type { PluginAccess, PluginHost } from '../../core/plugin/contract.ts';

export function partialHost(parts: Partial<PluginHost>): PluginHost {
  return new Proxy(parts, {
    get: (target, key) => {
      if (!(key in target)) throw new TypeError(`the test gives the plugin no ${String(key)}`);
      return target[key as keyof PluginHost];
    },
  }) as PluginHost;
}

/** The access of a plugin that asks for each request. */
export function asksOnly(ask: PluginAccess['ask']): PluginAccess {
  const decide = (): Promise<never> => Promise.reject(new Error('the plugin has asked for a decision alone'));
  return { ask, decide, charger: () => undefined };
}
