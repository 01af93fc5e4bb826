import { expect } from 'chai';
import fc from 'fast-check';
import { AnswerScanner } from '../../../core/answer/answer-scanner.ts';
import { errorAnswer, forwardedQuery, keepReplyTo } from '../../../core/answer/messages.ts';
import { ReplyPlan, type ReplyExtras, type ReplyTo, type ReplyWay } from '../../../core/answer/reply.ts';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrType } from '../../../core/dns/constants.ts';
import { encodeOptions, extendedError, findOption, parseExtendedError } from '../../../core/dns/edns.ts';
import { parseMessage, type Message } from '../../../core/dns/message.ts';
import type { Answer } from '../../../core/answer/answer.ts';
import { MessageWalker } from '../../../core/dns/walker.ts';
import { ednsOf, query, readerOf, response, type QueryOptions } from './wire.ts';

const dot: ReplyWay = { maxOctets: 65_535, idleTimeMs: 120_000, isEncrypted: true };
const udp = (maxOctets: number): ReplyWay => ({ maxOctets, idleTimeMs: undefined, isEncrypted: false });
const padding = { code: EdnsOptionCode.PADDING, data: Buffer.alloc(3) };
const asksKeepalive = { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) };
const bogus = extendedError(EdeCode.DNSSEC_BOGUS, 'bogus');
const records = {
  answers: 'www.example. 300 A 192.0.2.1\nwww.example. 20 A 192.0.2.2',
  authorities: 'example. 4000 NS ns.example.',
};

function answerOf(message: Buffer): Answer {
  const scanner = new AnswerScanner();
  expect(scanner.scan(message)).to.equal(undefined);
  return scanner;
}

/** An answer as an upstream gives it to everybody. */
function answer(fields: Parameters<typeof response>[2] = {}): Answer {
  return answerOf(response(query('www.example'), records, { aa: true, ad: true, ...fields }));
}

/** The octets of the reply; nothing may be written around them, nor into the answer. */
function replyTo(
  to: ReplyTo,
  given: Answer,
  way: ReplyWay = dot,
  extras: ReplyExtras = { ageSeconds: 0 },
): Buffer {
  const before = Buffer.from(given.octets);
  const errorsBefore = Buffer.from(given.errors);
  const plan = new ReplyPlan();
  const length = plan.measure(given, to, way, extras);
  const room = Buffer.alloc(length + 20, 0xee);
  plan.write(room, 10, given, to, way, extras);
  expect(given.octets.equals(before), 'the answer that is kept').to.equal(true);
  expect(given.errors.equals(errorsBefore)).to.equal(true);
  expect([...room.subarray(0, 10), ...room.subarray(-10)].every((octet) => octet === 0xee)).to.equal(true);
  return Buffer.from(room.subarray(10, -10));
}

const asks = (options: QueryOptions = {}, name = 'www.example'): ReplyTo => readerOf(query(name, options));

function reply(options: QueryOptions, ...rest: readonly [Answer?, ReplyWay?, ReplyExtras?]): Message {
  const [given = answer(), way, extras] = rest;
  return parseMessage(replyTo(asks(options), given, way, extras));
}

