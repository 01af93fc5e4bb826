/**
 * From the zones of a BIND configuration to whom each is given: the list that counts for a zone, within what its view lets
 * in, taken apart into keys and addresses.
 *
 * Limitations: where a list has exceptions, the peer is given and the exception reported.
 */
import { blockOf, wordOf, type Statement } from './bind-tree.ts';
import type { BindScopes, BindZone } from './bind-scopes.ts';
import { everybody, isOwnAddress, loopback4 } from './bind-acl.ts';
import { BindReport } from './bind-report.ts';
import { readUpdatePolicy, type UpdateGrant } from './bind-update-policy.ts';
import { BindViews, within } from './bind-views.ts';
import { typesOfPrimaries, typesOfSecondaries } from './bind-words.ts';
import { hasAddress, union, type MatchSet, type Term } from './match-set.ts';
import {
  OldConfigError,
  type FoundPeer,
  type NotifyTarget,
  type OldAction,
  type OldConfig,
  type OpenZone,
  type UpdateRecords,
} from './old-config.ts';
import { presentPrefix } from './prefix.ts';
import { isOwnZone } from './zone-names.ts';

export type BindFindings = Required<
  Pick<OldConfig, 'zones' | 'peers' | 'open' | 'unknown' | 'notified' | 'notes' | 'steps'>
>;

/** Zones that the same list, seen through the same view, is about. */
interface Group {
  readonly action: OldAction;
  readonly records: UpdateRecords | undefined;
  readonly set: MatchSet;
  readonly words: string;
  readonly zones: BindZone[];
}

/** Whom a zone is given for one action, and by which statement; without one it is BIND's default. */
interface Rule {
  readonly statement?: Statement;
  readonly set: MatchSet;
  /** Of updates: which; undefined for all. */
  readonly records?: UpdateRecords | undefined;
}

export class BindPeers {
  readonly #scopes: BindScopes;
  readonly #zones: readonly BindZone[];
  readonly #views: BindViews;
  readonly #groups = new Map<string, Group>();
  readonly #report: BindReport;
  readonly #statementNumbers = new Map<Statement, number>();
  readonly #sets = new Map<Statement, MatchSet>();
  readonly #policies = new Map<Statement, readonly UpdateGrant[]>();

  /** Throws OldConfigError if there is no such view. */
  constructor(scopes: BindScopes, view: string | undefined, file: string) {
    if (view !== undefined && !scopes.views.some(({ name }) => name === view)) {
      throw new OldConfigError({ file, line: 1 }, `there is no view ${view} in the files`);
    }
    this.#scopes = scopes;
    this.#zones = scopes.zones.filter((zone) => view === undefined || zone.view?.name === view);
    this.#views = new BindViews(scopes);
    this.#report = new BindReport(this.#views);
  }

  find(): BindFindings {
    for (const zone of this.#zones) this.#readZone(zone);
    const groups = [...this.#groups.values()];
    const manifold = this.#report.zonesOfSeveralViews(groups.filter(({ action }) => action === 'transfer'));
    const found = groups.flatMap((group) => this.#peersOf(group, manifold));
    return {
      zones: [...new Set(this.#zones.map(({ name }) => name))],
      peers: found,
      open: groups.flatMap((group) => this.#openOf(group)),
      notified: this.#notified(),
      ...this.#report.finish(
        groups.filter(({ action }) => action === 'transfer').flatMap(({ zones }) => zones),
      ),
    };
  }

  #readZone(zone: BindZone): void {
    const isSecondary = typesOfSecondaries.has(zone.type);
    if (!isSecondary && !typesOfPrimaries.has(zone.type)) {
      this.#report.unknown(zone.at, `zone "${zone.name}"`, `its type ${zone.type} is not known here`);
    }
    // A mirror is given away only where the zone itself says so.
    const isHidden = zone.type === 'mirror' && !zone.settings.has('allow-transfer');
    this.#add(zone, 'transfer', isHidden ? { set: [] } : this.#ruleOf(zone, 'allow-transfer', true));
    if (isSecondary) {
      this.#add(zone, 'notify', this.#ruleOf(zone, 'allow-notify'));
      this.#add(zone, 'update', this.#ruleOf(zone, 'allow-update-forwarding'));
    } else {
      const policy = zone.settings.get('update-policy');
      if (policy === undefined) this.#add(zone, 'update', this.#ruleOf(zone, 'allow-update'));
      else
        for (const grant of this.#grantsOf(policy))
          this.#add(zone, 'update', { statement: policy, ...grant });
    }
    this.#checkQueries(zone);
  }

  /** The statement that counts for a zone: its own, else its view's, else that of `options`. */
  #ruleOf(zone: BindZone, keyword: string, isOpenByDefault = false): Rule {
    const statement = this.#effective(zone, keyword);
    const block = statement && blockOf(statement);
    if (statement === undefined || block === undefined) {
      return { set: isOpenByDefault ? [everybody(zone.at)] : [] };
    }
    return { statement, set: this.#setOf(statement, () => this.#read(statement)) };
  }

  #effective({ settings, view }: BindZone, keyword: string): Statement | undefined {
    return settings.get(keyword) ?? view?.settings.get(keyword) ?? this.#scopes.options.get(keyword);
  }

  #read(statement: Statement): MatchSet {
    const block = blockOf(statement);
    const set = block === undefined ? [] : this.#scopes.acls.setOf(block);
    this.#report.exceptions(statement, set);
    const transport = statement.parts.some((part) => wordOf(part)?.toLowerCase() === 'transport');
    if (transport) this.#report.alreadyOverTls(statement);
    return set;
  }

  /** Reads a statement once, however many zones it counts for. */
  #setOf(statement: Statement, read: () => MatchSet): MatchSet {
    const known = this.#sets.get(statement) ?? read();
    this.#sets.set(statement, known);
    return known;
  }

  /** Reads a policy once; those with the same records are together. */
  #grantsOf(policy: Statement): readonly UpdateGrant[] {
    const known = this.#policies.get(policy);
    if (known !== undefined) return known;
    const byRecords = Map.groupBy(readUpdatePolicy(policy, this.#report), ({ records }) =>
      JSON.stringify(records),
    );
    const grants = [...byRecords.values()].map((same) => ({
      records: same[0]?.records,
      set: union(same.map(({ set }) => set)),
    }));
    this.#policies.set(policy, grants);
    return grants;
  }

  #add(zone: BindZone, action: OldAction, { statement, set, records }: Rule): void {
    const clients = this.#views.clientsOf(zone);
    // Without a statement some zones are for everybody and others for nobody.
    const list = statement === undefined ? `default of ${String(set.length)}` : this.#numberOf(statement);
    const key = `${action} ${list} ${this.#views.keyOf(zone)} ${JSON.stringify(records)}`;
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.zones.push(zone);
      return;
    }
    const words =
      statement === undefined
        ? 'no allow-transfer, which is "any" for BIND before 9.20 and "none" from 9.20 on'
        : this.#report.listWords(statement);
    this.#groups.set(key, { action, records, set: within(set, clients, zone), words, zones: [zone] });
  }

