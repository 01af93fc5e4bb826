/**
 * Which gates a zone comes from, as it stands in the configuration: one list for all zones, or a map of lists by zone with the
 * one of all others under `default`.
 */
import { issueMessage, schema, type Name } from '../../../core/index.ts';
import { parseGateText, type GateText } from './gate-text.ts';

/** Where one gate stands below `gates`, and what it is. */
export interface GatePlace {
  readonly path: readonly (string | number)[];
  readonly gate: GateText;
}

export interface GateLists {
  /** Those of zones that have no list of their own; undefined: there are no such zones. */
  readonly others: readonly GateText[] | undefined;
  /** By the key of the zone (Name.key). */
  readonly byZone: ReadonlyMap<string, readonly GateText[]>;
  /** All of them, as they are written. */
  readonly places: readonly GatePlace[];
}

const defaultWord = 'default';
const example = '["192.0.2.1:853#xfr.example.net"]';
const maxGates = 16;
const maxLists = 1_000;

/** The gates of a zone, the preferred one first. */
export function gatesOf({ byZone, others }: GateLists, zone: Name): readonly GateText[] | undefined {
  return byZone.get(zone.key) ?? others;
}

type Wrong = (path: readonly (string | number)[], words: Parameters<typeof issueMessage>[0]) => void;

/** Reads `gates`. Written by hand, since no union of the schema library says which of two forms was meant. */
export const gateListsSchema: schema.ConfigSchema<GateLists> = schema.z
  .unknown()
  .transform((input, context): GateLists => {
    let problems = 0;
    const wrong: Wrong = (path, words) => {
      problems += 1;
      context.addIssue({ code: 'custom', path: [...path], message: issueMessage(words), input });
    };
    const lists = readLists(input, wrong);
    return problems > 0 ? schema.z.NEVER : lists;
  })
  .meta({ what: 'a list of gates, or a map of lists by zone', example });

function readLists(input: unknown, wrong: Wrong): GateLists {
  const places: GatePlace[] = [];
  const take = (value: unknown, path: readonly (string | number)[]): readonly GateText[] => {
    const found = readList(value, path, wrong);
    places.push(...found);
    return found.map(({ gate }) => gate);
  };
  const byZone = new Map<string, readonly GateText[]>();
  let others: readonly GateText[] | undefined;
  if (!isMap(input)) {
    others = take(input, []);
    return { others, byZone, places };
  }
  const entries = Object.entries(input);
  if (entries.length === 0) wrong([], { wrong: 'is an empty map', example });
  if (entries.length > maxLists) {
    wrong([], {
      wrong: `has lists for ${String(entries.length)} zones`,
      right: `write at most ${String(maxLists)}`,
    });
    return { others, byZone, places };
  }
  for (const [key, value] of entries) {
    const gates = take(value, [key]);
    const zone = key === defaultWord ? undefined : readZone(key, wrong);
    if (key === defaultWord) others = gates;
    else if (zone !== undefined && byZone.has(zone.key))
      wrong([key], { wrong: 'is there already, written otherwise', right: 'take it out' });
    else if (zone !== undefined) byZone.set(zone.key, gates);
  }
  return { others, byZone, places };
}

function readZone(text: string, wrong: Wrong): Name | undefined {
  try {
    return schema.readName(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    wrong([text], {
      wrong: `${JSON.stringify(text)} ${error.message}`,
      right: `write the name of a zone, or ${defaultWord}`,
    });
    return undefined;
  }
}

function readList(value: unknown, path: readonly (string | number)[], wrong: Wrong): GatePlace[] {
  if (!Array.isArray(value)) {
    const there = value === undefined ? 'missing' : value === null ? 'is empty' : 'is no list of gates';
    wrong(path, { wrong: there, example });
    return [];
  }
  if (value.length === 0) wrong(path, { wrong: 'is an empty list', right: 'write at least 1 gate' });
  if (value.length > maxGates) {
    const right = `write at most ${String(maxGates)}`;
    wrong(path, { wrong: `is a list of ${String(value.length)} gates`, right });
    return [];
  }
  const found: GatePlace[] = [];
  for (const [index, item] of value.entries()) {
    const at = [...path, index];
    const gate = readGate(item, at, wrong);
    if (gate === undefined) continue;
    if (found.some((one) => one.gate.text === gate.text))
      wrong(at, { wrong: 'is there already', right: 'take it out' });
    else found.push({ path: at, gate });
  }
  return found;
}

function readGate(item: unknown, path: readonly (string | number)[], wrong: Wrong): GateText | undefined {
  const oneExample = '"192.0.2.1:853#xfr.example.net"';
  if (typeof item !== 'string') {
    wrong(path, { wrong: 'is no text', example: oneExample });
    return undefined;
  }
  try {
    return parseGateText(item);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    wrong(path, { wrong: `${JSON.stringify(item)} ${error.message}`, example: oneExample });
    return undefined;
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
