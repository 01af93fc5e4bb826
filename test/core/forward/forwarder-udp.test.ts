import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Rcode } from '../../../core/dns/constants.ts';
import { encodeMessage } from '../../../core/dns/message.ts';
import { unusedPort } from '../../support/dns-server.ts';
import {
  answerTo,
  ask,
  ForwardBed,
  numberIn,
  plainEdns,
  queryOf,
  reply,
  tcp,
  udp,
} from '../../support/forward-bed.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n + 1}.example`);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

describe('Forwarder over UDP', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  it('takes an answer only with the ID and the question that were sent [RFC5452-9.1]', async () => {
    const server = await bed.serve(({ message, send }) => {
      const octets = encodeMessage(answerTo(message));
      const forged = encodeMessage(answerTo(message, { answers: [], rcode: Rcode.NXDOMAIN }));
      for (const [at, bit] of [
        [1, 1],
        [2, 0x80],
        [2, 0x20],
        [13, 0x01],
        [24, 1],
      ] as const) {
        const wrong = Buffer.from(forged);
        wrong[at]! ^= bit;
        send(wrong);
      }
      send(Buffer.alloc(0));
      send(Buffer.alloc(1));
      send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      send(octets);
    });
    const outcome = await ask(bed.forwarder([udp(server)]), '7.example');
    expect(numberIn(outcome)).to.equal(7);
    expect(outcome).to.have.nested.property('header.id', 4711);
  });

  it('takes the question in other letters', async () => {
    const server = await bed.serve(({ message, send }) => {
      const octets = encodeMessage(answerTo(message));
      octets.write('EXamPLE', 15, 'latin1');
      send(octets);
    });
    expect(numberIn(await ask(bed.forwarder([udp(server)]), '7.example'))).to.equal(7);
  });

  it('does not hear what another socket sends, right as it may look [RFC5452-9.2]', async () => {
    const forger = createSocket('udp4');
    bed.keep({ close: () => forger.close() });
    const server = await bed.serve(({ message, send, from }) => {
      const forged = encodeMessage(answerTo(message, { answers: [], rcode: Rcode.NXDOMAIN }));
      forger.send(forged, from!.port, from!.address, () => send(encodeMessage(answerTo(message))));
    });
    expect(numberIn(await ask(bed.forwarder([udp(server)]), '7.example'))).to.equal(7);
  });

  it('asks with other IDs and from other ports each time [RFC5452-9.2]', async () => {
    const server = await bed.serve();
    const forwarder = bed.forwarder([udp(server)]);
    await Promise.all(names(200).map((name) => ask(forwarder, name)));
    for (const name of names(200)) await ask(forwarder, name);
    const perPort = new Map<number, number>();
    for (const { from } of server.heard)
      perPort.set(from?.port ?? 0, (perPort.get(from?.port ?? 0) ?? 0) + 1);
    perPort.delete(0);
    expect(perPort.size).to.be.at.least(16);
    expect(Math.max(...perPort.values())).to.be.at.most(64);
    const ids = server.heard.map(({ message }) => message.header.id);
    expect(new Set(ids).size).to.be.at.least(ids.length - 10);
    // They do not count up either.
    const steps = ids.slice(1).map((id, n) => Math.abs(id - ids[n]!));
    expect(steps.filter((step) => step < 64)).to.have.length.lessThan(20);
  });

  it('gets over loss and disorder [RFC9520-3.1]', async () => {
    let heard = 0;
    const server = await bed.serve((query) => {
      heard += 1;
      // Every third is lost.
      if (heard % 3 === 0 && query.over === 'udp') return;
      setTimeout(() => reply(query), (heard * 7) % 23);
    });
    const forwarder = bed.forwarder([udp(server)], { 'upstream-retry': 150 });
    const answers = await Promise.all(names(500).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(500));
    expect(forwarder.underWay).to.equal(0);
  });

  it('asks a silent server as often as the limit says, and then once over TCP [RFC9520-3.1]', async () => {
    const server = await bed.serve((query) => {
      if (query.over === 'tcp') reply(query);
    });
    const forwarder = bed.forwarder([udp(server)], { 'upstream-retry': 40, 'upstream-tries': 3 });
    expect(numberIn(await ask(forwarder, '9.example'))).to.equal(9);
    const overs = server.heard.filter(({ message }) => message.questions[0]!.name.toString() === '9.example');
    expect(overs.map(({ over }) => over)).to.deep.equal(['udp', 'udp', 'udp', 'tcp']);
  });

  it('asks again over TCP for what was cut [RFC7766-5]', async () => {
    const server = await bed.serve((query) => {
      reply(query, query.over === 'udp' ? { tc: true, answers: [] } : {});
    });
    const forwarder = bed.forwarder([udp(server)]);
    const answers = await Promise.all(names(20).map((name) => ask(forwarder, queryOf(name, 4, plainEdns))));
    expect(answers.map(numberIn)).to.deep.equal(numbers(20));
    expect(server.connections).to.equal(1);
    expect(server.heard.length).to.equal(40);
  });

  it('goes over TCP where there is no room in the sockets', async () => {
    const server = await bed.serve();
    const forwarder = bed.forwarder([udp(server)], { 'upstream-udp-sockets': 1 });
    const answers = await Promise.all(names(100).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(100));
    expect(server.heard.filter(({ over }) => over === 'tcp').length).to.be.at.least(36);
  });

  it('leaves a socket on which somebody guesses, and asks over TCP [RFC5452-9.3]', async () => {
    const server = await bed.serve((query) => {
      const { message, over, send } = query;
      if (over === 'tcp') reply(query);
      else
        for (let n = 1; n < 30; n++)
          send(
            encodeMessage({
              ...answerTo(message),
              header: { ...answerTo(message).header, id: message.header.id ^ n },
            }),
          );
    });
    const forwarder = bed.forwarder([udp(server)], { 'upstream-strays': 20 });
    expect(numberIn(await ask(forwarder, '3.example'))).to.equal(3);
  });

  it('fails at once where nobody listens', async () => {
    const port = await unusedPort();
    const outcome = await ask(bed.forwarder([udp({ address: '127.0.0.1', port })]), '3.example');
    expect(outcome).to.have.property('failure').that.includes(`127.0.0.1:${port} cannot be reached by UDP`);
    expect(outcome).to.include({ isTimeout: false, kind: 'unreachable' });
  });

  it('does not break on an address that nothing can be sent to', async () => {
    for (const address of ['255.255.255.255', '::ffff:0:0', '2001:db8::1']) {
      const forwarder = bed.forwarder([udp({ address, port: 53 })], { 'upstream-time': 200 });
      expect(await ask(forwarder, '3.example')).to.have.property('failure');
      const stream = bed.forwarder([tcp({ address, port: 53 })], { 'upstream-time': 200 });
      expect(await ask(stream, '3.example')).to.have.property('failure');
    }
  });

  it('speaks with a server on ::1', async () => {
    const server = createSocket('udp6');
    server.bind(0, '::1');
    await once(server, 'listening');
    bed.keep({ close: () => server.close() });
    server.on('message', (octets, from) => {
      const answer = Buffer.from(octets);
      answer[2]! |= 0x80;
      server.send(answer, from.port, from.address);
    });
    const { port } = server.address();
    const outcome = await ask(bed.forwarder([udp({ address: '::1', port })]), '3.example');
    expect(outcome).to.have.nested.property('header.qr', true);
  });

  it('says nothing after it was given up, and passes over what comes late', async () => {
    const ended: unknown[] = [];
    const server = await bed.serve((query) => setTimeout(() => reply(query), 20));
    const forwarder = bed.forwarder([udp(server)], { 'upstream-strays': 0 });
    forwarder.ask(queryOf('1.example'), (outcome) => ended.push(outcome))();
    const giveUp = forwarder.ask(queryOf('2.example'), (outcome) => ended.push(outcome));
    while (server.heard.length < 2) await new Promise(setImmediate);
    giveUp();
    expect(numberIn(await ask(forwarder, '3.example'))).to.equal(3);
    expect(ended).to.deep.equal([]);
  });
});
