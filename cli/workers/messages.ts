/**
 * What the parent and its workers say to each other: JSON over the IPC channel of node:child_process, one object a message,
 * read strictly on both ends.
 *
 * A worker reads what strangers send, and the parent must outlive it: nothing of a worker's message is taken for granted.
 *
 * Limitations: Node reads a message as a whole before it is looked at here; its size is bounded by what the worker gathers.
 */
import { budgetBounds, type Spending } from '../../core/acl/budgets.ts';
import { configBounds } from '../../core/config/limits-table.ts';
import { maxPrintedProblems, type ConfigProblem } from '../../core/config/errors.ts';
import { maxWaitingEvents } from '../../core/observe/feed.ts';
import { printableLimits, type PrintableRecord } from '../../core/observe/printable.ts';
import { readSnapshot, type MetricsSnapshot } from '../../core/observe/snapshot.ts';

/** From the parent. */
export type WorkerOrder =
  /** The text of the configuration and the file that it is of: a worker that replaces another gets what that one had. */
  | { readonly kind: 'start'; readonly file: string; readonly text: string }
  /** Read the access list and our identity again. */
  | { readonly kind: 'reload' }
  | { readonly kind: 'stop'; readonly withinMs: number }
  /** Say what was counted, and whether you are ready. */
  | { readonly kind: 'ask'; readonly id: number }
  /** Whether decisions are to be told. */
  | { readonly kind: 'watch'; readonly isWatched: boolean }
  /** What is left of budgets, in the order of the question; undefined: they could not be settled. */
  | { readonly kind: 'settled'; readonly id: number; readonly lefts?: readonly number[] | undefined };

/** From a worker. */
export type WorkerReport =
  /** The first word: orders can come. */
  | { readonly kind: 'awake' }
  /** It listens. */
  | { readonly kind: 'started' }
  | ({ readonly kind: 'failed' } & StartFailure)
  | ({ readonly kind: 'answer'; readonly id: number; readonly snapshot: MetricsSnapshot } & Readiness)
  /** What it had counted when it ended. */
  | { readonly kind: 'last'; readonly snapshot: MetricsSnapshot }
  | {
      readonly kind: 'settle';
      readonly id: number;
      readonly budget: string;
      readonly spendings: readonly Spending[];
    }
  | { readonly kind: 'decisions'; readonly events: readonly PrintableRecord[] };

/** Why a worker cannot start, in words for the operator. */
export interface StartFailure {
  readonly message: string;
  /** What is wrong in files; then `message` has the same, a line each. */
  readonly problems: readonly ConfigProblem[];
}

export interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly string[];
}

/** Bounds of one message. */
const bounds = {
  /** Of a text that is shown. */
  characters: 65_536,
  /** Of a key of budgets: a name, and what of its rule makes it one. */
  keyCharacters: 8192,
  /** Of the word for a kind of budget. */
  kindCharacters: 64,
  pathSteps: 64,
  waitingFor: 1000,
} as const;

/** Reads an order. Undefined for what is none. */
export function readOrder(value: unknown): WorkerOrder | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, id, file, text, withinMs, isWatched, lefts } = value;
  switch (kind) {
    case 'start':
      return isText(file, bounds.characters) && isText(text, configBounds.documentOctets)
        ? { kind, file, text }
        : undefined;
    case 'reload':
      return { kind };
    case 'stop':
      return isAmount(withinMs) ? { kind, withinMs } : undefined;
    case 'ask':
      return isAmount(id) ? { kind, id } : undefined;
    case 'watch':
      return typeof isWatched === 'boolean' ? { kind, isWatched } : undefined;
    case 'settled': {
      if (!isAmount(id)) return undefined;
      if (lefts === undefined) return { kind, id };
      return isListOf(lefts, budgetBounds.keysPerCall, isFinite) ? { kind, id, lefts } : undefined;
    }
    default:
      return undefined;
  }
}

/** Reads a report. Undefined for what is none, or is beyond a bound. */
export function readReport(value: unknown): WorkerReport | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, id, message, problems, budget, spendings, events, ready, waitingFor } = value;
  switch (kind) {
    case 'awake':
    case 'started':
      return { kind };
    case 'failed':
      return isText(message, bounds.characters) && isListOf(problems, maxPrintedProblems, isProblem)
        ? { kind, message, problems }
        : undefined;
    case 'answer': {
      const snapshot = readSnapshot(value['snapshot']);
      return snapshot &&
        isAmount(id) &&
        typeof ready === 'boolean' &&
        isListOf(waitingFor, bounds.waitingFor, isWords)
        ? { kind, id, snapshot, ready, waitingFor }
        : undefined;
    }
    case 'last': {
      const snapshot = readSnapshot(value['snapshot']);
      return snapshot && { kind, snapshot };
    }
    case 'settle':
      return isAmount(id) &&
        isText(budget, bounds.kindCharacters) &&
        isListOf(spendings, budgetBounds.keysPerCall, isSpending)
        ? { kind, id, budget, spendings }
        : undefined;
    case 'decisions':
      return isListOf(events, maxWaitingEvents + 1, isEvent) ? { kind, events } : undefined;
    default:
      return undefined;
  }
}

/** The problems that fit into a message. */
export function firstProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.slice(0, maxPrintedProblems);
}

/** Text that fits into a message. */
export function fitting(text: string): string {
  return text.slice(0, bounds.characters);
}

function isProblem(value: unknown): value is ConfigProblem {
  if (!isRecord(value)) return false;
  const { file, line, column, path, wrong, right } = value;
  return (
    [file, wrong, right].every(isWords) &&
    isAmount(line) &&
    isAmount(column) &&
    isListOf(path, bounds.pathSteps, (step): step is string | number => isWords(step) || isAmount(step))
  );
}

function isSpending(value: unknown): value is Spending {
  if (!isRecord(value) || !isText(value['key'], bounds.keyCharacters) || !isAmount(value['spent']))
    return false;
  const { allowance } = value;
  return isRecord(allowance) && isAmount(allowance['perSecond']) && isAmount(allowance['burst']);
}

/** Whoever tells it further makes it printable again. */
function isEvent(value: unknown): value is PrintableRecord {
  // One more says that there were more.
  return isRecord(value) && Object.keys(value).length <= printableLimits.entries + 1;
}

function isListOf<T>(value: unknown, most: number, isOne: (one: unknown) => one is T): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every(isOne);
}

function isWords(value: unknown): value is string {
  return isText(value, bounds.characters);
}

function isText(value: unknown, mostCharacters: number): value is string {
  return typeof value === 'string' && value.length <= mostCharacters;
}

/** 0 or more. */
function isAmount(value: unknown): value is number {
  return isFinite(value) && value >= 0;
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
