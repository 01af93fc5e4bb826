import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DnsConnection, type ConnectionLimits } from '../../../core/client/dns-connection.ts';
import { defaultClientLimits } from '../../../core/client/limits.ts';
import { NoAnswerError } from '../../../core/client/reasons.ts';
import type { ReplyStream } from '../../../core/client/reply-stream.ts';
import { EdnsOptionCode, RrType } from '../../../core/dns/constants.ts';
import { keepalive, type Edns } from '../../../core/dns/edns.ts';
import { encodeMessage, makeQuery, makeResponse, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { StreamServer } from '../../support/stream-server.ts';

const plainEdns: Edns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };

function query(name: string, id = 7, type: number = RrType.SOA): Buffer {
  return encodeMessage(makeQuery({ id, name: Name.parse(name), type, edns: plainEdns }));
}

/** An answer with the ID that the query came with. */
function answer(heard: Buffer, fields: Parameters<typeof makeResponse>[1] = {}): Buffer {
  return encodeMessage(makeResponse(parseMessage(heard), fields));
}

interface Running {
  readonly server: StreamServer;
  readonly connection: DnsConnection;
  readonly closed: Promise<NoAnswerError>;
}

function start(limits: Partial<ConnectionLimits> = {}): Running {
  const server = new StreamServer();
  const { promise: closed, resolve } = Promise.withResolvers<NoAnswerError>();
  const connection = new DnsConnection({
    socket: server.client,
    who: 'server 192.0.2.1:853',
    limits: { ...defaultClientLimits, 'answer-time': 2000, ...limits },
    onClosed: resolve,
  });
  return { server, connection, closed };
}

async function failure(promise: Promise<unknown>): Promise<NoAnswerError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof NoAnswerError)) throw new Error(`no NoAnswerError: ${String(error)}`);
  return error;
}

