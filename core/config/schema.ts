/**
 * Building blocks of configuration schemas: every one reads a value into what the code works with, and says in an
 * operator's words what is wrong with it.
 *
 * Use `z.strictObject` for maps, so that unknown keys are refused, and `meta({ description, example })` for what the
 * reference and the messages say of a key.
 *
 * Limitations: file paths are given back as written; who knows the place of the file makes them absolute.
 */
import { z } from 'zod';
import { DnsFormatError } from '../dns/errors.ts';
import { Name } from '../dns/name.ts';
import { parseDuration, presentDuration } from './duration.ts';
import { parseEndpoint, type Endpoint } from './endpoint.ts';
import { quote } from './errors.ts';
import type { LimitsTable } from './limits-table.ts';
import { parseTime } from './time.ts';
import { describeValue, issueMessage, mismatch, suggest, type About } from './words.ts';

export { z };

/** Anything that turns a plain value into a `T`, or says why not. */
export type ConfigSchema<T> = z.ZodType<T>;

/** Most addresses that one list takes. */
const maxEndpoints = 16;

/** RFC 1035 section 4.2. */
const domainPort = 53;

/**
 * A scalar written as text. `read` throws RangeError or DnsFormatError whose message goes on after the quoted value:
 * `"x" is not …`.
 */
export function textBlock<T>(
  about: Required<Pick<About, 'what' | 'example'>>,
  read: (text: string) => T,
): ConfigSchema<T> {
  return block(about, (value) => {
    if (typeof value !== 'string') return { wrong: mismatch(value, about.what), example: about.example };
    try {
      return { value: read(value) };
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof DnsFormatError)) throw error;
      return { wrong: `${quote(value)} ${error.message}`, example: about.example };
    }
  });
}

/** A domain name in presentation format, the trailing dot optional (RFC 1035 section 5.1). */
export function domainName(example = 'example.com'): ConfigSchema<Name> {
  return textBlock({ what: 'a domain name', example }, readName);
}

/** Reads a name for `textBlock`: the messages of Name.parse made to follow the quoted text. */
export function readName(text: string): Name {
  try {
    return Name.parse(text);
  } catch (error) {
    if (error instanceof DnsFormatError)
      throw new RangeError(`is not a domain name: ${error.message}`, { cause: error });
    throw error;
  }
}

/** An IP address with an optional port. */
export function endpoint(defaultPort: number): ConfigSchema<Endpoint> {
  return textBlock({ what: 'an address', example: `127.0.0.1:${String(defaultPort)}` }, (text) =>
    parseEndpoint(text, defaultPort),
  );
}

/**
 * Where an agent listens: a list of 1 to 16 IP addresses, port 53 if one has none, and not every address of the machine.
 *
 * @param usual where it listens if the list is missing, as `127.0.0.1:53`
 * @param whom it is for, as `programs`
 */
export function agentEndpoints(usual: string, whom: string): ConfigSchema<Endpoint[]> {
  const listenAt = textBlock({ what: 'an address', example: usual }, (text) => {
    const read = parseEndpoint(text, domainPort);
    if (/^[0.:]+$/.test(read.address)) {
      throw new RangeError(`is every address of this machine: an agent is for ${whom} beside it`);
    }
    return read;
  });
  return z
    .array(listenAt)
    .min(1)
    .max(maxEndpoints)
    .default([parseEndpoint(usual, domainPort)])
    .meta({ what: 'a list of addresses', example: `["${usual}"]` });
}

/** A list of 1 to 16 addresses. */
export function endpoints(defaultPort: number): ConfigSchema<Endpoint[]> {
  const example = `["127.0.0.1:${String(defaultPort)}"]`;
  return z
    .array(endpoint(defaultPort))
    .min(1)
    .max(maxEndpoints)
    .meta({ what: 'a list of addresses', example });
}

/** A list, for which one value alone may stand. */
export function oneOrMore<T>(list: ConfigSchema<T[]>): ConfigSchema<T[]> {
  return z.preprocess((value) => (typeof value === 'string' ? [value] : value), list);
}

