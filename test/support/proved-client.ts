/** Identities as a gate makes them: by a proof. */
import { hash } from 'node:crypto';
import type { ClientIdentity } from '../../core/dane/identity.ts';
import { proveClient } from '../../core/dane/prove.ts';
import { Name } from '../../core/dns/name.ts';

/** The proved identity of a client with this name. */
export function provedClient(name: Name | string): ClientIdentity {
  const key = Buffer.from('key');
  const records = [Buffer.from([3, 1, 1, ...hash('sha256', key, 'buffer')])];
  const answer = { status: 'secure', ttlSeconds: 60, detail: '', records } as const;
  const shown = {
    certificate: Buffer.from('certificate'),
    subjectPublicKeyInfo: key,
    dnsNames: [],
    chain: [],
  };
  const asName = typeof name === 'string' ? Name.parse(name) : name;
  const { identity } = proveClient(asName, answer, shown, { nowMs: 0, longestMs: 60_000, roots: [] });
  if (identity === undefined) throw new Error('not proved');
  return identity;
}
