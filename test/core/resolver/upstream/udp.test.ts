import { createSocket } from 'node:dgram';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { RrType } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeResponse, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import type { ExchangeFailure } from '../../../../core/resolver/upstream/server.ts';
import { UdpClient } from '../../../../core/resolver/upstream/udp.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../../support/dns-server.ts';

const asked = { name: Name.parse('_xfr.ns2.example'), type: RrType.TLSA };

describe('UdpClient', () => {
  const open: { close(): unknown }[] = [];

  afterEach(async () => {
    mock.timers.reset();
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  async function serve(answer: (query: HeardQuery) => void): Promise<DnsServer> {
    const server = await DnsServer.start(answer);
    open.push(server);
    return server;
  }

  function clientOf(port: number, sockets = 16): UdpClient {
    const client = new UdpClient({ address: '127.0.0.1', port }, { 'udp-sockets': sockets });
    open.push(client);
    return client;
  }

  function ask(client: UdpClient, name = asked.name): Promise<Message | ExchangeFailure> {
    return new Promise((resolve, reject) => {
      if (!client.ask({ ...asked, name }, resolve)) reject(new Error('no socket'));
    });
  }

  it('takes an answer only with the ID and the question that were sent [RFC5452-9.1]', async () => {
    const server = await serve(({ message, send }) => {
      const { header, questions } = message;
      const [question] = questions;
      send(answerTo({ ...message, header: { ...header, id: header.id ^ 1 } }));
      send(answerTo({ ...message, questions: [{ ...question!, type: RrType.A }] }));
      send(Buffer.alloc(1));
      send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      send(encodeMessage(makeResponse(message, { ra: true })));
    });
    expect(await ask(clientOf(server.port))).to.have.nested.property('header.ra', true);
  });

  it('does not hear what another socket sends, right as it may look [RFC5452-9.2]', async () => {
    const forger = createSocket('udp4');
    open.push({ close: () => forger.close() });
    const server = await serve(({ message, send, from }) => {
      forger.send(answerTo(message), from!.port, from!.address, () => {
        send(encodeMessage(makeResponse(message, { ra: true })));
      });
    });
    expect(await ask(clientOf(server.port))).to.have.nested.property('header.ra', true);
  });

  it('spreads questions under way over many ports, with IDs that differ [RFC5452-9.2]', async () => {
    const held: HeardQuery[] = [];
    const server = await serve((query) => {
      held.push(query);
      if (held.length === 100) for (const { message, send } of held) send(answerTo(message));
    });
    const client = clientOf(server.port);
    await Promise.all(Array.from({ length: 100 }, (_, n) => ask(client, Name.parse(`n${n}.example`))));
    expect(portsOf(held).size).to.equal(16);
    expect(new Set(held.map(({ message }) => message.header.id)).size).to.be.greaterThan(90);
  });

  it('leaves a port after 64 questions', async () => {
    const server = await serve(({ message, send }) => {
      send(answerTo(message));
    });
    const client = clientOf(server.port);
    for (let n = 0; n < 64; n++) await ask(client);
    expect(portsOf(server.heard).size).to.equal(1);
    await ask(client);
    expect(portsOf(server.heard).size).to.equal(2);
  });

  it('leaves a port after five seconds, when what is under way is answered', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const held: HeardQuery[] = [];
    const server = await serve((query) => held.push(query));
    const client = clientOf(server.port, 2);
    const first = ask(client);
    while (held.length < 1) await nextTurn();
    mock.timers.tick(5_000);
    const second = ask(client);
    while (held.length < 2) await nextTurn();
    expect(portsOf(held).size).to.equal(2);
    // Both sockets are open, and one takes no more.
    expect(client.ask(asked, () => undefined)).to.be.a('function');
    for (const { message, send } of held) send(answerTo(message));
    expect(await Promise.all([first, second])).to.not.have.nested.property('[0].failure');
  });

  it('says of every question under way on a socket that the server cannot be reached', async () => {
    const client = clientOf(await unusedPort(), 1);
    const outcomes = await Promise.all([ask(client), ask(client, Name.parse('other.example'))]);
    for (const outcome of outcomes) {
      expect(outcome).to.have.property('failure').that.includes('cannot be reached by UDP');
    }
  });

  it('has no socket for more questions than its sockets take', () => {
    const client = clientOf(9, 1);
    for (let n = 0; n < 64; n++) expect(client.ask(asked, () => undefined)).to.be.a('function');
    expect(client.ask(asked, () => undefined)).to.equal(undefined);
  });

  it('says nothing more of a question that was given up', async () => {
    const held: HeardQuery[] = [];
    const server = await serve((query) => held.push(query));
    const client = clientOf(server.port, 1);
    let isEnded = false;
    const giveUp = client.ask(asked, () => (isEnded = true));
    const other = ask(client, Name.parse('other.example'));
    while (held.length < 2) await nextTurn();
    giveUp!();
    for (const { message, send } of held) send(answerTo(message));
    expect(await other).to.have.property('header');
    expect(isEnded).to.be.false;
  });
});

function answerTo(query: Message): Buffer {
  return encodeMessage(makeResponse(query, {}));
}

function portsOf(heard: readonly HeardQuery[]): Set<number> {
  return new Set(heard.map(({ from }) => from!.port));
}
