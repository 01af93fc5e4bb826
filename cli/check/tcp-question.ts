/** One DNS question over TCP (RFC 7766), for the first message of the answer. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../core/config/endpoint.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../core/dns/message.ts';
import type { Name } from '../../core/dns/name.ts';

/** Why there is no answer. */
export type TcpFailure = 'refused' | 'timeout' | 'closed' | 'garbage' | 'unreachable';

/** Asks, and closes after the first message of the answer, so that a transfer is only begun. */
export async function askOverTcp(
  server: Endpoint,
  question: { readonly name: Name; readonly type: number },
  timeoutMs: number,
): Promise<Message | TcpFailure> {
  const socket = connect({ host: server.address, port: server.port, signal: AbortSignal.timeout(timeoutMs) });
  try {
    await once(socket, 'connect');
    const query = makeQuery({ id: randomInt(0x10000), ...question });
    socket.write(frame(encodeMessage(query)));
    return (await firstAnswer(socket, query)) ?? 'closed';
  } catch (error) {
    return failureOf(error);
  } finally {
    socket.destroy();
  }
}

/** undefined when the server closes without a whole message. */
async function firstAnswer(socket: Socket, query: Message): Promise<Message | undefined> {
  const reader = new FrameReader();
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    const [first] = reader.push(chunk);
    if (first === undefined) continue;
    const answer = parseMessage(first);
    if (!answer.header.qr || answer.header.id !== query.header.id)
      throw new DnsFormatError('not the answer to our query');
    return answer;
  }
  return undefined;
}

function failureOf(error: unknown): TcpFailure {
  if (error instanceof DnsFormatError) return 'garbage';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ABORT_ERR' || code === 'ETIMEDOUT') return 'timeout';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'closed' : 'unreachable';
}
