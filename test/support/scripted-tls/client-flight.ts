/**
 * The client's second flight: Certificate, CertificateVerify and Finished (RFC 8446 section 4.4), as a script says.
 *
 * What a script changes in one message is in the transcript of the next, so that a server sees one fault at a time;
 * only `editFlight` comes after Finished has been made.
 *
 * Limitations: a signature is of one of four kinds; others can be written by `edit`.
 */
import { constants, sign, type KeyObject } from 'node:crypto';
import { finishedData, type Transcript } from './key-schedule.ts';
import { HandshakeType, SignatureScheme } from './numbers.ts';
import { encodeExtensions, handshakeMessage, uint, vector } from './octets.ts';
import type { CertificateEntry, CertificateRequest } from './server-flight.ts';

/** How CertificateVerify is made. */
export interface CertificateVerifyScript {
  /** P-256, P-384, Ed25519 or RSA (then RSA-PSS); not the certificate's own, if the script wants. */
  readonly key: KeyObject;
  /** The number that the message names; the one that fits the key without. The signature is always the key's own. */
  readonly scheme?: number;
  /** The last hand on the message's body. */
  readonly edit?: (body: Buffer) => Buffer;
}

export interface ClientFlightScript {
  /**
   * What Certificate holds: entries, or whatever body is made of the server's request. An empty list without.
   * Neither Certificate nor CertificateVerify is sent to a server that sent no CertificateRequest.
   */
  readonly certificate?: readonly CertificateEntry[] | ((request: CertificateRequest) => Buffer);
  /** No CertificateVerify without. */
  readonly certificateVerify?: CertificateVerifyScript;
  /** Changes what Finished holds. */
  readonly editFinished?: (verifyData: Buffer) => Buffer;
  /** The last hand on the flight: messages, headers included, may be left out, doubled, moved or added. */
  readonly editFlight?: (messages: readonly Buffer[]) => readonly Buffer[];
}

/** The body of a Certificate message; to be changed octet by octet. */
export function certificateBody(context: Buffer, entries: readonly CertificateEntry[]): Buffer {
  const list = entries.map(({ data, extensions }) =>
    Buffer.concat([vector(3, data), encodeExtensions(extensions)]),
  );
  return Buffer.concat([vector(1, context), vector(3, ...list)]);
}

/** The messages of the flight. The transcript, which holds all of the server's, is written on. */
export function makeClientFlight(
  script: ClientFlightScript,
  request: CertificateRequest | undefined,
  transcript: Transcript,
  clientSecret: Buffer,
): readonly Buffer[] {
  const messages: Buffer[] = [];
  const add = (type: number, body: Buffer): void => {
    const message = handshakeMessage(type, body);
    transcript.add(message);
    messages.push(message);
  };
  if (request !== undefined) {
    const { certificate = [], certificateVerify } = script;
    const body =
      typeof certificate === 'function'
        ? certificate(request)
        : certificateBody(request.context, certificate);
    add(HandshakeType.certificate, body);
    if (certificateVerify !== undefined) {
      add(HandshakeType.certificateVerify, certificateVerifyBody(certificateVerify, transcript.digest()));
    }
  }
  const verifyData = finishedData(clientSecret, transcript.digest());
  add(HandshakeType.finished, script.editFinished?.(verifyData) ?? verifyData);
  return script.editFlight?.(messages) ?? messages;
}

/** RFC 8446 section 4.4.3: 64 spaces, the context, a zero octet, and the transcript up to Certificate. */
const signedPrefix = Buffer.from(`${' '.repeat(64)}TLS 1.3, client CertificateVerify\0`);

function certificateVerifyBody({ key, scheme, edit }: CertificateVerifyScript, transcript: Buffer): Buffer {
  const method = signatureMethod(key);
  const signature = method.sign(Buffer.concat([signedPrefix, transcript]));
  const body = Buffer.concat([uint(2, scheme ?? method.scheme), vector(2, signature)]);
  return edit?.(body) ?? body;
}

interface SignatureMethod {
  readonly scheme: number;
  readonly sign: (octets: Buffer) => Buffer;
}

function signatureMethod(key: KeyObject): SignatureMethod {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  switch (`${key.asymmetricKeyType ?? ''} ${curve ?? ''}`.trim()) {
    case 'ec prime256v1':
      return {
        scheme: SignatureScheme.ecdsaSecp256r1Sha256,
        sign: (octets) => sign('sha256', octets, key),
      };
    case 'ec secp384r1':
      return {
        scheme: SignatureScheme.ecdsaSecp384r1Sha384,
        sign: (octets) => sign('sha384', octets, key),
      };
    case 'ed25519':
      return { scheme: SignatureScheme.ed25519, sign: (octets) => sign(null, octets, key) };
    case 'rsa':
      return {
        scheme: SignatureScheme.rsaPssRsaeSha256,
        sign: (octets) =>
          sign('sha256', octets, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
      };
    default:
      throw new RangeError(`the scripted client cannot sign with a key ${String(key.asymmetricKeyType)}`);
  }
}