describe('ReplyPlan', () => {
  it('has the ID of who asks, and the question as he wrote it (0x20) [RFC1035-4.1.1]', () => {
    const asked = query('wWw.ExAmPlE', { id: 0xbeef });
    const octets = replyTo(readerOf(asked), answer());
    expect(octets.readUInt16BE(0)).to.equal(0xbeef);
    expect(octets.subarray(12, asked.length)).to.deep.equal(asked.subarray(12));
    const { answers } = parseMessage(octets);
    expect(answers.map(({ name }) => name.toString())).to.deep.equal(['wWw.ExAmPlE', 'wWw.ExAmPlE']);
  });

  describe('has the flags', () => {
    it('of a response of a resolver: QR and RA; RD and CD as they were asked [RFC4035-3.2.2]', () => {
      expect(reply({ rd: true }).header).to.include({ qr: true, ra: true, rd: true, cd: false, tc: false });
      expect(reply({ rd: false, cd: true }).header).to.include({ ra: true, rd: false, cd: true });
    });

    for (const [what, options, ad] of [
      ['who asks with AD', { ad: true }, true],
      ['who asks with DO', { dnssecOk: true }, true],
      ['nobody else', { options: [] }, false],
      ['nobody without EDNS', {}, false],
    ] as const) {
      it(`AD for ${what} [RFC6840-5.8]`, () => {
        expect(reply(options).header.ad).to.equal(ad);
        expect(reply(options, answer({ ad: false })).header.ad).to.equal(false);
      });
    }
  });

  describe('has an OPT record', () => {
    it('for who has one, and for nobody else [RFC6891-6.1.1]', () => {
      expect(reply({ options: [] }).edns).to.deep.include({ version: 0, udpPayloadSize: 1232, options: [] });
      expect(reply({}).edns).to.equal(undefined);
    });

    it('with DO as it was asked [RFC6891-6.1.4]', () => {
      expect(reply({ dnssecOk: true }).edns?.dnssecOk).to.equal(true);
      expect(reply({ options: [] }).edns?.dnssecOk).to.equal(false);
    });

    it('with the upper bits of the response code [RFC6891-6.1.3]', () => {
      const given = answer({ rcode: Rcode.BADCOOKIE, edns: ednsOf() });
      expect(reply({ options: [] }, given).header.rcode).to.equal(Rcode.BADCOOKIE);
      // Its low bits alone would be another code: those of BADVERS are NOERROR.
      expect(reply({}, given).header.rcode).to.equal(Rcode.SERVFAIL);
    });

    it('with the idle time for who asks for it, not over UDP [RFC7828-3.3.2]', () => {
      const option = findOption(reply({ options: [asksKeepalive] }).edns, EdnsOptionCode.TCP_KEEPALIVE);
      expect(option?.data.readUInt16BE(0)).to.equal(1200);
      expect(reply({ options: [] }).edns?.options).to.deep.equal([]);
      expect(reply({ options: [asksKeepalive] }, answer(), udp(1232)).edns?.options).to.deep.equal([]);
    });

    it('with the longest idle time there is a number for [RFC7828-3.1]', () => {
      const { edns } = reply({ options: [asksKeepalive] }, answer(), { ...dot, idleTimeMs: 10_000_000 });
      expect(edns?.options[0]?.data.readUInt16BE(0)).to.equal(0xffff);
    });

    it('with the Extended DNS Errors of the answer, and ours [RFC8914-3]', () => {
      const given = answer({ edns: ednsOf({ options: [bogus] }) });
      const extendedErrors = encodeOptions([extendedError(EdeCode.STALE_ANSWER)]);
      const { edns } = reply({ options: [] }, given, dot, { ageSeconds: 0, extendedErrors });
      expect(edns?.options.map((option) => parseExtendedError(option).code)).to.deep.equal([6, 3]);
      expect(reply({}, given, dot, { ageSeconds: 0, extendedErrors }).edns).to.equal(undefined);
    });
  });

  describe('is padded', () => {
    it('to a multiple of 468 octets, whatever is in it, with zeros at the end [RFC8467-4.1] [RFC7830-3]', () => {
      for (let more = 0; more < 480; more += 13) {
        const text = `www.example. 60 TXT "${'x'.repeat(more % 250)}" "${'y'.repeat(more % 200)}"`;
        const octets = replyTo(
          asks({ options: [asksKeepalive, padding] }),
          answerOf(response(query('www.example'), { answers: text })),
        );
        expect(octets.length % 468).to.equal(0);
        const { edns } = parseMessage(octets);
        const last = edns!.options.at(-1)!;
        expect(last.code).to.equal(EdnsOptionCode.PADDING);
        expect(last.data.every((octet) => octet === 0)).to.equal(true);
        expect(edns!.options.filter(({ code }) => code === EdnsOptionCode.PADDING)).to.have.length(1);
      }
    });

    it('for who pads himself, and on a way that is encrypted, only [RFC7830-4]', () => {
      const pads = (way: ReplyWay, options: QueryOptions): boolean =>
        findOption(reply(options, answer(), way).edns, EdnsOptionCode.PADDING) !== undefined;
      expect(pads(dot, { options: [padding] })).to.equal(true);
      expect(pads(dot, { options: [] })).to.equal(false);
      expect(pads(udp(4096), { options: [padding] })).to.equal(false);
    });
  });

  describe('over UDP', () => {
    const long = answerOf(
      response(
        query('www.example'),
        {
          answers: Array.from(
            { length: 40 },
            (_, index) => `www.example. 60 A 192.0.2.${String(index)}`,
          ).join('\n'),
        },
        {
          edns: ednsOf({ options: [bogus] }),
        },
      ),
    );

    it('is cut to its question, with TC, when it is too long [RFC2181-9] [RFC6891-7]', () => {
      for (const options of [{}, { options: [] }, { dnssecOk: true, cd: true }]) {
        const octets = replyTo(asks(options, 'WWW.example'), long, udp(512));
        const { header, questions, edns, ...sections } = parseMessage(octets);
        expect(header).to.include({ tc: true, qr: true, rcode: 0 });
        expect(questions[0]?.name.toString()).to.equal('WWW.example');
        expect(sections).to.deep.equal({ answers: [], authorities: [], additionals: [] });
        expect(edns === undefined).to.equal(options.options === undefined && options.dnssecOk === undefined);
        expect(octets.length).to.be.at.most(512);
      }
    });

    it('is whole when it just fits', () => {
      const whole = replyTo(asks(), long).length;
      expect(parseMessage(replyTo(asks(), long, udp(whole))).header.tc).to.equal(false);
      expect(parseMessage(replyTo(asks(), long, udp(whole - 1))).header.tc).to.equal(true);
    });
  });

  describe('has TTLs', () => {
    /** As they stand in the octets: who reads a message takes one that is too large for 0. */
    function ttls(extras: ReplyExtras): number[] {
      const walker = new MessageWalker(replyTo(asks(), answer(), dot, extras));
      const found: number[] = [];
      while (walker.next()) found.push(walker.ttl);
      return found;
    }

    it('that grow less with the age of the answer, and not below 0 [RFC1035-3.2.1]', () => {
      expect(ttls({ ageSeconds: 0 })).to.deep.equal([300, 20, 4000]);
      expect(ttls({ ageSeconds: 19 })).to.deep.equal([281, 1, 3981]);
      expect(ttls({ ageSeconds: 100 })).to.deep.equal([200, 0, 3900]);
    });

    it('of 30 s in an answer that is too old [RFC8767-4]', () => {
      expect(ttls({ ageSeconds: 0, staleTtl: 30 })).to.deep.equal([30, 30, 30]);
    });
  });

  it('says an error without records, with the opcode of the query and its reason [RFC8914-2]', () => {
    const to = readerOf(query('www.example', { options: [] }));
    const { questionStart, questionEnd } = to;
    const notify = { questionStart, questionEnd, flags: Opcode.NOTIFY << 11 };
    const error = errorAnswer(notify, Rcode.NOTIMP, {
      infoCode: 18,
      text: 'no',
    });
    const octets = replyTo(to, error);
    const { header, edns, questions } = parseMessage(octets);
    expect(header).to.include({ opcode: Opcode.NOTIFY, rcode: Rcode.NOTIMP, qr: true });
    expect(questions).to.have.length(1);
    expect(parseExtendedError(edns!.options[0]!)).to.deep.equal({ code: 18, text: 'no' });
  });

  it('keeps for later what a reply needs, in octets of its own', () => {
    const asked = query('wWw.example', { id: 99, dnssecOk: true, options: [asksKeepalive, padding] });
    const reader = readerOf(asked);
    const now = replyTo(reader, answer());
    const kept = keepReplyTo(reader);
    reader.octets.fill(0);
    reader.read(query('other.example'), 0, 10);
    expect(replyTo(kept, answer())).to.deep.equal(now);
  });

  it('is a message that says what the answer says, whoever asks however', () => {
    const options = fc.record({
      id: fc.nat(65_535),
      ad: fc.boolean(),
      cd: fc.boolean(),
      dnssecOk: fc.option(fc.boolean(), { nil: undefined }),
      options: fc.option(fc.subarray([padding, asksKeepalive]), { nil: undefined }),
    });
    const extras = fc.record({
      ageSeconds: fc.nat(1_000),
      staleTtl: fc.option(fc.constant(30), { nil: undefined }),
    });
    const check = fc.property(
      options,
      extras,
      fc.constantFrom(dot, udp(512), udp(1232)),
      (asked, more, way) => {
        const octets = replyTo(
          asks(asked as QueryOptions),
          answer({ edns: ednsOf({ options: [bogus] }) }),
          way,
          more,
        );
        const { header, answers, authorities } = parseMessage(octets);
        expect(header).to.include({ id: asked.id, cd: asked.cd, rcode: 0, tc: false });
        expect(answers.map(({ rdata }) => rdata.toString('hex'))).to.deep.equal(['c0000201', 'c0000202']);
        expect(authorities).to.have.length(1);
      },
    );
    fc.assert(check, { numRuns: 300 });
  });
});

