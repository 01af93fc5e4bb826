/** What a gate says of zones when it is asked as an agent asks: whether it has them, and lets us have them. */
import type { ServerLink } from '../../core/client/server-link.ts';
import { Rcode, rcodeName, RrType } from '../../core/dns/constants.ts';
import { DnsFormatError } from '../../core/dns/errors.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import type { Name } from '../../core/dns/name.ts';

/** Why the gate gives no SOA record of the zone, in words; undefined if it does. Rejects with NoAnswerError. */
export async function askSoa(link: ServerLink, zone: Name): Promise<string | undefined> {
  const name = zone.toString();
  const octets = await link.ask(encodeMessage(makeQuery({ id: 0, name: zone, type: RrType.SOA })));
  try {
    const { header, answers } = parseMessage(octets);
    if (header.rcode !== Rcode.NOERROR) return `answers ${rcodeName(header.rcode)} for ${name}`;
    const hasSoa = answers.some(({ type, name: owner }) => type === RrType.SOA && owner.equals(zone));
    return hasSoa && header.aa ? undefined : `is not authoritative for ${name}`;
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return `sends a malformed answer for ${name}: ${error.message}`;
  }
}

const nothing = (): void => undefined;

/** A log that nobody reads: what is wrong is in the findings. */
export const silent = {
  ...{ debug: nothing, info: nothing, warn: nothing, error: nothing },
  child: () => silent,
};
