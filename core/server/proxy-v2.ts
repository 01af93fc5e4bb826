/**
 * The PROXY protocol, version 2: what a TLS-terminating proxy says of its client before the client's own octets
 * (haproxy's proxy-protocol.txt, sections 2.2 to 2.2.8; the clauses are cited as "PROXYv2 section ...").
 *
 * Structure only. Whoever can connect can write such a header, so it counts for nothing unless the connection comes
 * from the address of a proxy that was named beforehand; that is decided elsewhere. "Verified" is the proxy's word too:
 * it knows certificate authorities, not DANE.
 *
 * Limitations: no version 1; streams only, no datagrams; a client on a UNIX socket has no address here; of the other
 * vectors (cipher, key and signature algorithm, namespace, custom ones) only the lengths are checked. A whole chain is
 * not foreseen by the protocol: the certificate is the client's own.
 */
import { SocketAddress } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseA, parseAaaa } from '../dns/rdata.ts';

/** The bounds on a header that do not follow from its own lengths. */
export const proxyHeaderLimits = {
  'header-octets': {
    default: 16_384,
    min: 512,
    max: 65_551,
    unit: 'octets',
    reason:
      'a whole PROXY header; with a certificate it has one to four thousand octets, and haproxy has buffers of 16 KiB',
  },
} as const;

/**
 * The vector that carries the name of the client's `dane_clientid` extension, of the 16 types that the protocol leaves
 * to applications. Others use 0xE0 (Google), 0xEA (AWS) and 0xEE (Azure).
 */
export const defaultClientNameType = 0xe5;

/** Octets that every header begins with: signature, version and command, family, length. */
export const proxyPrefixOctets = 16;

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const command = { local: 0x20, proxy: 0x21 } as const;

/** PROXYv2 section 2.2: family and transport in one octet, with the octets of both addresses and ports. */
const addressOctets: ReadonlyMap<number, number> = new Map([
  [0x00, 0], // unspecified
  [0x11, 12], // TCP over IPv4
  [0x21, 36], // TCP over IPv6
  [0x31, 216], // UNIX stream
]);

const vectorType = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  uniqueId: 0x05,
  ssl: 0x20,
  netns: 0x30,
} as const;
const sslType = { version: 0x21, commonName: 0x22, clientCertificate: 0x28 } as const;
/** PROXYv2 section 2.2.6: the bits of the client field. */
const clientBit = { ssl: 0x01, certificateOnConnection: 0x02, certificateInSession: 0x04 } as const;
const customTypes = { min: 0xe0, max: 0xef } as const;
const maxUniqueIdOctets = 128;
const maxClientNameOctets = 255;

/** An end of the client's connection to the proxy. The address is written as node:net writes that of a socket. */
export interface ProxyAddress {
  readonly address: string;
  readonly port: number;
}

/** What the proxy says of the client's TLS connection. */
export interface ProxyTls {
  /** As the proxy writes it: "TLSv1.3". */
  readonly version?: string;
  /** Of the client's certificate, for logs only: whatever a stranger wrote in it. */
  readonly commonName?: string;
  /** The client's certificate in DER, not looked into yet. */
  readonly certificate?: Buffer;
  /** There was a certificate and the proxy found it good (`verify` is 0), by its own rules. */
  readonly certificateVerified: boolean;
  /** The certificate was shown on this connection; false also for one of an earlier connection (session resumed). */
  readonly certOnConnection: boolean;
}

/** One header, its octets copied. */
export interface ProxyHeader {
  /** The proxy speaks for itself (a health check): there is no client, and nothing else is set. */
  readonly local: boolean;
  readonly source?: ProxyAddress;
  readonly destination?: ProxyAddress;
  /** Missing when the client did not speak TLS or the proxy does not tell. */
  readonly tls?: ProxyTls;
  /** The client's name as the proxy got it: up to 255 octets, perhaps none, not checked. */
  readonly clientName?: Buffer;
  readonly alpn?: Buffer;
  /** The host name that the client asked for (SNI). */
  readonly authority?: string;
  readonly uniqueId?: Buffer;
}

