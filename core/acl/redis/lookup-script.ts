/**
 * What is asked of Redis, in one round trip each and without writing: the entry that decides for a name, however deep the
 * name is; and what holds for every name (revision, roles, anonymous). Both answers say of which revision they are.
 *
 * MGET hides a key under which there is something else than text. That must not be taken for nothing, for then the next entry
 * above would decide; so the keys are counted besides, and the scripts see what is there.
 *
 * Limitations: EVALSHA_RO, which needs no right to write, is of Redis 7.0 and of every Valkey.
 */
import { isServersName } from '../access-list.ts';
import { Name } from '../../dns/name.ts';
import { presentClientPattern } from '../patterns.ts';
import { RedisUnavailable } from './errors.ts';
import type { RedisKeys } from './keys.ts';
import { redisBounds } from './limits.ts';
import { RedisScript } from './script.ts';

/** What is needed of a RedisClient. */
export interface Caller {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  callTogether(commands: readonly (readonly [string, ...string[]])[]): Promise<unknown[]>;
}

/** The number of the list's state; `missing` when there is no list, `broken` when something else is under the key. */
export type Revision = number | 'missing' | 'broken';

/** A value under a key, or why there is none that could be read. */
export type Value = { readonly text: string } | { readonly text?: undefined; readonly fault: string };

/** The value of the most specific entry. */
export interface FoundEntry {
  readonly key: string;
  /** Number of labels by which the name is below the one that the entry is of; 0: it is the name's own. */
  readonly above: number;
  readonly value: Value;
}

export interface EntryReply {
  readonly revision: Revision;
  readonly found: FoundEntry | undefined;
}

/** What holds for every name. */
export interface HeadReply {
  readonly revision: Revision;
  /** By word. */
  readonly roles: ReadonlyMap<string, Value> | { readonly fault: string };
  readonly anonymous: Value | undefined;
}

/** KEYS: revision, then the entries from the most specific. ARGV: most octets of a value. */
const entryScript = new RedisScript(
  'find-entry',
  `
local function isWrong(value) return type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) end
local revision = redis.pcall('GET', KEYS[1])
if isWrong(revision) then return {'broken', 0} end
if not revision or type(revision) == 'table' then return revision or {false, 0} end
for i = 2, #KEYS do
  -- Before the value is read: a very long one would keep Redis busy, and everybody waiting.
  local octets = redis.pcall('STRLEN', KEYS[i])
  if isWrong(octets) then return {revision, i - 1, false, 'type'} end
  if type(octets) == 'table' then return octets end
  if octets > tonumber(ARGV[1]) then return {revision, i - 1, false, octets} end
  local value = redis.pcall('GET', KEYS[i])
  if type(value) == 'table' then return value end
  if value then return {revision, i - 1, value} end
end
return {revision, 0}
`,
);

/** KEYS: revision, roles, anonymous. ARGV: most roles, most octets of a value, and of all roles. Faults as above. */
const headScript = new RedisScript(
  'read-head',
  `
local function isWrong(value) return type(value) == 'table' and value.err and string.find(value.err, 'WRONGTYPE', 1, true) end
local function cut(value)
  if #value > tonumber(ARGV[2]) then return {#value} end
  return value
end
local revision = redis.pcall('GET', KEYS[1])
if isWrong(revision) then return {'broken'} end
if not revision or type(revision) == 'table' then return revision or {false} end
local roles = redis.pcall('HLEN', KEYS[2])
if isWrong(roles) then
  roles = 'type'
elseif type(roles) == 'table' then
  return roles
elseif roles <= tonumber(ARGV[1]) then
  local octets = 0
  for _, word in ipairs(redis.call('HKEYS', KEYS[2])) do octets = octets + #word + redis.call('HSTRLEN', KEYS[2], word) end
  if octets > tonumber(ARGV[3]) then
    roles = 'octets'
  else
    roles = redis.call('HGETALL', KEYS[2])
    for i = 2, #roles, 2 do roles[i] = cut(roles[i]) end
  end
end
local anonymous = redis.pcall('STRLEN', KEYS[3])
if isWrong(anonymous) then anonymous = {'type'}
elseif type(anonymous) == 'table' then return anonymous
elseif anonymous > tonumber(ARGV[2]) then anonymous = {anonymous}
else anonymous = redis.call('GET', KEYS[3]) end
return {revision, roles, anonymous}
`,
);

