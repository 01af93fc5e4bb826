/**
 * The rules of knot.conf's section acl, and which of them comes to what when they stand in the list of a zone: the first that
 * fits allows or denies (Knot DNS 3.2, updates/acl.c: acl_allowed).
 */
import { covers, isEverything, parseAddressSpec, withoutPort } from './address-spec.ts';
import type { AddressSpec } from './address-spec.ts';
import type { Client } from './grants.ts';
import { brokenAt, plainPlace } from './included-files.ts';
import { readUpdates, type KnotUpdates } from './knot-updates.ts';
import type { KnotBlock, KnotBlocks, KnotValue } from './knot-blocks.ts';
import type { OldAction, SourcePlace, Unknown } from './old-config.ts';
import { oldConfigLimits } from './old-config.ts';
import { shownStatement } from './old-names.ts';
import { normalName } from './zone-names.ts';

/** Whom a rule is about: who has one of the addresses, if there are any, and one of the keys, if there are any. */
export interface KnotMatcher {
  readonly addresses: readonly KnotAddress[] | undefined;
  readonly keys: readonly string[] | undefined;
  /** Whether the client's certificate counts too. */
  readonly byCertificate: boolean;
  /** Whether `automatic-acl` of a remote lets it have rights of its own. */
  readonly automatic: boolean;
  /** The same, each pair of address and key by itself. */
  readonly clients: readonly KnotClient[];
}

interface KnotAddress {
  readonly text: string;
  readonly spec: AddressSpec;
}

/** One of those whom a rule is about; without address or key, any will do. */
export interface KnotClient extends Client {
  /** Of the address, also where it is every address of its family and so left out. */
  readonly spec: AddressSpec | undefined;
  readonly byCertificate: boolean;
}

export interface KnotRule {
  readonly id: string;
  readonly at: SourcePlace;
  readonly matchers: readonly KnotMatcher[];
  readonly actions: ReadonlySet<OldAction>;
  readonly deny: boolean;
  /** Without any action a rule refuses everything but queries to whoever it fits, `deny` or not. */
  readonly hasAction: boolean;
  /** Only some updates: by type or owner of the records. */
  readonly updates: KnotUpdates | undefined;
  /** What cannot be carried over. */
  readonly notes: readonly Unknown[];
}

const oldActions: readonly OldAction[] = ['transfer', 'notify', 'update'];

/** Reads a rule. What is wrong with it, or has no counterpart, is in its notes. Throws OldConfigError. */
export function readKnotRule(block: KnotBlock, blocks: KnotBlocks): KnotRule {
  const notes: Unknown[] = [];
  const actions = readActions(block, notes);
  const hasAction = block.all('action').length > 0;
  const deny = block.isOn('deny', false);
  const updates = readUpdates(block);
  const shown = shownStatement('acl', [block.id]);
  const at = plainPlace(block.place);
  if (deny)
    notes.push({
      at: plainPlace(block.one('deny')?.place ?? at),
      statement: `${shown}, deny: on`,
      why: whyDenied,
    });
  else if (!hasAction) notes.push({ at, statement: shown, why: whyWithoutAction });
  if (actions.has('update') && updates?.canBeSaid === false && !deny) {
    const statement = `${shown}, update-type or update-owner`;
    notes.push({ at: plainPlace(updates.place), statement, why: whyLimited });
  }
  for (const name of ['protocol', 'cert-key'] as const) {
    const values = block.all(name);
    if (values[0] === undefined) continue;
    notes.push({
      at: plainPlace(values[0].place),
      statement: shownStatement(name, textsOf(values)),
      why: whyTls[name],
    });
  }
  return {
    id: block.id,
    at,
    matchers: matchersOf(block, blocks, notes),
    actions,
    deny,
    hasAction,
    updates,
    notes,
  };
}

const whyDenied =
  'an access list has names, and gives nothing to a name that is not in it: make no entry for a client that this fits, ' +
  'or give its entry a deny rule';
const whyWithoutAction =
  'without action: Knot DNS refuses transfer, NOTIFY and UPDATE to whoever this fits; no entry is made of it';
const whyLimited =
  'only some records may be updated, and which cannot be said in an access list, so `update` is left out: add a rule with names and types by hand';
const whyTls = {
  protocol: 'the gate takes DNS over TLS and nothing else, whatever stands here',
  'cert-key': 'the pin of the key is not carried over; the client publishes its key in its TLSA record',
} as const;

function readActions(block: KnotBlock, notes: Unknown[]): Set<OldAction> {
  const actions = new Set<OldAction>();
  for (const { text, place } of block.all('action')) {
    const action = oldActions.find((known) => known === text);
    if (action !== undefined) actions.add(action);
    else if (text !== 'query') {
      const why = 'this action is not known here; look up what it gives';
      notes.push({ at: plainPlace(place), statement: shownStatement('action', [text]), why });
    }
  }
  return actions;
}

function matchersOf(block: KnotBlock, blocks: KnotBlocks, notes: Unknown[]): KnotMatcher[] {
  const remotes = block.all('remote');
  if (remotes.length > 0) return remoteMatchers(remotes, blocks, notes);
  const hostnames = textsOf(block.all('cert-hostname'));
  const keys = textsOf(block.all('key')).map(normalName);
  const matcher = {
    // Addresses of which none is one fit nobody; no addresses fit all.
    addresses: block.all('address').length > 0 ? addressesOf(block, notes) : undefined,
    keys: keys.length > 0 ? keys : undefined,
    byCertificate: hostnames.length > 0 || block.all('cert-key').length > 0,
    automatic: false,
  };
  return [withClients(matcher, hostnames.length > 0 ? hostnames : [block.id], block)];
}