/** A time with its unit, in milliseconds: "500ms", "30s", "5m", "2h". */
export function duration(
  range: { readonly minMs: number; readonly maxMs: number },
  example = '30s',
): ConfigSchema<number> {
  return textBlock({ what: 'a time with its unit', example }, (text) => {
    const ms = parseDuration(text);
    if (ms === undefined) throw new RangeError('is not a time with its unit (ms, s, m or h)');
    if (ms < range.minMs || ms > range.maxMs) {
      throw new RangeError(`is not from ${presentDuration(range.minMs)} to ${presentDuration(range.maxMs)}`);
    }
    return ms;
  });
}

/** A path, as written. */
export function filePath(example: string): ConfigSchema<string> {
  return textBlock({ what: 'a path', example }, (text) => {
    if (text === '' || text.includes('\0')) throw new RangeError('is not a path');
    return text;
  });
}

/** One of a few words. `notHere` has words that are known but not possible, each with the reason and the way out. */
export function choice<const T extends string>(
  words: readonly T[],
  notHere: Readonly<Record<string, string>> = {},
): ConfigSchema<T> {
  const [example = ''] = words;
  return block({ what: words.join(' or '), example }, (value) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return { value: found };
    const right = words.length === 1 ? `write ${example}` : `write one of: ${words.join(', ')}`;
    if (typeof value !== 'string') return { wrong: mismatch(value, words.join(' or ')), right };
    const why = Object.hasOwn(notHere, value) ? notHere[value] : undefined;
    if (why !== undefined || words.length === 1) return { wrong: why ?? describeValue(value), right };
    return { wrong: describeValue(value), right: suggest(value, words, 'write one of') };
  });
}

/** A map in which every limit of the table may stand, each with its default (limits-table.ts); it may be missing. */
export function fromLimits<T extends LimitsTable>(
  table: T,
): ConfigSchema<{ readonly [K in keyof T]: number }> {
  const shape = Object.fromEntries(
    Object.entries(table).map(([name, row]) => {
      const value =
        row.unit === 'ms'
          ? duration({ minMs: row.min, maxMs: row.max }, presentDuration(row.default))
          : wholeNumber({ ...row, example: row.default });
      return [name, value.default(row.default).meta({ description: row.reason, limit: row })];
    }),
  );
  const example = `{ ${Object.keys(table)[0] ?? ''}: … }`;
  // fromEntries forgets the names of the keys; they are the table's.
  const map = z.strictObject(shape).meta({ what: 'a map of limits', example });
  return map.prefault({}).meta({ description: 'Bounds; each has a default.' }) as unknown as ConfigSchema<{
    readonly [K in keyof T]: number;
  }>;
}

/** True or false. */
export function flag(): ConfigSchema<boolean> {
  return block({ what: 'true or false', example: 'true' }, (value) => {
    if (typeof value === 'boolean') return { value };
    return { wrong: mismatch(value, 'true or false'), right: 'write true or false' };
  });
}

/** A point in time, in milliseconds since the epoch (time.ts). */
export function pointInTime(example = '2026-12-01T12:00:00Z'): ConfigSchema<number> {
  return textBlock({ what: 'a date, with or without a time', example }, (text) => {
    const ms = parseTime(text);
    if (ms === undefined) throw new RangeError('is not a date, with or without a time');
    return ms;
  });
}

/** A whole number in a range. */
export function wholeNumber(range: {
  readonly min: number;
  readonly max: number;
  readonly example: number;
}): ConfigSchema<number> {
  const example = String(range.example);
  return block({ what: 'a whole number', example }, (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return { wrong: mismatch(value, 'a whole number'), example };
    if (value >= range.min && value <= range.max) return { value };
    const right = `write a number from ${String(range.min)} to ${String(range.max)}`;
    return { wrong: `${describeValue(value)}, which is too ${value < range.min ? 'small' : 'large'}`, right };
  });
}

type Read<T> =
  { readonly value: T } | { readonly wrong: string; readonly right?: string; readonly example?: string };

/** A schema made of one total function. */
function block<T>(about: About, read: (value: unknown) => Read<T>): ConfigSchema<T> {
  return z
    .unknown()
    .transform((input, context): T => {
      const result = read(input);
      if ('value' in result) return result.value;
      context.addIssue({ code: 'custom', message: issueMessage(result), input });
      return z.NEVER;
    })
    .meta({ ...about });
}