/**
 * Finds the entry that decides for the name of these candidates. Rejects with RedisUnavailable. `onTooLong` is told of values that
 * were read and are too long, be they of an entry that does not decide.
 *
 * Two plain commands, sent together, cost Redis less than half of what the script does: what is under the keys, and how many of
 * the keys there are. If there are more than texts, something else is under one of them (or the list was changed in between),
 * and the script tells.
 */
export async function findEntry(
  redis: Caller,
  keys: ListKeys,
  candidates: readonly string[],
  valueOctets: number,
  onTooLong: () => void,
): Promise<EntryReply> {
  const all = [keys.revision, ...candidates];
  const [values, count] = await redis.callTogether([
    ['MGET', ...all],
    ['EXISTS', ...all],
  ]);
  if (!Array.isArray(values) || values.length !== all.length) {
    throw new TypeError('Redis gave an answer about an entry that is none');
  }
  const texts = values as readonly (string | null)[];
  if (texts.reduce((found, text) => found + Number(text !== null), 0) !== count) {
    return findByScript(redis, keys, candidates, valueOctets);
  }
  const [revision, ...entries] = texts;
  if (entries.some((text) => text !== null && valueOf(text, valueOctets).text === undefined)) onTooLong();
  const above = entries.findIndex((text) => text !== null);
  const [key, text] = [candidates[above], entries[above]];
  return {
    revision: readRevision(revision),
    found:
      key === undefined || typeof text !== 'string'
        ? undefined
        : { key, above, value: valueOf(text, valueOctets) },
  };
}

/** The same by the script, which reads no value that is too long. */
export async function findByScript(
  redis: Caller,
  keys: ListKeys,
  candidates: readonly string[],
  valueOctets: number,
): Promise<EntryReply> {
  const reply = await runReadOnly(redis, entryScript, [keys.revision, ...candidates], [valueOctets]);
  if (!Array.isArray(reply)) throw new TypeError('Redis gave an answer about an entry that is none');
  const [revision, index, text, fault] = reply as readonly unknown[];
  const key = typeof index === 'number' && index > 0 ? candidates[index - 1] : undefined;
  return {
    revision: readRevision(revision),
    found:
      key === undefined ? undefined : { key, above: Number(index) - 1, value: readValue(text ?? [fault]) },
  };
}

/** Reads what holds for every name. Rejects with RedisUnavailable. */
export async function readHead(
  redis: Caller,
  keys: ListKeys,
  bounds: { readonly roles: number; readonly valueOctets: number },
): Promise<HeadReply> {
  const all = [keys.revision, keys.roles, keys.anonymous];
  const args = [bounds.roles, bounds.valueOctets, redisBounds.rolesOctets];
  const reply = await runReadOnly(redis, headScript, all, args);
  if (!Array.isArray(reply)) throw new TypeError('Redis gave an answer about the list that is none');
  const [revision, roles, anonymous] = reply as readonly unknown[];
  return {
    revision: readRevision(revision),
    roles: readRoles(roles, bounds.roles),
    anonymous: anonymous === undefined || anonymous === null ? undefined : readValue(anonymous),
  };
}

/** Reads the revision alone. Rejects with RedisUnavailable. */
export async function askRevision(redis: Caller, keys: ListKeys): Promise<Revision> {
  try {
    return readRevision(await redis.call('GET', keys.revision));
  } catch (error) {
    if (error instanceof RedisUnavailable && error.reply === 'WRONGTYPE') return 'broken';
    throw error;
  }
}

