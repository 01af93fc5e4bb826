import { once } from 'node:events';
import net from 'node:net';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { formatEndpoint, type Endpoint } from '../../../core/config/endpoint.ts';
import { inheritedSockets, InheritedSockets, type ProcessFiles } from '../../../core/do53/inherited.ts';
import { ListenError } from '../../../core/server/listen-error.ts';
import { startWithSockets } from '../../support/socket-activation.ts';
import { idOf, query, TcpClient, UdpClient } from './plain-bed.ts';

const pid = 4711;

describe('sockets that our starter opened', () => {
  it('are told apart by the tables of the kernel, in the order of their descriptors', () => {
    const found = inheritedSockets(variables('4', 'a:b::d'), pid, kernel(['11', '12', '13', '14'])).left;
    expect(found).to.deep.equal([
      { fd: 3, kind: 'udp', family: 4, at: { address: '127.0.0.1', port: 53 }, name: 'a' },
      { fd: 4, kind: 'tcp', family: 4, at: { address: '127.0.0.53', port: 5353 }, name: 'b' },
      { fd: 5, kind: 'udp', family: 6, at: { address: '::1', port: 53 }, name: '' },
      { fd: 6, kind: 'tcp', family: 6, at: { address: '2001:db8::1:2', port: 53 }, name: 'd' },
    ]);
  });

  it('are found without names, and where the kernel has no IPv6', () => {
    const { readLink, readText } = kernel(['11']);
    const found = inheritedSockets(variables('1'), pid, {
      readLink,
      readText: (path) => {
        if (path.endsWith('6')) throw Object.assign(new Error(path), { code: 'ENOENT' });
        return readText(path);
      },
    }).left;
    expect(found.map(({ fd, kind, name }) => [fd, kind, name])).to.deep.equal([[3, 'udp', '']]);
  });

  it('are not looked for where none are given, or where they are for another process', () => {
    const nothing: ProcessFiles = {
      readLink: () => expect.fail('looked'),
      readText: () => expect.fail('looked'),
    };
    for (const env of [
      {},
      { LISTEN_FDS: '2' },
      { LISTEN_FDS: '2', LISTEN_PID: '1' },
      { LISTEN_PID: '4711' },
    ]) {
      expect(inheritedSockets(env, pid, nothing).left).to.deep.equal([]);
    }
  });

  it('are not told of to children', () => {
    const env: Record<string, string | undefined> = { ...variables('0', ''), PATH: '/bin' };
    inheritedSockets(env, pid, kernel([]));
    expect(env).to.deep.equal({ PATH: '/bin' });
    const notOurs: Record<string, string | undefined> = { LISTEN_FDS: '1', LISTEN_PID: '1' };
    inheritedSockets(notOurs, pid, kernel([]));
    expect(notOurs).to.deep.equal({});
  });

  const broken: [title: string, count: string, links: string[], words: string][] = [
    ['a number that is none', '2x', [], 'LISTEN_FDS is no number'],
    ['a number that is too big', '257', [], 'LISTEN_FDS is no number'],
    ['a descriptor that is not open', '1', [], 'a descriptor 3 that is not open'],
    ['a connection, as Accept=yes gives it', '2', ['11', '99'], 'descriptor 4 of LISTEN_FDS is no socket'],
    ['a UNIX socket', '1', ['555'], 'descriptor 3 of LISTEN_FDS is no socket'],
    ['a file', '1', ['/var/log/messages'], 'descriptor 3 of LISTEN_FDS is no socket'],
  ];
  for (const [title, count, links, words] of broken) {
    it(`are refused where there is ${title}`, () => {
      expect(() => inheritedSockets(variables(count), pid, kernel(links))).to.throw(ListenError, words);
    });
  }

  it('are given out once each, by kind and address, however the address is written', () => {
    const sockets = inheritedSockets(variables('3'), pid, kernel(['11', '13', '14']));
    const at = (address: string, port = 53): Endpoint => ({ address, port });
    expect(sockets.take('tcp', at('127.0.0.1'))).to.equal(undefined);
    expect(sockets.take('udp', at('127.0.0.1', 54))).to.equal(undefined);
    expect(sockets.take('udp', at('127.0.0.1'))?.fd).to.equal(3);
    expect(sockets.take('udp', at('127.0.0.1'))).to.equal(undefined);
    expect(sockets.take('udp', at('0:0:0:0:0:0:0:1'))?.fd).to.equal(4);
    expect(sockets.take('tcp', at('2001:DB8:0::1:2'))?.fd).to.equal(5);
    expect(sockets.left).to.deep.equal([]);
    expect(new InheritedSockets().take('udp', at('127.0.0.1'))).to.equal(undefined);
  });

  for (const address of ['127.0.0.1', '::1']) {
    it(`are served, with what came before we were there (${address})`, async function () {
      // The kernel's tables are those of Linux.
      if (process.platform !== 'linux' || !(await canListen(address))) this.skip();
      const { at, child } = await startWithSockets(address, (endpoint) => [
        join(import.meta.dirname, 'inherited-server.ts'),
        formatEndpoint(endpoint),
      ]);
      // It is not there yet to read: these wait in the queues of the sockets.
      const [early, stream] = [await UdpClient.open(at), await TcpClient.open(at)];
      await early.send(query(1));
      stream.send(query(2));
      try {
        const lines = createInterface({ input: child.stdout });
        const [line] = (await once(lines, 'line')) as [string];
        expect(JSON.parse(line)).to.deep.equal({ at, names: ['dns', 'dns-tcp'], left: [] });
        expect((await early.hears(1)).map(idOf)).to.deep.equal([1]);
        expect((await stream.hears(1)).map(idOf)).to.deep.equal([2]);
      } finally {
        early.close();
        stream.close();
        child.stdin.end();
        await once(child, 'exit');
      }
    });
  }
});

function variables(count: string, names?: string): Record<string, string | undefined> {
  const common = { LISTEN_PID: String(pid), LISTEN_FDS: count };
  return names === undefined ? common : { ...common, LISTEN_FDNAMES: names };
}

/** The kernel's files of a process whose descriptors from 3 on are these sockets. */
function kernel(descriptors: readonly string[]): ProcessFiles {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const row = (local: string, state: string, inode: string): string =>
    `   0: ${words(local)} ${words(local.replace(/[0-9A-F](?=.*:)/g, '0'))} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0000000000000000 0\n`;
  const tables: Record<string, string> = {
    udp: row('7F000001:0035', '07', '11'),
    tcp: row('7F000035:14E9', '0A', '12') + row('7F000001:0035', '01', '99'),
    udp6: row('00000000000000000000000000000001:0035', '07', '13'),
    tcp6: row('20010DB8000000000000000000010002:0035', '0A', '14'),
  };
  return {
    readLink: (path) => {
      const link = descriptors[Number(path.replace('/proc/self/fd/', '')) - 3];
      if (link === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return link.startsWith('/') ? link : `socket:[${link}]`;
    },
    readText: (path) => head + (tables[path.replace('/proc/self/net/', '')] ?? ''),
  };
}

/** As this processor has them: words of 32 bits. */
function words(local: string): string {
  const [address = '', port = ''] = local.split(':');
  const octets = Buffer.from(address, 'hex');
  if (endianness() === 'LE') octets.swap32();
  return `${octets.toString('hex').toUpperCase()}:${port}`;
}

async function canListen(address: string): Promise<boolean> {
  const server = net.createServer().listen({ host: address, port: 0 });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
