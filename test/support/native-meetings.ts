/** Handshakes of the addon, for programs that count or watch something else. */
import { clientContext, nameBody, NativeBed } from './native-bed.ts';
import { certificateOf, shows } from './native-shows.ts';

export async function meetOften(count: number): Promise<void> {
  const bed = await NativeBed.open();
  const context = clientContext(
    { body: nameBody('_xfr.ns2.example') },
    shows(certificateOf('p256', 'client')),
  );
  for (let met = 0; met < count; met += 1) {
    const { clientSocket, server } = await bed.meet(context);
    if (server.shown?.claim === undefined) throw new Error('no name has come');
    clientSocket.destroy();
  }
  await bed.close();
}
