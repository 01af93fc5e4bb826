/**
 * Checks one resolver for validation of our own: does it answer, and does it let DNSSEC records through? The apex of
 * the trust anchor's zone tells, since everything begins with it.
 */
import type { LocalValidation } from '../../core/config/resolver-config.ts';
import { formatServer, type ServerText } from '../../core/config/server-text.ts';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import type { LookupResult } from '../../core/resolver/resolver.ts';
import { openResolver, trustAnchors } from '../../core/embed/resolution.ts';
import type { Fault } from './finding.ts';

/** Our own TLSA record as this server gives it, and what is wrong with the server. */
export async function askValidatingServer(
  server: ServerText,
  config: LocalValidation,
  own: Name,
  nowMs: () => number,
): Promise<{ own: LookupResult; fault: Fault | undefined }> {
  const resolver = openResolver({ ...config, servers: [server] }, { nowMs });
  try {
    const apex = trustAnchors(config).closest(own)?.zone ?? Name.root;
    const begin = await resolver.lookup(apex, RrType.SOA);
    return { own: await resolver.lookup(own, RrType.TLSA), fault: faultOf(server, apex, begin) };
  } finally {
    resolver.close();
  }
}

function faultOf(
  server: ServerText,
  apex: Name,
  { status, detail, verdict }: LookupResult,
): Fault | undefined {
  // Insecure by a negative trust anchor is what the configuration asks for; so is a name without an anchor.
  if (status === 'secure' || status === 'insecure' || verdict?.reason === 'no-anchor') return undefined;
  const who = `the resolver ${formatServer(server)}`;
  switch (verdict?.reason) {
    case 'dnssec-stripped':
      return { wrong: `${who} takes the DNSSEC records out of its answers`, right: passThrough };
    case 'servfail':
      return {
        wrong: `${who} answers, but cannot look up ${apex.toString()} (${detail})`,
        right: 'look in its log',
      };
    case 'signature-expired':
    case 'signature-not-yet-valid':
      return {
        wrong: `${who} gives for ${apex.toString()} what is out of date: ${detail}`,
        right: 'see whether the clock of this machine is right',
      };
    case 'no-answer':
    case undefined:
      return /\bREFUSED\b/.test(detail)
        ? { wrong: `${who} does not want to answer us: ${detail}`, right: letUsAsk }
        : { wrong: `${who} does not answer: ${detail}`, right: startIt(server) };
    default:
      return {
        wrong: `${who} gives for ${apex.toString()} what the trust anchors do not vouch for: ${detail}`,
        right:
          'see whether resolver.trust-anchors are the keys of that zone, and whether the resolver is honest',
      };
  }
}

const passThrough =
  'name one that passes them on (Unbound, BIND, Knot Resolver), or let this one do so (dnsmasq: dnssec or proxy-dnssec; systemd-resolved: DNSSEC=yes); forwarders in many routers and networks cannot';

const letUsAsk =
  'let it answer this machine (Unbound: access-control; BIND: allow-recursion), or name a recursive resolver';

function startIt({ tls }: ServerText): string {
  return tls === undefined
    ? 'start a recursive resolver there (Unbound, BIND, Knot Resolver), or correct the address'
    : 'correct address, port and name, or resolver.ca; nothing is asked without TLS instead (RFC 8310 section 5)';
}
