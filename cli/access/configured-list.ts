/** The access list that a configuration names, opened to be read and changed. */
import { FileList } from '../../core/acl/file-list.ts';
import type { FaultListener, ListStore } from '../../core/acl/list-store.ts';
import { readCredentials } from '../../core/acl/redis/credentials.ts';
import { RedisList } from '../../core/acl/redis/redis-list.ts';
import { CommandError, type Output } from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';

/** A gate must be answered at once; whoever types a command can wait for a batch of entries. */
const leastAnswerMs = 5000;

/** Rejects with ConfigError, ListError, or CommandError for a configuration without a list. */
export async function openConfigured(
  configFile: string,
  output: Output,
  { mayBeNew, onFault }: { readonly mayBeNew: boolean; readonly onFault: FaultListener },
): Promise<ListStore> {
  const { access } = (await loadConfigAndPlugins(configFile)).config;
  if (access === undefined) {
    throw new CommandError(
      `${configFile} names no access list; add one: access: { store: file, file: access.yaml }`,
    );
  }
  if (access.store === 'file') return await FileList.open(access.file, { mayBeNew });
  const { options, warnings } = readCredentials(access);
  for (const warning of warnings) output.remark(`warning: ${warning}`);
  return await RedisList.open({
    redis: { ...options, timeoutMs: Math.max(options.timeoutMs, leastAnswerMs) },
    prefix: access.redis.prefix,
    valueOctets: access.limits['value-octets'],
    onFault,
  });
}