/** What there is to say about the octets so far: the header and how many they are, or how many are missing at least. */
export type ParsedProxyHeader =
  | { readonly header: ProxyHeader; readonly length: number; readonly needMore?: undefined }
  | { readonly needMore: number; readonly header?: undefined };

export interface ProxyHeaderOptions {
  /** See proxyHeaderLimits. */
  readonly maxOctets?: number;
  /** 0xE0 to 0xEF; by default defaultClientNameType. */
  readonly clientNameType?: number;
}

/** A header that is not one, or that did not come. The connection is to be closed. */
export class ProxyFormatError extends Error {
  override readonly name = 'ProxyFormatError';
  readonly code = 'SERVER_PROXY';
  readonly blame = 'peer';
  readonly reason: 'malformed' | 'gone' | 'timeout';

  constructor(
    message: string,
    options: { reason?: 'malformed' | 'gone' | 'timeout'; offset?: number; cause?: unknown } = {},
  ) {
    const where = options.offset === undefined ? '' : ` (at octet ${String(options.offset)})`;
    super(
      `PROXY header: ${message}${where}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.reason = options.reason ?? 'malformed';
  }
}

/**
 * Reads the header at the start of the octets; what comes after it is not looked at.
 * Throws ProxyFormatError, as soon as the octets cannot become a header; RangeError for a type that is not custom.
 */
export function parseProxyHeader(octets: Buffer, options: ProxyHeaderOptions = {}): ParsedProxyHeader {
  const clientNameType = options.clientNameType ?? defaultClientNameType;
  if (!(clientNameType >= customTypes.min && clientNameType <= customTypes.max)) {
    throw new RangeError(
      `the vector for client names must have a type from 0xE0 to 0xEF, not ${clientNameType}`,
    );
  }
  checkPrefix(octets);
  if (octets.length < proxyPrefixOctets) return { needMore: proxyPrefixOctets - octets.length };
  const length = proxyPrefixOctets + octets.readUInt16BE(14);
  const maxOctets = options.maxOctets ?? proxyHeaderLimits['header-octets'].default;
  if (length > maxOctets) fail(`${length} octets announced, ${maxOctets} are taken`, 14);
  if (octets.length < length) return { needMore: length - octets.length };
  const header = octets.subarray(0, length);
  // PROXYv2 section 2.2: LOCAL leaves the addresses as they are; the rest is skipped, its family ignored.
  if (header.readUInt8(12) === command.local) return { header: { local: true }, length };
  return { header: parseProxied(header, clientNameType), length };
}

/** PROXYv2 section 2.2: what is not the signature, version 2 and a known command is no header. */
function checkPrefix(octets: Buffer): void {
  const seen = octets.subarray(0, signature.length);
  if (!seen.equals(signature.subarray(0, seen.length))) {
    const isFirstVersion = seen.toString('latin1').startsWith('PROXY');
    fail(
      isFirstVersion
        ? 'version 1; let the proxy send version 2'
        : 'no signature; let the proxy send it first',
      0,
    );
  }
  if (octets.length <= 12) return;
  const versionAndCommand = octets.readUInt8(12);
  if (versionAndCommand >> 4 !== 2) fail(`version ${versionAndCommand >> 4}, not 2`, 12);
  if (versionAndCommand !== command.local && versionAndCommand !== command.proxy) fail('unknown command', 12);
  if (octets.length <= 13 || versionAndCommand === command.local) return;
  const family = octets.readUInt8(13);
  if (!addressOctets.has(family)) fail(`family and transport 0x${family.toString(16)} are not taken`, 13);
}

function parseProxied(header: Buffer, clientNameType: number): ProxyHeader {
  const family = header.readUInt8(13);
  const end = proxyPrefixOctets + (addressOctets.get(family) ?? 0);
  if (header.length < end) fail('too short for its addresses', 14);
  const known = new Set<number>([...Object.values(vectorType), clientNameType]);
  const vectors = readVectors(header, end, known);
  checkChecksum(header, vectors.get(vectorType.crc32c));

  const ssl = vectors.get(vectorType.ssl);
  const uniqueId = vectors.get(vectorType.uniqueId);
  if (uniqueId !== undefined && uniqueId.value.length > maxUniqueIdOctets) {
    fail(`a unique identifier of more than ${maxUniqueIdOctets} octets`, uniqueId.at);
  }
  const name = vectors.get(clientNameType);
  if (name !== undefined && name.value.length > maxClientNameOctets) {
    fail(`a client name of more than ${maxClientNameOctets} octets`, name.at);
  }
  const alpn = vectors.get(vectorType.alpn);
  const authority = vectors.get(vectorType.authority);
  const tls = ssl && parseTls(ssl);
  return {
    local: false,
    ...parseAddresses(header.subarray(proxyPrefixOctets, end), family),
    ...(tls && { tls }),
    ...(name && { clientName: Buffer.from(name.value) }),
    ...(alpn && { alpn: Buffer.from(alpn.value) }),
    ...(authority && { authority: readText(authority) }),
    ...(uniqueId && { uniqueId: Buffer.from(uniqueId.value) }),
  };
}

/** PROXYv2 section 2.2: both addresses, then both ports. UNIX and unspecified ones are skipped. */
function parseAddresses(block: Buffer, family: number): Pick<ProxyHeader, 'source' | 'destination'> {
  if (family !== 0x11 && family !== 0x21) return {};
  const octets = family === 0x11 ? 4 : 16;
  const read = (index: 0 | 1): ProxyAddress => {
    const address = block.subarray(index * octets, (index + 1) * octets);
    const port = block.readUInt16BE(2 * octets + 2 * index);
    if (family === 0x11) return { address: parseA(address), port };
    return { address: new SocketAddress({ address: parseAaaa(address), family: 'ipv6' }).address, port };
  };
  return { source: read(0), destination: read(1) };
}

interface Vector {
  readonly value: Buffer;
  /** Where the value begins in the header. */
  readonly at: number;
}

/**
 * The vectors of known types, each of which may come once; others, and padding, are passed over.
 * PROXYv2 section 2.2: an octet of type, two of length, the value. They must fill the place up to its end exactly.
 */
function readVectors(
  place: Buffer,
  from: number,
  known: ReadonlySet<number>,
  offset = 0,
): Map<number, Vector> {
  const vectors = new Map<number, Vector>();
  for (let at = from; at < place.length;) {
    const start = at + 3;
    if (start > place.length) fail('a vector cut short', offset + at);
    const type = place.readUInt8(at);
    const end = start + place.readUInt16BE(at + 1);
    if (end > place.length) fail('a vector longer than what holds it', offset + at);
    // Two of one kind: whoever else reads the header may take the other one.
    if (vectors.has(type)) fail(`vector 0x${type.toString(16)} comes twice`, offset + at);
    if (known.has(type)) vectors.set(type, { value: place.subarray(start, end), at: offset + start });
    at = end;
  }
  return vectors;
}

/** PROXYv2 section 2.2.3: where there is a checksum it must fit the whole header, its own octets counted as zeros. */
function checkChecksum(header: Buffer, vector: Vector | undefined): void {
  if (vector === undefined) return;
  if (vector.value.length !== 4) fail('a checksum that is not of 4 octets', vector.at);
  const zeroed = Buffer.from(header);
  zeroed.fill(0, vector.at, vector.at + 4);
  if (crc32c(zeroed) !== vector.value.readUInt32BE(0)) fail('the checksum is wrong', vector.at);
}

/** PROXYv2 section 2.2.6. Nothing when the client did not speak TLS. */
function parseTls(ssl: Vector): ProxyTls | undefined {
  if (ssl.value.length < 5) fail('a TLS vector without its fields', ssl.at);
  const client = ssl.value.readUInt8(0);
  // 0x21 to 0x28 are registered, and each comes once; those that we do not use too.
  const known = new Set(Array.from({ length: 8 }, (_, index) => sslType.version + index));
  const vectors = readVectors(ssl.value, 5, known, ssl.at);
  const isTls = (client & clientBit.ssl) !== 0;
  const certOnConnection = (client & clientBit.certificateOnConnection) !== 0;
  const hasCertificate = certOnConnection || (client & clientBit.certificateInSession) !== 0;
  const version = vectors.get(sslType.version);
  const commonName = vectors.get(sslType.commonName);
  const certificate = vectors.get(sslType.clientCertificate);
  // A header at odds with itself is not read in the way that suits a stranger best: it is not read.
  if (hasCertificate && !isTls) fail('a client certificate without TLS', ssl.at);
  if (!hasCertificate && (certificate ?? commonName) !== undefined) {
    fail('a certificate or common name, but no bit that says the client has a certificate', ssl.at);
  }
  if (certificate?.value.length === 0) fail('an empty certificate', certificate.at);
  if (!isTls) return undefined;
  return {
    ...(version && { version: readText(version) }),
    ...(commonName && { commonName: readText(commonName) }),
    ...(certificate && { certificate: Buffer.from(certificate.value) }),
    // Some proxies leave `verify` at 0 when there was nothing to verify.
    certificateVerified: hasCertificate && ssl.value.readUInt32BE(1) === 0,
    certOnConnection,
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(vector: Vector): string {
  try {
    return utf8.decode(vector.value);
  } catch (error) {
    throw new ProxyFormatError('text that is not UTF-8', { offset: vector.at, cause: error });
  }
}

function fail(message: string, offset: number): never {
  throw new ProxyFormatError(message, { offset });
}

/** RFC 4960 appendix B, with the usual reflected polynomial; the octets of the result go over the wire in network order. */
const crcTable = Uint32Array.from({ length: 256 }, (_, octet) => {
  let rest = octet;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

function crc32c(octets: Buffer): number {
  let crc = 0xffffffff;
  for (const octet of octets) crc = (crc >>> 8) ^ (crcTable[(crc ^ octet) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Reads the header that a connection begins with, and no octet more: what follows stays in the socket for the next
 * reader (TLS, HTTP, DNS). Call it on a socket that nobody has read from.
 *
 * Rejects with ProxyFormatError, and destroys the socket, when the octets are no header ('malformed'), the proxy goes
 * away in the middle ('gone') or the signal says that it took too long ('timeout'). There is no other bound on the time.
 */
export function readProxyHeader(
  socket: Duplex,
  options: ProxyHeaderOptions & { readonly signal: AbortSignal },
): Promise<ProxyHeader> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      try {
        for (;;) {
          const parsed = parseProxyHeader(held, options);
          if (parsed.header !== undefined) {
            stop();
            resolve(parsed.header);
            return;
          }
          // No more than is missing: of the prefix whatever is there, so that what is no header is known by its first
          // octet; of the rest all or nothing, so that octets that come one by one are not copied again and again.
          const isPrefix = held.length < proxyPrefixOctets;
          const count = isPrefix ? Math.min(parsed.needMore, socket.readableLength) : parsed.needMore;
          // Reading nothing tells the stream that somebody waits, also for its end.
          const chunk: unknown = socket.read(count);
          if (!(chunk instanceof Buffer)) return;
          held = Buffer.concat([held, chunk]);
        }
      } catch (error) {
        refuse(error as Error);
      }
    };
    const onGone = (): void => {
      refuse(new ProxyFormatError('the connection ended before it', { reason: 'gone' }));
    };
    const onError = (cause: Error): void => {
      refuse(new ProxyFormatError('the connection broke before it', { reason: 'gone', cause }));
    };
    const onDeadline = (): void => {
      const cause: unknown = signal.reason;
      refuse(new ProxyFormatError('it did not come in time', { reason: 'timeout', cause }));
    };
    const stop = (): void => {
      signal.removeEventListener('abort', onDeadline);
      socket.off('readable', onReadable).off('end', onGone).off('close', onGone).off('error', onError);
    };
    const refuse = (error: Error): void => {
      stop();
      socket.destroy();
      reject(error);
    };
    // This listener stays: an error before the next reader has its own must not end the process.
    socket.on('error', ignore).on('error', onError);
    if (signal.aborted) onDeadline();
    else if (socket.destroyed || socket.readableEnded) onGone();
    else {
      signal.addEventListener('abort', onDeadline);
      socket.on('end', onGone).on('close', onGone).on('readable', onReadable);
    }
  });
}

const ignore = (): undefined => undefined;