describe('a connection to a proved server', () => {
  it('gives each request its answer, in any order, with the ID that it came with [RFC7766-7]', async () => {
    const { server, connection } = start();
    const first = connection.ask(query('a.example', 7));
    const second = connection.ask(query('b.example', 7));
    const [a, b] = (await server.hears(2)) as [Buffer, Buffer];
    expect(server.chunks, 'one turn, one write').to.equal(1);
    server.say(answer(b), answer(a));
    expect(parseMessage(await first).questions[0]!.name.toString()).to.equal('a.example');
    expect(parseMessage(await second).questions[0]!.name.toString()).to.equal('b.example');
    expect([(await first).readUInt16BE(0), (await second).readUInt16BE(0)]).to.deep.equal([7, 7]);
  });

  it('uses no ID twice at a time [RFC7766-6.2.1]', async () => {
    const { server, connection } = start({ 'requests-at-once': 4096 });
    for (let count = 0; count < 2000; count += 1)
      void connection.ask(query('a.example')).catch(() => undefined);
    const ids = (await server.hears(2000)).map((message) => message.readUInt16BE(0));
    expect(new Set(ids).size).to.equal(2000);
    connection.close();
  });

  it('does not alter the message of its sender', async () => {
    const { server, connection } = start();
    const mine = query('a.example', 0x1234);
    const copy = Buffer.from(mine);
    void connection.ask(mine).catch(() => undefined);
    const [heard] = (await server.hears(1)) as [Buffer];
    expect(mine.equals(copy)).to.equal(true);
    expect(heard.subarray(2).equals(mine.subarray(2))).to.equal(true);
    connection.close();
  });

  it('takes nothing for an answer that asks another question, is a query, or is to nobody [RFC7766-7]', async () => {
    const { server, connection } = start();
    const reply = connection.ask(query('a.example'));
    const [heard] = (await server.hears(1)) as [Buffer];
    const id = heard.readUInt16BE(0);
    server.say(
      answer(query('b.example', id)),
      answer(query('a.example', id, RrType.A)),
      heard,
      answer(query('a.example', id ^ 1)),
    );
    server.say(answer(heard, { rcode: 5 }));
    expect(parseMessage(await reply).header.rcode).to.equal(5);
  });

  it('takes an error without the question, and one in another case of letters [RFC4343-3]', async () => {
    const { server, connection } = start();
    const first = connection.ask(query('a.example'));
    const [a] = (await server.hears(1)) as [Buffer];
    const header = Buffer.alloc(12);
    a.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8001, 2);
    server.say(header);
    expect((await first).readUInt16BE(0)).to.equal(7);
    const second = connection.ask(query('a.example'));
    const [, b] = (await server.hears(2)) as [Buffer, Buffer];
    server.say(answer(query('A.eXample', b.readUInt16BE(0))));
    await second;
  });

  it('closes after too many messages that answer nothing', async () => {
    const { server, connection, closed } = start({ 'stray-messages': 3 });
    const lost = failure(connection.ask(query('a.example')));
    for (let id = 0; id < 4; id += 1) server.say(answer(query('x.example', id)));
    expect((await closed).reason).to.equal('not-dns');
    expect((await lost).reason).to.equal('not-dns');
  });

  it('closes when what comes is no DNS', async () => {
    const { server, connection } = start();
    const lost = failure(connection.ask(query('a.example')));
    await server.hears(1);
    server.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.replace('HT', '\0\x01'));
    expect((await lost).reason).to.equal('not-dns');
    await server.ends();
  });

  it('takes no more than so many requests at once', async () => {
    const { connection } = start({ 'requests-at-once': 2 });
    const waiting = [connection.ask(query('a.example')), connection.ask(query('b.example'))].map(failure);
    expect(connection.hasRoom).to.equal(false);
    expect((await failure(connection.ask(query('c.example')))).reason).to.equal('too-many-requests');
    connection.close();
    expect((await Promise.all(waiting)).map(({ reason }) => reason)).to.deep.equal(['closed', 'closed']);
  });

  it('fails everybody, by name, when the connection ends [RFC7766-6.2.4]', async () => {
    const { server, connection, closed } = start();
    const waiting = [
      failure(connection.ask(query('a.example'))),
      failure(drain(connection.askStream(query('b.example')))),
    ];
    await server.hears(2);
    server.socket.end();
    for (const lost of await Promise.all(waiting)) expect(lost.reason).to.equal('connection-lost');
    expect((await closed).message).to.match(
      /^server 192\.0\.2\.1:853: the connection ended before the answer/,
    );
    expect((await failure(connection.ask(query('c.example')))).reason).to.equal('connection-lost');
  });

  it('says with which alert the server refused us [RFC8446-6.2]', async () => {
    const { server, connection } = start();
    const lost = failure(connection.ask(query('a.example')));
    const error = Object.assign(new Error('x'), { reason: 'ssl/tls alert handshake failure' });
    server.client.destroy(error);
    expect(await lost).to.include({ reason: 'refused-by-server', detail: 'handshake_failure' });
  });

  it('is closed at once if the socket was lost before it was taken over', async () => {
    const server = new StreamServer();
    server.client.on('error', () => undefined).destroy();
    await sleep(5);
    const { promise, resolve } = Promise.withResolvers<NoAnswerError>();
    const connection = new DnsConnection({
      socket: server.client,
      who: 'x',
      limits: defaultClientLimits,
      onClosed: resolve,
    });
    expect((await promise).reason).to.equal('connection-lost');
    expect(connection.isOpen).to.equal(false);
  });

  it('gives up a silent server, and what comes late is nobody else’s answer', async () => {
    const { server, connection } = start({ 'answer-time': 30 });
    const lost = failure(connection.ask(query('a.example')));
    expect((await lost).reason).to.equal('no-answer');
    expect(connection.isOpen, 'nothing at all came').to.equal(false);
    await server.ends();
  });

  it('keeps the connection where only one answer is missing, and the ID until it has come', async () => {
    const { server, connection } = start({ 'answer-time': 60 });
    const slow = failure(connection.ask(query('slow.example')));
    const quick = connection.ask(query('quick.example'));
    const [first, second] = (await server.hears(2)) as [Buffer, Buffer];
    server.say(answer(second));
    await quick;
    expect((await slow).reason).to.equal('no-answer');
    expect([connection.isOpen, connection.load]).to.deep.equal([true, 1]);
    server.say(answer(first));
    const again = connection.ask(query('again.example'));
    const [, , third] = (await server.hears(3)) as [Buffer, Buffer, Buffer];
    server.say(answer(third));
    await again;
    expect(connection.load).to.equal(0);
    connection.close();
  });

  /** A request that is given up; another one is answered meanwhile, so that the server is not silent. */
  async function giveOneUp({ server, connection }: Running, sent: number): Promise<void> {
    const dropped = failure(connection.ask(query('dropped.example')));
    const answered = connection.ask(query('answered.example'));
    const heard = await server.hears(sent + 2);
    server.say(answer(heard[sent + 1]!));
    await answered;
    expect((await dropped).reason).to.equal('no-answer');
  }

  it('is idle also where a request was given up and never answered [RFC7766-6.2.3]', async () => {
    const running = start({ 'answer-time': 30, 'idle-time': 30 });
    await giveOneUp(running, 0);
    expect(await running.closed).to.include({ reason: 'closed', detail: 'it was idle' });
    await running.server.ends();
  });

  it('ends when half of its places are taken by requests that were given up', async () => {
    const running = start({ 'answer-time': 30, 'requests-at-once': 4 });
    const { connection, closed } = running;
    await giveOneUp(running, 0);
    expect([connection.isOpen, connection.load]).to.deep.equal([true, 1]);
    await giveOneUp(running, 2);
    expect(connection.isOpen).to.equal(false);
    expect((await closed).reason).to.equal('closed');
  });

  it('has all of its places again when late answers have come', async () => {
    const running = start({ 'answer-time': 30, 'requests-at-once': 4 });
    const { server, connection } = running;
    await giveOneUp(running, 0);
    server.say(answer((await server.hears(2))[0]!));
    await giveOneUp(running, 2);
    expect([connection.isOpen, connection.load]).to.deep.equal([true, 1]);
    connection.close();
  });

  it('lets go of a request whose sender has gone', async () => {
    const { connection } = start();
    const abort = new AbortController();
    const lost = failure(connection.ask(query('a.example'), abort.signal));
    abort.abort();
    expect((await lost).reason).to.equal('given-up');
    expect((await failure(connection.ask(query('b.example'), abort.signal))).reason).to.equal('given-up');
    expect(connection.isOpen).to.equal(true);
    connection.close();
  });

  it('closes when it is idle [RFC7766-6.2.3]', async () => {
    const { server, connection, closed } = start({ 'idle-time': 40 });
    const reply = connection.ask(query('a.example'));
    const [heard] = (await server.hears(1)) as [Buffer];
    await sleep(80);
    expect(connection.isOpen, 'a request is under way').to.equal(true);
    server.say(answer(heard));
    await reply;
    expect((await closed).reason).to.equal('closed');
    await server.ends();
  });

  it('closes before the server would, as the server says [RFC7828-3.2.2]', async () => {
    const { server, connection, closed } = start({ 'idle-time': 60_000 });
    const reply = connection.ask(query('a.example'));
    const [heard] = (await server.hears(1)) as [Buffer];
    server.say(answer(heard, { edns: { ...plainEdns, options: [keepalive(100)] } }));
    await reply;
    expect((await closed).detail).to.equal('it was idle');
  });

  it('asks nothing more where the server wants no more, and waits for what is under way [RFC7828-3.2.2]', async () => {
    const { server, connection, closed } = start();
    const first = connection.ask(query('a.example'));
    const second = connection.ask(query('b.example'));
    const [a, b] = (await server.hears(2)) as [Buffer, Buffer];
    server.say(answer(a, { edns: { ...plainEdns, options: [keepalive(0)] } }));
    await first;
    expect(connection.hasRoom).to.equal(false);
    expect((await failure(connection.ask(query('c.example')))).reason).to.equal('closed');
    server.say(answer(b));
    await second;
    expect((await closed).reason).to.equal('closed');
  });

  it('passes over a keepalive that makes no sense', async () => {
    const { server, connection } = start();
    const reply = connection.ask(query('a.example'));
    const [heard] = (await server.hears(1)) as [Buffer];
    const odd = { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.from([1, 2, 3]) };
    server.say(answer(heard, { edns: { ...plainEdns, options: [odd] } }));
    await reply;
    expect(connection.isOpen).to.equal(true);
    connection.close();
  });
});

