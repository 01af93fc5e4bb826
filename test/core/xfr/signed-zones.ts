/** A zone with everything that a check of signatures must tell apart, signed for a test. */
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import type { Trust } from '../../../core/xfr/zone-signatures.ts';
import type { Nsec3Options } from '../../support/denial-chain.ts';
import { SigningKey, type SigningAlgorithm } from '../../support/signing-key.ts';
import { ZoneSigner } from '../../support/zone-signer.ts';

export const apex = Name.parse('example');
export const nowMs = Date.parse('2026-06-15T00:00:00Z');
export const period = {
  inception: Date.parse('2026-06-01T00:00:00Z') / 1000,
  expiration: Date.parse('2026-07-01T00:00:00Z') / 1000,
};

export const zoneText = `example. 3600 IN SOA ns1.example. admin.example. 7 1 1 1 1
example. 3600 IN NS ns1.example.
example. 3600 IN NS ns.sub.example.
ns1.example. 3600 IN A 192.0.2.1
ns1.example. 3600 IN AAAA 2001:db8::1
*.wild.example. 3600 IN TXT "star"
a.b.c.deep.example. 3600 IN A 192.0.2.3
sub.example. 3600 IN NS ns.sub.example.
ns.sub.example. 3600 IN A 192.0.2.4
below.ns.sub.example. 3600 IN TXT "occluded"
safe.example. 3600 IN NS ns.elsewhere.
safe.example. 3600 IN DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000001
x.only.cuts.example. 3600 IN NS ns.elsewhere.
y.only.cuts.example. 3600 IN NS ns.elsewhere.
alias.example. 3600 IN DNAME elsewhere.
under.alias.example. 3600 IN TXT "hidden by the DNAME record"
z.example. 3600 IN TXT "last"
`;

export interface SignedZone {
  readonly records: readonly ResourceRecord[];
  readonly trust: Trust;
  readonly signer: ZoneSigner;
}

export function signedZone(
  denial: 'nsec' | Nsec3Options,
  { text = zoneText, algorithm = 13 }: { text?: string; algorithm?: SigningAlgorithm } = {},
): SignedZone {
  const keys = [new SigningKey(algorithm), new SigningKey(algorithm, { flags: 256 })];
  const signer = new ZoneSigner({ apex, records: parseRecords(text), keys, period, denial });
  const anchor = { zone: apex, ds: signer.ds(), dnskeys: [] };
  return { records: signer.all(), signer, trust: { anchor, nowMs } };
}
