/** A log that keeps its lines, for tests to look at. */
import type { Log, LogFields, LogLevel } from '../../core/observe/log.ts';

/** One line, with its fields as they were given: nothing is escaped or shortened here. */
export interface MemoryLogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export interface MemoryLog extends Log {
  /** Every line so far, of this log and of its children. */
  readonly lines: readonly MemoryLogLine[];
  /** The lines of one event. */
  of(event: string): readonly MemoryLogLine[];
  /** Drops every line so far. */
  forget(): void;
}

/** Makes a log that keeps every level. */
export function memoryLog(): MemoryLog {
  const lines: MemoryLogLine[] = [];
  const log = logInto(lines, {});
  return {
    ...log,
    lines,
    of: (event) => lines.filter((line) => line.event === event),
    forget: () => {
      lines.length = 0;
    },
  };
}

function logInto(lines: MemoryLogLine[], bound: LogFields): Log {
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    lines.push({ level, event, fields: { ...bound, ...fields } });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logInto(lines, { ...bound, ...fields }),
  };
}
