/** Questions of a client over TLS at a gate, and how the examples print the answers. */
import type { Party } from '../cli/demo/party.ts';
import { rcodeName, RrType } from '../core/dns/constants.ts';
import { FrameReader, frame } from '../core/dns/framing.ts';
import { encodeMessage, parseMessage, type Message } from '../core/dns/message.ts';
import { presentRdata } from '../core/dns/present.ts';
import { connectToPrimary } from '../lab/xot-connect.ts';

/** Milliseconds for a connection, and for each answer. */
export const timeoutMs = 5_000;
export const noAnswer = 'no answer';

/**
 * The answers, in the order of the questions, which go to a port of 127.0.0.1 all at once, on one connection; each has an ID of
 * its own. `client` is undefined for one without a certificate.
 */
export async function askAtOnce(
  queries: readonly Message[],
  { port, gate, client }: { readonly port: number; readonly gate: Party; readonly client: Party | undefined },
): Promise<(Message | undefined)[]> {
  const shown = client && { certificatePem: client.certificatePem, keyPem: client.keyPem };
  const answers = new Map<number, Message>();
  try {
    const server = { address: '127.0.0.1', port, expectedCertificate: gate.certificate };
    const socket = await connectToPrimary({ ...server, ...shown }, timeoutMs);
    const { promise: done, resolve } = Promise.withResolvers<undefined>();
    const reader = new FrameReader();
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => undefined);
    // TLS 1.3: a server that does not want the client says so when the client thinks that it is in.
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      for (const answer of reader.push(chunk).map(parseMessage)) answers.set(answer.header.id, answer);
      if (answers.size >= queries.length) resolve(undefined);
    });
    socket.write(Buffer.concat(queries.map((query) => frame(encodeMessage(query)))));
    await done.finally(() => socket.destroy());
  } catch {
    // No connection, no answers.
  }
  // They come in any order.
  return queries.map(({ header: { id } }) => answers.get(id));
}

/** The addresses, or the response code, or that there was no answer. */
export function present(answer: Message | undefined): string {
  if (answer === undefined) return noAnswer;
  const { header, answers } = answer;
  const addresses = answers.filter(({ type }) => type === RrType.A).map(presentRdata);
  return addresses.length > 0 ? addresses.join(' ') : rcodeName(header.rcode);
}
