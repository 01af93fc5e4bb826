/** The access list of a configuration, as far as it is needed to judge one client; a file or Redis. */
import { loadAccessList } from '../core/acl/list-file.ts';
import { ListError, unreadable } from '../core/acl/list-store.ts';
import type { AccessEntry, AccessRights, RoleTable } from '../core/acl/model.ts';
import { readCredentials } from '../core/acl/redis/credentials.ts';
import { RedisList } from '../core/acl/redis/redis-list.ts';
import type { AccessConfig, RedisAccessConfig } from '../core/config/access-config.ts';
import type { Name } from '../core/dns/name.ts';
import { CommandError, exitCode } from './output.ts';

/** What a list says of clients. */
export interface JudgedList {
  readonly roles: RoleTable;
  /** What clients without identity may do. */
  readonly anonymous: AccessRights | undefined;
  /** The entry that decides for a name; or, in words, why there is none that can be used. */
  entryFor(name: Name): Promise<AccessEntry | string | undefined>;
  close(): Promise<void>;
}

/** Rejects with ConfigError, or with CommandError for a Redis that cannot be asked. */
export async function openJudgedList(config: AccessConfig): Promise<JudgedList> {
  if (config.store === 'redis') return await openRedis(config);
  const list = loadAccessList(config.file);
  return {
    roles: list.roles,
    anonymous: list.anonymous,
    entryFor: (name) => Promise.resolve(list.entryFor(name)),
    close: () => Promise.resolve(),
  };
}

async function openRedis(config: RedisAccessConfig): Promise<JudgedList> {
  const { options } = readCredentials(config);
  let fault = 'it is broken';
  const list = await inWords(
    RedisList.open({
      redis: options,
      prefix: config.redis.prefix,
      valueOctets: config.limits['value-octets'],
      onFault: ({ place, wrong }) => {
        fault = `the value of ${place} ${wrong}`;
      },
    }),
  );
  try {
    const { isThere } = await inWords(list.state());
    if (!isThere) {
      const wrong = `there is no access list in ${list.describe()}: no gate lets anybody in`;
      throw new CommandError(`${wrong}; load one: danced access import FILE`, { exitCode: exitCode.no });
    }
    const roles = await inWords(list.roles());
    const anonymous = await inWords(list.anonymous());
    return {
      roles,
      anonymous,
      entryFor: async (name) => {
        const found = await inWords(list.entryFor(name));
        return found === unreadable ? fault : found;
      },
      close: () => list.close(),
    };
  } catch (error) {
    await list.close();
    throw error;
  }
}

async function inWords<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ListError)
      throw new CommandError(error.message, { cause: error, exitCode: exitCode.no });
    throw error;
  }
}
