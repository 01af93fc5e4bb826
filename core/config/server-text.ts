/**
 * A resolver as one text: `127.0.0.1`, `[::1]:5353`, or for DNS over TLS `tls://192.0.2.53#dns.example.net`.
 *
 * DNS over TLS is strict (RFC 8310 section 5): what follows the # is the authentication domain name, without which a
 * server on the way could be anybody, so it must be there.
 */
import { isIP } from 'node:net';
import { DnsFormatError } from '../dns/errors.ts';
import { Name } from '../dns/name.ts';
import { formatEndpoint, parseEndpoint, type Endpoint } from './endpoint.ts';

/** Whom to ask, and how. */
export interface ServerText extends Endpoint {
  /** DNS over TLS, to a server of this name; plain DNS if missing. */
  readonly tls?: { readonly name: string };
}

const scheme = 'tls://';
const plainPort = 53;
/** RFC 7858 section 3.1: the port of DNS over TLS. */
const tlsPort = 853;

/** Reads one. Throws RangeError with words that follow the quoted text. */
export function parseServer(text: string): ServerText {
  if (!text.startsWith(scheme)) {
    if (text.includes('#')) throw new RangeError('has a name after #, but does not begin with tls://');
    return withPort(parseEndpoint(text, plainPort));
  }
  const [address = '', ...names] = text.slice(scheme.length).split('#');
  const name = names.join('#');
  if (name === '') {
    throw new RangeError('has no name after #: without it nobody knows whether the right server answers');
  }
  return { ...withPort(parseEndpoint(address, tlsPort)), tls: { name: readAuthenticationName(name) } };
}

/** The text that `parseServer` reads back. */
export function formatServer(server: ServerText): string {
  const at = formatEndpoint(server);
  return server.tls === undefined ? at : `${scheme}${at}#${server.tls.name}`;
}

/** Port 0 is for listening. */
function withPort(endpoint: Endpoint): Endpoint {
  if (endpoint.port === 0) throw new RangeError('has port 0, which nobody can be asked at');
  return endpoint;
}

/** RFC 8310 section 8.1: a domain name, as the dNSName of a certificate has it. */
function readAuthenticationName(text: string): string {
  const wrong = 'has after # what is not the name of a server';
  let name: Name;
  try {
    name = Name.parse(text);
  } catch (error) {
    if (error instanceof DnsFormatError) throw new RangeError(wrong, { cause: error });
    throw error;
  }
  const plain = name.toString();
  if (isIP(plain) !== 0 || !/^[\w-]+(\.[\w-]+)*$/.test(plain)) throw new RangeError(wrong);
  return plain;
}
