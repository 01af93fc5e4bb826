/** What has to be done by hand, at each end, to get from TSIG and addresses to names. */
import { describeOld, someOf, type Origin } from './origin.ts';
import type { OldConfig, OldKind } from './old-config.ts';

/** What the operator of a secondary does, in order. */
export function secondarySteps(secondary: {
  readonly name: string;
  readonly zones: readonly string[];
  readonly from: readonly Origin[];
}): string[] {
  const { name, zones, from } = secondary;
  const isMany = name.startsWith('*.');
  const own = isMany ? `NAME${name.slice(1)}` : name;
  const keys = [...new Set(from.flatMap(({ keyName }) => (keyName === undefined ? [] : [`key ${keyName}`])))];
  return [
    ...(isMany ? [`each of these machines has a name of its own below ${name.slice(2)}, here NAME`] : []),
    `on its machine: danced keygen ${own} --out identity`,
    `publish the TLSA record that this prints under ${own}, in a zone signed with DNSSEC; "danced lookup ${own}" says when it is secure`,
    'let its name server show identity/certificate.pem: a tls block in BIND, tls-auth in NSD, Knot DNS from 3.4 on (docs/interop.md)',
    `let it ask the gate, port 853, instead of the primary for ${zoneWords(zones)}: BIND "primaries { GATE port 853 tls gate; }", NSD "request-xfr: GATE@853 NOKEY gate"`,
    ...(keys.length === 0 ? [] : [`when that works, take ${someOf(keys)} out of its configuration`]),
  ];
}

/** What the operator of the primary does, in order. */
export function primarySteps(config: OldConfig): string[] {
  const given = config.peers.some(({ actions }) => actions.includes('transfer')) || config.open.length > 0;
  if (!given) return [...(config.steps ?? [])];
  const { beside, alone, notify } = statements[config.kind];
  const olds = new Set(config.peers.map((peer) => describeOld(peer)));
  return [
    `let the gate ask: ${beside}`,
    ...(config.steps ?? []),
    `let ${notify} name the gate too (notify.listen of xot/gate), so that it has new versions at once; it tells the secondaries that stand in its notify.to`,
    `when the last secondary asks the gate, give transfers to nobody else: ${alone}`,
    ...(olds.size === 0 ? [] : ['then take out the keys that nothing else uses']),
  ];
}

const statements: Readonly<Record<OldKind, { beside: string; alone: string; notify: string }>> = {
  bind: {
    beside: 'add 127.0.0.1 to every allow-transfer, beside what is in it now',
    alone: 'allow-transfer { 127.0.0.1; };',
    notify: 'also-notify',
  },
  nsd: {
    beside: 'add provide-xfr: 127.0.0.1 NOKEY to every zone, beside what it has now',
    alone: 'provide-xfr: 127.0.0.1 NOKEY',
    notify: 'notify',
  },
  knot: {
    beside: 'add an acl with address: 127.0.0.1 and action: transfer to every zone, beside those it has now',
    alone: 'an acl with address: 127.0.0.1 and action: transfer, and no other with this action',
    notify: 'notify',
  },
};

/** 'example.com', or how many. */
export function zoneWords(zones: readonly string[]): string {
  if (zones.includes('*')) return 'every zone';
  return zones.length > 3 ? `${String(zones.length)} zones (${someOf(zones, 3)})` : zones.join(', ');
}
