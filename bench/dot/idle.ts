/**
 * The row about memory: what a server grows by when 10,000 members have connected and asked one query each, for each of them.
 * Both are fresh processes, since what earlier rounds left behind would hide it. At the end every connection is asked again.
 *
 * Limitations: what NSD uses for the connections that nginx opens to it, one for each, is not in nginx's figure.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupRssOctets } from '../process-group.ts';
import { median, row } from '../report.ts';
import type { Server } from './peers.ts';
import type { Case } from './throughput.ts';
import { memberCount, type World } from './world.ts';

const wanted = 10_000;
/** File descriptors for everything but members. */
const otherFiles = 500;
/** Compilers and garbage collectors have done their work. */
const settleMs = 3000;
/** A fresh process is slow to fill; so many rounds tell enough. */
const mostRounds = 3;

/** Row 6. */
export function idleCase(world: World): Promise<Case> {
  const connections = Math.min(wanted, mostFiles() - otherFiles);
  const seen: { readonly ours: number; readonly nginx: number }[] = [];
  const octetsEach = async (server: Server): Promise<number> => {
    const shape = { port: server.port, outstanding: 1, names: 1 };
    // Code is loaded and compiled before the first look.
    const few = await world.load.open({ ...shape, connections: memberCount });
    await few.close();
    await sleep(settleMs);
    const before = groupRssOctets(server.front.pid);
    const open = await world.load.open({ ...shape, connections });
    try {
      await sleep(settleMs);
      const after = groupRssOctets(server.front.pid);
      const { answers } = await open.each();
      if (answers !== connections) throw new Error(`only ${String(answers)} connections have stayed`);
      return (after - before) / connections;
    } finally {
      await open.close();
      await server.front.stop();
    }
  };
  return Promise.resolve({
    warmUp: () => Promise.resolve(),
    async round() {
      if (seen.length === mostRounds) return 'enough rounds of this';
      const ours = await octetsEach(await world.newOurs());
      // nginx has two file descriptors for each connection: it takes two workers to stay below a limit of 20,000.
      const nginx = await octetsEach(await world.newNginx(2));
      seen.push({ ours, nginx });
      return `ours ${ours.toFixed(0)}, nginx ${nginx.toFixed(0)} octets for each connection`;
    },
    rows() {
      return [
        row({
          what: `memory for each of ${String(connections)} idle connections of ${String(memberCount)} members, each identified and answered (growth of RSS): ours with proof and access list, nginx with ssl_verify_client`,
          unit: 'octets',
          ours: median(seen.map(({ ours }) => ours)),
          peer: { name: 'nginx stream', figure: median(seen.map(({ nginx }) => nginx)) },
        }),
      ];
    },
  });
}

/** What a process may open here, and its children too (proc(5), limits). */
function mostFiles(): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return hard === undefined ? Infinity : Number(hard);
}
