/**
 * The access rules of NSD's zones (nsd.conf(5): provide-xfr, allow-notify) and what they come to. Of the rules of a zone the
 * first that fits allows, unless any that fits says BLOCKED (NSD 4.6, options.c: acl_check_incoming).
 *
 * Limitations: the port of a rule is left out; a client has another one at each connection, and its name says who it is.
 */
import { covers, isEverything, parseAddressSpec, withoutPort } from './address-spec.ts';
import type { AddressSpec } from './address-spec.ts';
import type { Client, Grants } from './grants.ts';
import { brokenAt, plainPlace } from './included-files.ts';
import type { NsdStatement } from './nsd-statements.ts';
import type { OldAction, SourcePlace } from './old-config.ts';
import { shownStatement } from './old-names.ts';
import { normalName } from './zone-names.ts';

/** One rule; the same object in every zone that has it from a pattern. */
export interface NsdRule {
  readonly action: OldAction;
  readonly actions: readonly OldAction[];
  readonly address: string;
  readonly spec: AddressSpec;
  readonly blocked: boolean;
  readonly keyName: string | undefined;
  /** The tls-auth clause whose certificate the client must have (NSD 4.7 and later). */
  readonly tlsAuth: string | undefined;
  readonly statement: string;
  readonly at: SourcePlace;
}

/** A server that NSD notifies. */
export interface NsdTarget {
  readonly address: string;
  readonly keyName: string | undefined;
  readonly at: SourcePlace;
}

/** Reads provide-xfr or allow-notify; undefined, with a report, if its address is none. Throws OldConfigError. */
export function readNsdRule(statement: NsdStatement, action: OldAction, grants: Grants): NsdRule | undefined {
  const { name, values, place } = statement;
  const [spec = '', key = '', tlsAuth] = values;
  const most = action === 'transfer' ? 3 : 2;
  if (values.length < 2 || values.length > most) {
    throw brokenAt(
      place,
      `${name}: takes an address and a key, NOKEY or BLOCKED; there are ${String(values.length)} values`,
    );
  }
  const at = plainPlace(place);
  const shown = shownStatement(name, values);
  const address = withoutPort(spec);
  const parsed = parseAddressSpec(address);
  if (parsed === undefined) {
    const why =
      'its address is no address, prefix, range or mask; give the client an entry by hand if there is one';
    grants.report({ at, statement: shown, why });
    return undefined;
  }
  const keyName = key === 'NOKEY' || key === 'BLOCKED' ? undefined : normalName(key);
  return {
    action,
    actions: [action],
    address,
    spec: parsed,
    blocked: key === 'BLOCKED',
    keyName,
    tlsAuth,
    statement: shown,
    at,
  };
}

/** Reads `notify: address key`. Throws OldConfigError. */
export function readNsdTarget({ values, place }: NsdStatement): NsdTarget {
  const [address = '', key = ''] = values;
  if (values.length !== 2) {
    throw brokenAt(
      place,
      `notify: takes an address and a key or NOKEY; there are ${String(values.length)} values`,
    );
  }
  const keyName = key === 'NOKEY' ? undefined : normalName(key);
  return { address: withoutPort(address), keyName, at: plainPlace(place) };
}

/** What the rules of zones let others do. */
export class NsdRights {
  readonly #domainOf: ReadonlyMap<string, string>;
  readonly #grants: Grants;
  readonly #clients = new Map<NsdRule, Client>();

  /** @param domainOf the domain names of tls-auth clauses */
  constructor(domainOf: ReadonlyMap<string, string>, grants: Grants) {
    this.#domainOf = domainOf;
    this.#grants = grants;
  }

  /** Applies the rules of one zone, those of its patterns among them. */
  apply(zone: string, rules: readonly NsdRule[]): void {
    const blocking = rules.filter(({ blocked }) => blocked);
    for (const { at, statement } of blocking) this.#grants.report({ at, statement, why: whyBlocked });
    for (const rule of rules) {
      if (rule.blocked) continue;
      const blockedBy = blocking.find(
        ({ action, spec }) => action === rule.action && covers(spec, rule.spec),
      );
      if (blockedBy === undefined) this.#allow(zone, rule);
      else {
        const where = `${blockedBy.at.file}:${String(blockedBy.at.line)}`;
        const why = `BLOCKED in ${where} takes precedence in the zone ${zone}, so it gives nothing there`;
        this.#grants.report({ at: rule.at, statement: rule.statement, why });
      }
    }
  }

  #allow(zone: string, rule: NsdRule): void {
    const client = this.#clients.get(rule) ?? this.#clientOf(rule);
    this.#clients.set(rule, client);
    const { address, keyName, label } = client;
    if (address !== undefined || keyName !== undefined || label !== undefined) {
      this.#grants.allow(client, rule.actions, [zone], rule.at);
    } else this.#grants.open([zone], `${rule.action}: ${rule.statement}`, rule.at);
  }

  #clientOf({ address, spec, keyName, tlsAuth }: NsdRule): Client {
    const label = tlsAuth === undefined ? undefined : (this.#domainOf.get(tlsAuth) ?? tlsAuth);
    return { address: isEverything(spec) ? undefined : address, keyName, label };
  }
}

const whyBlocked =
  'NSD refuses these addresses whatever their key; an access list has names, and gives nothing to a name that is not in ' +
  'it: make no entry for a client that has its address there';
