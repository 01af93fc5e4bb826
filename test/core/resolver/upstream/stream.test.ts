import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { defaultResolverLimits, type ResolverLimits } from '../../../../core/resolver/limits.ts';
import { dnsOverTcp, StreamClient } from '../../../../core/resolver/upstream/stream.ts';
import { DnsServer, type HeardQuery } from '../../../support/dns-server.ts';

const asked = { name: Name.parse('_xfr.ns2.example'), type: RrType.TLSA };
const other = { name: Name.parse('_xfr.ns3.example'), type: RrType.TLSA };
const never = new AbortController().signal;

describe('StreamClient', () => {
  const open: { close(): unknown }[] = [];

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  async function meet(
    answer: (query: HeardQuery) => void,
    limits: Partial<ResolverLimits> = {},
  ): Promise<{ server: DnsServer; client: StreamClient }> {
    const server = await DnsServer.start(answer);
    const { address, port } = server;
    const client = new StreamClient({ address, port }, dnsOverTcp(server), {
      ...defaultResolverLimits,
      ...limits,
    });
    open.push(client, server);
    return { server, client };
  }

  it('uses one connection for many questions at once [RFC7766-6.2.1.1]', async () => {
    const held: HeardQuery[] = [];
    const { server, client } = await meet((query) => {
      held.push(query);
      // Nobody is answered before all have asked: they did not wait for one another.
      if (held.length === 50) for (const each of held) each.send(reply(each.message));
    });
    const questions = Array.from({ length: 50 }, (_, n) => ({ ...asked, name: Name.parse(`n${n}.example`) }));
    const answers = await Promise.all(questions.map((question) => client.ask(question, never)));
    expect(answers.map(ownerOf)).to.deep.equal(questions.map(({ name }) => name.toString()));
    expect(server.connections).to.equal(1);
  });

  it('never uses an ID twice at the same time [RFC7766-6.2.1]', async () => {
    const held: HeardQuery[] = [];
    const { client } = await meet(
      (query) => {
        held.push(query);
        if (held.length === 2000) for (const each of held) each.send(reply(each.message));
      },
      { 'stream-questions': 2000 },
    );
    await Promise.all(Array.from({ length: 2000 }, () => client.ask(asked, never)));
    expect(new Set(held.map(({ message }) => message.header.id)).size).to.equal(2000);
  });

  it('gives each question its answer, whatever their order [RFC7766-7]', async () => {
    const held: HeardQuery[] = [];
    const { client } = await meet((query) => {
      held.push(query);
      if (held.length === 2) for (const each of held.reverse()) each.send(reply(each.message));
    });
    const answers = await Promise.all([client.ask(asked, never), client.ask(other, never)]);
    expect(answers.map(ownerOf)).to.deep.equal(['_xfr.ns2.example', '_xfr.ns3.example']);
  });

  it('takes the ID for ours only with our question [RFC7766-7]', async () => {
    const { client } = await meet(({ message, send }) => {
      const response = makeResponse(message, {});
      send(
        frame(encodeMessage({ ...response, questions: [{ ...response.questions[0]!, name: other.name }] })),
      );
      send(frame(encodeMessage({ ...response, header: { ...response.header, id: response.header.id ^ 1 } })));
      send(frame(Buffer.concat([encodeMessage(response), Buffer.from([1])])));
      send(reply(message));
    });
    expect(ownerOf(await client.ask(asked, never))).to.equal('_xfr.ns2.example');
  });

  it('closes the connection when it has been idle, and opens a new one for the next question [RFC7766-6.2.3]', async () => {
    const { server, client } = await meet(({ message, send }) => send(reply(message)), {
      'stream-idle-time': 100,
    });
    await client.ask(asked, never);
    expect(server.openConnections).to.equal(1);
    await pause(300);
    expect(server.openConnections).to.equal(0);
    await client.ask(asked, never);
    expect(server.connections).to.equal(2);
  });

  it('asks again on a new connection when the server has closed the one that was idle [RFC7766-6.2.4]', async () => {
    const { server, client } = await meet(({ message, send, connection, close }) => {
      const isSecond = server.heard.length === 2;
      if (isSecond && connection === 1) close();
      else send(reply(message));
    });
    await client.ask(asked, never);
    expect(ownerOf(await client.ask(asked, never))).to.equal('_xfr.ns2.example');
    expect(server.heard.map(({ connection }) => connection)).to.deep.equal([1, 1, 2]);
  });

  it('says so when the server closes a new connection without an answer', async () => {
    const { server, client } = await meet(({ close }) => close());
    expect(await client.ask(asked, never))
      .to.have.property('failure')
      .that.matches(/closed the TCP connection/);
    expect(server.heard).to.have.length(1);
  });

  it('says so when the stream is not one of DNS messages', async () => {
    const { client } = await meet(({ send }) => send(Buffer.from([0, 3, 1, 2, 3])));
    expect(await client.ask(asked, never))
      .to.have.property('failure')
      .that.matches(/what is not DNS/);
  });

  it('says so when the answer is truncated on a stream', async () => {
    const { client } = await meet(({ message, send }) =>
      send(frame(encodeMessage(makeResponse(message, { tc: true })))),
    );
    expect(await client.ask(asked, never))
      .to.have.property('failure')
      .that.matches(/cut its answer short/);
  });

  it('turns away what is more than a connection may carry', async () => {
    const { server, client } = await meet(() => undefined, { 'stream-questions': 2 });
    void client.ask(asked, never);
    void client.ask(other, never);
    expect(await client.ask(asked, never))
      .to.have.property('failure')
      .that.matches(/too many questions/);
    await pause(50);
    expect(server.heard).to.have.length(2);
  });

  it('gives a question up when it is told to, and the place is free again', async () => {
    const { client } = await meet(() => undefined, { 'stream-questions': 1 });
    expect(await client.ask(asked, AbortSignal.timeout(20)))
      .to.have.property('failure')
      .that.matches(/in time/);
    expect(await client.ask(asked, AbortSignal.timeout(20)))
      .to.have.property('failure')
      .that.matches(/in time/);
  });

  it('does not go on with a connection that has fallen silent', async () => {
    const { server, client } = await meet(
      ({ message, send, connection }) => {
        if (connection > 1) send(reply(message));
      },
      { 'retry-after': 50 },
    );
    await client.ask(asked, AbortSignal.timeout(200));
    expect(ownerOf(await client.ask(asked, never))).to.equal('_xfr.ns2.example');
    expect(server.connections).to.equal(2);
  });

  it('leaves what is under way without an answer when it is closed', async () => {
    const { client } = await meet(() => client.close());
    expect(await client.ask(asked, never)).to.have.property('failure');
  });
});

function reply(query: Message): Buffer {
  return frame(encodeMessage(makeResponse(query, { ra: true })));
}

function ownerOf(answer: Message | { failure: string }): string {
  return 'failure' in answer ? answer.failure : answer.questions[0]!.name.toString();
}
