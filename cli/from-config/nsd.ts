/**
 * Reads nsd.conf (nsd.conf(5), NSD 4.6, and what later versions added): the zones, and from provide-xfr and allow-notify who
 * may transfer them and who may send NOTIFY. A pattern's rules come in where it is included (options.c: config_apply_pattern).
 *
 * Limitations: zones that `nsd-control addzone` or a catalog added stand in other files; patterns that only those can
 * use are reported. Ports of addresses are left out. What of nsd.conf has nothing to do with access is in nsd-options.ts.
 */
import { Grants } from './grants.ts';
import { IncludedFiles, brokenAt, plainPlace } from './included-files.ts';
import type { TextPlace } from './included-files.ts';
import { isNsdPassedOver, nsdPassedOver } from './nsd-options.ts';
import { NsdRights, readNsdRule, readNsdTarget } from './nsd-rules.ts';
import type { NsdRule, NsdTarget } from './nsd-rules.ts';
import { nsdStatements } from './nsd-statements.ts';
import type { NsdStatement } from './nsd-statements.ts';
import { OldConfigError, oldConfigLimits } from './old-config.ts';
import type { ListFiles, OldConfig, ReadFile } from './old-config.ts';
import { shownStatement, zoneNameOf } from './old-names.ts';

/** Reads the file and what it includes. Throws OldConfigError when its syntax is broken or a limit is passed. */
export function readNsd(file: string, readFile: ReadFile, listFiles?: ListFiles): OldConfig {
  const reader = new NsdReader();
  const files = new IncludedFiles(readFile, listFiles);
  const report = reader.grants.report.bind(reader.grants);
  for (const statement of nsdStatements(file, files, report)) reader.take(statement);
  return reader.finish();
}

/** A zone or a pattern. */
interface ZoneOptions {
  readonly clause: 'zone' | 'pattern';
  readonly place: TextPlace;
  name: string | undefined;
  readonly rules: NsdRule[];
  readonly targets: NsdTarget[];
}

/** What a statement means that an access list has no words for; by name. */
const whyReported: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'allow-query':
      'who may ask this zone stays with NSD; the gate asks it too (SOA, and transfers), from its own address, which must be allowed',
    catalog:
      'zones that come by this catalog are not in the file; give their secondaries these zones by hand, or all by "*"',
    'catalog-member-pattern':
      'members of the catalog have the rules of this pattern but are not in the file; give their secondaries these zones by hand',
    'catalog-producer-zone':
      'zones added with this pattern are not in the file; give the secondaries of the catalog these zones by hand',
    'tls-auth-xfr-only':
      'an access list lets only clients with a proven name transfer, always; unless `anonymous` in it says otherwise',
    'allow-proxy':
      'who may say by the PROXY protocol what the address of a client is; nothing of a gate goes by addresses',
  }),
);

class NsdReader {
  readonly grants = new Grants();
  #clause: string | undefined;
  #part: ZoneOptions | undefined;
  /** The tls-auth clause that is being read. */
  #tlsAuth: { name?: string; domain?: string } | undefined;
  readonly #domainOf = new Map<string, string>();
  readonly #zones = new Map<string, ZoneOptions>();
  readonly #patterns = new Map<string, ZoneOptions>();
  /** Names of patterns that a zone or another pattern includes. */
  readonly #usedPatterns = new Set<string>();
  #notAboutAccess = 0;

