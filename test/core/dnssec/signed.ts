/**
 * Small signed RRsets for tests: records as text, keys made at run time.
 */
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { keyTag, parseDnskey } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { defaultValidationLimits, WorkBudget } from '../../../core/dnssec/budget.ts';
import type { ValidationLimitName } from '../../../core/dnssec/budget.ts';
import { groupRrsets } from '../../../core/dnssec/rrset.ts';
import type { SignedRrset } from '../../../core/dnssec/rrset.ts';
import type { WorkContext, ZoneKey } from '../../../core/dnssec/signature.ts';
import { signRrset } from '../../support/signing-key.ts';
import type { SignatureOptions, SigningKey } from '../../support/signing-key.ts';
import { groupRecords } from '../../support/zone-signer.ts';

/** In the middle of what is signed here unless said otherwise. */
export const nowSeconds = Date.UTC(2026, 5, 1) / 1000;
export const period = { inception: nowSeconds - 86_400, expiration: nowSeconds + 86_400 } as const;

/** Validation at `nowSeconds`, with limits other than the defaults where given. */
export function context(
  limits: Partial<Record<ValidationLimitName, number>> = {},
  nowMs = nowSeconds * 1000,
): WorkContext {
  return { nowMs, budget: new WorkBudget({ ...defaultValidationLimits, ...limits }) };
}

/** What a validator has of a key. */
export function zoneKey({ dnskey: rdata }: SigningKey): ZoneKey {
  return { dnskey: parseDnskey(rdata), tag: keyTag(rdata), rdata };
}

/** One RRset, given as lines of a zone file, with a signature by each key. */
export function signed(
  lines: string,
  keys: readonly SigningKey[],
  options: Partial<SignatureOptions> & Pick<SignatureOptions, 'signer'>,
): SignedRrset {
  const records = parseRecords(lines);
  const [rrset] = groupRecords(records);
  if (rrset === undefined) throw new RangeError('no records');
  const signatures = keys.map((key) => signRrset(rrset, key, { ...period, ...options }));
  const grouped = groupRrsets([...records, ...signatures])[0];
  if (grouped === undefined) throw new RangeError('no RRset');
  return grouped;
}

/** The DNSKEY RRset of a zone, signed by some of its keys. */
export function signedKeys(
  zone: Name,
  rdatas: readonly Buffer[],
  by: readonly SigningKey[],
  options: Partial<SignatureOptions> = {},
): SignedRrset {
  const lines = rdatas.map((rdata) => {
    const owner = zone.labelCount === 0 ? '.' : `${zone.toString()}.`;
    return `${owner} 3600 IN TYPE${RrType.DNSKEY} \\# ${rdata.length} ${rdata.toString('hex')}`;
  });
  return signed(lines.join('\n'), by, { signer: zone, ...options });
}

export const example = Name.parse('example');
