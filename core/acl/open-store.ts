/**
 * Opens the access list that a configuration names, in a file or in Redis, or one that knows nobody: the one place where the daemon and other programs
 * get theirs.
 */
import type { AccessConfig, RedisAccessConfig } from '../config/access-config.ts';
import { ConfigError, formatProblem } from '../config/errors.ts';
import type { Name } from '../dns/name.ts';
import type { Metrics } from '../observe/metrics.ts';
import { admissionBy, decideAnonymousBy, decideBy, type AccessControl } from './access-control.ts';
import { AccessList } from './access-list.ts';
import type { SharedLedger } from './budgets.ts';
import { FileAccessStore, type AccessLog } from './file-store.ts';
import { readCredentials } from './redis/credentials.ts';
import { RedisAccessStore } from './redis/store.ts';

/** A list that is kept in step with its store until it is closed. */
export interface OpenAccessStore {
  readonly access: AccessControl;
  /** The budgets of a kind that all gates with this list share; missing where there is nothing that they share. */
  readonly ledger?: (kind: string) => SharedLedger;
  /** Reads everything anew. What is broken is said in the log and changes nothing. */
  reload(): void;
  /** Follows changes of a file; Redis is followed in any case. */
  watch(): void;
  /** Names with an entry of their own: of a file all of them, of Redis those that were asked for. */
  exactNames(): Iterable<Name>;
  ready(): { readonly ready: boolean; readonly waitingFor: readonly string[] };
  close(): Promise<void>;
}

export interface AccessStoreMeans {
  readonly log: AccessLog;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly metrics?: Metrics;
}

/**
 * Throws ConfigError for a file that cannot be used, and never for a Redis that cannot be reached.
 *
 * @param config undefined: a list that knows nobody, for a daemon without a gate
 */
export function openAccessStore(config: AccessConfig | undefined, means: AccessStoreMeans): OpenAccessStore {
  if (config === undefined) return nobody(means);
  return config.store === 'file' ? openFile(config.file, means) : openRedis(config, means);
}

function nobody({ nowMs }: AccessStoreMeans): OpenAccessStore {
  const list = new AccessList();
  return {
    access: {
      admit: (name) => Promise.resolve(admissionBy(list.entryFor(name))),
      decide: (identity, request) => Promise.resolve(decideBy(list, identity, request, nowMs())),
      decideAnonymous: (request) =>
        Promise.resolve(decideAnonymousBy(list.anonymous, list.roles, request, nowMs())),
    },
    reload: () => undefined,
    watch: () => undefined,
    exactNames: () => [],
    ready: () => ({ ready: true, waitingFor: [] }),
    close: () => Promise.resolve(),
  };
}

function openFile(file: string, { log, nowMs }: AccessStoreMeans): OpenAccessStore {
  const store = FileAccessStore.open(file, { log, nowMs });
  return {
    access: store,
    reload: () => {
      store.reload();
    },
    watch: () => {
      store.watch();
    },
    exactNames: () => store.exactNames(),
    ready: () => ({ ready: true, waitingFor: [] }),
    close: () => {
      store.close();
      return Promise.resolve();
    },
  };
}

function openRedis(config: RedisAccessConfig, means: AccessStoreMeans): OpenAccessStore {
  const { log } = means;
  const first = readCredentials(config);
  for (const warning of first.warnings) log.warn('access list', { warning });
  let inUse = JSON.stringify(first.options);
  const { prefix } = config.redis;
  const store = RedisAccessStore.open({ ...means, redis: first.options, prefix, limits: config.limits });
  return {
    access: store,
    ledger: (kind) => store.ledger(kind),
    reload: () => {
      const read = readAgain(config, log);
      const text = read && JSON.stringify(read);
      if (text === undefined || text === inUse) {
        store.reload();
        return;
      }
      inUse = text;
      store.reload(read);
      log.info('access list connects anew', {
        store: store.where,
        why: 'its password or certificates changed',
      });
    },
    watch: () => undefined,
    exactNames: () => store.exactNames(),
    ready: () => store.ready(),
    close: () => store.close(),
  };
}

/** Undefined for files that are broken; then the connection stays as it is. */
function readAgain(config: RedisAccessConfig, log: AccessLog) {
  try {
    return readCredentials(config).options;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) {
      log.error('access list not connected anew', {
        problem: formatProblem(problem),
        kept: 'the connection there is',
      });
    }
    return undefined;
  }
}