  #numberOf(statement: Statement): string {
    const number = this.#statementNumbers.get(statement) ?? this.#statementNumbers.size;
    this.#statementNumbers.set(statement, number);
    return String(number);
  }

  #peersOf({ action, records, set, zones }: Group, manifold: ReadonlySet<string>): FoundPeer[] {
    const names = zones.map(({ name }) => name).filter((name) => !manifold.has(name));
    if (names.length === 0) return [];
    // With a key from anywhere, the same key from somewhere adds nothing.
    const anywhere = new Set(set.flatMap(({ key, within: from }) => (from === undefined ? [key] : [])));
    return set.flatMap((term) => {
      const { within: from, key, label, at } = term;
      if (isOpen(term) || (term.also ?? []).length > 0) return [];
      if (from !== undefined && key !== undefined && anywhere.has(key)) return [];
      if (from !== undefined && isOwnAddress(from)) {
        this.#report.ownAddress(term, action);
        return [];
      }
      return {
        ...(from === undefined || from.length === 0 ? {} : { address: presentPrefix(from) }),
        ...(key === undefined ? {} : { keyName: key }),
        ...(label === undefined ? {} : { label }),
        zones: names,
        actions: [action],
        ...(records && { records }),
        at,
      };
    });
  }

  #openOf({ action, set, words, zones }: Group): OpenZone[] {
    if (!set.some(isOpen)) return [];
    return zones.flatMap(({ name, at }) => {
      if (isOwnZone(name) && action === 'transfer') {
        this.#report.ownZone(name, at);
        return [];
      }
      return [{ zone: name, at, what: `${action}: ${words}` }];
    });
  }

  #checkQueries(zone: BindZone): void {
    const statement = this.#effective(zone, 'allow-query');
    const block = statement && blockOf(statement);
    if (block === undefined || statement === undefined) return;
    const set = this.#setOf(statement, () => this.#scopes.acls.setOf(block));
    if (!hasAddress(set, loopback4)) this.#report.gateMayNotAsk(statement, zone.name);
  }

  #notified(): NotifyTarget[] {
    const zonesOf = new Map<Statement, string[]>();
    for (const zone of this.#zones) {
      const statement = this.#effective(zone, 'also-notify');
      const isOff = wordOf(this.#effective(zone, 'notify')?.parts[1])?.toLowerCase() === 'no';
      if (statement === undefined || isOff) continue;
      const zones = zonesOf.get(statement);
      if (zones === undefined) zonesOf.set(statement, [zone.name]);
      else zones.push(zone.name);
    }
    return [...zonesOf].flatMap(([statement, zones]) => {
      const block = blockOf(statement);
      return block === undefined
        ? []
        : this.#scopes.servers.serversOf(block).map((server) => ({ ...server, zones }));
    });
  }
}

/** Everybody, or everybody of one address family. */
function isOpen({ within: from, key, also = [] }: Term): boolean {
  return key === undefined && also.length === 0 && (from === undefined || from.length === 0);
}
