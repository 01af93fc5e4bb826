/**
 * A real redis-server for tests: on a Unix socket in the temporary folder of a test bed, and on ports of 127.0.0.1 if
 * asked for. It can be killed, frozen, and started again with or without its data.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, pathOf, runProgram, type RunningProgram, type TestBed } from '../peers/test-bed.ts';

export interface TestRedisOptions {
  /** In cleartext on 127.0.0.1, besides the socket. */
  readonly tcp?: boolean;
  /** PEM; TLS on a port of its own. `clientCa` makes it want a certificate of the client. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Lines of redis.conf, as `requirepass x` or `user y on …`. */
  readonly settings?: readonly string[];
  /** What `cli` logs in with. */
  readonly password?: string;
  /** Another mode of the program, as `--sentinel`. */
  readonly flags?: readonly string[];
}

let count = 0;

export class TestRedis {
  /** The socket. */
  readonly path: string;
  /** 0 without `tcp`. */
  readonly port: number;
  /** 0 without `tls`. */
  readonly tlsPort: number;
  readonly #bed: TestBed;
  readonly #options: TestRedisOptions;
  readonly #configFile: string;
  #program: RunningProgram;

  private constructor(bed: TestBed, options: TestRedisOptions, ports: { tcp: number; tls: number }) {
    count += 1;
    const folder = bed.folder(`redis-${count}`);
    this.#bed = bed;
    this.#options = options;
    this.path = join(folder, 's');
    this.port = ports.tcp;
    this.tlsPort = ports.tls;
    const config = [
      `dir ${folder}`,
      `unixsocket ${this.path}`,
      `port ${ports.tcp}`,
      'bind 127.0.0.1',
      'protected-mode no',
      'enable-debug-command yes',
      'save ""',
      ...this.#tlsSettings(folder),
      ...(options.settings ?? []),
    ];
    this.#configFile = bed.write(join(`redis-${count}`, 'redis.conf'), `${config.join('\n')}\n`);
    this.#program = this.#start();
  }

  static async start(bed: TestBed, options: TestRedisOptions = {}): Promise<TestRedis> {
    const server = new TestRedis(bed, options, {
      tcp: options.tcp === true ? await freePort() : 0,
      tls: options.tls ? await freePort() : 0,
    });
    await server.#ready();
    return server;
  }

  /** Runs redis-cli; its output without the last newline. Throws for an error reply. */
  async cli(...args: readonly string[]): Promise<string> {
    const login =
      this.#options.password === undefined ? [] : ['--no-auth-warning', '-a', this.#options.password];
    const run = await runProgram(pathOf('redis-cli'), ['-e', '-s', this.path, ...login, ...args]);
    const output = run.stdout.trimEnd();
    if (run.status !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${output} ${run.stderr}`);
    return output;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#program.kill();
    while (!this.#program.hasEnded) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** It takes connections and octets, and answers nothing, until `thaw`. */
  freeze(): void {
    this.#program.signal('SIGSTOP');
  }

  thaw(): void {
    this.#program.signal('SIGCONT');
  }

  /** Starts it again after `kill`, on the same places, with what is on its disk. */
  async restart(): Promise<void> {
    this.#program = this.#start();
    await this.#ready();
  }

  /** Starts it again after `kill`, without waiting until it serves. */
  restartAtOnce(): void {
    this.#program = this.#start();
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.#program.stop();
  }

  #start(): RunningProgram {
    return this.#bed.start(pathOf('redis-server'), [this.#configFile, ...(this.#options.flags ?? [])]);
  }

  #ready(): Promise<void> {
    return this.#program.waitFor('serving', () => answers(this.path));
  }

  #tlsSettings(folder: string): string[] {
    const { tls } = this.#options;
    if (!tls) return [];
    const file = (name: string, text: string): string =>
      this.#bed.write(join(folder.slice(this.#bed.directory.length + 1), name), text);
    return [
      `tls-port ${this.tlsPort}`,
      `tls-cert-file ${file('server.pem', tls.certificate)}`,
      `tls-key-file ${file('server.key', tls.key)}`,
      ...(tls.clientCa === undefined
        ? ['tls-auth-clients no']
        : ['tls-auth-clients yes', `tls-ca-cert-file ${file('clients.pem', tls.clientCa)}`]),
    ];
  }
}

/** Whether the server answers a PING, with yes or with a word that it wants a password. */
async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return /^(?:\+PONG|-NOAUTH|-NOPERM)/.test(reply.toString());
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
