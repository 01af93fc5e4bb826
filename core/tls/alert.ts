/**
 * Ending a connection with a fatal alert (RFC 8446 section 6.2), after the handshake and before the first data: for the
 * client the same as an abort of the handshake, since a TLS 1.3 server sends nothing between its Finished and its data.
 *
 * Limitations: without the addon the connection is closed without a word.
 */
import type { TLSSocket } from 'node:tls';
import { nativeTls } from './native/native.ts';

/** RFC 8446 section 6.2: those that are sent from here. */
export const alertDescriptions = { handshakeFailure: 40 } as const;
export type AlertDescription = (typeof alertDescriptions)[keyof typeof alertDescriptions];

/** Milliseconds that the peer gets to take the alert and close: a close of ours at once could be a reset that overtakes it. */
const lingerMs = 500;

/** Sends the alert and closes. Resolves when the socket is closed. */
export async function closeWithAlert(
  socket: TLSSocket,
  connectionId: number | undefined,
  description: AlertDescription,
): Promise<void> {
  if (socket.destroyed) return;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  socket.on('error', () => undefined);
  const isSent = connectionId !== undefined && nativeTls?.sendAlert(connectionId, description) === true;
  if (isSent) {
    // What the client has sent is taken and thrown away: unread octets would turn the close into a reset.
    socket.resume();
    socket.end();
    const giveUp = setTimeout(() => socket.destroy(), lingerMs);
    await closed;
    clearTimeout(giveUp);
  } else {
    // No close_notify either: NSD, told so where it waits for an answer, spins until its time is over.
    socket.destroy();
    await closed;
  }
}
