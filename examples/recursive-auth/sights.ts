/** What a party sees of some names: over TLS at the gate, or by plain DNS from a resolver. */
import type { Party } from '../../cli/demo/party.ts';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { ask, queryFor } from '../../lab/ask.ts';
import { askAtOnce, noAnswer, present, timeoutMs } from '../questions.ts';
import { ports } from './commands.ts';

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
    const answer = await ask({ address: '127.0.0.1', port }, inquiry);
    return `${present(answer)}${answer.header.ad ? ', secure' : ''}`;
  } catch {
    return noAnswer;
  }
}

function askTheGate(
  names: readonly string[],
  client: Party | undefined,
  gate: Party,
): Promise<(Message | undefined)[]> {
  const queries = names.map((name, id) => {
    const query = queryFor({ name: Name.parse(name), type: RrType.A });
    return { ...query, header: { ...query.header, id } };
  });
  return askAtOnce(queries, { port: ports.gate, gate, client });
}
