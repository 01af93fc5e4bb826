/**
 * A Redis cluster on loopback: three primaries, each with a third of the slots, and replicas if asked for. A slot can be
 * moved step by step, so that clients meet ASK, TRYAGAIN and MOVED.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type TestBed } from '../peers/test-bed.ts';
import { TestRedis } from './redis-server.ts';

const slotCount = 16384;
const startTimeMs = 15_000;
const pollMs = 30;

export interface ClusterNode {
  readonly server: TestRedis;
  readonly id: string;
}

export interface TestClusterOptions {
  /** A replica of each primary. */
  readonly replicas?: boolean;
  readonly settings?: readonly string[];
  /** How long a node must be silent until the others replace it. */
  readonly nodeTimeoutMs?: number;
}

export class TestCluster {
  readonly primaries: readonly ClusterNode[];
  /** In the order of their primaries. */
  readonly replicas: readonly ClusterNode[];

  private constructor(primaries: readonly ClusterNode[], replicas: readonly ClusterNode[]) {
    this.primaries = primaries;
    this.replicas = replicas;
  }

  static async start(bed: TestBed, options: TestClusterOptions = {}): Promise<TestCluster> {
    const { replicas = false, settings = [], nodeTimeoutMs = 1000 } = options;
    const busPorts: number[] = [];
    const startNode = async (): Promise<ClusterNode> => {
      const busPort = await freePort();
      const server = await TestRedis.start(bed, {
        tcp: true,
        settings: [
          'cluster-enabled yes',
          `cluster-port ${busPort}`,
          `cluster-node-timeout ${nodeTimeoutMs}`,
          'cluster-allow-replica-migration no',
          'repl-diskless-sync-delay 0',
          ...settings,
        ],
      });
      busPorts.push(busPort);
      return { server, id: await server.cli('CLUSTER', 'MYID') };
    };
    const nodes: ClusterNode[] = [];
    for (let at = 0; at < (replicas ? 6 : 3); at += 1) nodes.push(await startNode());
    const primaries = nodes.slice(0, 3);
    const [first] = primaries as [ClusterNode];
    for (const [at, { server }] of primaries.entries()) {
      const from = Math.ceil((slotCount * at) / 3);
      const to = Math.ceil((slotCount * (at + 1)) / 3) - 1;
      await server.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      await server.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1));
    }
    for (const [at, { server }] of nodes.entries()) {
      if (at > 0) {
        await first.server.cli('CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(busPorts[at]));
      }
    }
    const cluster = new TestCluster(primaries, nodes.slice(3));
    await cluster.#until('every node knows the others', async ({ server }) => {
      const known = await server.cli('CLUSTER', 'NODES');
      return known.split('\n').length === nodes.length && !known.includes('handshake');
    });
    for (const [at, { server }] of cluster.replicas.entries()) {
      await server.cli('CLUSTER', 'REPLICATE', primaries[at]!.id);
    }
    await cluster.#until('the cluster is well', async ({ server }) =>
      (await server.cli('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
    for (const { server } of cluster.replicas) {
      await until('a replica follows', async () =>
        (await server.cli('INFO', 'replication')).includes('master_link_status:up'),
      );
    }
    return cluster;
  }

  /** For the client's options. */
  get addresses(): { host: string; port: number }[] {
    return this.primaries.map(({ server }) => ({ host: '127.0.0.1', port: server.port }));
  }

  /** The slot of a key, and the primary that had it at the start. */
  async holderOf(key: string): Promise<{ slot: number; at: number; node: ClusterNode }> {
    const slot = Number(await this.primaries[0]!.server.cli('CLUSTER', 'KEYSLOT', key));
    const at = Math.floor((slot * 3) / slotCount);
    return { slot, at, node: this.primaries[at]! };
  }

  /** From now on `from` says ASK for keys of the slot that it does not have. */
  async beginMove(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    await to.server.cli('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id);
    await from.server.cli('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id);
  }

  async moveKeys(keys: readonly string[], from: ClusterNode, to: ClusterNode): Promise<void> {
    const target = ['127.0.0.1', String(to.server.port), '', '0', '5000'];
    await from.server.cli('MIGRATE', ...target, 'KEYS', ...keys);
  }

  /** From now on `from` says MOVED. */
  async endMove(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    for (const { server } of [to, from, ...this.primaries]) {
      await server.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.primaries, ...this.replicas].map(({ server }) => server.stop()));
  }

  async #until(what: string, holds: (node: ClusterNode) => Promise<boolean>): Promise<void> {
    for (const node of [...this.primaries, ...this.replicas]) await until(what, () => holds(node));
  }
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = startTimeMs,
): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`not in time: ${what}`);
    await sleep(pollMs);
  }
}
