import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import {
  extendedError,
  findOption,
  keepalive,
  parseExtendedError,
  parseKeepalive,
  type Edns,
} from '../../../../core/dns/edns.ts';
import { DnsFormatError } from '../../../../core/dns/errors.ts';
import {
  encodeMessage,
  makeResponse,
  parseMessage,
  type Message,
  type ResourceRecord,
} from '../../../../core/dns/message.ts';
import { parseTxt } from '../../../../core/dns/rdata.ts';
import { MessageWalker } from '../../../../core/dns/walker.ts';
import { parseOpt } from '../../../../core/dns/edns.ts';
import {
  formatErrorReply,
  refusalReply,
  relayedReply,
  type OptPlace,
  type ReplyStyle,
} from '../../../../plugins/xot/request/reply.ts';
import { address, answer, bulk, edns, parsed, request, soa } from '../messages.ts';

const askKeepalive = { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) };
const askPadding = { code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) };
const prohibited = { rcode: Rcode.REFUSED, infoCode: EdeCode.PROHIBITED, text: 'not you' };

function style(asked?: Edns): ReplyStyle {
  return {
    request: parseMessage(request({ id: 0x4242, ...(asked && { edns: asked }) })),
    idleTimeMs: 30_000,
  };
}

/** What the gate makes of a message of the primary. */
function relayed(octets: Buffer, asked?: Edns): Message[] {
  return parsed(relayedReply(octets, optPlace(octets), style(asked)));
}

describe('refusalReply', () => {
  it('repeats ID and question, and says why to who speaks EDNS [RFC8914-2]', () => {
    const reply = parseMessage(refusalReply(style(edns()), prohibited));
    expect(reply.header).to.include({ id: 0x4242, qr: true, rcode: Rcode.REFUSED });
    expect(reply.questions[0]?.type).to.equal(RrType.AXFR);
    expect(parseExtendedError(reply.edns!.options[0]!)).to.deep.equal({ code: 18, text: 'not you' });
  });

  it('has no OPT for who has none [RFC6891-7]', () => {
    const reply = parseMessage(refusalReply(style(), prohibited));
    expect(reply.edns).to.equal(undefined);
    expect(reply.header.rcode).to.equal(Rcode.REFUSED);
  });

  it('copies DO [RFC6891-6.1.4]', () => {
    const reply = parseMessage(refusalReply(style({ ...edns(), dnssecOk: true }), prohibited));
    expect(reply.edns?.dnssecOk).to.equal(true);
  });

  it('says BADVERS with its upper bits, in version 0 [RFC6891-6.1.3]', () => {
    const reply = parseMessage(
      refusalReply(style({ ...edns(), version: 3 }), { rcode: Rcode.BADVERS, text: '' }),
    );
    expect(reply.header.rcode).to.equal(Rcode.BADVERS);
    expect(reply.edns?.version).to.equal(0);
  });

  it('pads for who pads, to a multiple of 468 octets [RFC8467-4.1]', () => {
    expect(refusalReply(style(edns(askPadding)), prohibited)).to.have.length(468);
  });
});

describe('formatErrorReply', () => {
  it('is a header alone, with the ID and the opcode [RFC1035-4.1.1]', () => {
    const octets = Buffer.from('beef2180ffffffffffffffff', 'hex');
    expect(formatErrorReply(octets).toString('hex')).to.equal('beefa1010000000000000000');
  });
});

