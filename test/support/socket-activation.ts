/** Starts a program of ours as systemd does for a socket unit: with sockets that are open already. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Endpoint } from '../../core/config/endpoint.ts';

export interface ActivatedProgram {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Address and port of both sockets. */
  readonly at: Endpoint;
}

/** LISTEN_PID is the process that the shell becomes. */
const script = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=dns:dns-tcp exec "$@"';

/** Opens a UDP and a TCP socket on one free port of the address and gives them to Node with these arguments. */
export async function startWithSockets(
  address: string,
  args: (at: Endpoint) => readonly string[],
): Promise<ActivatedProgram> {
  const { udp, tcp, at } = await openBoth(address);
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, ...args(at)], {
    stdio: ['pipe', 'pipe', 'pipe', descriptorOf(udp), descriptorOf(tcp)],
  });
  const { stdin, stdout, stderr } = child;
  // Both have them now; what comes is for the other one.
  udp.close();
  tcp.close();
  if (stdin === null || stdout === null || stderr === null) throw new Error('the program has no pipes');
  return { child: Object.assign(child, { stdin, stdout, stderr }) as ActivatedProgram['child'], at };
}

interface Both {
  readonly udp: dgram.Socket;
  readonly tcp: net.Server;
  readonly at: Endpoint;
}

async function openBoth(address: string): Promise<Both> {
  const tcp = net.createServer().listen({ host: address, port: 0 });
  await once(tcp, 'listening');
  const { port } = tcp.address() as net.AddressInfo;
  const udp = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  udp.bind(port, address);
  await once(udp, 'listening');
  return { udp, tcp, at: { address, port } };
}

/** What Node keeps to itself: the descriptor of a socket. */
function descriptorOf(socket: dgram.Socket | net.Server): number {
  const known = socket as unknown as Record<
    PropertyKey,
    { fd?: number; handle?: { fd: number } } | undefined
  >;
  const state = Object.getOwnPropertySymbols(socket).map((key) => known[key]?.handle?.fd);
  const fd = known['_handle']?.fd ?? state.find((value) => value !== undefined);
  if (fd === undefined) throw new Error('no descriptor');
  return fd;
}
