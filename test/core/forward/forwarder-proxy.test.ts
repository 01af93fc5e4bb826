import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { frame, FrameReader } from '../../../core/dns/framing.ts';
import { encodeMessage, parseMessage } from '../../../core/dns/message.ts';
import type { ForwardedClient } from '../../../core/forward/server.ts';
import { parseProxyHeader, type ProxyHeader } from '../../../core/server/proxy-v2.ts';
import { answerTo, ask, ForwardBed, numberIn, queryOf, tcp, udp } from '../../support/forward-bed.ts';

function client(n: number): ForwardedClient {
  return {
    name: `m${n}.members.example`,
    remote: { address: '192.0.2.1', port: 1000 + n },
    local: { address: '192.0.2.2', port: 853 },
  };
}

/** Every header, and the names that were asked after it. */
interface Heard {
  readonly header: ProxyHeader;
  readonly names: string[];
}

describe('Forwarder with PROXY v2', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  async function serveTcp(): Promise<{ address: string; port: number; heard: Heard[]; open: () => number }> {
    const heard: Heard[] = [];
    let open = 0;
    const server = createServer((socket) => {
      open += 1;
      socket.on('close', () => (open -= 1)).on('error', () => undefined);
      const reader = new FrameReader();
      let visit: Heard | undefined;
      let held = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        let rest = chunk;
        if (visit === undefined) {
          held = Buffer.concat([held, chunk]);
          const parsed = parseProxyHeader(held);
          if (parsed.header === undefined) return;
          visit = { header: parsed.header, names: [] };
          heard.push(visit);
          rest = held.subarray(parsed.length);
        }
        for (const octets of reader.push(rest)) {
          const message = parseMessage(octets);
          visit.names.push(message.questions[0]!.name.toString());
          socket.write(frame(encodeMessage(answerTo(message))));
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    bed.keep({ close: () => server.close() });
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, heard, open: () => open };
  }

  it('gives each client a connection of its own, with one header', async () => {
    const server = await serveTcp();
    const forwarder = bed.forwarder([tcp(server)], {}, { proxyProtocol: true });
    const [one, two] = [client(1), client(2)];
    await Promise.all([ask(forwarder, '1.example', one), ask(forwarder, '2.example', two)]);
    await ask(forwarder, '3.example', one);
    // Another object that says the same.
    expect(numberIn(await ask(forwarder, '4.example', client(2)))).to.equal(4);
    const byName = new Map(server.heard.map(({ header, names }) => [header.authority, names]));
    expect(server.heard.length).to.equal(2);
    expect(byName.get(one.name)).to.deep.equal(['1.example', '3.example']);
    expect(byName.get(two.name)).to.deep.equal(['2.example', '4.example']);
    expect(server.heard.map(({ header }) => header.source)).to.have.deep.members([one.remote, two.remote]);
  });

  it('never mixes clients, however many ask at once', async () => {
    const server = await serveTcp();
    const forwarder = bed.forwarder([tcp(server)], {}, { proxyProtocol: true });
    const clients = Array.from({ length: 20 }, (_, n) => client(n));
    const asked = Array.from({ length: 1_000 }, (_, n) => n);
    const answers = await Promise.all(
      asked.map((n) => ask(forwarder, `${n}.of${n % 20}.example`, clients[n % 20])),
    );
    expect(answers.map(numberIn)).to.deep.equal(asked);
    for (const { header, names } of server.heard) {
      const owner = /^m(\d+)\./.exec(header.authority!)![1]!;
      for (const name of names) expect(name).to.match(new RegExp(`\\.of${owner}\\.example$`));
    }
  });

  it('says LOCAL where nobody is named', async () => {
    const server = await serveTcp();
    await ask(bed.forwarder([tcp(server)], {}, { proxyProtocol: true }), '1.example');
    expect(server.heard[0]!.header).to.deep.equal({ local: true });
  });

  it('makes room for clients by closing idle connections, and fails at once without room', async () => {
    const server = await serveTcp();
    const limits = { 'upstream-clients': 2 };
    const forwarder = bed.forwarder([tcp(server)], limits, { proxyProtocol: true });
    for (let n = 1; n <= 6; n++)
      expect(numberIn(await ask(forwarder, `${n}.example`, client(n)))).to.equal(n);
    expect(server.open()).to.be.at.most(3);
    const together = await Promise.all([1, 2, 3].map((n) => ask(forwarder, `${n}.example`, client(n))));
    expect(together.map(numberIn)).to.deep.equal([1, 2, -1]);
    expect(together[2]).to.have.property('failure').that.includes('too many clients');
  });

  it('keeps half of the room for clients with a name', async () => {
    const server = await serveTcp();
    const limits = { 'upstream-clients': 4 };
    const forwarder = bed.forwarder([tcp(server)], limits, { proxyProtocol: true });
    const asked = [1, 2, 3].map((n) => ask(forwarder, `${n}.example`, { ...client(n), name: '' }));
    const known = [4, 5].map((n) => ask(forwarder, `${n}.example`, client(n)));
    expect((await Promise.all([...asked, ...known])).map(numberIn)).to.deep.equal([1, 2, -1, 4, 5]);
    // Idle ones make room among themselves.
    expect(numberIn(await ask(forwarder, '6.example', { ...client(6), name: '' }))).to.equal(6);
  });

  it('puts the header before the query in each datagram', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    bed.keep({ close: () => server.close() });
    const heard: (string | undefined)[] = [];
    server.on('message', (octets, from) => {
      const parsed = parseProxyHeader(octets);
      if (parsed.header === undefined) return;
      heard.push(parsed.header.authority);
      server.send(
        encodeMessage(answerTo(parseMessage(octets.subarray(parsed.length)))),
        from.port,
        from.address,
      );
    });
    const { port } = server.address();
    const forwarder = bed.forwarder([udp({ address: '127.0.0.1', port })], {}, { proxyProtocol: true });
    const query = queryOf('7.example', 77);
    const outcomes = [
      await ask(forwarder, query, client(1)),
      await ask(forwarder, query, client(2)),
      await ask(forwarder, query),
    ];
    expect(outcomes.map(numberIn)).to.deep.equal([7, 7, 7]);
    expect(outcomes[0]).to.have.nested.property('header.id', 77);
    expect(heard).to.deep.equal(['m1.members.example', 'm2.members.example', undefined]);
  });
});
