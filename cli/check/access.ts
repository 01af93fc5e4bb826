/**
 * Checks the access list: that it can be read, that somebody is in it, and of one in Redis all that a gate does with it: connect,
 * read the list, find an entry, hear of changes.
 *
 * Limitations: of a long list in Redis some entries are read, to say which are broken; the user of a gate may be allowed less
 * than that, and then the clients are not counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAccessList } from '../../core/acl/list-file.ts';
import { ListError, type ListFault } from '../../core/acl/list-store.ts';
import { readCredentials } from '../../core/acl/redis/credentials.ts';
import { RedisList } from '../../core/acl/redis/redis-list.ts';
import { RedisAccessStore } from '../../core/acl/redis/store.ts';
import type { RedisAccessConfig } from '../../core/config/access-config.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { FindingsAt, findingOf, type Finding } from './finding.ts';

/** How long Redis may take for its first answers. */
const readyMs = 3000;
const lookMs = 25;
/** Entries that are read to find broken ones. */
const readEntries = 10_000;
/** Broken values that are shown. */
const shownFaults = 20;

export async function checkAccess({ config, document }: LoadedConfig): Promise<Finding[]> {
  const { access } = config;
  // The configuration would be wrong if a gate needed it.
  if (access === undefined) return [];
  if (access.store === 'file') return checkFile(access.file, new FindingsAt(document, ['access', 'file']));
  const at = new FindingsAt(document, ['access', 'redis']);
  try {
    const { options, warnings } = readCredentials(access);
    return [
      ...warnings.map((warning) => at.warning(inTwo(warning))),
      ...(await checkRedis(access, options, config, at)),
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === 'CFG_INVALID') return error.problems.map(findingOf);
    return error.problems.map(({ file, wrong, right }) =>
      at.misconfigured({ wrong: `${file}: ${wrong}`, right }),
    );
  }
}

function checkFile(file: string, at: FindingsAt): Finding[] {
  try {
    const { size } = loadAccessList(file);
    if (size > 0) return [at.ok(`${file} has ${clients(size)}`)];
    const right =
      'add one below "clients:", for example: ns2.example.net: { allow: [{ action: transfer, zones: [example.com] }] }';
    return [at.warning({ wrong: `${file} has no clients, so nobody may do anything`, right })];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === 'CFG_INVALID') return error.problems.map(findingOf);
    // A file that is not there is a fault of the line that names it.
    return error.problems.map(({ wrong, right }) => at.misconfigured({ wrong: `${file}: ${wrong}`, right }));
  }
}

type Options = ReturnType<typeof readCredentials>['options'];

async function checkRedis(
  { redis, limits }: RedisAccessConfig,
  options: Options,
  { identity }: LoadedConfig['config'],
  at: FindingsAt,
): Promise<Finding[]> {
  const { prefix } = redis;
  const log = { info: quiet, warn: quiet, error: quiet };
  const store = RedisAccessStore.open({ redis: options, prefix, limits, log, nowMs: Date.now });
  try {
    const untilMs = Date.now() + readyMs;
    const isDone = (): boolean => store.ready().ready && store.hearsOfChanges;
    while (!isDone() && Date.now() < untilMs) await sleep(lookMs);
    const [waitingFor] = store.ready().waitingFor;
    const right =
      'see that Redis runs and can be reached, and that the user has the rights in docs/configuration.md';
    if (waitingFor !== undefined) {
      // Where Redis answers and has no list, the advice is there already.
      const [wrong = '', load] = waitingFor.split('; load one with: ');
      return [at.failed(load === undefined ? { wrong, right } : { wrong, right: `load one with: ${load}` })];
    }
    const admission = await store.admit(identity.name);
    if (!admission.admitted && admission.reason === 'access-unavailable') {
      return [at.failed({ wrong: `no entry can be looked for: ${admission.detail}`, right })];
    }
    const deaf = {
      wrong:
        'no messages of changes can be heard; they are seen by looking now and then, and everything is read again then',
      right: `let the user SUBSCRIBE to ${store.channel} (ACL SETUSER … +subscribe &${store.channel})`,
    };
    return [
      at.ok(`${store.where} has an access list, revision ${String(store.revision ?? 0)}`),
      ...(store.hearsOfChanges ? [] : [at.warning(deaf)]),
      ...(await checkEntries(options, prefix, limits['value-octets'], at)),
    ];
  } finally {
    await store.close();
  }
}

async function checkEntries(
  redis: Options,
  prefix: string,
  valueOctets: number,
  at: FindingsAt,
): Promise<Finding[]> {
  const faults: ListFault[] = [];
  const onFault = (fault: ListFault): void => void faults.push(fault);
  let list: RedisList | undefined;
  try {
    list = await RedisList.open({ redis, prefix, valueOctets, onFault, connectMs: readyMs });
    await list.roles();
    await list.anonymous();
    // Some may come twice.
    const seen = new Set<string>();
    for await (const { pattern } of list.entries()) {
      seen.add(pattern);
      if (seen.size === readEntries) break;
    }
    const count = seen.size;
    if (count === 0 && faults.length === 0) {
      const right = 'add one: danced access add NAME …';
      return [at.warning({ wrong: 'the list has no clients, so nobody may do anything', right })];
    }
    return [
      at.ok(
        count === readEntries
          ? `the first ${clients(count)} of the list can be read`
          : `the list has ${clients(count)}`,
      ),
      ...brokenValues(faults, at),
    ];
  } catch (error) {
    if (!(error instanceof ListError)) throw error;
    // Roles and anonymous have been read before that.
    const uncounted = `the clients are not counted, and broken entries not looked for, which a gate need not be able to do: ${error.message}`;
    return [at.ok(uncounted), ...brokenValues(faults, at)];
  } finally {
    await list?.close();
  }
}

function brokenValues(faults: readonly ListFault[], at: FindingsAt): Finding[] {
  const broken = faults.slice(0, shownFaults).map(({ place, wrong }) =>
    at.failed({
      wrong: `${place} ${wrong}`,
      right: 'mend it or delete it; whom it is for is refused until then',
    }),
  );
  const more = faults.length - broken.length;
  if (more <= 0) return broken;
  return [
    ...broken,
    at.failed({ wrong: `${String(more)} more values are broken`, right: 'mend these first' }),
  ];
}

function clients(count: number): string {
  return `${String(count)} client${count === 1 ? '' : 's'}`;
}

/** What is wrong, and the advice after it. */
function inTwo(warning: string): { wrong: string; right: string } {
  const [wrong = '', right = ''] = warning.split('; ');
  return { wrong, right };
}

function quiet(): void {
  // What is wrong is a finding.
}