/** One for each remote; a group stands for its members. What is not defined is reported to `notes`. */
export function remoteMatchers(
  references: readonly KnotValue[],
  blocks: KnotBlocks,
  notes: Unknown[],
): KnotMatcher[] {
  return references.flatMap(({ text, place }) => {
    const group = blocks.blocks.remotes.get(text)?.all('remote') ?? [{ text, place }];
    return group.flatMap((member) => {
      const remote = blocks.blocks.remote.get(member.text);
      if (remote !== undefined) return [remoteMatcher(remote, notes)];
      const why = 'there is no remote of this name in what was read; look up whom it means';
      notes.push({ at: plainPlace(member.place), statement: shownStatement('remote', [member.text]), why });
      return [];
    });
  });
}

function remoteMatcher(remote: KnotBlock, notes: Unknown[]): KnotMatcher {
  const hostnames = textsOf(remote.all('cert-hostname'));
  const key = remote.one('key')?.text;
  const matcher = {
    addresses: addressesOf(remote, notes),
    keys: key === undefined ? undefined : [normalName(key)],
    byCertificate: hostnames.length > 0,
    automatic: remote.isOn('automatic-acl', true),
  };
  return withClients(matcher, hostnames.length > 0 ? hostnames : [remote.id], remote);
}

function addressesOf(block: KnotBlock, notes: Unknown[]): KnotAddress[] {
  return block.all('address').flatMap(({ text, place }) => {
    const address = withoutPort(text);
    const spec = parseAddressSpec(address);
    if (spec !== undefined) return [{ text: address, spec }];
    const why = 'this is no address, prefix or range; give the client an entry by hand if there is one';
    notes.push({ at: plainPlace(place), statement: shownStatement('address', [text]), why });
    return [];
  });
}

function withClients(
  matcher: Omit<KnotMatcher, 'clients'>,
  labels: readonly string[],
  { place }: KnotBlock,
): KnotMatcher {
  const { addresses = [undefined], keys = [undefined], byCertificate } = matcher;
  if (labels.length * addresses.length * keys.length > oldConfigLimits.peersOfZone) {
    throw brokenAt(
      place,
      `more than ${String(oldConfigLimits.peersOfZone)} pairs of address and key in one rule`,
    );
  }
  const clients = labels.flatMap((label) =>
    addresses.flatMap((address) => {
      const isAnywhere = address === undefined || isEverything(address.spec);
      const from = { address: isAnywhere ? undefined : address.text, spec: address?.spec };
      return keys.map((keyName) => ({ label, ...from, keyName, byCertificate }));
    }),
  );
  return { ...matcher, clients };
}

/** What a list of rules comes to. */
export interface KnotOutcome {
  readonly allowed: readonly { rule: KnotRule; client: KnotClient; actions: readonly OldAction[] }[];
  /** Clients of allowing rules whom a denying rule before them refuses. */
  readonly overruled: readonly { rule: KnotRule; client: KnotClient; by: KnotRule; action: OldAction }[];
}

/** Applies rules in their order. */
export function applyKnotRules(rules: readonly KnotRule[]): KnotOutcome {
  const allowed = new Map<KnotClient, { rule: KnotRule; client: KnotClient; actions: OldAction[] }>();
  const overruled: { rule: KnotRule; client: KnotClient; by: KnotRule; action: OldAction }[] = [];
  for (const action of oldActions) {
    const refusing: KnotRule[] = [];
    for (const rule of rules) {
      if (rule.hasAction && !rule.actions.has(action)) continue;
      // A rule for some updates only leaves the others to the rules after it.
      const isLimited = rule.hasAction && action === 'update' && rule.updates !== undefined;
      if (isLimited && (rule.deny || !rule.updates.canBeSaid)) continue;
      if (rule.deny || !rule.hasAction) {
        refusing.push(rule);
        continue;
      }
      for (const client of rule.matchers.flatMap(({ clients }) => clients)) {
        const by = refusing.find((earlier) => earlier.matchers.some((m) => refuses(m, earlier.deny, client)));
        if (by !== undefined) overruled.push({ rule, client, by, action });
        else {
          const entry = allowed.get(client) ?? { rule, client, actions: [] };
          entry.actions.push(action);
          allowed.set(client, entry);
        }
      }
    }
  }
  return { allowed: [...allowed.values()], overruled };
}

/** Whether the client is refused wherever it comes from. Where that cannot be told it is not; the refusal is reported anyway. */
function refuses(matcher: KnotMatcher, deny: boolean, { spec, keyName }: KnotClient): boolean {
  const { addresses, keys, byCertificate } = matcher;
  if (byCertificate) return false;
  const hasAddress =
    addresses === undefined ||
    (spec === undefined
      ? [4, 6].every((family) => addresses.some((a) => a.spec.family === family && isEverything(a.spec)))
      : addresses.some((address) => covers(address.spec, spec)));
  // Without keys `deny` fits whoever signs, and a rule without action only who does not sign.
  const hasKey =
    keys === undefined ? deny || keyName === undefined : keyName !== undefined && keys.includes(keyName);
  return hasAddress && hasKey;
}

function textsOf(values: readonly KnotValue[]): string[] {
  return values.map(({ text }) => text);
}