/** The keys of a list, and those of the entries that may decide for a name. */
export class ListKeys {
  readonly revision: string;
  readonly roles: string;
  readonly anonymous: string;
  readonly #keys: RedisKeys;
  readonly #clientStart: string;
  readonly #belowStart: string;

  constructor(keys: RedisKeys) {
    this.#keys = keys;
    this.revision = keys.revision;
    this.roles = keys.roles;
    this.anonymous = keys.anonymous;
    const [client = '', below = ''] = keys.entryPatterns;
    this.#clientStart = client.slice(0, -1);
    this.#belowStart = below.slice(0, -1);
  }

  /** From the most specific: the name's own, then those of the names above it. */
  candidates(name: Name): string[] {
    const own = this.#keys.client(name);
    const candidates = [own];
    if (isServersName(name)) return candidates;
    // A dot within a label is escaped, so each one is the end of a label.
    const text = own.slice(this.#clientStart.length);
    for (let dot = text.indexOf('.'); dot !== -1; dot = text.indexOf('.', dot + 1)) {
      candidates.push(this.#belowStart + text.slice(dot + 1));
    }
    return candidates;
  }

  /** The pattern of the entry under a key that is one of the candidates of a name. */
  patternOf(key: string): string {
    const below = !key.startsWith(this.#clientStart);
    const text = key.slice((below ? this.#belowStart : this.#clientStart).length);
    // Most names are written in a key as they are everywhere.
    if (text.includes('\\')) return presentClientPattern({ name: Name.parse(text), below });
    return below ? `*.${text}` : text;
  }
}

async function runReadOnly(
  redis: Caller,
  script: RedisScript,
  keys: readonly string[],
  args: readonly number[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await redis.call('EVALSHA_RO', script.digest, ...rest);
  } catch (error) {
    if (!(error instanceof RedisUnavailable)) throw error;
    if (error.reply !== 'NOSCRIPT') throw named(error, script);
  }
  try {
    return await redis.call('EVAL_RO', script.text, ...rest);
  } catch (error) {
    throw error instanceof RedisUnavailable ? named(error, script) : error;
  }
}

/** The failure with the script's name, in place of its digest or its text. */
function named(error: RedisUnavailable, { name }: RedisScript): RedisUnavailable {
  const { reply, isOutage, blame, message } = error;
  const fault = { isOutage, isConfig: blame === 'config', ...(reply !== undefined && { reply }) };
  return new RedisUnavailable(message.replace(/EVAL(?:SHA)?_RO [^]*?: /, `${name}: `), fault);
}

/** INCR gives whole numbers; what a double cannot count is not one of ours. */
export function readRevision(value: unknown): Revision {
  if (value === null || value === undefined) return 'missing';
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  return 'broken';
}

/** Octets of UTF-8 in one UTF-16 unit, at most. */
const octetsInUnit = 3;

/** A value, if it is not too long. */
export function valueOf(text: string, valueOctets: number): Value {
  if (text.length * octetsInUnit <= valueOctets) return { text };
  const octets = Buffer.byteLength(text);
  return octets <= valueOctets ? { text } : tooLong(octets);
}

function tooLong(octets: number): Value {
  return { fault: `has ${String(octets)} octets, more than value-octets of access.limits` };
}

/** Text, or a list of one with what is wrong: `type`, or the number of octets. */
export function readValue(value: unknown): Value {
  if (typeof value === 'string') return { text: value };
  const [fault] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return typeof fault === 'number' ? tooLong(fault) : { fault: wrongType };
}

export const wrongType = 'is not text: another kind of value is under the key';

export function readRoles(value: unknown, most: number): HeadReply['roles'] {
  if (typeof value === 'number') return { fault: `has ${value} roles, more than the ${most} that are read` };
  if (value === 'octets') return { fault: `has more than ${redisBounds.rolesOctets} octets` };
  if (!Array.isArray(value)) return { fault: 'is not a hash: another kind of value is under the key' };
  const roles = new Map<string, Value>();
  for (let at = 0; at + 1 < value.length; at += 2) roles.set(String(value[at]), readValue(value[at + 1]));
  return roles;
}
