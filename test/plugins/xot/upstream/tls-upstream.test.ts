import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { defaultClientLimits, type ClientLimits } from '../../../../core/client/limits.ts';
import { ServerLink } from '../../../../core/client/server-link.ts';
import { Opcode, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { parseCertificate } from '../../../../core/pki/certificate.ts';
import { defaultExtensionType } from '../../../../core/tls/client-id.ts';
import { TlsUpstream } from '../../../../plugins/xot/upstream/tls-upstream.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import {
  dotAuthority,
  DotServer,
  type DotQuery,
  type DotServerOptions,
} from '../../../support/dot-server.ts';
import { frameAll } from '../../../support/frame-all.ts';
import { ScriptedResolver } from '../../../support/scripted-resolver.ts';
import { address, answer, request, soa } from '../messages.ts';

const never = new AbortController().signal;
const query = request({ id: 0x5151 });

describe('TlsUpstream', () => {
  let server: DotServer;
  let upstream: TlsUpstream;
  let onQuery: (query: DotQuery) => void;

  /** A server of which only that is known which is given: it is proved by a certificate for its name. */
  async function begin(
    options: DotServerOptions = {},
    limits: Partial<ClientLimits> = {},
    name = 'resolver.example',
  ): Promise<void> {
    server = await DotServer.start((heard) => {
      onQuery(heard);
    }, options);
    const link = new ServerLink({
      endpoint: { address: server.address, port: server.port },
      policy: { name: Name.parse(name), dane: 'off', roots: [parseCertificate(dotAuthority.der)] },
      tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
      alpnProtocols: ['dot'],
      needsAlpn: true,
      nowMs: Date.now,
      random: () => 0,
      resolver: new ScriptedResolver(),
      limits: { ...defaultClientLimits, 'answer-time': 1_000, 'retry-min': 10, 'retry-max': 10, ...limits },
    });
    upstream = new TlsUpstream('gate it', link);
  }

  afterEach(async () => {
    upstream.close();
    await server.close();
  });

  const wholeZone: (heard: DotQuery) => void = ({ message, socket }) => {
    socket.write(
      frameAll([
        answer(message, [soa(7), address('a')]),
        answer({ ...message, questions: [] }, [address('b')]),
        answer({ ...message, questions: [] }, [soa(7)]),
      ]),
    );
  };

  async function all(signal = never): Promise<Buffer[]> {
    const stream = upstream.transfer(query, signal);
    const messages: Buffer[] = [];
    for await (const batch of stream) {
      expect(stream.framed).to.equal(undefined);
      messages.push(...batch);
      if (messages.length < 3) continue;
      stream.finish();
      break;
    }
    return messages;
  }

  async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
    const error: unknown = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof UpstreamError)) throw new Error(`no UpstreamError: ${String(error)}`);
    return error;
  }

  it('asks queries and transfers on one connection, which is kept [RFC9103-6.3.1] [RFC9103-6.3.2]', async () => {
    onQuery = (heard) => {
      if (heard.message.questions[0]?.type === RrType.AXFR) wholeZone(heard);
      else heard.reply(makeResponse(heard.message, { answers: [soa(7)] }));
    };
    await begin();
    for (let turn = 0; turn < 3; turn++) {
      const reply = parseMessage(await upstream.ask(request({ type: RrType.SOA, id: 5 }), never));
      expect(reply.header.id).to.equal(5);
      const messages = await all();
      expect(messages.map((octets) => octets.readUInt16BE(0))).to.deep.equal([0x5151, 0x5151, 0x5151]);
      expect(messages.map((octets) => parseMessage(octets).answers.length)).to.deep.equal([2, 1, 1]);
    }
    expect(server.connections).to.equal(1);
  });

  const unproved: [title: string, options: DotServerOptions, name: string][] = [
    ['that speaks TLS 1.2 only [RFC9103-7.2]', { maxVersion: 'TLSv1.2' }, 'resolver.example'],
    ['that does not choose the ALPN dot [RFC9103-7.1]', { ALPNProtocols: undefined }, 'resolver.example'],
    ['that has a certificate for another name [RFC9103-7.5]', {}, 'other.example'],
  ];
  for (const [title, options, name] of unproved) {
    it(`asks nothing of a server ${title}`, async () => {
      onQuery = wholeZone;
      await begin(options, {}, name);
      for (const asked of [upstream.ask(query, never), all()]) {
        const error = await failureOf(asked);
        expect(error.kind).to.equal('unreachable');
        expect(error.words).to.include(String(server.port));
      }
      expect(server.heard).to.deep.equal([]);
    });
  }

  it('takes no answer to another opcode or without its question [RFC7766-7]', async () => {
    onQuery = ({ message, reply }) => {
      const isNotify = message.header.opcode === Opcode.NOTIFY;
      reply(
        isNotify
          ? makeResponse({ ...message, header: { ...message.header, opcode: 0 } }, {})
          : { ...makeResponse(message, {}), questions: [] },
      );
    };
    await begin();
    for (const opcode of [Opcode.NOTIFY, Opcode.QUERY]) {
      const message = request({ type: RrType.SOA, header: { opcode } });
      expect((await failureOf(upstream.ask(message, never))).kind).to.equal('unusable');
    }
  });

  it('asks once more where the server has closed the connection meanwhile [RFC7766-6.2.4]', async () => {
    onQuery = (heard) => {
      if (server.heard.length === 2) heard.socket.end();
      else wholeZone(heard);
    };
    await begin();
    await all();
    expect(await all()).to.have.length(3);
    expect(server.heard.map(({ connection }) => connection)).to.deep.equal([1, 1, 2]);
  });

  it('does not ask again when something has come, nor a third time', async () => {
    onQuery = ({ message, socket }) => {
      socket.end(frame(answer(message, [soa(7)])));
    };
    await begin();
    expect((await failureOf(all())).kind).to.equal('broken');
    expect(server.heard).to.have.length(1);
    onQuery = ({ socket }) => socket.end();
    await failureOf(all());
    expect(server.heard.length).to.be.lessThan(4);
  });

  it('stops with the reason of the signal, before it begins and in the middle', async () => {
    onQuery = ({ message, socket }) => {
      socket.write(frame(answer(message, [soa(7)])));
    };
    await begin();
    const abort = new AbortController();
    const reason = new Error('enough');
    const reading = all(abort.signal).catch((error: unknown) => error);
    while (server.heard.length === 0) await nextTurn();
    abort.abort(reason);
    expect(await reading).to.equal(reason);
    expect(await all(abort.signal).catch((error: unknown) => error)).to.equal(reason);
    expect(await upstream.ask(query, abort.signal).catch((error: unknown) => error)).to.equal(reason);
  });

  it('drops the connection when the reader leaves early', async () => {
    onQuery = ({ message, socket }) => {
      socket.write(frame(answer(message, [soa(7)])));
    };
    await begin();
    for await (const batch of upstream.transfer(query, never)) {
      expect(batch).to.have.length(1);
      break;
    }
    while (server.sockets.size > 0) await nextTurn();
  });

  it('lets what is under way come to its end when it is closed, and then asks no more', async () => {
    let send = (): void => undefined;
    onQuery = (heard) => {
      send = () => {
        wholeZone(heard);
      };
    };
    await begin();
    const reading = all();
    while (server.heard.length === 0) await nextTurn();
    upstream.close();
    send();
    expect(await reading).to.have.length(3);
    while (server.sockets.size > 0) await nextTurn();
    expect((await failureOf(all())).words).to.include('not asked any more');
    expect((await failureOf(upstream.ask(query, never))).words).to.include('not asked any more');
  });

  it('holds the server back when the reader is slow', async () => {
    let isHeldBack = false;
    onQuery = ({ message, socket }) => {
      socket.write(frame(answer(message, [soa(7)])));
      const large = frame(
        answer(
          { ...message, questions: [] },
          Array.from({ length: 500 }, () => address('a')),
        ),
      );
      const more = (): void => {
        for (let count = 0; count < 5_000 && socket.write(large); count++);
        isHeldBack = socket.writableNeedDrain;
      };
      socket.on('drain', more);
      more();
    };
    await begin({}, { 'stream-octets': 65_537 });
    const messages = upstream.transfer(query, never)[Symbol.asyncIterator]();
    await messages.next();
    for (let turn = 0; turn < 300; turn++) await nextTurn();
    expect(isHeldBack).to.equal(true);
    await messages.return?.();
  });
});
