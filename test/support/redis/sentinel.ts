/** A primary with a replica, watched by three sentinels that replace it when it is silent for half a second. */
import { freePort, pathOf, runProgram, type RunningProgram, type TestBed } from '../peers/test-bed.ts';
import { until } from './cluster.ts';
import { TestRedis } from './redis-server.ts';

export const primaryName = 'danced-test';

export interface TestSentinelsOptions {
  /** Of the servers; the sentinels have another. */
  readonly password?: string;
  readonly sentinelPassword?: string;
}

export class TestSentinels {
  readonly primary: TestRedis;
  readonly replica: TestRedis;
  readonly ports: readonly number[];
  readonly #programs: readonly RunningProgram[];
  readonly #options: TestSentinelsOptions;

  private constructor(
    servers: readonly [TestRedis, TestRedis],
    sentinels: readonly { readonly port: number; readonly program: RunningProgram }[],
    options: TestSentinelsOptions,
  ) {
    [this.primary, this.replica] = servers;
    this.ports = sentinels.map(({ port }) => port);
    this.#programs = sentinels.map(({ program }) => program);
    this.#options = options;
  }

  static async start(bed: TestBed, options: TestSentinelsOptions = {}): Promise<TestSentinels> {
    const { password } = options;
    const common = {
      tcp: true,
      settings: [
        'repl-diskless-sync-delay 0',
        ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
      ],
      ...(password !== undefined && { password }),
    };
    const primary = await TestRedis.start(bed, common);
    const replica = await TestRedis.start(bed, common);
    await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port));
    await until('the replica follows', async () =>
      (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
    );
    const sentinels = [];
    for (let at = 0; at < 3; at += 1) sentinels.push(await startSentinel(bed, primary.port, at, options));
    const all = new TestSentinels([primary, replica], sentinels, options);
    await until('the sentinels know each other and the replica', () => all.#areReady());
    return all;
  }

  /** For the client's options. */
  get addresses(): { host: string; port: number }[] {
    return this.ports.map((port) => ({ host: '127.0.0.1', port }));
  }

  /** The port of the primary that the sentinels name. */
  async primaryPort(): Promise<number> {
    const reply = await this.#ask(this.ports[0]!, 'SENTINEL', 'get-master-addr-by-name', primaryName);
    return Number(reply.split('\n')[1]);
  }

  /** Asks for a change of the primary; "OK", or why not. */
  failOver(): Promise<string> {
    return this.#ask(this.ports[0]!, 'SENTINEL', 'FAILOVER', primaryName);
  }

  /** Ends one of the sentinels. */
  async stopSentinel(at: number): Promise<void> {
    await this.#programs[at]!.stop();
  }

  async #areReady(): Promise<boolean> {
    for (const port of this.ports) {
      const reply = (await this.#ask(port, 'SENTINEL', 'master', primaryName)).split('\n');
      const value = (key: string): string | undefined => reply[reply.indexOf(key) + 1];
      if (value('num-other-sentinels') !== '2' || value('num-slaves') !== '1') return false;
    }
    return true;
  }

  async #ask(port: number, ...args: readonly string[]): Promise<string> {
    const { sentinelPassword } = this.#options;
    const login = sentinelPassword === undefined ? [] : ['--no-auth-warning', '-a', sentinelPassword];
    const run = await runProgram(pathOf('redis-cli'), ['-p', String(port), ...login, ...args]);
    return run.stdout.trimEnd();
  }
}

async function startSentinel(
  bed: TestBed,
  primaryPort: number,
  at: number,
  { password, sentinelPassword }: TestSentinelsOptions,
): Promise<{ port: number; program: RunningProgram }> {
  const port = await freePort();
  const folder = bed.folder(`sentinel-${primaryPort}-${at}`);
  const config = [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode no',
    `dir ${folder}`,
    `sentinel monitor ${primaryName} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${primaryName} 500`,
    `sentinel failover-timeout ${primaryName} 3000`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${primaryName} ${password}`]),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
  ];
  const file = bed.write(`sentinel-${primaryPort}-${at}/sentinel.conf`, `${config.join('\n')}\n`);
  const program = bed.start(pathOf('redis-server'), [file, '--sentinel']);
  await program.waitForPort(port);
  return { port, program };
}