async function drain(stream: ReplyStream, count = Infinity): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  for await (const message of stream) {
    taken.push(message);
    if (taken.length === count) stream.finish();
  }
  return taken;
}

async function takeAll(stream: ReplyStream, into: Buffer[]): Promise<void> {
  for await (const message of stream) into.push(message);
}

describe('a stream of answers', () => {
  it('gives messages until the caller has them all, the later ones without the question [RFC5936-2.2.1]', async () => {
    const { server, connection } = start();
    const all = drain(connection.askStream(query('example', 9, RrType.AXFR)), 3);
    const [heard] = (await server.hears(1)) as [Buffer];
    const bare = encodeMessage({ ...makeResponse(parseMessage(heard), {}), questions: [] });
    server.say(answer(heard), bare);
    server.say(bare);
    expect((await all).map((message) => message.readUInt16BE(0))).to.deep.equal([9, 9, 9]);
    expect([connection.load, connection.isOpen]).to.deep.equal([0, true]);
    connection.close();
  });

  it('goes beside other requests', async () => {
    const { server, connection } = start();
    const all = drain(connection.askStream(query('example', 9, RrType.AXFR)), 2);
    const [heard] = (await server.hears(1)) as [Buffer];
    server.say(answer(heard));
    const reply = connection.ask(query('a.example'));
    const [, asked] = (await server.hears(2)) as [Buffer, Buffer];
    expect(connection.hasStream).to.equal(true);
    server.say(answer(asked), answer(heard));
    await reply;
    expect(await all).to.have.length(2);
    expect(connection.hasStream).to.equal(false);
    connection.close();
  });

  it('ends the connection when it is left in the middle, after what else is under way', async () => {
    const { server, connection, closed } = start();
    const stream = connection.askStream(query('example', 9, RrType.AXFR));
    const reply = connection.ask(query('a.example'));
    const [heard, asked] = (await server.hears(2)) as [Buffer, Buffer];
    server.say(answer(heard));
    for await (const message of stream) {
      expect(message.readUInt16BE(0)).to.equal(9);
      break;
    }
    expect(connection.isOpen).to.equal(false);
    server.say(answer(heard), answer(asked));
    await reply;
    expect((await closed).reason).to.equal('closed');
  });

  it('fails, after what has come, when the server falls silent', async () => {
    const { server, connection } = start({ 'answer-time': 40 });
    const stream = connection.askStream(query('example', 9, RrType.AXFR));
    const [heard] = (await server.hears(1)) as [Buffer];
    server.say(answer(heard));
    const taken: Buffer[] = [];
    const lost = failure(takeAll(stream, taken));
    expect((await lost).reason).to.equal('no-answer');
    expect(taken).to.have.length(1);
    expect(connection.isOpen).to.equal(false);
  });

  it('holds the server back while nobody takes what has come', async () => {
    const { server, connection } = start({ 'stream-octets': 100_000, 'answer-time': 40 });
    const stream = connection.askStream(query('example', 9, RrType.AXFR));
    const [heard] = (await server.hears(1)) as [Buffer];
    const large = Buffer.concat([answer(heard), Buffer.alloc(60_000)]);
    const sent = 50;
    let isThrough = false;
    const pour = (async () => {
      for (let count = 0; count < sent; count += 1) {
        if (
          !server.socket.write(Buffer.concat([Buffer.from([large.length >> 8, large.length & 255]), large]))
        )
          await new Promise((resolve) => server.socket.once('drain', resolve));
      }
      isThrough = true;
    })();
    // Longer than the server has for an answer: but it is we who are slow.
    await sleep(120);
    expect(isThrough).to.equal(false);
    expect(server.client.isPaused()).to.equal(true);
    expect(await drain(stream, sent)).to.have.length(sent);
    await pour;
    expect(server.client.isPaused()).to.equal(false);
    connection.close();
  });

  it('is refused where there is no room', () => {
    const { connection } = start({ 'requests-at-once': 1 });
    void connection.ask(query('a.example')).catch(() => undefined);
    expect(() => connection.askStream(query('example'))).to.throw(NoAnswerError, /too many requests/);
    connection.close();
    expect(() => connection.askStream(query('example'))).to.throw(NoAnswerError, /closed/);
  });
});
