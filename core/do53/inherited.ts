/**
 * Listening sockets that whoever started us has opened already: the protocol of sd_listen_fds(3), which systemd speaks for
 * `.socket` units. So an agent gets port 53 without a privilege, and a restart loses no query.
 *
 *     LISTEN_PID      the process that they are for
 *     LISTEN_FDS      how many; their descriptors are 3, 4, …
 *     LISTEN_FDNAMES  their names, with colons between
 *
 * Node cannot ask a descriptor what it is, so the tables of the kernel are asked: /proc/self/fd has the number of the
 * socket, /proc/self/net/{udp,udp6,tcp,tcp6} what it is bound to.
 *
 * Limitations: Linux; sockets for connections (`Accept=yes`) and UNIX sockets are refused.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { SocketAddress } from 'node:net';
import { endianness } from 'node:os';
import { formatEndpoint, type Endpoint } from '../config/endpoint.ts';
import { ListenError } from '../server/listen-error.ts';

/** A descriptor that listens. */
export interface InheritedSocket {
  readonly fd: number;
  readonly kind: 'udp' | 'tcp';
  readonly family: 4 | 6;
  readonly at: Endpoint;
  /** `FileDescriptorName=` of the unit; empty if it has none. */
  readonly name: string;
}

/** Where the kernel tells about this process; another folder in tests. */
export interface ProcessFiles {
  readonly readLink: (path: string) => string;
  readonly readText: (path: string) => string;
}

const files: ProcessFiles = {
  readLink: (path) => readlinkSync(path),
  readText: (path) => readFileSync(path, 'latin1'),
};

const firstDescriptor = 3;
/** More than any unit has, and less than what a wrong number could make us try. */
const mostDescriptors = 256;

/** Those of one process; each is given out once, to the listener that is configured for its address. */
export class InheritedSockets {
  #left: readonly InheritedSocket[];

  constructor(sockets: readonly InheritedSocket[] = []) {
    this.#left = sockets;
  }

  /** Those that nobody has taken: the configuration has no listener for them. */
  get left(): readonly InheritedSocket[] {
    return this.#left;
  }

  take(kind: InheritedSocket['kind'], at: Endpoint): InheritedSocket | undefined {
    const wanted = comparable(at);
    const found = this.#left.find((socket) => socket.kind === kind && comparable(socket.at) === wanted);
    if (found) this.#left = this.#left.filter((socket) => socket !== found);
    return found;
  }
}

/**
 * The sockets that are meant for process `pid`; none if there are none. Takes the variables out of `env`, so that no child
 * takes our sockets for its own. Throws ListenError where there is something that is no listening socket for DNS.
 */
export function inheritedSockets(
  env: Record<string, string | undefined>,
  pid: number,
  { readLink, readText }: ProcessFiles = files,
): InheritedSockets {
  const { LISTEN_PID: forPid, LISTEN_FDS: text, LISTEN_FDNAMES: names } = env;
  for (const key of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) Reflect.deleteProperty(env, key);
  if (text === undefined || forPid !== String(pid)) return new InheritedSockets();
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || count > mostDescriptors)
    throw new ListenError(`LISTEN_FDS is no number of sockets up to ${String(mostDescriptors)}: ${text}`);
  const tables = readTables(readText);
  const nameOf = names?.split(':') ?? [];
  const sockets = Array.from({ length: count }, (_, index) => {
    const fd = firstDescriptor + index;
    const bound = tables.get(inodeOf(fd, readLink));
    if (bound === undefined)
      throw new ListenError(
        `descriptor ${String(fd)} of LISTEN_FDS is no socket that listens for DNS; a socket unit for danced has ListenDatagram and ListenStream with addresses, and not Accept=yes`,
      );
    return { fd, ...bound, name: nameOf[index] ?? '' };
  });
  return new InheritedSockets(sockets);
}

type Bound = Omit<InheritedSocket, 'fd' | 'name'>;

/** The number of the socket; empty for what is no socket. */
function inodeOf(fd: number, readLink: ProcessFiles['readLink']): string {
  try {
    return /^socket:\[([0-9]+)\]$/.exec(readLink(`/proc/self/fd/${String(fd)}`))?.[1] ?? '';
  } catch (error) {
    throw new ListenError(`LISTEN_FDS has a descriptor ${String(fd)} that is not open`, { cause: error });
  }
}

/** Column of proc_net_tcp: local address and port, state, number of the socket. */
const localAt = 1;
const stateAt = 3;
const inodeAt = 9;
/** TCP_LISTEN; a connection has another state. */
const listens = '0A';

function readTables(readText: ProcessFiles['readText']): ReadonlyMap<string, Bound> {
  const found = new Map<string, Bound>();
  for (const kind of ['udp', 'tcp'] as const) {
    for (const family of [4, 6] as const) {
      for (const line of readTable(`/proc/self/net/${kind}${family === 6 ? '6' : ''}`, readText)) {
        const columns = line.trim().split(/\s+/);
        const at = readEndpoint(columns[localAt] ?? '', family);
        const inode = columns[inodeAt];
        if (at === undefined || inode === undefined) continue;
        if (kind === 'udp' || columns[stateAt] === listens) found.set(inode, { kind, family, at });
      }
    }
  }
  return found;
}

/** A kernel without IPv6 has no table of it. */
function readTable(path: string, readText: ProcessFiles['readText']): string[] {
  try {
    return readText(path).split('\n').slice(1);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `0100007F:0035`: the address in words of 32 bits as the processor has them, the port as a number. */
function readEndpoint(text: string, family: 4 | 6): Endpoint | undefined {
  const [words = '', port = ''] = text.split(':');
  if (words.length !== (family === 4 ? 8 : 32)) return undefined;
  const octets = Buffer.from(words, 'hex');
  if (endianness() === 'LE') octets.swap32();
  const address =
    family === 4 ? [...octets].join('.') : (octets.toString('hex').match(/.{4}/g) ?? []).join(':');
  return { address: plainText(address, family), port: Number.parseInt(port, 16) };
}

/** One text for each address, however it was written; a zone of IPv6 (`%eth0`) does not count, the kernel's table has none. */
function comparable({ address, port }: Endpoint): string {
  return formatEndpoint({ address: plainText(address, address.includes(':') ? 6 : 4), port });
}

function plainText(address: string, family: 4 | 6): string {
  return new SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
