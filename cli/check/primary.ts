/** Checks that a primary answers for our zones as a transfer needs it: SOA with authority, then the start of an AXFR. */
import type { LoadedConfig } from '../../core/config/config.ts';
import { formatEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import type { ConfigPath } from '../../core/config/errors.ts';
import { rcodeName, Rcode, RrType } from '../../core/dns/constants.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import type { Message } from '../../core/dns/message.ts';
import type { Name } from '../../core/dns/name.ts';
import { parseSoa } from '../../core/dns/rdata.ts';
import { FindingsAt, type Fault, type Finding } from './finding.ts';
import { askOverTcp, type TcpFailure } from './tcp-question.ts';

/** A server that a plugin will ask, for which zones, and where the configuration has it. */
export interface Upstream {
  readonly at: Endpoint;
  readonly path: ConfigPath;
  readonly zones: readonly Name[];
}

export async function checkPrimary(
  { document }: LoadedConfig,
  { at: server, path, zones }: Upstream,
  timeoutMs: number,
): Promise<Finding[]> {
  const at = new FindingsAt(document, path);
  const findings: Finding[] = [];
  for (const zone of zones) {
    const result = await checkZone(server, zone, timeoutMs);
    if (typeof result === 'string') {
      findings.push(at.ok(result));
      continue;
    }
    findings.push(at.failed(result.fault));
    // A server that cannot be talked to will not be any better for the next zone.
    if (result.isUnreachable) break;
  }
  return findings;
}

/** A fact in words, or a fault. */
async function checkZone(
  server: Endpoint,
  zone: Name,
  timeoutMs: number,
): Promise<string | { readonly fault: Fault; readonly isUnreachable: boolean }> {
  const who = `the primary ${formatEndpoint(server)}`;
  const soa = await askOverTcp(server, { name: zone, type: RrType.SOA }, timeoutMs);
  if (typeof soa === 'string') return { fault: unreachable(who, soa, timeoutMs), isUnreachable: true };
  const serial = serialOf(soa, zone);
  if (serial === undefined) return { fault: soaFault(who, zone, soa), isUnreachable: false };

  const transfer = await askOverTcp(server, { name: zone, type: RrType.AXFR }, timeoutMs);
  const begins = typeof transfer !== 'string' && serialOf(transfer, zone) !== undefined;
  if (!begins) return { fault: transferFault(who, zone, transfer), isUnreachable: false };
  return `${who} serves ${zone.toString()}, serial ${String(serial)}, and lets us transfer it`;
}

/** Serial of the zone's SOA at the start of the answer; undefined if the answer is anything else. */
function serialOf(answer: Message, zone: Name): number | undefined {
  const [first] = answer.answers;
  const isSoa = first?.type === RrType.SOA && first.name.equals(zone);
  if (answer.header.rcode !== Rcode.NOERROR || !answer.header.aa || !isSoa) return undefined;
  try {
    return parseSoa(first.rdata).serial;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}

function unreachable(who: string, failure: TcpFailure, timeoutMs: number): Fault {
  const wrong = {
    refused: `${who} cannot be reached: nothing listens there (connection refused)`,
    timeout: `${who} does not answer over TCP within ${String(timeoutMs)} ms`,
    closed: `${who} closes the connection without an answer`,
    garbage: `what listens at ${who.replace('the primary ', '')} does not speak DNS`,
    unreachable: `${who} cannot be reached from this machine`,
  }[failure];
  const right = {
    refused: 'start the primary, or correct address and port; it must listen on TCP, not on UDP alone',
    timeout: 'check that it runs and that no firewall drops TCP to it',
    closed: 'let the primary take TCP queries from the address of this machine',
    garbage: 'give the address and port of the primary’s plain DNS over TCP',
    unreachable: 'correct the address, or the routes of this machine',
  }[failure];
  return { wrong, right };
}

function soaFault(who: string, zone: Name, { header }: Message): Fault {
  const name = zone.toString();
  switch (header.rcode) {
    case Rcode.REFUSED:
      return {
        wrong: `${who} refuses to answer for ${name}`,
        right: `load the zone there, and allow this machine to query it (BIND: allow-query)`,
      };
    case Rcode.NOTAUTH:
      return {
        wrong: `${who} is not authoritative for ${name} (NOTAUTH)`,
        right: 'load the zone there, or take it out here',
      };
    case Rcode.SERVFAIL:
      return {
        wrong: `${who} cannot serve ${name} (SERVFAIL)`,
        right: 'look in its log: the zone failed to load or expired',
      };
    case Rcode.NOERROR:
      if (header.aa)
        return {
          wrong: `${name} is not the apex of a zone on ${who}`,
          right: 'write the name of the zone itself',
        };
      return {
        wrong: `${who} answers for ${name} without authority`,
        right: 'give an authoritative server, not a resolver, and load the zone there',
      };
    default:
      return {
        wrong: `${who} answers ${rcodeName(header.rcode)} for ${name}`,
        right: 'load the zone there, or take it out here',
      };
  }
}

function transferFault(who: string, zone: Name, answer: Message | TcpFailure): Fault {
  const what = typeof answer === 'string' ? 'breaks off' : `answers ${rcodeName(answer.header.rcode)} to`;
  return {
    wrong: `${who} serves ${zone.toString()} but ${what} its transfer`,
    right:
      'allow transfers to this machine (BIND: allow-transfer; NSD: provide-xfr with NOKEY; Knot DNS: acl, action transfer)',
  };
}
