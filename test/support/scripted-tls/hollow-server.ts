/**
 * A TLS 1.3 server as far as its Finished, with keys that are right and a certificate that is none: it says to the
 * scripted client what no sound server says.
 *
 * Limitations: it takes the ClientHello in one record and one segment, and reads nothing else.
 */
import { randomBytes } from 'node:crypto';
import {
  Transcript,
  applicationSecrets,
  finishedData,
  handshakeSecrets,
  type TrafficSecrets,
} from './key-schedule.ts';
import {
  ContentType,
  ExtensionType,
  HandshakeType,
  cipherSuite,
  tls12,
  tls13,
  x25519Group,
} from './numbers.ts';
import {
  OctetReader,
  encodeExtensions,
  extensionBody,
  handshakeMessage,
  uint,
  vector,
  type Extension,
} from './octets.ts';
import { RecordKeys, plainRecord } from './record-protection.ts';
import { makeKeyShare } from './x25519.ts';

/** What differs from a sound server. */
export interface HollowScript {
  /** The random of ServerHello. */
  readonly random?: Buffer;
  readonly editFinished?: (verifyData: Buffer) => Buffer;
  /** The last hand on the messages after ServerHello. */
  readonly editFlight?: (messages: readonly Buffer[]) => readonly Buffer[];
  /** The messages after ServerHello in the clear. */
  readonly isOpen?: boolean;
  /** Records after Finished: the keys that each is under, its type and its content. */
  readonly afterwards?: readonly (readonly [
    keys: 'handshake' | 'application',
    type: number,
    content: Buffer,
  ])[];
}

/** All that the server says to this record with a ClientHello. */
export function hollowAnswer(clientHelloRecord: Buffer, script: HollowScript = {}): Buffer {
  const clientHello = clientHelloRecord.subarray(5);
  const clientShare = new OctetReader(
    extensionBody(clientHelloExtensions(clientHelloRecord), ExtensionType.keyShare) ?? Buffer.alloc(0),
    'ClientHello',
  );
  clientShare.take(4);
  const share = makeKeyShare();
  const serverHello = serverHelloMessage(script.random ?? randomBytes(32), share.octets);
  const transcript = new Transcript().add(clientHello).add(serverHello);
  const secrets = handshakeSecrets(share.agree(clientShare.vector(2)), transcript.digest());
  const messages = flightMessages(script, transcript, secrets);
  const traffic = applicationSecrets(secrets.master, transcript.digest());

  const keys = { handshake: new RecordKeys(secrets.server), application: new RecordKeys(traffic.server) };
  const flight = Buffer.concat(script.editFlight?.(messages) ?? messages);
  return Buffer.concat([
    plainRecord(ContentType.handshake, serverHello),
    script.isOpen === true
      ? plainRecord(ContentType.handshake, flight)
      : keys.handshake.seal(ContentType.handshake, flight),
    ...(script.afterwards ?? []).map(([under, type, content]) => keys[under].seal(type, content)),
  ]);
}

/** The extensions of a record with a ClientHello. */
export function clientHelloExtensions(record: Buffer): Extension[] {
  const reader = new OctetReader(record, 'ClientHello');
  // The headers of record and message, legacy_version and random.
  reader.take(5 + 4 + 2 + 32);
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  const extensions = reader.extensions();
  reader.end();
  return extensions;
}

function serverHelloMessage(random: Buffer, share: Buffer): Buffer {
  const extensions = encodeExtensions([
    [ExtensionType.supportedVersions, uint(2, tls13)],
    [ExtensionType.keyShare, Buffer.concat([uint(2, x25519Group), vector(2, share)])],
  ]);
  const body = [uint(2, tls12), random, vector(1), uint(2, cipherSuite), uint(1, 0), extensions];
  return handshakeMessage(HandshakeType.serverHello, Buffer.concat(body));
}

function flightMessages(script: HollowScript, transcript: Transcript, secrets: TrafficSecrets): Buffer[] {
  const { encryptedExtensions, certificate, certificateVerify, finished } = HandshakeType;
  const entry = Buffer.concat([vector(3, Buffer.from('hollow')), encodeExtensions([])]);
  const messages = [
    handshakeMessage(encryptedExtensions, encodeExtensions([])),
    handshakeMessage(certificate, Buffer.concat([vector(1), vector(3, entry)])),
    handshakeMessage(certificateVerify, Buffer.concat([uint(2, 0x0403), vector(2)])),
  ];
  for (const message of messages) transcript.add(message);
  const verifyData = finishedData(secrets.server, transcript.digest());
  const last = handshakeMessage(finished, script.editFinished?.(verifyData) ?? verifyData);
  transcript.add(last);
  return [...messages, last];
}
