/**
 * From what another server's configuration allows to an access list by names: who gets which entry, who still needs a name,
 * and what each secondary has to do.
 *
 * Limitations: nothing is looked up: whether a name has its TLSA record already, `danced lookup` says.
 */
import type { Name } from '../../core/dns/name.ts';
import { dnsNameFromName } from '../../core/pki/dns-name.ts';
import { describeOld, entryComment, type Origin } from './origin.ts';
import type { FoundPeer, OldAction, OldConfig, SourcePlace, UpdateRecords } from './old-config.ts';
import { parsePrefix, presentPrefix } from './prefix.ts';
import { primarySteps, secondarySteps } from './steps.ts';
import { ToldServers } from './told.ts';
import { normalName, readOldName } from './zone-names.ts';

/** What the operator says about the old identities; the keys are as `normalOld` gives them. */
export interface PlanChoices {
  /** Name or `*.name` pattern by address, prefix, name of a key, or name of an acl or remote. */
  readonly names: ReadonlyMap<string, string>;
  /** Old identities that get no entry. */
  readonly without: ReadonlySet<string>;
}

export interface PlannedRule extends UpdateRecords {
  readonly action: OldAction;
  readonly zones: readonly string[];
}

export interface PlannedClient {
  /** Domain name, or `*.name`. */
  readonly name: string;
  /** Role that has its rules, where it shares them with others; else undefined. */
  readonly role: string | undefined;
  readonly allow: readonly PlannedRule[];
  readonly from: readonly Origin[];
  /** At most 256 characters, on one line. */
  readonly comment: string;
  /** The name was made of the name of its key, and nobody has said yet that it is right. */
  readonly isGuessed: boolean;
  /** Addresses at which its key is used, where there are several: perhaps as many machines, that need a name each. */
  readonly sharedBy: readonly string[];
}

/** An old identity that nobody has given a name. */
export interface NamelessPeer {
  readonly old: Origin;
  readonly allow: readonly PlannedRule[];
  readonly places: readonly SourcePlace[];
  /** The argument that would give it one. */
  readonly pass: string;
}

export interface PlannedSecondary {
  readonly name: string;
  readonly steps: readonly string[];
}

export interface Plan {
  readonly roles: ReadonlyMap<string, readonly PlannedRule[]>;
  readonly clients: readonly PlannedClient[];
  readonly needsName: readonly NamelessPeer[];
  readonly secondaries: readonly PlannedSecondary[];
  /** What to do on the primary, in order. */
  readonly primary: readonly string[];
  /** Old identities that were named or left out and are not in the configuration. */
  readonly unused: readonly string[];
}

/** An old identity in the one form that choices and configurations are compared in. */
export function normalOld(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? normalName(text) : presentPrefix(prefix);
}

/** Makes the plan. */
export function planAccess(config: OldConfig, choices: PlanChoices): Plan {
  const told = new ToldServers(config);
  const known = new Map<string, Gathered>();
  const nameless = new Map<string, Gathered>();
  const used = new Set<string>();
  for (const peer of config.peers.flatMap((each) => byMachine(each, told, choices))) {
    const olds = oldsOf(peer);
    for (const old of olds) used.add(old);
    if (olds.some((old) => choices.without.has(old))) continue;
    const given = olds.map((old) => choices.names.get(old)).find((name) => name !== undefined);
    const name = given ?? nameFromKey(peer.keyName) ?? nameFromLabel(peer.label);
    const key = name ?? describeOld(peer);
    gather(name === undefined ? nameless : known, key, peer, name !== undefined && given === undefined);
  }
  const roles = sharedRules([...known.values()]);
  const clients = [...known].map(([name, gathered]) => clientOf(name, gathered, roles, told));
  const transferring = clients.filter(({ allow }) => allow.some(({ action }) => action === 'transfer'));
  return {
    roles: new Map([...roles].map(([rules, role]) => [role, JSON.parse(rules) as PlannedRule[]])),
    clients,
    needsName: [...nameless.values()].map((gathered) => namelessOf(gathered, told)),
    secondaries: transferring.map(({ name, allow, from }) => ({
      name,
      steps: secondarySteps({ name, zones: zonesToTransfer(allow), from }),
    })),
    primary: primarySteps(config),
    unused: [...choices.names.keys(), ...choices.without].filter((old) => !used.has(old)),
  };
}

/**
 * A key that several machines share, as the addresses show to which changes are told under it, is taken apart where one of
 * the machines is named. What is left of it goes on as the key.
 */
function byMachine(peer: FoundPeer, told: ToldServers, choices: PlanChoices): FoundPeer[] {
  const addresses = told.addressesOf(peer);
  const isSaid = (old: string): boolean => choices.names.has(old) || choices.without.has(old);
  const said = addresses.filter((address) => isSaid(normalOld(address)));
  if (said.length === 0) return [peer];
  const rest = said.length === addresses.length ? [] : [peer];
  return [...said.map((address) => ({ ...peer, address })), ...rest];
}

/** What was found of one client, from every place. */
interface Gathered {
  /** By action and, of updates, by the records that they may be about. */
  readonly rules: Map<string, GatheredRule>;
  readonly from: Map<string, Origin>;
  isGuessed: boolean;
}

interface GatheredRule {
  readonly action: OldAction;
  readonly records: UpdateRecords | undefined;
  readonly zones: Set<string>;
}

