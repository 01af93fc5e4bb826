/**
 * Where zones come from, as one text: `127.0.0.1`, `[::1]:5353` is a primary by plain TCP; `192.0.2.1#ns1.example`,
 * `[2001:db8::1]:8853#ns1.example` is a server by XoT, and what follows the # is its authentication domain name (RFC 9103 section
 * 7.5, the strict profile of RFC 8310); and how such a server is opened.
 *
 * Limitations: addresses only: where zones come from must not depend on a lookup.
 */
import { isIP } from 'node:net';
import {
  clientLimits,
  DnsFormatError,
  dnsNameFromName,
  formatEndpoint,
  Name,
  parseEndpoint,
  type ClientLimits,
  type Endpoint,
  type PluginHost,
  type ServerPolicy,
  type TsigKey,
} from '../../../core/index.ts';
import type { TransferLimits } from '../limits.ts';
import { PlainUpstream } from './plain-upstream.ts';
import { TlsUpstream } from './tls-upstream.ts';
import type { Upstream } from './upstream.ts';

/** A server as it is written. */
export interface UpstreamText {
  /** As it was written. */
  readonly text: string;
  readonly endpoint: Endpoint;
  /** What it must prove to be; undefined for plain TCP. */
  readonly name?: Name | undefined;
}

/** A server with what it takes to speak to it. */
export interface UpstreamTarget extends Pick<UpstreamText, 'endpoint' | 'name'> {
  /** For XoT: what the server must prove, and by what. Plain TCP if missing. */
  readonly policy?: ServerPolicy | undefined;
  /** For plain TCP: what messages are signed with. */
  readonly tsig?: TsigKey | undefined;
}

const plainPort = 53;
/** RFC 9103 section 7.3. */
const xotPort = 853;

/** Reads one. Throws RangeError with words that follow the quoted text. */
export function parseUpstream(text: string): UpstreamText {
  const mark = text.indexOf('#');
  const isXot = mark !== -1;
  const name = isXot ? readName(text.slice(mark + 1)) : undefined;
  const endpoint = parseEndpoint(isXot ? text.slice(0, mark) : text, isXot ? xotPort : plainPort);
  if (endpoint.port === 0) throw new RangeError('has port 0, at which nobody can be asked');
  return { text, endpoint, name };
}

function readName(text: string): Name {
  try {
    const name = Name.parse(text);
    // RFC 8310 section 8.1: as the dNSName of a certificate has it.
    if (isIP(text) === 0 && dnsNameFromName(name) !== undefined) return name;
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
  }
  throw new RangeError('has after # what is not the name of a server');
}

/**
 * Opens the way to a server; connects to nobody yet. Throws RangeError, in words for the operator, for a server of XoT that nothing
 * could prove, and for TSIG inside of TLS.
 */
export function openUpstream(
  { endpoint, name, policy, tsig }: UpstreamTarget,
  host: Pick<PluginHost, 'connect' | 'nowMs'>,
  limits: Pick<TransferLimits, 'primary-connect-time' | 'primary-answer-time' | 'upstream-connections'>,
): Upstream {
  if (policy === undefined) {
    // What a name is written for must not be lost on the way: in clear nobody proves it.
    if (name !== undefined)
      throw new RangeError(`nothing is set by which ${name.toString()} could be proved`);
    return new PlainUpstream(endpoint, limits, tsig && { key: tsig, nowMs: host.nowMs });
  }
  if (tsig !== undefined) throw new RangeError('TSIG is for plain TCP: over TLS certificates say who is who');
  const label = `gate ${formatEndpoint(endpoint)}${policy.name === undefined ? '' : `#${policy.name.toString()}`}`;
  return new TlsUpstream(label, host.connect({ endpoint, policy, alpn: 'dot', limits: linkLimits(limits) }));
}

/** Those of a connection to a server, which are named as for a primary. */
function linkLimits(limits: Parameters<typeof openUpstream>[2]): ClientLimits {
  const defaults = Object.fromEntries(
    Object.entries(clientLimits).map(([name, { default: value }]) => [name, value]),
  ) as Record<keyof ClientLimits, number>;
  return {
    ...defaults,
    'connect-time': limits['primary-connect-time'],
    'answer-time': limits['primary-answer-time'],
    connections: limits['upstream-connections'],
  };
}
