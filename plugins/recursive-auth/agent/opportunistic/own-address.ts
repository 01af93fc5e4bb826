/**
 * The address of ours from which the system would ask a server. Nothing is sent: to connect a UDP socket only asks the
 * system for the route.
 */
import dgram from 'node:dgram';

/** Where the system knows no way to the server. It is no address that anything is sent from. */
const nowhere = { four: '0.0.0.0', six: '::' } as const;

export function ownAddressFor(server: string): Promise<string> {
  const isSix = server.includes(':');
  return new Promise((resolve) => {
    const end = (address: string): void => {
      socket.close();
      resolve(address);
    };
    const socket = dgram.createSocket(isSix ? 'udp6' : 'udp4');
    socket.once('error', () => {
      end(isSix ? nowhere.six : nowhere.four);
    });
    // Not as the callback of `connect`: that would be called with the error, too. The port is without meaning: discard.
    socket.once('connect', () => {
      end(socket.address().address);
    });
    socket.connect(9, server);
  });
}
