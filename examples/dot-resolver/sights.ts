/** What a party sees of some names: over TLS at the gate, or by plain DNS to the agent. */
import type { Party } from '../../cli/demo/party.ts';
import { rcodeName, RrType } from '../../core/dns/constants.ts';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { encodeMessage, parseMessage, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRdata } from '../../core/dns/present.ts';
import { ask, queryFor } from '../../lab/ask.ts';
import { connectToPrimary } from '../../lab/xot-connect.ts';
import { ports } from './commands.ts';

const timeoutMs = 5_000;
const address = '127.0.0.1';
export const noAnswer = 'no answer';

/**
 * The addresses of each name, or the response code, or that there was no answer: as a party sees it at the gate, where it asks
 * for all at once.
 */
export async function atTheGate(names: readonly string[], party: Party, gate: Party): Promise<string[]> {
  const { certificatePem, keyPem } = party;
  const shown = { certificatePem, keyPem, expectedCertificate: gate.certificate };
  const queries = names.map((name) => queryFor({ name: Name.parse(name), type: RrType.A, rd: true }));
  const answers: Message[] = [];
  try {
    const socket = await connectToPrimary({ address, port: ports.gate, ...shown }, timeoutMs);
    const { promise: done, resolve } = Promise.withResolvers<undefined>();
    const reader = new FrameReader();
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => undefined);
    // TLS 1.3: a server that does not want the client says so when the client thinks that it is in.
    socket.on('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      answers.push(...reader.push(chunk).map(parseMessage));
      if (answers.length >= queries.length) resolve(undefined);
    });
    socket.write(Buffer.concat(queries.map((query) => frame(encodeMessage(query)))));
    await done.finally(() => socket.destroy());
  } catch {
    // No connection, no answers.
  }
  // They come in any order.
  return queries.map(({ header: { id } }) => present(answers.find(({ header }) => header.id === id)));
}

/** The same, as any program of the laptop sees it. */
export async function throughTheAgent(name: string): Promise<string> {
  const inquiry = { name: Name.parse(name), type: RrType.A, rd: true, timeoutMs };
  try {
    return present(await ask({ address, port: ports.agent }, inquiry));
  } catch {
    return noAnswer;
  }
}

function present(answer: Message | undefined): string {
  if (answer === undefined) return noAnswer;
  const { header, answers } = answer;
  const addresses = answers.filter(({ type }) => type === RrType.A).map(presentRdata);
  return addresses.length > 0 ? addresses.join(' ') : rcodeName(header.rcode);
}
