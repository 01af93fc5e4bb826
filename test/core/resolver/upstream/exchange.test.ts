import { createSocket } from 'node:dgram';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { RrClass, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  type Message,
  type Question,
} from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { exchange } from '../../../../core/resolver/upstream/exchange.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../../support/dns-server.ts';

const name = Name.parse('_xfr.ns2.example');
const question: Question = { name, type: RrType.TLSA, class: RrClass.IN };

describe('exchange', () => {
  const servers: DnsServer[] = [];

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  /** Asks a server that answers so. */
  async function ask(
    answer: (query: HeardQuery) => void,
    options: { deadline?: AbortSignal; udpTimeoutMs?: number } = {},
  ) {
    const server = await DnsServer.start(answer);
    servers.push(server);
    const result = await askPort(server.port, options);
    return { result, server };
  }

  function askPort(port: number, { deadline = new AbortController().signal, udpTimeoutMs = 5_000 } = {}) {
    const query = (id: number): Buffer => encodeMessage(makeQuery({ id, name, type: RrType.TLSA, rd: true }));
    return exchange({ server: { address: '127.0.0.1', port }, query, question, deadline, udpTimeoutMs });
  }

  it('gives the answer that came by UDP', async () => {
    const { result, server } = await ask(({ message, send }) => {
      send(reply(message));
    });
    expect(result).to.have.nested.property('header.ra', true);
    expect(server.heard.map(({ over }) => over)).to.deep.equal(['udp']);
  });

  const forgeries: [title: string, forge: (query: Message) => Buffer][] = [
    ['another ID [RFC5452-9.1]', (query) => forged(query, { id: query.header.id ^ 1 })],
    [
      'another name in the question [RFC5452-9.1]',
      (query) => asked(query, { name: Name.parse('ns2.example') }),
    ],
    ['another type in the question [RFC5452-9.1]', (query) => asked(query, { type: RrType.A })],
    ['another class in the question', (query) => asked(query, { class: RrClass.CH })],
    ['no question', (query) => encodeMessage({ ...makeResponse(query, {}), questions: [] })],
    [
      'the question twice',
      (query) => encodeMessage({ ...makeResponse(query, {}), questions: [question, question] }),
    ],
    ['the query itself', (query) => encodeMessage(query)],
    ['octets that are not DNS', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a header that promises more than comes', (query) => reply(query).subarray(0, -3)],
    ['an empty datagram', () => Buffer.alloc(0)],
  ];
  for (const [title, forge] of forgeries) {
    it(`waits on after ${title} by UDP`, async () => {
      const { result } = await ask(({ message, send }) => {
        send(forge(message));
        send(reply(message));
      });
      expect(result).to.have.nested.property('header.ra', true);
    });

    if (title === 'an empty datagram') continue;
    it(`waits on after ${title} by TCP`, async () => {
      const { result } = await ask(({ message, over, send }) => {
        if (over === 'udp') send(truncated(message));
        else send(Buffer.concat([frame(forge(message)), frame(reply(message))]));
      });
      expect(result).to.have.nested.property('header.ra', true);
    });
  }

  it('does not hear what another socket sends, right as it may look [RFC5452-9.2]', async () => {
    const forger = createSocket('udp4');
    const { result } = await ask(({ message, send, from }) => {
      forger.send(encodeMessage(makeResponse(message, { ra: false })), from!.port, from!.address, () => {
        send(reply(message));
      });
    });
    forger.close();
    expect(result).to.have.nested.property('header.ra', true);
  });

  it('takes the case of the question as the same name [RFC4343-3]', async () => {
    const { result } = await ask(({ message, send }) => {
      send(asked(message, { name: Name.parse('_XFR.NS2.Example') }));
    });
    expect(result).to.have.property('header');
  });

  it('asks with another ID and from another port each time [RFC5452-9.2]', async () => {
    const { server } = await ask(({ message, send }) => {
      send(reply(message));
    });
    for (let more = 0; more < 7; more++) await askPort(server.port);
    expect(new Set(server.heard.map(({ message }) => message.header.id)).size).to.be.greaterThan(4);
    expect(new Set(server.heard.map(({ from }) => from!.port)).size).to.be.greaterThan(1);
  });

  describe('after a truncated answer', () => {
    const overTcp = (act: (query: HeardQuery) => void) =>
      ask((query) => {
        if (query.over === 'udp') query.send(truncated(query.message));
        else act(query);
      });

    it('asks again by TCP [RFC7766-5]', async () => {
      const { result, server } = await overTcp(({ message, send }) => {
        send(frame(reply(message)));
      });
      expect(result).to.have.nested.property('header.tc', false);
      expect(server.heard.map(({ over }) => over)).to.deep.equal(['udp', 'tcp']);
    });

    it('takes an answer that comes octet by octet [RFC7766-8]', async () => {
      const { result } = await overTcp(({ message, send }) => {
        for (const octet of frame(reply(message))) send(Buffer.from([octet]));
      });
      expect(result).to.have.nested.property('header.ra', true);
    });

    const failures: [title: string, act: (query: HeardQuery) => void, words: string][] = [
      ['the server closes', ({ close }) => close(), 'closed the TCP connection without an answer'],
      [
        'the answer breaks off',
        ({ message, send, close }) => {
          send(frame(reply(message)).subarray(0, 9));
          close();
        },
        'closed',
      ],
      [
        'a length is no message',
        ({ send }) => send(Buffer.from([0, 3, 1, 2, 3])),
        'sent over TCP what is not DNS',
      ],
    ];
    for (const [title, act, words] of failures) {
      it(`says so when ${title}`, async () => {
        const { result } = await overTcp(act);
        expect(result).to.have.property('failure').that.includes(words);
      });
    }

    it('gives up at the deadline', async () => {
      const stop = new AbortController();
      const { result } = await ask(
        ({ message, over, send }) => {
          if (over === 'udp') send(truncated(message));
          else stop.abort();
        },
        { deadline: stop.signal },
      );
      expect(result).to.have.property('failure').that.includes('in time over TCP');
    });
  });

  it('gives up at the deadline', async () => {
    const stop = new AbortController();
    const { result } = await ask(() => stop.abort(), { deadline: stop.signal });
    expect(result).to.have.property('failure').that.includes('did not answer in time');
  });

  it('gives up when its own time is over', async () => {
    const { result } = await ask(() => undefined, { udpTimeoutMs: 10 });
    expect(result).to.have.property('failure').that.includes('did not answer in time');
  });

  it('asks nobody after the deadline', async () => {
    const { result, server } = await ask(() => undefined, { deadline: AbortSignal.abort() });
    expect(result).to.have.property('failure').that.includes('no time left');
    expect(server.heard).to.have.length(0);
  });

  it('says so at once when nobody listens there', async () => {
    const result = await askPort(await unusedPort());
    expect(result).to.have.property('failure').that.includes('cannot be reached by UDP');
  });

  it('says so when the system does not let it ask, and does not fail', async () => {
    // To the broadcast address a socket may not connect; no packet is sent.
    const server = { address: '255.255.255.255', port: 53 };
    const deadline = new AbortController().signal;
    const query = (id: number): Buffer => encodeMessage(makeQuery({ id, name, type: RrType.TLSA, rd: true }));
    const result = await exchange({ server, query, question, deadline, udpTimeoutMs: 5_000 });
    expect(result).to.have.property('failure').that.includes('cannot be reached by UDP');
  });

  it('leaves no socket open, however it ends', async () => {
    const before = sockets();
    const stop = new AbortController();
    const { server } = await ask(({ message, over, send, close }) => {
      const { length } = servers.at(-1)?.heard ?? [];
      if (over === 'tcp') close();
      else if (length === 1) send(reply(message));
      else if (length === 2) send(truncated(message));
      else stop.abort();
    });
    await askPort(server.port);
    await askPort(server.port, { deadline: stop.signal });
    await askPort(await unusedPort());
    await servers.pop()?.close();
    // Handles are gone one turn of the event loop after their close.
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    expect(sockets()).to.deep.equal(before);
  });
});

function sockets(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /UDP|TCPSocket/.test(kind));
}

function reply(query: Message): Buffer {
  return encodeMessage(makeResponse(query, { ra: true }));
}

function truncated(query: Message): Buffer {
  return encodeMessage(makeResponse(query, { tc: true }));
}

function forged(query: Message, header: Partial<Message['header']>): Buffer {
  const response = makeResponse(query, {});
  return encodeMessage({ ...response, header: { ...response.header, ...header } });
}

function asked(query: Message, other: Partial<Question>): Buffer {
  return encodeMessage({ ...makeResponse(query, {}), questions: [{ ...question, ...other }] });
}