function gather(all: Map<string, Gathered>, key: string, peer: FoundPeer, isGuessed: boolean): void {
  const { address, keyName, label, records, at } = peer;
  const gathered: Gathered = all.get(key) ?? { rules: new Map(), from: new Map(), isGuessed };
  all.set(key, gathered);
  gathered.isGuessed &&= isGuessed;
  for (const action of peer.actions) {
    const ruleKey = action + JSON.stringify(records ?? {});
    const rule = gathered.rules.get(ruleKey) ?? { action, records, zones: new Set<string>() };
    gathered.rules.set(ruleKey, rule);
    for (const zone of peer.zones) rule.zones.add(zone);
  }
  const origin: Origin = {
    ...(keyName !== undefined && { keyName }),
    ...(address !== undefined && { address }),
    ...(label !== undefined && { label }),
    at,
  };
  gathered.from.set(`${describeOld(origin)} ${at.file} ${String(at.line)}`, origin);
}

/** What a peer can be called by: the narrowest first, since it says most. */
function oldsOf({ address, keyName, label }: FoundPeer): string[] {
  return [address, keyName, label].flatMap((old) => (old === undefined ? [] : [normalOld(old)]));
}

/**
 * A key that is named as a host is the key of that host, most often. Its own name is the host's; that of its identity
 * as a client is below (draft-ietf-dance-client-auth section 2 has a label with an underscore first).
 */
function nameFromKey(keyName: string | undefined): string | undefined {
  const name = keyName === undefined ? undefined : readOldName(keyName);
  if (name === undefined || name.labelCount < 2) return undefined;
  const own = name.toString().startsWith('_') ? name : prepended(name);
  // It has to stand in a certificate.
  return own === undefined || dnsNameFromName(own) === undefined ? undefined : own.toString().toLowerCase();
}

/** What a server is called by its certificate (NSD's tls-auth, Knot DNS's cert-hostname) is its name as a client too. */
function nameFromLabel(label: string | undefined): string | undefined {
  const name = label === undefined ? undefined : readOldName(label);
  if (name === undefined || name.labelCount < 2) return undefined;
  return dnsNameFromName(name) === undefined ? undefined : name.toString().toLowerCase();
}

function prepended(name: Name): Name | undefined {
  const text = `_xfr.${name.toString()}`;
  return readOldName(text);
}

function rulesOf({ rules }: Gathered): PlannedRule[] {
  return (['transfer', 'notify', 'update'] as const).flatMap((action) =>
    [...rules.values()]
      .filter((rule) => rule.action === action)
      // A rule for all records first: what is after it adds zones.
      .sort((a, b) => Number(a.records !== undefined) - Number(b.records !== undefined))
      .map(({ records, zones }) => ({ action, zones: zones.has('*') ? ['*'] : [...zones], ...records })),
  );
}

/** A role for all rules that more than one client has; by the rules as JSON. */
function sharedRules(all: readonly Gathered[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const gathered of all) {
    const rules = JSON.stringify(rulesOf(gathered));
    counts.set(rules, (counts.get(rules) ?? 0) + 1);
  }
  const roles = new Map<string, string>();
  const taken = new Map<string, number>();
  for (const [rules, count] of counts) {
    if (count < 2) continue;
    const word = roleWord(JSON.parse(rules) as PlannedRule[]);
    const number = (taken.get(word) ?? 0) + 1;
    taken.set(word, number);
    roles.set(rules, number === 1 ? word : `${word}-${String(number)}`);
  }
  return roles;
}

function roleWord(rules: readonly PlannedRule[]): string {
  if (rules.some(({ action }) => action === 'transfer')) return 'secondary';
  return rules.some(({ action }) => action === 'update') ? 'updater' : 'primary';
}

function clientOf(
  name: string,
  gathered: Gathered,
  roles: ReadonlyMap<string, string>,
  told: ToldServers,
): PlannedClient {
  const { isGuessed } = gathered;
  const allow = rulesOf(gathered);
  const from = [...gathered.from.values()];
  const addresses = [...new Set(from.flatMap((origin) => told.addressesOf(origin)))];
  const sharedBy = isGuessed && addresses.length > 1 ? addresses : [];
  return {
    name,
    role: roles.get(JSON.stringify(allow)),
    allow,
    from,
    comment: entryComment(from),
    isGuessed,
    sharedBy,
  };
}

function namelessOf(gathered: Gathered, told: ToldServers): NamelessPeer {
  const from = [...gathered.from.values()];
  const old = from[0] ?? { at: { file: '', line: 1 } };
  const name = nameFromKey(told.keyAt(old.address ?? '')) ?? placeholder(old);
  return {
    old,
    allow: rulesOf(gathered),
    places: from.map(({ at }) => at),
    pass: `--name ${forShell(old.address ?? old.keyName ?? old.label ?? '')}=${name}`,
  };
}

/** In quotes where a shell would take it for something else, as the & of `10.0.0.0&255.0.0.0`. */
function forShell(text: string): string {
  return /^[\w.:/@+-]*$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Many addresses are many machines, each with a name of its own: a prefix, a range, or an address with a mask. */
function placeholder({ address = '' }: Origin): string {
  return /[/&-]/.test(address) ? '"*.NAME"' : 'NAME';
}

function zonesToTransfer(allow: readonly PlannedRule[]): readonly string[] {
  return allow.find(({ action }) => action === 'transfer')?.zones ?? [];
}
