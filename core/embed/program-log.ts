/**
 * The log of a program that danced is part of: its own, a function of its own, or none.
 *
 * What a function gets is made harmless as in danced's own log: names and errors from the network cannot start a new line.
 */
import type { Log, LogFields, LogLevel } from '../observe/log.ts';
import { printableFields } from '../observe/printable.ts';
import type { LogFunction, PinoLogger } from './options.ts';

/** The log to write to; silent without one. */
export function programLog(log: Log | LogFunction | PinoLogger | undefined): Log {
  if (log === undefined) return logInto(() => undefined, {});
  if (typeof log === 'function') return logInto(log, {});
  if (!('bindings' in log)) return log;
  return logInto((level, event, fields) => {
    log[level](fields, event);
  }, {});
}

function logInto(write: LogFunction, bound: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      write(level, event, printableFields({ ...bound, ...fields }));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logInto(write, { ...bound, ...fields }),
  };
}
