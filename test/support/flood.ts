/** Starts flood-process.ts and hears what came of it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Whom to flood, and how. */
export interface FloodOrder {
  readonly address: string;
  readonly port: number;
  /** TCP connections. */
  readonly perSecond: number;
  readonly durationMs: number;
  /** How many addresses they come from. */
  readonly addresses: number;
  /** What the strangers show that complete the handshake. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface FloodReport {
  /** Connections that were begun. */
  readonly offered: number;
  /** Those that the kernel took for the gate. */
  readonly accepted: number;
  /** Those that were closed without an octet of TLS. */
  readonly turnedAway: number;
  /** Those whose ClientHello was answered; the stranger then went away. */
  readonly answered: number;
  /** Handshakes that were completed. */
  readonly handshakes: number;
  readonly durationMs: number;
}

const file = fileURLToPath(new URL('./flood-process.ts', import.meta.url));

/** Resolves when the flood is over; rejects when its process ends before. */
export async function flood(order: FloodOrder): Promise<FloodReport> {
  const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  try {
    child.send(order);
    const told = once(child, 'message') as Promise<[FloodReport]>;
    const [report] = await Promise.race([
      told,
      exited.then(([code]) => {
        throw new Error(`the flood ended with code ${String(code)}`);
      }),
    ]);
    return report;
  } finally {
    child.kill();
    await exited;
  }
}
