/**
 * The states of servers as they stand in the state file: JSON, version 1. Addresses, statuses and times, and nothing that tells
 * who asked what.
 *
 *     { "version": 1, "servers": [
 *       { "own": "192.0.2.7", "server": "198.51.100.1", "transport": "dot", "status": "success",
 *         "initiated": "2026-11-23T10:00:00.000Z", "completed": ..., "last-response": ..., "last-activity": ... } ] }
 *
 * Pure. Limitations: entries of a transport that is not known are passed over, and are gone when the file is next written.
 */
import { isIP } from 'node:net';
import { quote } from '../../../../core/index.ts';
import { probeStatuses, type ProbeState, type ProbeStatus } from './probe-state.ts';

/** A state, and whose it is. */
export interface StateEntry {
  /** The address that we ask from. */
  readonly own: string;
  readonly server: string;
  readonly state: ProbeState;
}

const version = 1;
const transport = 'dot';

export function writeStates(entries: Iterable<StateEntry>): string {
  const lines: string[] = [];
  for (const { own, server, state } of entries) {
    lines.push(
      JSON.stringify({
        ...{ own, server, transport, status: state.status },
        initiated: timeText(state.initiatedMs),
        completed: timeText(state.completedMs),
        'last-response': timeText(state.lastResponseMs),
        'last-activity': timeText(state.lastActivityMs),
      }),
    );
  }
  return `{"version":${String(version)},"servers":[\n${lines.join(',\n')}\n]}\n`;
}

/** Throws Error, in words that follow the name of the file, for what is not such a text; single bad entries are left out. */
export function readStates(text: string): readonly StateEntry[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON, or was cut off');
  }
  if (!isMap(document)) throw new Error('it is not a map');
  if (document['version'] !== version) {
    throw new Error(`it is of version ${wordsFor(document['version'])}, and ${String(version)} is read`);
  }
  const { servers } = document;
  if (!Array.isArray(servers)) throw new Error('it has no list of servers');
  return servers.flatMap((entry: unknown) => readEntry(entry) ?? []);
}

function readEntry(entry: unknown): StateEntry | undefined {
  if (!isMap(entry) || entry['transport'] !== transport) return undefined;
  const { own, server, status } = entry;
  if (!isAddress(own) || !isAddress(server) || !isStatus(status)) return undefined;
  const times = ['initiated', 'completed', 'last-response', 'last-activity'].map((key) => timeOf(entry[key]));
  if (times.some((time) => Number.isNaN(time))) return undefined;
  const [initiatedMs, completedMs, lastResponseMs, lastActivityMs] = times;
  return { own, server, state: { status, initiatedMs, completedMs, lastResponseMs, lastActivityMs } };
}

/** Anything may stand there, of any length. */
function wordsFor(found: unknown): string {
  if (typeof found === 'number') return String(found);
  return typeof found === 'string' ? quote(found) : 'none that is a number';
}

function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** NaN for what is no time. */
function timeOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? Date.parse(value) : NaN;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0;
}

function isStatus(value: unknown): value is ProbeStatus {
  return (probeStatuses as readonly unknown[]).includes(value);
}
