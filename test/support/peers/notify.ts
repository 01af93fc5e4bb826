/** NOTIFY (RFC 1996) to a secondary on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Opcode, RrType } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';

const timeoutMs = 5_000;

/** Tells a secondary that the zone has changed. Throws when it does not acknowledge; gives its RCODE. */
export async function sendNotify(port: number, apex: string): Promise<number> {
  const query = makeQuery({ id: 1, name: Name.parse(apex), type: RrType.SOA });
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) });
    socket.send(
      encodeMessage({ ...query, header: { ...query.header, opcode: Opcode.NOTIFY, aa: true } }),
      port,
      '127.0.0.1',
    );
    const [octets] = (await answer) as [Buffer];
    return parseMessage(octets).header.rcode;
  } finally {
    socket.close();
  }
}
