/** Requests of clients with a proved name, and an access list that judges them, for the tests of NOTIFY and UPDATE. */
import { Grants } from '../../../core/acl/grants.ts';
import type { ClientIdentity } from '../../../core/dane/identity.ts';
import { proveClient } from '../../../core/dane/prove.ts';
import { Name } from '../../../core/dns/name.ts';
import type { GateRequest, PluginAccess } from '../../../core/plugin/contract.ts';
import { accessFrom } from '../../support/access.ts';
import { asksOnly } from '../../support/plugin-host.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

/** Makes requests of clients by name; an empty name is a client without identity. */
export async function provedRequests(
  ...names: readonly string[]
): Promise<(name: string, octets: Buffer, signal?: AbortSignal) => GateRequest> {
  const issued = await issueTestIdentity('client.example');
  const secure = { status: 'secure', records: [tlsaOf(issued)], ttlSeconds: 300, detail: '' } as const;
  const means = { nowMs: 0, longestMs: 300_000, roots: [] };
  const identities = new Map<string, ClientIdentity | undefined>(
    names.map((name) => [name, proveClient(Name.parse(name), secure, credentialsOf(issued), means).identity]),
  );
  return (name, octets, signal = new AbortController().signal) => ({
    octets,
    client: identities.get(name),
    connection: { id: 1, remote: '192.0.2.1:5000' },
    idleTimeMs: 10_000,
    signal,
  });
}

/** What a list of this text says to requests. */
export function judgedBy(text: string, take: (key: string) => boolean = () => true): PluginAccess {
  const list = accessFrom(text);
  const grants = new Grants({ take });
  return asksOnly(({ client }, asked) => grants.ask(list, client, asked));
}
