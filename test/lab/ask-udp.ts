/** One message to a server over UDP, and the message that comes back. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Endpoint } from '../../lab/servers.ts';

export async function askUdp(server: Endpoint, query: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.send(query, server.port, server.address);
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(2000) })) as [Buffer];
    return answer;
  } finally {
    socket.close();
  }
}
