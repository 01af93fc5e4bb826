/**
 * Whether a version may be served at all: what is asked before it replaces the one that is there. Its digest (ZONEMD, RFC 8976), and
 * its signatures (DNSSEC) by keys that the zone above, or a trust anchor, vouches for (section 4, step 1).
 *
 * Limitations: a version is checked when it comes, and not again when its signatures are about to expire. Zones are put in order one
 * after the other, so that their memory is needed once.
 */
import {
  apexDenialOwner,
  CanonicalZone,
  checkApex,
  checkZoneSignatures,
  mayHaveZonemd,
  recordsOwnedBy,
  RrType,
  schema,
  tooLarge,
  verifyDigest,
  type CheckLimits,
  type ConfigSchema,
  type LimitsTable,
  type Name,
  type Pause,
  type Resolver,
  type Trust,
  type TrustAnchor,
  type ZoneVersion,
} from '../../../core/index.ts';

/** Gives in words why it must not be served; undefined if it may. */
export type VersionCheck = (version: ZoneVersion, pause: Pause) => Promise<string | undefined>;

export interface CheckConfig {
  readonly zonemd: 'off' | 'if-present' | 'required';
  readonly dnssec: 'off' | 'apex' | 'full';
}

export interface VersionCheckOptions {
  /** Asked for each version, so that it may change. */
  readonly config: () => CheckConfig;
  readonly limits: () => CheckLimits;
  readonly resolver: Resolver;
  /** Of zones that are checked; they come before what the resolver says. */
  readonly anchors?: readonly TrustAnchor[];
  readonly nowMs: () => number;
}

export const checkLimits = {
  'check-octets': {
    default: 1 << 28,
    min: 1 << 20,
    max: 2 ** 32,
    unit: 'octets',
    reason:
      'of one zone in canonical form, which a check of the whole zone holds in memory, with half as much again to keep it in order',
  },
} as const satisfies LimitsTable;

/** The key `check` of a gate or agent. */
export const checkSchema: ConfigSchema<CheckConfig> = schema.z
  .strictObject({
    zonemd: schema.choice(['if-present', 'required', 'off']).default('if-present').meta({
      description:
        'Digest of the zone (RFC 8976): `if-present` refuses a version whose digest is wrong, `required` also one that has none that can be verified.',
    }),
    dnssec: schema.choice(['off', 'apex', 'full']).default('off').meta({
      description:
        'Signatures by keys that the zone above vouches for: `apex` those of the SOA, DNSKEY and ZONEMD records, which with a digest prove the whole zone; `full` those of all records, and that the NSEC or NSEC3 chain is closed. Zones that are not signed are refused by both.',
    }),
  })
  .meta({
    what: 'a map with zonemd and dnssec',
    example: '{ zonemd: required, dnssec: apex }',
    description: 'What is checked of each version of a zone before it is served.',
  })
  .prefault({});

export function makeVersionCheck(options: VersionCheckOptions): VersionCheck {
  let turn: Promise<unknown> = Promise.resolve();
  return async (version, pause) => {
    const { zonemd, dnssec } = options.config();
    const wantsDigest =
      zonemd === 'required' || (zonemd === 'if-present' && (await mayHaveZonemd(version, pause)));
    if (!wantsDigest && dnssec === 'off') return undefined;
    const isNeeded = { digest: wantsDigest, mustHaveDigest: zonemd === 'required', dnssec };
    const trust = dnssec === 'off' ? undefined : await findTrust(version.zone, options);
    if (typeof trust === 'string') return trust;
    const checked = turn.then(() => check(version, isNeeded, trust, options.limits(), pause));
    turn = checked.catch(() => undefined);
    return checked;
  };
}

interface Needed {
  readonly digest: boolean;
  readonly mustHaveDigest: boolean;
  readonly dnssec: CheckConfig['dnssec'];
}

async function check(
  version: ZoneVersion,
  { digest, mustHaveDigest, dnssec }: Needed,
  trust: Trust | undefined,
  limits: CheckLimits,
  pause: Pause,
): Promise<string | undefined> {
  const apex = trust === undefined ? [] : await recordsOwnedBy(version, version.zone, pause);
  if (trust !== undefined && dnssec === 'apex') {
    const owner = apexDenialOwner(version.zone, apex);
    const denial = owner === undefined ? [] : await recordsOwnedBy(version, owner, pause);
    const fault = checkApex(version.zone, apex, denial, trust);
    if (fault !== undefined) return fault;
  }
  if (!digest && dnssec !== 'full') return undefined;
  const zone = await CanonicalZone.build(version, limits['check-octets'], pause);
  if (zone === undefined) return tooLarge(version, limits).words;
  if (digest) {
    const { verdict, words } = await verifyDigest(zone, version.serial, pause);
    // RFC 8976 section 4: only what can be verified can be wrong; whether that is enough is the operator's choice.
    if (verdict === 'wrong') return words;
    if (verdict !== 'ok' && mustHaveDigest) {
      return `${words}, and \`zonemd: required\` wants one: let the signer add it, or set \`if-present\``;
    }
  }
  return trust !== undefined && dnssec === 'full' ? checkZoneSignatures(zone, apex, trust, pause) : undefined;
}

/** Who vouches for the keys of the zone; in words why nobody does. */
async function findTrust(
  zone: Name,
  { anchors = [], resolver, nowMs }: VersionCheckOptions,
): Promise<Trust | string> {
  const anchor = anchors.find((each) => each.zone.equals(zone));
  if (anchor !== undefined) return { anchor, nowMs: nowMs() };
  // RFC 8976 section 4, step 1. DS records first: they hold for keys that are published with this version only.
  if (zone.labelCount > 0) {
    const above = await resolver.lookup(zone, RrType.DS);
    if (above.status === 'secure' && above.records.length > 0) {
      const ds = above.records.map(({ rdata }) => rdata);
      return { anchor: { zone, ds, dnskeys: [] }, nowMs: nowMs() };
    }
  }
  // The root has no zone above, nor has a zone that is a trust anchor of the resolver.
  const keys = await resolver.lookup(zone, RrType.DNSKEY);
  if (keys.status === 'secure' && keys.records.length > 0) {
    const dnskeys = keys.records.map(({ rdata }) => rdata);
    return { anchor: { zone, ds: [], dnskeys }, nowMs: nowMs() };
  }
  const name = zone.toString();
  return keys.status === 'insecure' || keys.status === 'secure'
    ? `nobody vouches for the keys of ${name} (${keys.detail}): publish its DS records in the zone above, or set \`dnssec: off\` for it`
    : `the keys of ${name} cannot be proved at the moment (${keys.detail})`;
}
