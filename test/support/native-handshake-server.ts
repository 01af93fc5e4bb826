/**
 * Run as a program: a server that does handshakes, takes the snapshot of each client, answers with one octet and closes.
 * Its first line is the port; to each line on its standard input it says its resident memory in octets, after a collection
 * of garbage, how many handshakes had a name, and how many connections the addon keeps.
 */
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { gateContext } from '../../core/tls/context.ts';
import { handshake } from '../../core/tls/handshake.ts';
import { snapshotPeer } from '../../core/tls/peer-snapshot.ts';
import { everyAbility } from './gate-tls.ts';
import { collectGarbage, theAddon } from './native-bed.ts';
import { asLoaded, issueTestIdentity } from './test-identity.ts';

/** None passes: a deadline for each would be so many timers, which are not what is weighed. */
const deadline = new AbortController().signal;
const context = gateContext(asLoaded(await issueTestIdentity('gate.example')), everyAbility);
let named = 0;

const server = net.createServer({ noDelay: true }, (raw) => {
  void serve(raw);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`${(server.address() as net.AddressInfo).port}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') process.exit();
  // Twice: the first frees what holds native memory, which goes in a later turn.
  for (let times = 0; times < 2; times += 1) {
    collectGarbage();
    await sleep(50);
  }
  const { rss } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ rss, named, kept: theAddon().connectionsKept() })}\n`);
}

async function serve(raw: net.Socket): Promise<void> {
  const { socket } = await handshake(raw, context, deadline, ['dot']);
  if (!socket) return;
  const { clientId, credentials } = snapshotPeer(socket);
  if (clientId && credentials) named += 1;
  socket.on('error', () => undefined).resume();
  socket.end('.');
}