describe('relayedReply', () => {
  const query = parseMessage(request({ id: 1 }));
  const records = [soa(7), address('www'), soa(7)];

  it('gives the message as it is but for the ID when nobody has OPT', () => {
    const octets = answer(query, records);
    const expected = Buffer.from(octets);
    expected.writeUInt16BE(0x4242, 0);
    expect(relayedReply(octets, undefined, style())).to.deep.equal([expected]);
  });

  const combinations: [title: string, theirs: Edns | undefined, asked: Edns | undefined, has: boolean][] = [
    ['has OPT when the request had, though the primary has none [RFC9103-6.3.4]', undefined, edns(), true],
    ['has OPT when both have', edns(), edns(), true],
    ['has none when the request had none [RFC6891-7]', edns(), undefined, false],
  ];
  for (const [title, theirs, asked, has] of combinations) {
    it(title, () => {
      const [message, ...more] = relayed(answer(query, records, theirs && { edns: theirs }), asked);
      expect(message?.edns !== undefined).to.equal(has);
      expect(message?.answers).to.have.length(3);
      expect(more).to.deep.equal([]);
    });
  }

  it('keeps records of the additional section beside OPT', () => {
    const octets = encodeMessage(
      makeResponse(query, { answers: records, additionals: [address('ns1')], edns: edns() }),
    );
    for (const asked of [edns(), undefined]) {
      const [message] = relayed(Buffer.from(octets), asked);
      expect(message?.additionals.map(({ name }) => String(name))).to.deep.equal(['ns1.example.com']);
    }
  });

  it('carries Extended DNS Errors and EXPIRE over, and nothing else', () => {
    const theirs = edns(
      extendedError(EdeCode.NOT_READY, 'loading'),
      { code: EdnsOptionCode.EXPIRE, data: Buffer.from([0, 0, 1, 0]) },
      { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(16) },
      keepalive(1_000),
    );
    const [message] = relayed(answer(query, [], { rcode: Rcode.SERVFAIL, edns: theirs }), edns());
    expect(message?.edns?.options.map(({ code }) => code)).to.deep.equal([
      EdnsOptionCode.EXTENDED_ERROR,
      EdnsOptionCode.EXPIRE,
    ]);
  });

  it('carries the upper bits of the response code over', () => {
    const octets = answer(query, [], { rcode: Rcode.BADVERS, edns: edns() });
    expect(relayed(octets, edns())[0]?.header.rcode).to.equal(Rcode.BADVERS);
  });

  it('states our own idle time to who asks for keepalive [RFC7828-3.3.2]', () => {
    const [message] = relayed(answer(query, records, { edns: edns(keepalive(1_000)) }), edns(askKeepalive));
    const option = findOption(message?.edns, EdnsOptionCode.TCP_KEEPALIVE);
    expect(parseKeepalive(option!)).to.deep.equal({ timeoutMs: 30_000 });
  });

  for (const count of [1, 20, 21, 22, 23, 24, 400]) {
    it(`pads ${count} records to a multiple of 468 octets, and not once more [RFC8467-4.1]`, () => {
      const octets = answer(
        query,
        Array.from({ length: count }, (_, index) => address(`h${index}`)),
      );
      const before = octets.length;
      const [reply] = relayedReply(octets, undefined, style(edns(askPadding)));
      expect(reply!.length % 468).to.equal(0);
      expect(reply!.length - before).to.be.lessThan(468 + 15);
      expect(parseMessage(reply!).edns?.options.at(-1)?.code).to.equal(EdnsOptionCode.PADDING);
    });
  }

  describe('of a message with little room', () => {
    /** A message of just so many octets, in two records. */
    function filled(octets: number): Buffer {
      const empty = answer(query, [bulk(30_000), bulk(30_000)]).length;
      const message = answer(query, [bulk(30_000), bulk(30_000 + octets - empty)]);
      expect(message).to.have.length(octets);
      return message;
    }

    it('leaves the padding out when there is no room for it', () => {
      const replies = relayed(filled(65_500), edns(askPadding, askKeepalive));
      expect(replies).to.have.length(1);
      expect(replies[0]?.edns?.options.map(({ code }) => code)).to.deep.equal([EdnsOptionCode.TCP_KEEPALIVE]);
    });

    it('leaves all options out when there is room for nothing but OPT', () => {
      const replies = relayed(filled(65_524), edns(askPadding, askKeepalive));
      expect(replies.map(({ edns: opt }) => opt?.options)).to.deep.equal([[]]);
    });

    for (const octets of [65_525, 65_535]) {
      it(`splits one of ${octets} octets, with OPT in both parts [RFC9103-6.3.4]`, () => {
        const replies = relayed(filled(octets), edns(askKeepalive));
        expect(replies.map(({ answers }) => answers.length)).to.deep.equal([1, 1]);
        expect(replies.map(({ header }) => header.id)).to.deep.equal([0x4242, 0x4242]);
        expect(replies.map(({ questions }) => questions.length)).to.deep.equal([1, 0]);
        for (const { edns: opt } of replies)
          expect(findOption(opt, EdnsOptionCode.TCP_KEEPALIVE)).to.not.equal(undefined);
        expect(textOctets(replies.flatMap(({ answers }) => answers))).to.equal(
          textOctets(parseMessage(filled(octets)).answers),
        );
      });
    }

    it('leaves one of 65535 octets as it is for who has no OPT', () => {
      expect(relayed(filled(65_535))).to.have.length(1);
    });

    it('rather fails than leave out a record that has no room beside OPT', () => {
      const bare = { ...parseMessage(answer(query, [])), questions: [] };
      const room = 65_535 - 12 - 11;
      const octets = encodeMessage({ ...bare, answers: [bulk(room)] });
      expect(octets).to.have.length(65_535);
      expect(() => relayed(octets, edns())).to.throw(DnsFormatError, 'no room');
    });
  });

  describe('of a message in which OPT is not last', () => {
    /** OPT, then an address, in the additional section. */
    function withOptFirst(theirs: Edns, rcode = 0): Buffer {
      const octets = encodeMessage(
        makeResponse(query, { rcode, answers: records, additionals: [address('ns1')], edns: theirs }),
      );
      const opt = optPlace(octets)!;
      const tail = octets.subarray(opt.start);
      const at = startOfAdditional(octets);
      return Buffer.concat([octets.subarray(0, at), tail, octets.subarray(at, opt.start)]);
    }

    it('replaces it all the same', () => {
      for (const asked of [edns(), undefined]) {
        const octets = withOptFirst(edns(keepalive(1_000)));
        expect(optPlace(octets)?.isLast).to.equal(false);
        const [message, ...more] = relayed(octets, asked);
        expect(message?.answers).to.have.length(3);
        expect(message?.additionals).to.have.length(1);
        expect(message?.edns?.options).to.deep.equal(asked && []);
        expect(more).to.deep.equal([]);
      }
    });

    it('carries over what is for the far end', () => {
      const octets = withOptFirst(edns(extendedError(EdeCode.NOT_READY, 'loading')), Rcode.BADVERS);
      const [message] = relayed(octets, edns(askPadding));
      expect(message?.header.rcode).to.equal(Rcode.BADVERS);
      const codes = message?.edns?.options.map(({ code }) => code);
      expect(codes).to.deep.equal([EdnsOptionCode.EXTENDED_ERROR, EdnsOptionCode.PADDING]);
    });
  });
});

/** Where a walker finds the OPT record. */
function optPlace(octets: Buffer): OptPlace | undefined {
  const walker = walkPastQuestions(octets);
  while (walker.next()) {
    if (walker.type !== RrType.OPT) continue;
    const opt = parseOpt({ class: walker.class, ttl: walker.ttl, rdata: walker.rdata() });
    return { start: walker.recordStart, isLast: walker.rdataEnd === octets.length, edns: opt };
  }
  return undefined;
}

function startOfAdditional(octets: Buffer): number {
  const walker = walkPastQuestions(octets);
  while (walker.next()) if (walker.section === 'additional') return walker.recordStart;
  return octets.length;
}

function walkPastQuestions(octets: Buffer): MessageWalker {
  const walker = new MessageWalker(octets);
  for (let count = 0; count < walker.questionCount; count++) walker.readQuestion();
  return walker;
}

function textOctets(records: readonly ResourceRecord[]): number {
  return records.flatMap(({ rdata }) => parseTxt(rdata)).reduce((sum, text) => sum + text.length, 0);
}