describe('the query that is forwarded', () => {
  const subnet = { code: EdnsOptionCode.CLIENT_SUBNET, data: Buffer.from([0, 1, 24, 0, 198, 51, 100]) };

  it('has the question, DO and CD, and nothing else of who asks', () => {
    const options = [padding, asksKeepalive, subnet, { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(8) }];
    const asked = query('www.example', {
      id: 77,
      type: RrType.MX,
      dnssecOk: true,
      cd: true,
      udpPayloadSize: 4096,
      options,
    });
    const { header, questions, edns } = parseMessage(forwardedQuery(readerOf(asked)));
    expect(header).to.include({ id: 0, rd: true, ad: true, cd: true, qr: false });
    expect(questions[0]).to.include({ type: RrType.MX });
    expect(questions[0]?.name.toString()).to.equal('www.example');
    expect(edns).to.deep.equal(ednsOf({ dnssecOk: true }));
  });

  it('has the client subnet where it is passed on [RFC7871-6]', () => {
    const reader = readerOf(query('www.example', { options: [padding, subnet] }));
    expect(parseMessage(forwardedQuery(reader, { withClientSubnet: true })).edns?.options).to.deep.equal([
      subnet,
    ]);
    expect(
      parseMessage(forwardedQuery(readerOf(query('www.example')), { withClientSubnet: true })).edns?.options,
    ).to.deep.equal([]);
  });
});
