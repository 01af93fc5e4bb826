/**
 * Unbound as the peer: a validating forwarder with the same anchor, asking the same server, on the CPU that is measured.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { pathOf, freePort, type RunningProgram, type TestBed } from '../../test/support/peers/test-bed.ts';
import { pinned, serverCpu } from '../processes.ts';
import type { World } from './world.ts';

/** Questions that are under way at the same time. */
export const concurrency = 64;
const retryMs = 1_000;

/** Starts Unbound with empty caches that are large enough for all names. */
export async function startUnbound(bed: TestBed, world: World): Promise<Unbound> {
  const port = await freePort();
  const folder = bed.folder(`unbound-${String(port)}`);
  const config = bed.write(
    `unbound-${String(port)}/unbound.conf`,
    `server:
  interface: 127.0.0.1@${String(port)}
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  module-config: "validator iterator"
  trust-anchor: "${world.anchor}"
  msg-cache-size: 256m
  rrset-cache-size: 512m
  key-cache-size: 64m
  neg-cache-size: 64m
  outgoing-range: 900
  num-queries-per-thread: 512
  so-rcvbuf: 0
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${String(world.port)}
`,
  );
  const program = bed.start(...pinned(serverCpu, pathOf('unbound'), ['-d', '-c', config]));
  await program.waitForPort(port);
  return new Unbound(program, port);
}

export class Unbound {
  readonly program: RunningProgram;
  readonly #port: number;

  constructor(program: RunningProgram, port: number) {
    this.program = program;
    this.#port = port;
  }

  /** Looks every name's TLSA record up. Throws unless each comes with the AD bit. */
  async lookUp(names: readonly string[]): Promise<void> {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.connect(this.#port, '127.0.0.1');
    await once(socket, 'connect');
    try {
      await ask(socket, names);
    } finally {
      socket.close();
    }
  }
}

/** Each place of the `concurrency` asks one question after the other; the place is the ID of its questions. */
function ask(socket: dgram.Socket, names: readonly string[]): Promise<void> {
  const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] };
  const waiting = new Map<number, { query: Buffer; timer: NodeJS.Timeout }>();
  let next = 0;
  let done = 0;
  return new Promise((resolve, reject) => {
    const send = (id: number, query: Buffer): void => {
      socket.send(query);
      const timer = setTimeout(() => {
        send(id, query);
      }, retryMs);
      waiting.set(id, { query, timer });
    };
    const askNext = (id: number): void => {
      const name = names[next++];
      if (name === undefined) return;
      const question = { id, name: Name.parse(name), type: RrType.TLSA };
      send(id, encodeMessage(makeQuery({ ...question, rd: true, ad: true, edns })));
    };
    socket.on('error', reject);
    socket.on('message', (message) => {
      const id = message.readUInt16BE(0);
      const asked = waiting.get(id);
      if (asked === undefined) return;
      clearTimeout(asked.timer);
      waiting.delete(id);
      const flags = message.readUInt16BE(2);
      const isSecure = (flags & 0x20) !== 0 && (flags & 15) === Rcode.NOERROR && message.readUInt16BE(6) > 0;
      if (!isSecure) {
        reject(new Error(`Unbound did not validate an answer: flags 0x${flags.toString(16)}`));
        return;
      }
      done += 1;
      if (done === names.length) resolve();
      else askNext(id);
    });
    for (let id = 0; id < Math.min(concurrency, names.length); id += 1) askNext(id);
  });
}
