/**
 * Run as a program: some hundred handshakes of every kind, good, bad and broken off, for a build of the addon that watches
 * its own memory. Says how many there were, and that the addon kept none.
 */
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { ContextOptions } from '../../core/tls/native/native.ts';
import {
  clientContext,
  collectGarbage,
  comesAbout,
  nameBody,
  NativeBed,
  serverContext,
  theAddon,
} from './native-bed.ts';
import { certificateOf, shows } from './native-shows.ts';

const rounds = Number(process.argv[2] ?? 3);
const name = nameBody('_xfr.ns2.example');
const ours = shows(certificateOf('p256', 'client'));
const chain = shows(certificateOf('p256', 'client'), certificateOf('rsa2048'), certificateOf('ed25519'));
const either = Buffer.from([2, 0]);
const old = { isDraft09: true, inHello: true } as const;
const tls12 = { maxVersion: 'TLSv1.2' } as const;
const handshakeFailure = 40;
let handshakes = 0;

const beds = {
  usual: await NativeBed.open(
    serverContext({ clientCertificateTypes: either, serverCertificateTypes: either, recordPadding: 128 }),
  ),
  retrying: await NativeBed.open(serverContext({}, { ecdhCurve: 'P-384' })),
  silent: await NativeBed.open(serverContext({ extensionType: 0 })),
  small: await NativeBed.open(serverContext({ largestCertificateMessage: 200 })),
  naming: await NativeBed.open(serverContext({ body: name })),
  old: await NativeBed.open(serverContext({ ...old, body: Buffer.alloc(0), clientCertificateTypes: either })),
};

const bodies = [
  name,
  nameBody('a'.repeat(255)),
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([1]),
  Buffer.from([255]),
  name.subarray(0, -1),
  Buffer.concat([name, name]),
  Buffer.alloc(256, 255),
  Buffer.alloc(256),
];
const verdicts: NonNullable<ContextOptions['verifyServer']>[] = [
  () => true,
  () => false,
  () => {
    throw new Error('broken');
  },
  () => {
    beds.usual.destroyClient();
    return true;
  },
  () => {
    collectGarbage();
    return true;
  },
];

for (let round = 0; round < rounds; round += 1) {
  for (const body of bodies) {
    await meet(beds.usual, clientContext({ body }, ours));
    await meet(beds.usual, clientContext({ body, clientCertificateTypes: Buffer.from([2]) }, ours));
    await meet(beds.old, clientContext({ ...old, body }, { ...ours, ...tls12 }));
    await meet(beds.old, clientContext({ isDraft09: true, body }, ours));
  }
  for (const verifyServer of verdicts) {
    await meet(beds.usual, clientContext({ body: name, verifyServer, serverCertificateTypes: either }, ours));
  }
  for (const bed of Object.values(beds)) {
    await meet(bed, clientContext({ body: name }, chain));
    await meet(bed, clientContext({ body: name }));
    await meet(bed, clientContext({ extensionType: 0 }, chain));
  }
  await meet(beds.retrying, clientContext({ body: name }, ours), { ecdhCurve: 'X25519:P-384' });
  await refuseContexts();
  await breakOff();
  collectGarbage();
}

for (const bed of Object.values(beds)) await bed.close();
const isNoneLeft = await comesAbout(() => theAddon().connectionsKept() === 0);
process.stdout.write(`${handshakes} handshakes, ${isNoneLeft ? 'nothing' : 'something'} kept\n`);

/** A handshake, and by turns data, an alert, or the end of one side after it. */
async function meet(
  bed: NativeBed,
  context: tls.SecureContext,
  more: tls.ConnectionOptions = {},
): Promise<void> {
  handshakes += 1;
  const { server, clientSocket, clientClosed } = await bed.meet(context, more);
  clientSocket.resume();
  const { socket, shown } = server;
  if (socket && shown) {
    socket.on('error', () => undefined).resume();
    const turn = handshakes % 4;
    if (turn === 0) theAddon().sendAlert(shown.id, handshakeFailure);
    if (turn === 1) socket.write('data');
    if (turn === 2) clientSocket.destroy();
    if (turn === 3) socket.destroy();
    else socket.end();
  }
  clientSocket.end();
  await clientClosed;
  socket?.destroy();
  if (shown) theAddon().sendAlert(shown.id, handshakeFailure);
}

async function refuseContexts(): Promise<void> {
  const wrong: Partial<ContextOptions>[] = [
    { extensionType: 51 },
    { clientCertificateTypes: Buffer.from([9]) },
    { recordPadding: 99_999 },
    { body: Buffer.alloc(1000) },
  ];
  for (const options of wrong) {
    try {
      serverContext(options);
      throw new RangeError('a wrong context was taken');
    } catch (error) {
      if (error instanceof RangeError) throw error;
    }
  }
  await sleep(0);
}

/** Connections that end after each few octets of what a client says. */
async function breakOff(): Promise<void> {
  const said = await octetsOfClient();
  for (let at = 0; at < said.length; at += Math.ceil(said.length / 25)) {
    handshakes += 1;
    const end = beds.usual.next();
    const raw = net.connect(beds.usual.port, '127.0.0.1');
    raw.on('error', () => undefined).resume();
    raw.write(said.subarray(0, at));
    if (at % 2 === 0) raw.end();
    else {
      await sleep(2);
      raw.resetAndDestroy();
    }
    await end;
    raw.destroy();
  }
}

/** All that a client says in a handshake with the server; said again it is a ClientHello, and then nonsense. */
async function octetsOfClient(): Promise<Buffer> {
  const seen: Buffer[] = [];
  const relay = net.createServer((from) => {
    const to = net.connect(beds.usual.port, '127.0.0.1');
    from.on('data', (chunk: Buffer) => {
      seen.push(chunk);
      to.write(chunk);
    });
    from.on('error', () => undefined).on('close', () => to.destroy());
    to.on('error', () => undefined).pipe(from);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const end = beds.usual.next();
  const { port } = relay.address() as net.AddressInfo;
  const secureContext = clientContext({ body: name }, ours);
  const client = tls.connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false });
  client.on('error', () => undefined);
  (await end).socket?.destroy();
  client.destroy();
  relay.close();
  return Buffer.concat(seen);
}
