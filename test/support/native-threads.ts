/**
 * Run as a program: the addon loaded by worker threads that end, before the main thread has it. OpenSSL goes on calling
 * what an addon registered, so one that were unloaded with its thread would end the process at the next handshake.
 *
 * Limitations: it says "done", or the process dies of a signal.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

if (isMainThread) {
  for (let round = 0; round < 3; round += 1) {
    // Two at once, of which one is ended in the middle of its handshakes.
    const workers = [new Worker(fileURLToPath(import.meta.url)), new Worker(fileURLToPath(import.meta.url))];
    const exits = workers.map((worker) => once(worker, 'exit'));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await workers[0]!.terminate();
    await Promise.all(exits);
    await plainHandshake();
  }
  const { meetOften } = await import('./native-meetings.ts');
  await meetOften(5);
  await plainHandshake();
  process.stdout.write('done\n');
} else {
  const { meetOften } = await import('./native-meetings.ts');
  await meetOften(3);
  parentPort?.postMessage('begun');
  await meetOften(20);
}

/** Contexts and connections that the addon has nothing to do with. */
async function plainHandshake(): Promise<void> {
  const { certificateOf, shows } = await import('./native-shows.ts');
  const server = tls.createServer(shows(certificateOf('p256')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const client = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(client, 'secureConnect');
  client.destroy();
  server.close();
  await once(server, 'close');
}
