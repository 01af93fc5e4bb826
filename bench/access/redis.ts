/** A Redis server with a large access list, in a folder of its own, beside the CPU that is measured. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { pathOf, type TestBed } from '../../test/support/peers/test-bed.ts';
import { loadCpu, pinned } from '../processes.ts';
import { clientEntry, clientName, roles, type Place } from './orders.ts';

const chunk = 20_000;

export async function startRedis(bed: TestBed, clients: number): Promise<Place> {
  const folder = bed.folder('redis');
  const socket = `${folder}/redis.sock`;
  const args = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no'];
  const program = bed.start(...pinned(loadCpu, pathOf('redis-server'), args));
  await program.waitFor('Redis to take connections', () => /ready to accept connections/i.test(program.log));
  fill(bed, socket, clients);
  return { socket, clients };
}

/** As redis-cli reads it: one command after the other in the protocol of Redis. */
function fill(bed: TestBed, socket: string, clients: number): void {
  const file = bed.write('redis/commands', '');
  const out = openSync(file, 'w');
  const key = (rest: string): string => `danced:v1:${rest}`;
  for (let first = 0; first < clients; first += chunk) {
    const last = Math.min(first + chunk, clients);
    const commands = Array.from({ length: last - first }, (_, at) => {
      const index = first + at;
      return command('SET', key(`client:${clientName(index)}`), JSON.stringify(clientEntry(index)));
    });
    writeSync(out, commands.join(''));
  }
  for (const { word, rules } of roles)
    writeSync(out, command('HSET', key('roles'), word, JSON.stringify(rules)));
  writeSync(out, command('SET', key('revision'), '1'));
  closeSync(out);
  const input = openSync(file, 'r');
  const { status, stdout } = spawnSync(pathOf('redis-cli'), ['-s', socket, '--pipe'], {
    stdio: [input, 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  closeSync(input);
  if (status !== 0) throw new Error(`redis-cli --pipe: ${stdout}`);
}

function command(...words: readonly string[]): string {
  const parts = words.map((word) => `$${String(Buffer.byteLength(word))}\r\n${word}\r\n`);
  return `*${String(words.length)}\r\n${parts.join('')}`;
}
