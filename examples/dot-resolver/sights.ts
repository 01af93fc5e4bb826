/** What a party sees of some names: over TLS at the gate, or by plain DNS to the agent. */
import type { Party } from '../../cli/demo/party.ts';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { ask, queryFor } from '../../lab/ask.ts';
import { askAtOnce, noAnswer, present, timeoutMs } from '../questions.ts';
import { ports } from './commands.ts';

/**
 * The addresses of each name, or the response code, or that there was no answer: as a party sees it at the gate, where it asks
 * for all at once.
 */
export async function atTheGate(names: readonly string[], party: Party, gate: Party): Promise<string[]> {
  const queries = names.map((name) => queryFor({ name: Name.parse(name), type: RrType.A, rd: true }));
  return (await askAtOnce(queries, { port: ports.gate, gate, client: party })).map(present);
}

/** The same, as any program of the laptop sees it. */
export async function throughTheAgent(name: string): Promise<string> {
  const inquiry = { name: Name.parse(name), type: RrType.A, rd: true, timeoutMs };
  try {
    return present(await ask({ address: '127.0.0.1', port: ports.agent }, inquiry));
  } catch {
    return noAnswer;
  }
}
