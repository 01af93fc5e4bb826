/**
 * What changes a list in Redis: a batch of changes, the revision that counts them and the message that tells of them, in one
 * script, so that no gate ever sees some of it.
 *
 * A batch of a first import is done without a revision, which is what makes a list of the keys: only the last one gives it.
 */
import type { RedisKeys } from './keys.ts';
import { RedisScript } from './script.ts';

/** One change; `undefined` deletes. */
export type KeyWrite =
  | { readonly key: string; readonly text: string | undefined }
  | { readonly role: string; readonly text: string | undefined };

export interface Batch {
  readonly writes: readonly KeyWrite[];
  /** The revision that the changes were made for, '' for none; undefined: whatever there is. */
  readonly expected?: string | undefined;
  /** Whether a list may begin with this batch. */
  readonly mayBegin: boolean;
}

export type BatchOutcome =
  | { readonly done: true; readonly revision: number | undefined }
  | { readonly done: false; readonly why: 'changed' | 'broken-revision' | 'broken-roles' };

/** What is needed of a RedisClient. */
export interface ScriptRunner {
  run<T>(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<T>;
}

// KEYS: revision, roles, then those of the writes that have one (the others are of roles: their key is that of the roles).
// ARGV: channel, expected ('?' for any), whether a list may begin; then three for each write: what, text, word.
// All that can fail is looked at before the first write: Redis takes nothing back.
const writeScript = new RedisScript(
  'change-list',
  `
local revision = redis.pcall('GET', KEYS[1])
if type(revision) == 'table' then
  if string.find(revision.err, 'WRONGTYPE', 1, true) then return {'broken-revision'} end
  return revision
end
-- As gates read it: more digits than a double can count are none.
if revision and (not string.find(revision, '^%d+$') or #revision > 15) then return {'broken-revision'} end
if ARGV[2] ~= '?' and ARGV[2] ~= (revision or '') then return {'changed'} end
local function refuses(...) return redis.acl_check_cmd and not redis.acl_check_cmd(...) end
if refuses('SET', KEYS[1], '0') or refuses('DEL', KEYS[1]) or refuses('INCR', KEYS[1]) or refuses('HSET', KEYS[2], 'a', 'b')
  or refuses('HDEL', KEYS[2], 'a') or refuses('PUBLISH', ARGV[1], '') then
  return redis.error_reply('NOPERM this user may not change the list: it needs SET, DEL, INCR, HSET, HDEL, and PUBLISH on the channel ' .. ARGV[1])
end
local kind = redis.call('TYPE', KEYS[2]).ok
local told = {}
for i = 3, #KEYS do
  local what = ARGV[3 * i - 5]
  if (what == 'define' or what == 'forget') and kind ~= 'hash' and kind ~= 'none' then return {'broken-roles'} end
end
for i = 3, #KEYS do
  local what, text, word = ARGV[3 * i - 5], ARGV[3 * i - 4], ARGV[3 * i - 3]
  if what == 'put' then redis.call('SET', KEYS[i], text)
  elseif what == 'delete' then redis.call('DEL', KEYS[i])
  elseif what == 'define' then redis.call('HSET', KEYS[2], word, text)
  else redis.call('HDEL', KEYS[2], word) end
  told[#told + 1] = KEYS[i]
end
if revision and #told == 0 then return {'done', tonumber(revision)} end
if not revision and ARGV[3] ~= '1' then return {'done'} end
local now = redis.call('INCR', KEYS[1])
table.insert(told, 1, string.format('%d', now))
redis.call('PUBLISH', ARGV[1], table.concat(told, '\\n'))
return {'done', now}
`,
);

/** Does a batch, all of it or nothing. Rejects with RedisUnavailable. */
export async function writeBatch(redis: ScriptRunner, keys: RedisKeys, batch: Batch): Promise<BatchOutcome> {
  const touched = [keys.revision, keys.roles];
  const args: string[] = [keys.changes, batch.expected ?? '?', batch.mayBegin ? '1' : '0'];
  for (const write of batch.writes) {
    touched.push('role' in write ? keys.roles : write.key);
    if ('role' in write)
      args.push(write.text === undefined ? 'forget' : 'define', write.text ?? '', write.role);
    else args.push(write.text === undefined ? 'delete' : 'put', write.text ?? '', '');
  }
  const [outcome, revision] = await redis.run<[string, number?]>(writeScript, touched, args);
  if (outcome === 'changed' || outcome === 'broken-revision' || outcome === 'broken-roles') {
    return { done: false, why: outcome };
  }
  return { done: true, revision };
}
