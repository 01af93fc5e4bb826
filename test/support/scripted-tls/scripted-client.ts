/**
 * A TLS 1.3 client whose every octet a test can decide (RFC 8446): the witness against our server for what OpenSSL's
 * own client never says, as broken extensions, lists of certificates that do not fit, and signatures of another key.
 *
 * It shares nothing with core/tls, and nothing with OpenSSL's TLS but the primitives of node:crypto. To show a
 * certificate with an extension of type 0xff5b, and hear what the server says to that and to a first request:
 *
 *     await scriptedVerdict({
 *       host, port, alpn: ['dot'],
 *       certificate: [{ data: der, extensions: [[0xff5b, body]] }],
 *       certificateVerify: { key },
 *       firstData: request,
 *     });
 *
 * Limitations: X25519, TLS_AES_128_GCM_SHA256 and nothing else; no HelloRetryRequest, resumption, early data or
 * KeyUpdate; it believes any server's certificate, and is for tests only.
 */
import { makeClientFlight, type ClientFlightScript } from './client-flight.ts';
import { makeClientHello, type ClientHelloScript } from './client-hello.ts';
import { Conversation, type Alert, type Delivery, type HandshakeMessage } from './conversation.ts';
import { Transcript, applicationSecrets, checkFinished, handshakeSecrets } from './key-schedule.ts';
import { ContentType, HandshakeType } from './numbers.ts';
import { ScriptedTlsError } from './octets.ts';
import {
  RecordStream,
  deadlineIn,
  type Closed,
  type Deadline,
  type Silence,
  type Target,
} from './record-stream.ts';
import { parseServerFlight, parseServerHello } from './server-flight.ts';
import { ScriptedSession, type Verdict } from './session.ts';
import { makeKeyShare } from './x25519.ts';

/** One handshake. Whatever is not said is what a sound client without a certificate does. */
export interface ClientScript extends Target, ClientHelloScript, ClientFlightScript, Delivery {
  /** Application data in the same write as Finished, before the server can have said anything to it. */
  readonly firstData?: Buffer;
  /** For the handshake, once connected, up to our Finished; 5 s without. */
  readonly timeoutMs?: number;
}

/** The handshake as far as our Finished; all but `complete` have closed the connection. */
export type HandshakeOutcome =
  { readonly kind: 'complete'; readonly session: ScriptedSession } | Alert | Closed | Silence;

const defaultTimeoutMs = 5_000;
/** From EncryptedExtensions to Finished. */
const maxFlightMessages = 5;

/**
 * Connects and plays the script. Throws ScriptedTlsError, the connection closed, if there is no server or it does what
 * no TLS 1.3 server may.
 */
export async function scriptedHandshake(script: ClientScript): Promise<HandshakeOutcome> {
  const stream = await RecordStream.connect(script);
  const deadline = deadlineIn(script.timeoutMs ?? defaultTimeoutMs);
  let outcome: HandshakeOutcome | undefined;
  try {
    outcome = await play(script, new Conversation(stream, script), deadline);
    return outcome;
  } finally {
    if (outcome?.kind !== 'complete') await stream.close();
  }
}

/** The server's answer to a whole script, in the handshake or, within the time limit, after it; nothing stays open. */
export async function scriptedVerdict(script: ClientScript, timeoutMs = defaultTimeoutMs): Promise<Verdict> {
  const outcome = await scriptedHandshake(script);
  if (outcome.kind !== 'complete') return outcome;
  await using session = outcome.session;
  return await session.verdict(timeoutMs);
}

async function play(
  script: ClientScript,
  conversation: Conversation,
  deadline: Deadline,
): Promise<HandshakeOutcome> {
  const share = makeKeyShare();
  const clientHello = makeClientHello(script, share.octets);
  const transcript = new Transcript().add(clientHello);
  await conversation.write(conversation.records(ContentType.handshake, [clientHello]));

  const serverHello = await nextMessage(conversation, deadline);
  if (serverHello.kind !== 'handshake') return serverHello;
  const shared = share.agree(parseServerHello(serverHello));
  const secrets = handshakeSecrets(shared, transcript.add(serverHello.octets).digest());
  conversation.addReadKeys('handshake', secrets.server);

  const messages: HandshakeMessage[] = [];
  do {
    if (messages.length === maxFlightMessages)
      throw new ScriptedTlsError('the server never comes to Finished');
    const message = await nextMessage(conversation, deadline);
    if (message.kind !== 'handshake') return message;
    if (message.type === HandshakeType.finished) {
      checkFinished(secrets.server, transcript.digest(), message.body);
    }
    transcript.add(message.octets);
    messages.push(message);
  } while (messages.at(-1)?.type !== HandshakeType.finished);
  const flight = parseServerFlight(messages);
  const traffic = applicationSecrets(secrets.master, transcript.digest());
  conversation.addReadKeys('application', traffic.server);

  conversation.setWriteKeys(secrets.client);
  const ours = makeClientFlight(script, flight.certificateRequest, transcript, secrets.client);
  const records = [conversation.records(ContentType.handshake, ours)];
  conversation.setWriteKeys(traffic.client);
  const { firstData } = script;
  if (firstData !== undefined) records.push(conversation.records(ContentType.applicationData, [firstData]));
  await conversation.write(Buffer.concat(records));
  return { kind: 'complete', session: new ScriptedSession(flight, conversation) };
}

async function nextMessage(
  conversation: Conversation,
  deadline: Deadline,
): Promise<HandshakeMessage | Alert | Closed | Silence> {
  const event = await conversation.next(deadline);
  if (event.kind === 'data')
    throw new ScriptedTlsError('the server sent application data before its Finished');
  return event;
}
