/** What a party sees of some names: over TLS at the gate, or by plain DNS from a resolver. */
import type { Party } from '../../cli/demo/party.ts';
import { Rcode, rcodeName, RrType } from '../../core/dns/constants.ts';
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

/** What was seen of each name: addresses, or the response code. Of a stranger without a certificate `party` is undefined. */
export async function atTheGate(
  names: readonly string[],
  party: Party | undefined,
  gate: Party,
): Promise<string[]> {
  return (await askTheGate(names, party, gate)).map(present);
}

/** How many of so many questions at once are answered, each for another name of a zone; the others are refused. */
export async function answeredOf(
  count: number,
  zone: string,
  party: Party | undefined,
  gate: Party,
): Promise<number> {
  const names = Array.from({ length: count }, (_, index) => `name-${String(index)}.${zone}`);
  const answers = await askTheGate(names, party, gate);
  return answers.filter((answer) => answer !== undefined && answer.header.rcode !== Rcode.REFUSED).length;
}

/** What clients of a resolver see, with the word "secure" where it has validated. */
export async function byResolver(port: number, name: string): Promise<string> {
  const inquiry = { name: Name.parse(name), type: RrType.A, rd: true, dnssecOk: true, timeoutMs };
  try {
    const answer = await ask({ address, port }, inquiry);
    return `${present(answer)}${answer.header.ad ? ', secure' : ''}`;
  } catch {
    return noAnswer;
  }
}

/** All at once, on one connection. */
async function askTheGate(
  names: readonly string[],
  party: Party | undefined,
  gate: Party,
): Promise<(Message | undefined)[]> {
  const shown = party && { certificatePem: party.certificatePem, keyPem: party.keyPem };
  const queries = names.map((name, id) => {
    const query = queryFor({ name: Name.parse(name), type: RrType.A });
    return { ...query, header: { ...query.header, id } };
  });
  const answers = new Map<number, Message>();
  try {
    const server = { address, port: ports.gate, expectedCertificate: gate.certificate };
    const socket = await connectToPrimary({ ...server, ...shown }, timeoutMs);
    const { promise: done, resolve } = Promise.withResolvers<undefined>();
    const reader = new FrameReader();
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => undefined);
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

function present(answer: Message | undefined): string {
  if (answer === undefined) return noAnswer;
  const { header, answers } = answer;
  const addresses = answers.filter(({ type }) => type === RrType.A).map(presentRdata);
  return addresses.length > 0 ? addresses.join(' ') : rcodeName(header.rcode);
}
