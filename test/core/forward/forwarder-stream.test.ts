import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { frame } from '../../../core/dns/framing.ts';
import { keepalive, findOption } from '../../../core/dns/edns.ts';
import { EdnsOptionCode, Rcode } from '../../../core/dns/constants.ts';
import { encodeMessage } from '../../../core/dns/message.ts';
import type { DnsServer } from '../../support/dns-server.ts';
import { unusedPort, type HeardQuery } from '../../support/dns-server.ts';
import {
  answerTo,
  ask,
  ForwardBed,
  numberIn,
  plainEdns,
  queryOf,
  reply,
  tcp,
} from '../../support/forward-bed.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n + 1}.example`);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

describe('Forwarder over TCP', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  it('asks many questions at once on one connection, in one write [RFC7766-6.2.1.1]', async () => {
    let chunks = 0;
    const held: HeardQuery[] = [];
    const server = await bed.serve((query) => {
      held.push(query);
      if (held.length === 1) query.socket!.on('data', () => (chunks += 1));
      // Nobody is answered before all have asked: they did not wait for one another.
      if (held.length === 300) for (const each of held.toReversed()) reply(each);
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const answers = await Promise.all(names(300).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(300));
    expect(server.connections).to.equal(1);
    // The first chunk was on its way when we began to count.
    expect(chunks).to.be.lessThan(3);
  });

  it('gives each answer the ID of the query, whatever it is on the way [RFC7766-6.2.1]', async () => {
    const held: HeardQuery[] = [];
    const server = await bed.serve((query) => {
      held.push(query);
      if (held.length === 200) for (const each of held) reply(each);
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const answers = await Promise.all(names(200).map((name, n) => ask(forwarder, queryOf(name, n % 7))));
    expect(answers.map((each) => 'header' in each && each.header.id)).to.deep.equal(
      numbers(200).map((n) => (n - 1) % 7),
    );
    expect(new Set(held.map(({ message }) => message.header.id)).size).to.equal(200);
  });

  it('does not write to the query', async () => {
    const server = await bed.serve();
    const query = queryOf('1.example', 99, plainEdns);
    const before = Buffer.from(query);
    await ask(bed.forwarder([tcp(server)]), query);
    expect(query.equals(before)).to.be.true;
  });

  it('finds answers however the stream is cut [RFC7766-8]', async () => {
    const server = await bed.serve(({ message, socket }) => {
      const octets = frame(encodeMessage(answerTo(message)));
      void (async () => {
        for (const at of [0, 1, 2, 20]) {
          socket!.write(octets.subarray(at, { 0: 1, 1: 2, 2: 20, 20: octets.length }[at]));
          await pause(5);
        }
      })();
    });
    expect(numberIn(await ask(bed.forwarder([tcp(server)]), '5.example'))).to.equal(5);
  });

  it('passes over what has the ID but not the question [RFC7766-7]', async () => {
    const server = await bed.serve((query) => {
      const { message, send } = query;
      const octets = encodeMessage(answerTo(message));
      const wrongName = Buffer.from(octets);
      wrongName[14]! ^= 0x01;
      const wrongType = Buffer.from(octets);
      wrongType[24]! ^= 0x01;
      const noResponse = Buffer.from(octets);
      noResponse[2]! &= 0x7f;
      const wrongId = Buffer.from(octets);
      wrongId[0]! ^= 0xff;
      for (const each of [wrongName, wrongType, noResponse, wrongId, octets]) send(frame(each));
    });
    expect(numberIn(await ask(bed.forwarder([tcp(server)]), '6.example'))).to.equal(6);
  });

  it('closes a connection on which too much comes that answers nothing', async () => {
    const server = await bed.serve(({ message, send }) => {
      const octets = encodeMessage(answerTo(message));
      octets[14]! ^= 0x01;
      for (let n = 0; n < 20; n++) send(frame(octets));
    });
    const outcome = await ask(bed.forwarder([tcp(server)], { 'upstream-strays': 10 }), '6.example');
    expect(outcome).to.have.property('failure').that.includes('answer nothing');
    // Once more on a second connection, and no more.
    expect(server.connections).to.equal(2);
  });

  it('says so when the server speaks something else', async () => {
    const server = await bed.serve(({ socket }) => void socket!.write('\0\x03abc'));
    const outcome = await ask(bed.forwarder([tcp(server)]), '6.example');
    expect(outcome).to.deep.equal({
      failure: `resolver 127.0.0.1:${server.port} sent over TCP what is not DNS`,
      isTimeout: false,
      kind: 'unusable',
    });
  });

  it('asks again, once, what a dying connection left, and nothing twice that was answered [RFC7766-6.2.4]', async () => {
    const heard = new Map<number, number>();
    const server = await bed.serve((query) => {
      const { message, connection, socket } = query;
      const number = Number(/\d+/.exec(message.questions[0]!.name.toString()));
      heard.set(number, (heard.get(number) ?? 0) + 1);
      if (connection > 1) reply(query);
      else if (number <= 40) reply(query);
      else if (number === 100) setTimeout(() => socket!.resetAndDestroy(), 20);
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const answers = await Promise.all(names(100).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(100));
    expect(numbers(100).map((n) => heard.get(n))).to.deep.equal(numbers(100).map((n) => (n <= 40 ? 1 : 2)));
    expect(forwarder.underWay).to.equal(0);
  });

  it('does not ask a third time what kills the server', async () => {
    let heard = 0;
    const server = await bed.serve(({ message, socket }) => {
      if (message.questions[0]!.name.toString() === '6.example') heard += 1;
      socket!.destroy();
    });
    const outcome = await ask(bed.forwarder([tcp(server)]), '6.example');
    expect(outcome).to.have.property('failure').that.includes(`127.0.0.1:${server.port}`);
    expect(outcome).to.include({ isTimeout: false, kind: 'broken' });
    expect(heard).to.equal(2);
  });

  it('gets every answer from a server that closes after each [RFC7766-6.2.4]', async () => {
    const answered = new Set<number>();
    const server = await bed.serve((query) => {
      if (answered.has(query.connection)) return;
      answered.add(query.connection);
      reply(query);
      query.close();
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const answers = await Promise.all(names(30).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(30));
  });

  it('keeps a connection, and closes it when it is idle [RFC7766-6.2.3]', async () => {
    const server = await bed.serve();
    const forwarder = bed.forwarder([tcp(server)], { 'upstream-idle': 80 });
    for (const name of names(5)) await ask(forwarder, name);
    expect(server.connections).to.equal(1);
    while (server.openConnections > 0) await pause(5);
    await ask(forwarder, '6.example');
    expect(server.connections).to.equal(2);
  });

  it('asks how long a connection is kept, once, and only with EDNS [RFC7828-3.2.1]', async () => {
    const server = await bed.serve();
    const forwarder = bed.forwarder([tcp(server)]);
    await ask(forwarder, queryOf('1.example', 1, plainEdns));
    await ask(forwarder, queryOf('2.example', 2, plainEdns));
    const asked = server.heard.map(({ message }) => findOption(message.edns, EdnsOptionCode.TCP_KEEPALIVE));
    expect(asked).to.deep.equal([{ code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) }, undefined]);
    const other = bed.forwarder([tcp(server)]);
    await ask(other, '3.example');
    expect(server.heard[2]!.message.edns).to.equal(undefined);
  });

  it('asks nothing more where the server says 0, and closes after the last answer [RFC7828-3.2.2]', async () => {
    const held: HeardQuery[] = [];
    const edns = { ...plainEdns, options: [keepalive(0)] };
    const server = await bed.serve((query) => {
      if (query.connection > 1) reply(query);
      else if (held.push(query) === 3) reply(query, { edns });
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const asked = names(3).map((name) => ask(forwarder, name));
    await asked[2];
    expect(numberIn(await ask(forwarder, '4.example'))).to.equal(4);
    // What is still under way may take longer than the time of idleness.
    await pause(40);
    expect(server.connections).to.equal(2);
    expect(server.openConnections).to.equal(2);
    for (const each of held.slice(0, 2)) reply(each);
    expect((await Promise.all(asked)).map(numberIn)).to.deep.equal([1, 2, 3]);
    while (server.openConnections > 1) await pause(5);
  });

  it('closes before the time that the server gives is over [RFC7828-3.2.2]', async () => {
    const edns = { ...plainEdns, options: [keepalive(200)] };
    const server = await bed.serve((query) => reply(query, { edns }));
    const forwarder = bed.forwarder([tcp(server)], { 'upstream-idle': 60_000 });
    await ask(forwarder, '1.example');
    const sinceMs = performance.now();
    while (server.openConnections > 0) await pause(5);
    expect(performance.now() - sinceMs).to.be.lessThan(2_000);
  });

  it('opens a second connection when the first is full, and lets the rest wait [RFC7766-6.2.2]', async () => {
    let most = 0;
    const held: HeardQuery[] = [];
    const server: DnsServer = await bed.serve((query) => {
      held.push(query);
      most = Math.max(most, held.length);
      setTimeout(() => {
        held.splice(held.indexOf(query), 1);
        reply(query);
      }, 5);
    });
    const forwarder = bed.forwarder([tcp(server)], { 'upstream-pipeline': 4 });
    const answers = await Promise.all(names(50).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(numbers(50));
    expect(server.connections).to.equal(2);
    expect(most).to.equal(8);
  });

  it('fails at once what is more than the limit', async () => {
    const server = await bed.serve(() => undefined);
    const forwarder = bed.forwarder([tcp(server)], { 'upstream-queries': 3 });
    const waiting = names(3).map((name) => ask(forwarder, name));
    expect(await ask(forwarder, '4.example')).to.deep.equal({
      failure: '3 questions are under way, which is the limit',
      isTimeout: false,
      kind: 'other',
    });
    expect(forwarder.underWay).to.equal(3);
    forwarder.close();
    for (const outcome of await Promise.all(waiting)) {
      expect(outcome).to.deep.equal({ failure: 'forwarding was shut down', isTimeout: false, kind: 'other' });
    }
    expect(await ask(forwarder, '5.example')).to.have.property('failure', 'forwarding was shut down');
    expect(forwarder.underWay).to.equal(0);
  });

  it('leaves a connection on which nothing comes, and takes another one', async () => {
    const server = await bed.serve((query) => {
      if (query.connection > 1 || server.heard.length === 1) reply(query);
    });
    const forwarder = bed.forwarder([tcp(server)], { 'upstream-retry': 60 });
    await ask(forwarder, '1.example');
    expect(numberIn(await ask(forwarder, '2.example'))).to.equal(2);
    expect(server.connections).to.be.greaterThan(1);
  });

  it('ends with a timeout that names the server', async () => {
    const server = await bed.serve(() => undefined);
    const limits = { 'upstream-retry': 50, 'upstream-time': 200 };
    expect(await ask(bed.forwarder([tcp(server)], limits), '2.example')).to.deep.equal({
      failure: `resolver 127.0.0.1:${server.port} did not answer in time`,
      isTimeout: true,
      kind: 'broken',
    });
  });

  it('says nothing after it was given up, and keeps the ID until the answer has come', async () => {
    const held: HeardQuery[] = [];
    const server = await bed.serve((query) => {
      held.push(query);
      if (held.length === 3) for (const each of held) reply(each);
      if (held.length > 3) reply(query);
    });
    const forwarder = bed.forwarder([tcp(server)]);
    const ended: unknown[] = [];
    const giveUp = forwarder.ask(queryOf('1.example'), (outcome) => ended.push(outcome));
    while (held.length < 1) await pause(2);
    giveUp();
    giveUp();
    expect(forwarder.underWay).to.equal(0);
    const answers = await Promise.all([ask(forwarder, '2.example'), ask(forwarder, '3.example')]);
    expect(answers.map(numberIn)).to.deep.equal([2, 3]);
    expect(new Set(held.map(({ message }) => message.header.id)).size).to.equal(3);
    const unsent = forwarder.ask(queryOf('4.example'), (outcome) => ended.push(outcome));
    unsent();
    expect(numberIn(await ask(forwarder, '5.example'))).to.equal(5);
    expect(ended).to.deep.equal([]);
    expect(held.map(({ message }) => message.questions[0]!.name.toString())).not.to.include('4.example');
  });

  it('refuses what is no query with one question', async () => {
    const forwarder = bed.forwarder([tcp({ address: '127.0.0.1', port: await unusedPort() })]);
    const query = queryOf('1.example');
    const response = Buffer.from(query);
    response[2]! |= 0x80;
    for (const bad of [Buffer.alloc(0), query.subarray(0, 15), response, Buffer.alloc(12)]) {
      expect(await ask(forwarder, bad)).to.have.property('failure', 'the query is not one with one question');
    }
  });

  it('takes an answer that is cut on a stream for none', async () => {
    const server = await bed.serve((query) => reply(query, { tc: true }));
    const outcome = await ask(bed.forwarder([tcp(server)]), '1.example');
    expect(outcome).to.have.property('failure').that.includes('cut its answer short');
  });

  it('takes an error without the question', async () => {
    const server = await bed.serve(({ message, send }) => {
      send(
        frame(encodeMessage({ ...answerTo(message, { rcode: Rcode.FORMERR, answers: [] }), questions: [] })),
      );
    });
    const outcome = await ask(bed.forwarder([tcp(server)]), '1.example');
    expect(outcome).to.have.nested.property('header.rcode', Rcode.FORMERR);
  });
});
