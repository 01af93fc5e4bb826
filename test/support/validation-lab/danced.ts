/** danced's own word on a question: its validating resolver, at the lab's time, through the server that passes on. */
import { Name } from '../../../core/dns/name.ts';
import { parseAnchors, TrustAnchors } from '../../../core/dnssec/anchors.ts';
import type { LookupResult } from '../../../core/resolver/resolver.ts';
import { ValidatingResolver } from '../../../core/resolver/validating.ts';
import { labSeconds } from './lab-zone.ts';
import type { LabServer } from './servers.ts';

/** A resolver that knows nothing but the root of the lab. */
export function makeDanced(server: LabServer, anchor: string): ValidatingResolver {
  return new ValidatingResolver({
    servers: [{ address: server.address, port: server.port }],
    anchors: new TrustAnchors(parseAnchors(`. IN DS ${anchor}\n`)),
    timeoutMs: 10_000,
    nowMs: () => labSeconds * 1000,
  });
}

export function askDanced(danced: ValidatingResolver, name: string, type: number): Promise<LookupResult> {
  return danced.lookup(Name.parse(name), type);
}
