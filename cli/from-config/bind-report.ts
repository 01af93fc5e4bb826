/** What readers of a BIND configuration have to say beside the peers: what was not understood, and what to know or do. */
import { statementWords, blockOf, type Statement } from './bind-tree.ts';
import type { BindView, BindZone } from './bind-scopes.ts';
import type { BindViews } from './bind-views.ts';
import type { MatchSet, Term } from './match-set.ts';
import type { OldAction, OldConfig, SourcePlace, Unknown } from './old-config.ts';
import { presentPrefix } from './prefix.ts';

export class BindReport {
  readonly #views: BindViews;
  readonly #unknown: Unknown[] = [];
  /** By place and reason, so that a list that many zones share is told of once. */
  readonly #notes = new Map<string, Unknown>();
  readonly #ownZones = new Map<string, SourcePlace>();
  readonly #unasked = new Map<Statement, string[]>();
  readonly #overTls = new Set<Statement>();

  constructor(views: BindViews) {
    this.#views = views;
  }

  unknown(at: SourcePlace, statement: string, why: string): void {
    this.#unknown.push({ at, statement, why });
  }

  note(at: SourcePlace, statement: string, why: string): void {
    const key = `${at.file} ${String(at.line)} ${why}`;
    if (!this.#notes.has(key)) this.#notes.set(key, { at, statement, why });
  }

  /** What of a list an access list has no words for. */
  exceptions(statement: Statement, set: MatchSet): void {
    const where = this.listWords(statement);
    for (const term of set) {
      const also = (term.also ?? []).filter((words) => words !== 'localhost');
      if (also.includes('localnets')) this.unknown(term.at, 'localnets;', `${where}: ${networks}`);
      else if (also.length > 0) this.unknown(term.at, `${also.join(', ')};`, `${where}: ${noAddress}`);
      else if (term.also?.includes('localhost') === true) this.note(term.at, 'localhost;', ownAddress);
      else if (term.except.length > 0) {
        const except = term.except.slice(0, 8).map(conditionWords).join(', ');
        const why = `${where}: ${conditionWords(term)} has exceptions, which names do not have: give a name to those only who shall have it`;
        this.unknown(term.at, `not ${except}`, why);
      }
    }
  }

  /** What is given over TLS only is not given to the gate, which asks over plain TCP. */
  alreadyOverTls(statement: Statement): void {
    this.note(
      statement.at,
      statementWords(statement),
      'over TLS today: the gate takes the place of that listener',
    );
    this.#overTls.add(statement);
  }

  ownAddress({ at, within }: Term, action: OldAction): void {
    const words = within === undefined ? 'localhost' : presentPrefix(within);
    this.note(
      at,
      `${words};`,
      action === 'transfer' ? ownAddress : 'an address of this machine, which needs no gate',
    );
  }

  ownZone(zone: string, at: SourcePlace): void {
    this.#ownZones.set(zone, at);
  }

  /** The primary does not answer the gate’s SOA queries for this zone. */
  gateMayNotAsk(statement: Statement, zone: string): void {
    const zones = this.#unasked.get(statement);
    if (zones === undefined) this.#unasked.set(statement, [zone]);
    else zones.push(zone);
  }

  /** Zones that more than one view gives away; what a gate would get of them is no matter of names. */
  zonesOfSeveralViews(groups: readonly { set: MatchSet; zones: readonly BindZone[] }[]): ReadonlySet<string> {
    const seen = new Map<string, BindZone[]>();
    for (const zone of groups.flatMap(({ set, zones }) => (set.length === 0 ? [] : zones))) {
      const before = seen.get(zone.name);
      if (before === undefined) seen.set(zone.name, [zone]);
      else if (!before.some(({ view }) => view === zone.view)) before.push(zone);
    }
    const several = [...seen.values()].filter(({ length }) => length > 1);
    for (const zones of several) {
      const views = zones.map(({ view }) => view?.name ?? '').join(', ');
      const [first] = zones;
      if (first === undefined) continue;
      const why = `it is in the views ${views}, and a gate gets one of them: run this again for each with --view, and a gate for each`;
      this.unknown(first.at, `zone "${first.name}"`, why);
    }
    return new Set(several.flatMap(([zone]) => (zone === undefined ? [] : [zone.name])));
  }

  /** The statement with the beginning of its list. */
  listWords(statement: Statement): string {
    const elements = blockOf(statement)?.statements.map(statementWords) ?? [];
    const shown = elements.length > 4 ? [...elements.slice(0, 4), '…'] : elements;
    return statementWords(statement).replace('{ … }', `{ ${shown.join(' ')} }`);
  }

  /** @param given the zones that somebody may transfer */
  finish(given: readonly BindZone[]): Required<Pick<OldConfig, 'unknown' | 'notes' | 'steps'>> {
    const own = [...this.#ownZones];
    const [, at] = own[0] ?? [];
    if (at !== undefined) {
      const zones = own.map(([zone]) => zone).join(', ');
      this.note(at, zones, 'open to anybody, as every name server has them (RFC 6303): nothing to do');
    }
    const views = [...new Set(given.flatMap(({ view }) => (view === undefined ? [] : [view])))];
    return { unknown: this.#unknown, notes: [...this.#notes.values()], steps: this.#steps(views) };
  }

  #steps(views: readonly BindView[]): string[] {
    const steps = [...this.#unasked].map(
      ([{ at }, zones]) =>
        `allow-query (${placeWords(at)}) leaves out 127.0.0.1: add it for ${someOf(zones)}, or the gate gets no answer to SOA queries`,
    );
    for (const { at } of this.#overTls) {
      steps.push(
        `allow-transfer (${placeWords(at)}) is for TLS: take port and transport out, since the gate asks over plain TCP`,
      );
    }
    for (const view of views) {
      if (this.#views.letsGateIn(view)) continue;
      const why = 'match-clients, or those of a view before, do not fit the gate’s address';
      steps.push(`view ${view.name} (${placeWords(view.at)}): let 127.0.0.1 in without a key; ${why}`);
    }
    if (views.length > 1) {
      const names = views.map(({ name }) => name).join(', ');
      steps.push(
        `the views ${names} need a gate each, since BIND chooses by address: give each view an address of its own (listen-on, match-destinations { 127.0.0.2; }) and name it in that gate (primary: 127.0.0.2:53)`,
      );
    }
    return steps;
  }
}

const networks =
  'the networks of this machine stand in no file: write their prefixes in its place, and run this again';
const noAddress = 'neither a key nor an address: find out who that is, and add them by hand';
const ownAddress = 'this machine, where the gate asks from: it may transfer as before';

function conditionWords({ within, key, also = [] }: Pick<Term, 'within' | 'key' | 'also'>): string {
  const words = [
    ...(within === undefined ? [] : [presentPrefix(within)]),
    ...(key === undefined ? [] : [`key ${key}`]),
    ...also,
  ];
  return words.length === 0 ? 'any' : words.join(' with ');
}

function placeWords({ file, line }: SourcePlace): string {
  return `${file}:${String(line)}`;
}

function someOf(names: readonly string[]): string {
  const more = names.length - 3;
  return more > 0 ? `${names.slice(0, 3).join(', ')} and ${String(more)} more` : names.join(', ');
}
