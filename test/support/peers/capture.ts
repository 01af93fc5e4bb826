/**
 * What tshark sees of one TLS connection on loopback: the packets as they pass, and the handshake messages that it
 * deciphers with the client's secrets.
 *
 * Limitations: capturing takes root, or membership in the group that dumpcap belongs to.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram } from './programs.ts';

export interface Captured {
  /** The file of packets. */
  readonly packets: Buffer;
  /** Deciphered handshake messages that were encrypted on the wire, headers included, in the order of their records. */
  readonly messages: readonly Buffer[];
}

const startTimeMs = 10_000;
/** dumpcap says that it captures a moment before it does; and packets take a moment to the file. */
const settleMs = 500;

/** Captures what passes at a TCP port while `action` runs, which gives the secrets (NSS key log lines). */
export async function capture(port: number, action: () => Promise<string>): Promise<Captured> {
  const tshark = findProgram('tshark');
  if (tshark === undefined) throw new Error('tshark is not installed: npm run peers');
  const folder = mkdtempSync(join(tmpdir(), 'danced-capture-'));
  const packetFile = join(folder, 'packets.pcapng');
  const keyFile = join(folder, 'keys');
  const child = spawn(tshark, ['-i', 'lo', '-f', `tcp port ${port}`, '-w', packetFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (words: string) => (said += words));
    const startedMs = performance.now();
    while (!said.includes('Capturing on')) {
      if (child.exitCode !== null || performance.now() - startedMs > startTimeMs) {
        throw new Error(`tshark does not capture: ${said}`);
      }
      await sleep(20);
    }
    await sleep(settleMs);
    const secrets = await action();
    await sleep(settleMs);
    child.kill('SIGINT');
    await once(child, 'exit');
    writeFileSync(keyFile, secrets);
    const reading = ['-r', packetFile, '-o', `tls.keylog_file:${keyFile}`, '-d', `tcp.port==${port},tls`];
    const { stdout } = await promisify(execFile)(tshark, [...reading, '-Y', 'tls', '-x'], {
      maxBuffer: 64 * 1024 * 1024,
    });
    return { packets: readFileSync(packetFile), messages: decipheredIn(stdout) };
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The parts of a hex dump that are headed "Decrypted TLS". */
function decipheredIn(dump: string): Buffer[] {
  return [...dump.matchAll(/^Decrypted TLS \(\d+ bytes\):\n((?:[0-9a-f]{4,} {2}.*\n)+)/gm)].map(
    ([, lines = '']) =>
      Buffer.from(
        lines
          .split('\n')
          .map((line) => /^[0-9a-f]{4,} {2}((?:[0-9a-f]{2} ?)+)/.exec(line)?.[1] ?? '')
          .join('')
          .replaceAll(' ', ''),
        'hex',
      ),
  );
}
