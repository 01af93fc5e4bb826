import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { Rcode, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Header } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { defaultResolverLimits, type ResolverLimits } from '../../../../core/resolver/limits.ts';
import { ResolverMeters } from '../../../../core/resolver/meters.ts';
import { Servers } from '../../../../core/resolver/upstream/servers.ts';
import type { UpstreamServer } from '../../../../core/resolver/upstream/server.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../../support/dns-server.ts';
import { DotServer, dotAuthority, pemOf } from '../../../support/dot-server.ts';
import { memoryLog } from '../../../support/memory-log.ts';

const asked = { name: Name.parse('_xfr.ns2.example'), type: RrType.TLSA };
const quick = { 'retry-after': 50 };

describe('Servers', () => {
  const open: { close(): unknown }[] = [];
  const log = memoryLog();
  let metrics: Metrics;
  let nowMs: number;
  let returns: number;

  beforeEach(() => {
    log.forget();
    metrics = new Metrics();
    nowMs = Date.UTC(2026, 10, 22);
    returns = 0;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });

  async function serve(answer: (query: HeardQuery) => void): Promise<DnsServer> {
    const server = await DnsServer.start(answer);
    open.push(server);
    return server;
  }

  function ask(...servers: readonly UpstreamServer[]) {
    return serversOf(servers).ask(asked);
  }

  function serversOf(
    servers: readonly UpstreamServer[],
    limits: Partial<ResolverLimits> = {},
    timeMs = 1000,
  ): Servers {
    const all = new Servers({
      servers,
      limits: { ...defaultResolverLimits, ...quick, ...limits },
      timeMs,
      nowMs: () => nowMs,
      log,
      meters: new ResolverMeters(metrics),
      onReturn: () => (returns += 1),
    });
    open.push(all);
    return all;
  }

  it('asks the first server, and no other, when it answers', async () => {
    const [first, second] = [await serve(answerWith({})), await serve(answerWith({}))];
    expect(await ask(first, second)).to.include({ server: `127.0.0.1:${first.port}` });
    expect([first.heard.length, second.heard.length]).to.deep.equal([1, 0]);
    expect(first.heard[0]!.over).to.equal('udp');
  });

  for (const rcode of ['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR'] as const) {
    it(`asks the next one after ${rcode}, at once and not the same again`, async () => {
      const first = await serve(answerWith({ rcode: Rcode[rcode] }));
      const second = await serve(answerWith({}));
      const begunMs = performance.now();
      expect(await serversOf([first, second], { 'retry-after': 5000 }).ask(asked)).to.have.property(
        'message',
      );
      expect(performance.now() - begunMs).to.be.below(2000);
      expect([first.heard.length, second.heard.length]).to.deep.equal([1, 1]);
    });
  }

  it('gives the SERVFAIL when nobody has anything better, for its reason', async () => {
    const first = await serve(answerWith({ rcode: Rcode.SERVFAIL }));
    const answer = await ask(first, { address: '127.0.0.1', port: await unusedPort() });
    expect(answer).to.have.nested.property('message.header.rcode', Rcode.SERVFAIL);
    // Once: it would say the same again.
    expect(first.heard).to.have.length(1);
  });

  it('says what was wrong with each when none answers', async () => {
    const [refusing, silent] = [
      await serve(answerWith({ rcode: Rcode.REFUSED })),
      await serve(() => undefined),
    ];
    const away = await unusedPort();
    const answer = await ask(refusing, silent, { address: '127.0.0.1', port: away });
    expect(answer)
      .to.have.property('failure')
      .that.includes(`resolver 127.0.0.1:${refusing.port} answered REFUSED`)
      .and.includes(`resolver 127.0.0.1:${silent.port} did not answer in time`)
      .and.includes(`resolver 127.0.0.1:${away} cannot be reached`);
  });

  it('asks the next one when the first is silent for a while', async () => {
    const [first, second] = [await serve(() => undefined), await serve(answerWith({}))];
    expect(await ask(first, second)).to.include({ server: `127.0.0.1:${second.port}` });
  });

  it('takes the answer of the first also when the second has been asked', async () => {
    const first = await serve(() => undefined);
    const second = await serve(() => {
      const [{ message, send }] = first.heard as [HeardQuery];
      send(encodeMessage(makeResponse(message, {})));
    });
    expect(await ask(first, second)).to.include({ server: `127.0.0.1:${first.port}` });
    expect(second.heard.length).to.be.at.least(1);
  });

  it('asks one server at most three times over UDP, and then over TCP [RFC9520-3.1]', async () => {
    const server = await serve(({ message, over, send }) => {
      if (over === 'tcp') send(frame(encodeMessage(makeResponse(message, {}))));
    });
    const answer = await serversOf([server], { tries: 3 }, 5000).ask(asked);
    expect(answer).to.have.property('message');
    expect(server.heard.map(({ over }) => over)).to.deep.equal(['udp', 'udp', 'udp', 'tcp']);
    expect(new Set(server.heard.map(({ message }) => message.header.id)).size).to.be.above(1);
  });

  it('begins with TCP for a while where UDP was silent and TCP was not', async () => {
    const server = await serve(({ message, over, send }) => {
      if (over === 'tcp') send(frame(encodeMessage(makeResponse(message, {}))));
    });
    const servers = serversOf([server], { tries: 1 });
    for (let n = 0; n < 3; n++) await servers.ask(asked);
    expect(server.heard.map(({ over }) => over)).to.deep.equal(['udp', 'tcp', 'tcp', 'tcp']);
    nowMs += 300_001;
    await servers.ask(asked);
    expect(server.heard.slice(4).map(({ over }) => over)).to.deep.equal(['udp', 'tcp']);
  });

  it('asks over TCP for what was truncated, on a connection that it keeps [RFC7766-5]', async () => {
    const server = await serve(({ message, over, send }) => {
      if (over === 'udp') send(encodeMessage(makeResponse(message, { tc: true })));
      else send(frame(encodeMessage(makeResponse(message, {}))));
    });
    const servers = serversOf([server]);
    await servers.ask(asked);
    expect(await servers.ask(asked)).to.have.nested.property('message.header.tc', false);
    expect(server.heard.map(({ over }) => over)).to.deep.equal(['udp', 'tcp', 'udp', 'tcp']);
    expect(server.connections).to.equal(1);
  });

  it('opens no more UDP sockets than it may, and asks over TCP for the rest', async () => {
    const held: HeardQuery[] = [];
    const server = await serve((query) => {
      held.push(query);
      if (held.length < 150) return;
      for (const each of held) answerWith({})(each);
    });
    const servers = serversOf([server], { 'udp-sockets': 2, 'retry-after': 5000 }, 5000);
    const names = Array.from({ length: 150 }, (_, n) => Name.parse(`n${n}.example`));
    const answers = await Promise.all(names.map((name) => servers.ask({ name, type: RrType.TLSA })));
    for (const answer of answers) expect(answer).to.have.property('message');
    expect(held.filter(({ over }) => over === 'udp')).to.have.length(2 * 64);
    expect(server.connections).to.equal(1);
    // And they are free again.
    await servers.ask(asked);
    expect(held.at(-1)!.over).to.equal('udp');
  });

  it('gives up when the time is over, however many tries are left', async () => {
    const server = await serve(() => undefined);
    const begunMs = performance.now();
    expect(await serversOf([server], { 'retry-after': 5000 }, 100).ask(asked)).to.have.property('failure');
    expect(performance.now() - begunMs).to.be.within(90, 1000);
  });

  it('shares one exchange between equal questions under way [RFC5452-5]', async () => {
    const held: HeardQuery[] = [];
    const server = await serve((query) => held.push(query));
    const servers = serversOf([server], { 'retry-after': 5000 });
    const answers = [servers.ask(asked), servers.ask({ ...asked, name: Name.parse('_XFR.ns2.example') })];
    const otherType = servers.ask({ ...asked, type: RrType.DS });
    await pause(50);
    expect(held).to.have.length(2);
    for (const { message, send } of held) send(encodeMessage(makeResponse(message, {})));
    for (const answer of await Promise.all([...answers, otherType]))
      expect(answer).to.have.property('message');
  });

  it('avoids the servers that it is told to avoid, unless there is no other', async () => {
    const [first, second] = [await serve(answerWith({})), await serve(answerWith({}))];
    const servers = serversOf([first, second]);
    const labels = [first, second].map(({ port }) => `127.0.0.1:${port}`);
    expect(await servers.ask(asked, { avoid: new Set(labels.slice(0, 1)) })).to.include({
      server: labels[1],
    });
    expect(await servers.ask(asked, { avoid: new Set(labels) })).to.include({ server: labels[0] });
  });

  it('asks over TCP alone where it is told to', async () => {
    const server = await serve(({ message, send }) => send(frame(encodeMessage(makeResponse(message, {})))));
    expect(await serversOf([server]).ask(asked, { overStream: true })).to.have.property('message');
    expect(server.heard.map(({ over }) => over)).to.deep.equal(['tcp']);
  });

  describe('with a server that fails', () => {
    it('asks it last after two failures, says so once, and again when it is back [RFC9520-3.2]', async () => {
      let isAway = true;
      const first = await serve((query) =>
        answerWith({ rcode: isAway ? Rcode.REFUSED : Rcode.NOERROR })(query),
      );
      const second = await serve(answerWith({}));
      const servers = serversOf([first, second]);
      for (let n = 0; n < 5; n++) await servers.ask(asked);
      expect(first.heard).to.have.length(2);
      expect(log.lines).to.have.length(1);
      expect(log.of('resolver down')[0]!.fields).to.deep.include({ resolver: `127.0.0.1:${first.port}` });
      expect(log.of('resolver down')[0]!.fields['why']).to.match(/REFUSED/);
      // A second later it has another chance; it fails, and its time doubles.
      nowMs += 1001;
      for (let n = 0; n < 5; n++) await servers.ask(asked);
      expect(first.heard).to.have.length(3);
      nowMs += 1001;
      await servers.ask(asked);
      expect(first.heard).to.have.length(3);
      isAway = false;
      nowMs += 1000;
      expect(await servers.ask(asked)).to.include({ server: `127.0.0.1:${first.port}` });
      expect(log.lines.map(({ event }) => event)).to.deep.equal(['resolver down', 'resolver up']);
      expect(returns).to.equal(1);
    });

    it('still asks it when there is no other', async () => {
      let isAway = true;
      const server = await serve((query) =>
        answerWith({ rcode: isAway ? Rcode.REFUSED : Rcode.NOERROR })(query),
      );
      const servers = serversOf([server]);
      for (let n = 0; n < 3; n++) await servers.ask(asked);
      isAway = false;
      expect(await servers.ask(asked)).to.have.property('message');
    });

    it('does not call it down for a SERVFAIL, which is about the name', async () => {
      const [first, second] = [
        await serve(answerWith({ rcode: Rcode.SERVFAIL })),
        await serve(answerWith({})),
      ];
      const servers = serversOf([first, second]);
      for (let n = 0; n < 5; n++) await servers.ask(asked);
      expect(first.heard).to.have.length(5);
      expect(log.lines).to.have.length(0);
    });

    it('does not call it down for names that it is silent about, while it answers for others', async () => {
      const tarpit = Name.parse('tarpit.example');
      const server = await serve((query) => {
        if (query.message.questions[0]?.name.equals(tarpit) !== true) answerWith({})(query);
      });
      const servers = serversOf([server], { tries: 1 }, 300);
      for (let n = 0; n < 3; n++) {
        const silent = servers.ask({ ...asked, name: tarpit });
        expect(await servers.ask(asked)).to.have.property('message');
        expect(await silent).to.have.property('failure');
      }
      expect(log.lines).to.have.length(0);
    });

    it('counts silence as a failure, though another answered', async () => {
      const [first, second] = [await serve(() => undefined), await serve(answerWith({}))];
      const servers = serversOf([first, second]);
      for (let n = 0; n < 4; n++) await servers.ask(asked);
      expect(first.heard).to.have.length(2);
      expect(log.of('resolver down')).to.have.length(1);
    });

    it('asks one that strips DNSSEC last until its answers are secure, and says how to mend it, once', async () => {
      const [first, second] = [await serve(answerWith({})), await serve(answerWith({}))];
      const servers = serversOf([first, second]);
      const label = `127.0.0.1:${first.port}`;
      servers.noteStripping(label);
      servers.noteStripping(label);
      expect(await servers.ask(asked)).to.include({ server: `127.0.0.1:${second.port}` });
      expect(log.of('resolver strips DNSSEC')).to.have.length(1);
      expect(log.of('resolver strips DNSSEC')[0]!.fields).to.include({ resolver: label });
      expect(log.of('resolver strips DNSSEC')[0]!.fields['advice']).to.match(/dnsmasq/);
      nowMs += 5 * 60_000 + 1;
      expect(await servers.ask(asked)).to.include({ server: label });
      expect(log.of('resolver up')).to.have.length(0);
      servers.noteSecureAnswer([label]);
      expect(log.of('resolver up')).to.have.length(1);
    });
  });

  describe('with TLS', () => {
    it('asks over TLS alone, and nothing in clear when that fails [RFC8310-5]', async () => {
      const dot = await DotServer.start(({ message, reply }) => reply(makeResponse(message, {})));
      open.push(dot);
      const { address, port } = dot;
      const ca = [pemOf(dotAuthority)];
      const good = { address, port, tls: { name: 'resolver.example', ca } };
      expect(await ask(good)).to.include({ server: `127.0.0.1:${port}#resolver.example` });
      const plain = await serve(answerWith({}));
      const bad = { address, port: plain.port, tls: { name: 'resolver.example', ca } };
      expect(await ask(bad))
        .to.have.property('failure')
        .that.matches(/did not answer in time/);
      expect(plain.heard).to.have.length(0);
    });

    it('asks the same once more on a new connection when the first is silent, not twice on one', async () => {
      const dot = await DotServer.start(({ message, connection, reply }) => {
        if (connection === 2) reply(makeResponse(message, {}));
      });
      open.push(dot);
      const { address, port } = dot;
      const tls = { name: 'resolver.example', ca: [pemOf(dotAuthority)] };
      const servers = serversOf([{ address, port, tls }], { 'retry-after': 300 }, 5000);
      expect(await servers.ask(asked)).to.have.property('message');
      expect(dot.heard.map(({ connection }) => connection)).to.deep.equal([1, 2]);
    });

    it('does not ask the same again of one that is busy with other answers', async () => {
      const slow: (() => void)[] = [];
      const dot = await DotServer.start(({ message, reply }) => {
        const isSlow = message.questions[0]!.type === RrType.TLSA;
        if (isSlow) slow.push(() => reply(makeResponse(message, {})));
        else reply(makeResponse(message, {}));
      });
      open.push(dot);
      const { address, port } = dot;
      const tls = { name: 'resolver.example', ca: [pemOf(dotAuthority)] };
      const servers = serversOf([{ address, port, tls }], { 'retry-after': 100 });
      const asking = servers.ask(asked);
      for (let n = 0; n < 10; n++) {
        await servers.ask({ ...asked, type: RrType.A });
        await pause(20);
      }
      slow[0]!();
      expect(await asking).to.have.property('message');
      expect(slow).to.have.length(1);
      expect(dot.connections).to.equal(1);
    });

    it('cannot be mixed with servers that are asked in clear', () => {
      const tls = { name: 'resolver.example' };
      const both = [
        { address: '127.0.0.1', port: 53 },
        { address: '127.0.0.1', port: 853, tls },
      ];
      expect(() => serversOf(both)).to.throw(RangeError, /cannot be mixed/);
    });
  });

  it('counts questions by server, transport and outcome, and says which server is up', async () => {
    const [first, second] = [await serve(answerWith({ rcode: Rcode.REFUSED })), await serve(answerWith({}))];
    const servers = serversOf([first, second]);
    for (let n = 0; n < 3; n++) await servers.ask(asked);
    const text = await metrics.text();
    const [a, b] = [first, second].map(({ port }) => `resolver="127.0.0.1:${port}"`);
    expect(text).to.include(`danced_resolver_questions_total{${a},transport="udp",outcome="REFUSED"} 2`);
    expect(text).to.include(`danced_resolver_questions_total{${b},transport="udp",outcome="NOERROR"} 3`);
    expect(text).to.include(`danced_resolver_up{${a}} 0`);
    expect(text).to.include(`danced_resolver_up{${b}} 1`);
  });

  it('ends what is under way when it is closed', async () => {
    const server = await serve(() => undefined);
    const servers = serversOf([server], { 'retry-after': 5000 }, 60_000);
    const asking = servers.ask(asked);
    await pause(20);
    servers.close();
    expect(await asking).to.have.property('failure');
    expect(await servers.ask(asked)).to.have.property('failure');
    expect(server.heard).to.have.length(1);
  });
});

function answerWith(header: Partial<Header>): (query: HeardQuery) => void {
  return ({ message, over, send }) => {
    const octets = encodeMessage(makeResponse(message, { ra: true, ...header }));
    send(over === 'tcp' ? frame(octets) : octets);
  };
}
