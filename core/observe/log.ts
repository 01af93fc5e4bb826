/**
 * The log: one line an event, as JSON for machines or as text for an operator at a terminal.
 *
 *     {"level":"info","time":"2026-11-22T21:00:00.000Z","event":"transfer","client":"_xfr.ns2.example.net"}
 *     2026-11-22T21:00:00.000Z INFO  transfer client=_xfr.ns2.example.net
 *
 * `event` is a word or two from the code; everything that varies is a field, so that lines can be searched and counted.
 * Field values are made harmless by printable.ts. The only file that imports pino.
 *
 * Limitations: when the reader of the log stands still, lines are lost rather than memory (line-sink.ts).
 */
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { LineSink } from './line-sink.ts';
import { printableFields, printableText } from './printable.ts';
import type { Printable, PrintableRecord } from './printable.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';

/** Values that say what an event was about. Undefined ones are left out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where code says what happened. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log that adds these fields to each of its lines. */
  child(fields: LogFields): Log;
}

/** Anything that takes text: a stream, or a test's list of lines. */
export interface LogStream {
  write(text: string): unknown;
}

export interface LogOptions {
  /** Events below this level are not written, and cost next to nothing. */
  readonly level: LogLevel;
  /** Where to: standard error if absent; a file descriptor's number, or a stream. */
  readonly destination?: 'stdout' | 'stderr' | number | LogStream;
  /** Text if absent and the destination is a terminal, else JSON. */
  readonly format?: LogFormat;
  /** Whether other processes write to the descriptor too; then lines are kept whole. */
  readonly isShared?: boolean;
}

/** Makes the log of a process. `flush` writes out what is buffered, before the process ends. */
export function createLog(options: LogOptions): Log & { flush(): void } {
  const { stream, format, hurry, flush } = openDestination(options);
  const writeLine = (format === 'json' ? jsonWriter : textWriter)(stream);
  const write: WriteLine = (level, event, fields) => {
    writeLine(level, event, fields);
    // It may be the last word of the process.
    if (level === 'error') hurry();
  };
  return Object.assign(new LineLog(levels.indexOf(options.level), write, {}), { flush });
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

type WriteLine = (level: LogLevel, event: string, fields: PrintableRecord) => void;

class LineLog implements Log {
  readonly #threshold: number;
  readonly #write: WriteLine;
  readonly #bound: PrintableRecord;

  constructor(threshold: number, write: WriteLine, bound: PrintableRecord) {
    this.#threshold = threshold;
    this.#write = write;
    this.#bound = bound;
  }

  debug(event: string, fields?: LogFields): void {
    this.#line('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#line('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#line('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#line('error', event, fields);
  }

  child(fields: LogFields): Log {
    return new LineLog(this.#threshold, this.#write, { ...this.#bound, ...printableFields(fields) });
  }

  #line(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (levels.indexOf(level) < this.#threshold) return;
    this.#write(level, printableText(event), withoutReserved({ ...this.#bound, ...printableFields(fields) }));
  }
}

/** A field must not pass for the time, level or event of its line. */
const reserved: readonly string[] = ['time', 'level', 'event'];

function withoutReserved(fields: PrintableRecord): PrintableRecord {
  if (!reserved.some((key) => Object.hasOwn(fields, key))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [reserved.includes(key) ? `${key}_` : key, value]),
  );
}

function jsonWriter(stream: LogStream): WriteLine {
  const logger = pino(
    {
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void stream.write(line) },
  );
  return (level, event, fields) => {
    logger[level]({ event, ...fields });
  };
}

function textWriter(stream: LogStream): WriteLine {
  return (level, event, fields) => {
    const time = new Date().toISOString();
    const pairs = Object.entries(fields).map(([key, value]) => ` ${textPair(key, value)}`);
    stream.write(`${time} ${level.toUpperCase().padEnd(5)} ${event}${pairs.join('')}\n`);
  };
}

/** `key=value`, in quotes where a reader could mistake its end; `key.part=value` for what lies inside a value. */
function textPair(key: string, value: Printable): string {
  if (typeof value === 'string') return `${key}=${/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`;
  if (typeof value !== 'object' || value === null) return `${key}=${String(value)}`;
  if (isList(value)) return `${key}=${JSON.stringify(value)}`;
  const parts = Object.entries(value).map(([part, inner]) => textPair(`${key}.${part}`, inner));
  return parts.length === 0 ? `${key}={}` : parts.join(' ');
}

function isList(value: readonly Printable[] | PrintableRecord): value is readonly Printable[] {
  return Array.isArray(value);
}

interface Destination {
  readonly stream: LogStream;
  readonly format: LogFormat;
  /** What was written goes out now, without being waited for. */
  readonly hurry: () => void;
  readonly flush: () => void;
}

/** Whoever ends the process, and however: what was logged is written. */
const sinks = new Set<LineSink>();
process.on('exit', () => {
  for (const sink of sinks) sink.flush();
});

function openDestination(options: LogOptions): Destination {
  const { destination: to = 'stderr', format, isShared = false } = options;
  if (typeof to === 'object') {
    const nothing = (): void => undefined;
    return { stream: to, format: format ?? 'json', hurry: nothing, flush: nothing };
  }
  const fd = to === 'stdout' ? 1 : to === 'stderr' ? 2 : to;
  const chosen = format ?? (isatty(fd) ? 'text' : 'json');
  const say = (lost: number): string => {
    let line = '';
    const write = (chosen === 'json' ? jsonWriter : textWriter)({ write: (text) => (line = text) });
    write('warn', 'log lines lost', { lines: lost, advice: 'the disk was full, or nobody read the log' });
    return line;
  };
  const sink = new LineSink(fd, say, isShared);
  sinks.add(sink);
  return {
    stream: sink,
    format: chosen,
    hurry: () => {
      sink.hurry();
    },
    flush: () => {
      sink.flush();
    },
  };
}
