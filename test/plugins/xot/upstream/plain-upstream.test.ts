import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Opcode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { encodeMessage, makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import type { TsigKey } from '../../../../core/tsig/key.ts';
import { TsigSigner, verifyQuery } from '../../../../core/tsig/server.ts';
import { PlainUpstream } from '../../../../plugins/xot/upstream/plain-upstream.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../../support/dns-server.ts';
import { frameAll } from '../../../support/frame-all.ts';
import { naiveAttach, naiveMac, type NaiveTsig } from '../../../core/tsig/naive.ts';
import { address, answer, request, soa } from '../messages.ts';

const never = new AbortController().signal;
const times = { 'primary-connect-time': 1_000, 'primary-answer-time': 500 };

async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UpstreamError)) throw new Error(`no UpstreamError: ${String(error)}`);
  return error;
}

describe('PlainUpstream', () => {
  let primary: DnsServer;
  let upstream: PlainUpstream;
  let onQuery: (query: HeardQuery) => void;

  beforeEach(async () => {
    onQuery = () => undefined;
    primary = await DnsServer.start((query) => {
      onQuery(query);
    });
    upstream = new PlainUpstream(primary, times);
  });
  afterEach(async () => {
    upstream.close();
    await primary.close();
  });

  async function all(query: Buffer, count: number): Promise<Buffer[]> {
    const stream = upstream.transfer(query, never);
    const messages: Buffer[] = [];
    for await (const batch of stream) {
      messages.push(...batch);
      if (messages.length >= count) {
        stream.finish();
        break;
      }
    }
    return messages;
  }

  it('is called by its address', () => {
    expect(upstream.label).to.equal(`primary 127.0.0.1:${primary.port}`);
  });

  describe('asked for one message', () => {
    const update = request({ type: RrType.SOA, header: { opcode: Opcode.UPDATE } });
    const notify = request({ type: RrType.SOA, id: 77, header: { opcode: Opcode.NOTIFY, aa: true } });

    it('gives the answer to NOTIFY and UPDATE with the ID of the message, which stays as it was', async () => {
      onQuery = ({ message, send }) => {
        send(frame(encodeMessage(makeResponse(message, {}))));
      };
      for (const message of [notify, update]) {
        const before = Buffer.from(message);
        const reply = parseMessage(await upstream.ask(message, never));
        expect(reply.header).to.include({ qr: true, opcode: parseMessage(message).header.opcode });
        expect(reply.header.id).to.equal(parseMessage(message).header.id);
        expect(message.equals(before)).to.equal(true);
      }
      expect(primary.connections).to.equal(1);
    });

    it('takes an answer to UPDATE without its question [RFC2136-3.8]', async () => {
      onQuery = ({ message, send }) => {
        send(frame(encodeMessage({ ...makeResponse(message, {}), questions: [] })));
      };
      expect(parseMessage(await upstream.ask(update, never)).header.rcode).to.equal(0);
      expect((await failureOf(upstream.ask(notify, never))).kind).to.equal('unusable');
    });

    it('does not say an UPDATE twice, where it would ask a query again [RFC2136-3]', async () => {
      onQuery = ({ message, send, close, connection }) => {
        if (connection === 1 && primary.heard.length > 1) close();
        else send(frame(encodeMessage(makeResponse(message, {}))));
      };
      await upstream.ask(notify, never);
      expect((await failureOf(upstream.ask(update, never))).words).to.include('closed the connection');
      expect(primary.heard).to.have.length(2);
    });

    it('rejects with the reason of the signal', async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const asked = upstream.ask(notify, abort.signal).catch((error: unknown) => error);
      abort.abort(reason);
      expect(await asked).to.equal(reason);
      expect(await upstream.ask(notify, abort.signal).catch((error: unknown) => error)).to.equal(reason);
    });

    it('says that nobody is there', async () => {
      const port = await unusedPort();
      const nobody = new PlainUpstream({ address: '127.0.0.1', port }, times);
      const error = await failureOf(nobody.ask(notify, never));
      expect(error).to.include({ code: 'XOT_UPSTREAM', blame: 'upstream' });
      expect(error.kind).to.equal('unreachable');
      expect(error.words).to.include(`primary 127.0.0.1:${port} cannot be reached`);
    });
  });

  describe('asked for a transfer', () => {
    it('gives batches, and each as it lies in memory', async () => {
      onQuery = ({ message, send }) => {
        send(frameAll([answer(message, [soa(7), address('a')]), answer(message, [soa(7)])]));
      };
      const stream = upstream.transfer(request(), never);
      expect(stream.framed).to.equal(undefined);
      for await (const batch of stream) {
        expect(batch).to.have.length(2);
        expect(stream.framed?.equals(frameAll(batch))).to.equal(true);
        expect(stream.framed?.buffer).to.equal(batch[0]?.buffer);
        stream.finish();
      }
      await nextTurn();
      expect(primary.openConnections).to.equal(1);
    });

    it('asks nothing before it is read', async () => {
      upstream.transfer(request(), never);
      await nextTurn();
      expect(primary.connections).to.equal(0);
    });

    it('drops the connection when the reader leaves early', async () => {
      onQuery = ({ message, send }) => {
        send(frame(answer(message, [soa(7), address('a')])));
      };
      for await (const batch of upstream.transfer(request(), never)) {
        expect(batch).to.have.length(1);
        break;
      }
      while (primary.openConnections > 0) await nextTurn();
    });
  });

  describe('with TSIG', () => {
    const key: TsigKey = {
      name: Name.parse('xfr.example'),
      algorithm: 'hmac-sha256',
      secret: Buffer.from('0123456789abcdef0123456789abcdef'),
    };
    const keys = new Map([[key.name.key, key]]);
    const now = 1_700_000_000;

    beforeEach(() => {
      upstream = new PlainUpstream(primary, times, { key, nowMs: () => now * 1000 + 999 });
    });

    /** Verifies the query as it came, and answers with messages signed where it is said. */
    function answers(make: (number: number) => Buffer, count: number, isSigned: (number: number) => boolean) {
      onQuery = ({ message, send }) => {
        const verified = verifyQuery(encodeSigned(message), keys, now);
        if ('error' in verified) throw new Error(verified.reason);
        const tsig: NaiveTsig = { ...naive, secret: key.secret };
        let prior = verified.mac;
        let since: Buffer[] = [];
        const messages = Array.from({ length: count }, (_, number) => {
          const bare = make(number);
          bare.writeUInt16BE(message.header.id, 0);
          since.push(bare);
          if (!isSigned(number)) return bare;
          const mac = naiveMac(tsig, since, prior, number === 0);
          [prior, since] = [mac, []];
          return naiveAttach(tsig, bare, mac);
        });
        send(frameAll(messages));
      };
    }
    const naive: NaiveTsig = {
      key: ['xfr', 'example'],
      algorithm: 'hmac-sha256',
      hash: 'sha256',
      secret: key.secret,
      time: now,
    };
    /** The query as it came, its TSIG record included: encodeMessage writes none. */
    function encodeSigned(message: HeardQuery['message']): Buffer {
      const tsig = message.additionals.at(-1);
      if (tsig?.type !== RrType.TSIG) throw new Error('the query is not signed');
      const bare = encodeMessage({ ...message, additionals: [] });
      const mac = tsig.rdata.subarray(13 + 8 + 2, 13 + 8 + 2 + 32);
      return naiveAttach(naive, bare, mac);
    }
    const part = (number: number): Buffer =>
      answer(parseMessage(request()), number === 0 ? [soa(7)] : [address(`n${number}`)]);

    it('signs SOA, NOTIFY and UPDATE, each with the ID that it has on the way [RFC8945-5.1]', async () => {
      answers(
        () => answer(parseMessage(request({ type: RrType.SOA })), [soa(7)]),
        1,
        () => true,
      );
      const reply = parseMessage(await upstream.ask(request({ type: RrType.SOA, id: 9 }), never));
      expect(reply.header).to.include({ id: 9, rcode: Rcode.NOERROR });
      expect(reply.additionals).to.deep.equal([]);
    });

    it('takes no answer that is not signed [RFC8945-5.4]', async () => {
      answers(
        () => answer(parseMessage(request({ type: RrType.SOA })), [soa(7)]),
        1,
        () => false,
      );
      const error = await failureOf(upstream.ask(request({ type: RrType.SOA }), never));
      expect(error.kind).to.equal('unusable');
      expect(error.words).to.include(upstream.label).and.include('not signed');
    });

    it('takes a transfer of which each 100th message is signed [RFC8945-5.3.1]', async () => {
      answers(part, 301, (number) => number % 100 === 0);
      const messages = await all(request(), 301);
      expect(messages).to.have.length(301);
      for (const [number, message] of messages.entries()) {
        const expected = part(number);
        expected.writeUInt16BE(message.readUInt16BE(0), 0);
        expect(message.equals(expected)).to.equal(true);
      }
    });

    it('takes none with 100 unsigned messages in a row, and closes the connection [RFC8945-5.3.1]', async () => {
      answers(part, 102, (number) => number % 101 === 0);
      expect((await failureOf(all(request(), 102))).words).to.include('more than 99');
      while (primary.openConnections > 0) await nextTurn();
    });

    it('does not finish with a last message that is not signed [RFC8945-5.3.1]', async () => {
      answers(part, 3, (number) => number < 2);
      expect((await failureOf(all(request(), 3))).words).to.include('last message is not signed');
      while (primary.openConnections > 0) await nextTurn();
    });

    it('says in words that the primary refuses the key', async () => {
      onQuery = ({ message, send }) => {
        const refusal = verifyQuery(encodeSigned(message), new Map(), now);
        if (!('error' in refusal)) throw new Error('it was taken');
        send(frame(refusal.error));
      };
      for (const asked of [upstream.ask(request({ type: RrType.SOA }), never), all(request(), 1)]) {
        const error = await failureOf(asked);
        expect(error.words).to.include(upstream.label).and.include('BADKEY');
        expect(error.kind).to.equal('other');
      }
    });

    it('takes a second answer by its own query only', async () => {
      let first: Buffer | undefined;
      onQuery = ({ message, send }) => {
        const verified = verifyQuery(encodeSigned(message), keys, now);
        if ('error' in verified) throw new Error(verified.reason);
        first ??= new TsigSigner(verified).sign(answer(message, [soa(7)]), now);
        const again = Buffer.from(first);
        again.writeUInt16BE(message.header.id, 0);
        send(frame(again));
      };
      await upstream.ask(request({ type: RrType.SOA }), never);
      const other = request({
        type: RrType.SOA,
        edns: { udpPayloadSize: 1, version: 0, dnssecOk: false, extendedRcode: 0, options: [] },
      });
      expect((await failureOf(upstream.ask(other, never))).words).to.include('signature is wrong');
    });
  });
});