  take(statement: NsdStatement): void {
    const { name, values, place } = statement;
    const isKnown = nsdPassedOver.has(name);
    // An attribute that nobody knows and that has no value is a clause that nobody knows.
    if (isKnown || (values.length === 0 && !this.#isRead(name))) {
      this.#endClause();
      this.#clause = name;
      if (isKnown && values.length > 0) throw brokenAt(place, `${name}: begins a clause and takes no value`);
      if (!isKnown)
        this.#report(statement, 'this clause is not known here; look up whether it is about access');
      if (name === 'zone' || name === 'pattern') {
        this.#part = { clause: name, place, name: undefined, rules: [], targets: [] };
      } else if (name === 'tls-auth') this.#tlsAuth = {};
    } else if (this.#clause === undefined) {
      throw brokenAt(
        place,
        `${name}: stands before every clause; begin with server:, zone: or another clause`,
      );
    } else this.#takeOption(statement, this.#clause);
  }

  finish(): OldConfig {
    this.#endClause();
    const rights = new NsdRights(this.#domainOf, this.grants);
    for (const [zone, { rules, targets }] of this.#zones) {
      rights.apply(zone, rules);
      for (const { address, keyName, at } of targets) this.grants.notify({ address, keyName }, [zone], at);
    }
    for (const [name, { place, rules }] of this.#patterns) {
      if (rules.length === 0 || this.#usedPatterns.has(name)) continue;
      const why =
        'no zone of this file includes it, but zones that nsd-control added may (see the zonelistfile); give their ' +
        'secondaries these zones by hand';
      this.grants.report({ at: plainPlace(place), statement: shownStatement('pattern: name', [name]), why });
    }
    const zones = [...this.#zones.keys()];
    return { kind: 'nsd', zones, ...this.grants.found(), notAboutAccess: this.#notAboutAccess };
  }

  /** Whether the attribute means something in the clause that is being read. */
  #isRead(name: string): boolean {
    if (this.#clause === undefined) return false;
    if (isNsdPassedOver(this.#clause, name) || whyReported.has(name)) return true;
    if (this.#part !== undefined) return zoneAttributes.has(name);
    return this.#tlsAuth !== undefined && tlsAuthAttributes.has(name);
  }

  #takeOption(statement: NsdStatement, clause: string): void {
    const why = whyReported.get(statement.name);
    if (this.#part !== undefined && zoneAttributes.has(statement.name))
      this.#takeZoneOption(statement, this.#part);
    else if (this.#tlsAuth !== undefined && tlsAuthAttributes.has(statement.name)) {
      this.#tlsAuth[statement.name === 'name' ? 'name' : 'domain'] = onlyValue(statement);
    } else if (isNsdPassedOver(clause, statement.name)) this.#notAboutAccess += 1;
    else if (why !== undefined) {
      this.grants.report({ ...shown(statement), why });
    } else
      this.#report(statement, `not known in the clause ${clause}: here; look up whether it is about access`);
  }

  #takeZoneOption(statement: NsdStatement, part: ZoneOptions): void {
    switch (statement.name) {
      case 'name':
        part.name = onlyValue(statement);
        break;
      case 'include-pattern':
        this.#includePattern(statement, part);
        break;
      case 'notify':
        part.targets.push(readNsdTarget(statement));
        break;
      default: {
        const action = statement.name === 'provide-xfr' ? 'transfer' : 'notify';
        const rule = readNsdRule(statement, action, this.grants);
        if (rule !== undefined) part.rules.push(rule);
      }
    }
    if (
      part.rules.length > oldConfigLimits.peersOfZone ||
      part.targets.length > oldConfigLimits.peersOfZone
    ) {
      const most = String(oldConfigLimits.peersOfZone);
      throw brokenAt(
        statement.place,
        `more than ${most} rules in one zone or pattern, with those of the patterns that it includes`,
      );
    }
  }

  #includePattern(statement: NsdStatement, part: ZoneOptions): void {
    const name = onlyValue(statement);
    const pattern = this.#patterns.get(name);
    if (pattern === undefined) {
      const why =
        'no pattern of this name stands above, so who may transfer by it is not known; read the file that defines it too';
      this.grants.report({ ...shown(statement), why });
      return;
    }
    this.#usedPatterns.add(name);
    part.rules.push(...pattern.rules);
    part.targets.push(...pattern.targets);
  }

  #endClause(): void {
    const part = this.#part;
    const tlsAuth = this.#tlsAuth;
    this.#part = undefined;
    this.#tlsAuth = undefined;
    if (tlsAuth?.name !== undefined && tlsAuth.domain !== undefined) {
      this.#domainOf.set(tlsAuth.name, tlsAuth.domain);
    }
    if (part === undefined) return;
    if (part.name === undefined)
      throw brokenAt(part.place, `this ${part.clause} has no name; write name: in it`);
    const name = part.clause === 'zone' ? zoneNameOf(part.name, part.place) : part.name;
    const parts = part.clause === 'zone' ? this.#zones : this.#patterns;
    const first = parts.get(name);
    if (first !== undefined) {
      const where = `${first.place.file}:${String(first.place.line)}`;
      throw brokenAt(
        part.place,
        `the ${part.clause} ${name} was defined in ${where} already; NSD takes it once`,
      );
    }
    parts.set(name, part);
    if (this.#zones.size > oldConfigLimits.zones) {
      throw new OldConfigError(
        plainPlace(part.place),
        `more than ${String(oldConfigLimits.zones)} zones; read them in parts`,
      );
    }
  }

  /** Reports a statement that nobody knows: without its values, which may be secret. */
  #report({ name, place }: NsdStatement, why: string): void {
    this.grants.report({ at: plainPlace(place), statement: shownStatement(name, []), why });
  }
}

const zoneAttributes: ReadonlySet<string> = new Set([
  'name',
  'include-pattern',
  'provide-xfr',
  'allow-notify',
  'notify',
]);
const tlsAuthAttributes: ReadonlySet<string> = new Set(['name', 'auth-domain-name']);

function shown({ name, values, place }: NsdStatement) {
  return { at: plainPlace(place), statement: shownStatement(name, values) };
}

function onlyValue({ name, values, place }: NsdStatement): string {
  const [value] = values;
  if (value === undefined || values.length > 1) {
    throw brokenAt(place, `${name}: takes one value; there are ${String(values.length)}`);
  }
  return value;
}
