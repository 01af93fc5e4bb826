import { expect } from 'chai';
import fc from 'fast-check';
import { EdnsOptionCode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { extendedError, keepalive, padTo } from '../../../core/dns/edns.ts';
import { encodeMessage, makeResponse, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { isAnswerTo, keepaliveMs, optStart, questionEnd } from '../../../core/forward/question.ts';
import { roomFor, writeQuery, type Additions } from '../../../core/forward/query-octets.ts';
import { plainEdns, queryOf } from '../../support/forward-bed.ts';

const query = queryOf('www.Example', 1, plainEdns);
const end = questionEnd(query);

describe('the question of a query', () => {
  it('ends where it should, or is none', () => {
    expect(end).to.equal(12 + 13 + 4);
    expect(questionEnd(queryOf('.', 1))).to.equal(17);
    for (let length = 0; length < end; length++) expect(questionEnd(query.subarray(0, length))).to.equal(0);
    const pointer = Buffer.from(query);
    pointer[12] = 0xc0;
    expect(questionEnd(pointer)).to.equal(0);
  });

  it('is answered in upper and lower case, by letters alone', () => {
    const answer = encodeMessage(makeResponse(parseMessage(query), {}));
    expect(isAnswerTo(answer, query, end)).to.be.true;
    for (let at = 12; at < end; at++) {
      const changed = Buffer.from(answer);
      changed[at]! ^= 0x20;
      const isLetter = /[a-z]/i.test(String.fromCharCode(answer[at]!)) && at < end - 4;
      expect(isAnswerTo(changed, query, end), `octet ${at}`).to.equal(isLetter);
    }
    // The digit 1 and the control character below it differ in that bit, too.
    const digits = queryOf('1a\\@b`.example');
    const other = encodeMessage(makeResponse(parseMessage(queryOf('1a`b`.example')), {}));
    expect(isAnswerTo(other, digits, questionEnd(digits))).to.be.false;
  });

  it('is not answered by anything that is cut', () => {
    const answer = encodeMessage(makeResponse(parseMessage(query), {}));
    for (let length = 0; length < end; length++) {
      expect(isAnswerTo(answer.subarray(0, length), query, end), `${length} octets`).to.be.false;
    }
  });

  it('breaks on no octets whatever', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        const message = Buffer.from(octets);
        isAnswerTo(message, query, end);
        keepaliveMs(message);
        const last = questionEnd(message);
        expect(last).to.be.at.most(message.length);
        if (last === 0) return;
        optStart(message, last);
        const out = Buffer.alloc(roomFor(message));
        writeQuery(out, 0, message, { id: 1, end: last, add: { pad: true, keepalive: true } });
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the keepalive of an answer', () => {
  const record = {
    name: Name.parse('www.example'),
    type: RrType.A,
    class: RrClass.IN,
    ttl: 1,
    rdata: Buffer.alloc(4),
  };

  it('is found wherever it is [RFC7828-3.1]', () => {
    const options = [extendedError(3), keepalive(1_500), padTo(90, 128)];
    for (const answers of [[], [record], [record, record]]) {
      const edns = { ...plainEdns, options };
      expect(keepaliveMs(encodeMessage(makeResponse(parseMessage(query), { answers, edns })))).to.equal(
        1_500,
      );
      const last = { ...plainEdns, options: [keepalive(0)] };
      expect(keepaliveMs(encodeMessage(makeResponse(parseMessage(query), { answers, edns: last })))).to.equal(
        0,
      );
    }
  });

  it('is not found where it is not, or in octets that break off', () => {
    const none = encodeMessage(makeResponse(parseMessage(query), { answers: [record], edns: plainEdns }));
    expect(keepaliveMs(none)).to.equal(-1);
    const empty = { ...plainEdns, options: [{ code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) }] };
    expect(keepaliveMs(encodeMessage(makeResponse(parseMessage(query), { edns: empty })))).to.equal(-1);
    const edns = { ...plainEdns, options: [keepalive(1_500)] };
    const whole = encodeMessage(makeResponse(parseMessage(query), { answers: [record], edns }));
    for (let length = 0; length < whole.length; length++)
      expect(keepaliveMs(whole.subarray(0, length))).to.equal(-1);
  });
});

describe('a query on a stream', () => {
  function written(octets: Buffer, add: Additions): Buffer {
    const out = Buffer.alloc(roomFor(octets) + 5, 0xee);
    const last = writeQuery(out, 5, octets, { id: 0xabcd, end: questionEnd(octets), add });
    expect(out.readUInt16BE(5)).to.equal(last - 7);
    expect(out.readUInt16BE(7)).to.equal(0xabcd);
    return out.subarray(7, last);
  }

  it('is padded to a multiple of 128 octets, and still a message [RFC8467-4.1]', () => {
    for (let length = 1; length < 63; length++) {
      for (const keep of [false, true]) {
        const octets = queryOf(`${'x'.repeat(length)}.${'y'.repeat(40)}.example`, 1, plainEdns);
        const out = written(octets, { pad: true, keepalive: keep });
        expect(out.length % 128).to.equal(0);
        expect(out.length).to.be.lessThan(octets.length + 4 + 4 + 128);
        const codes = parseMessage(out).edns!.options.map(({ code }) => code);
        expect(codes).to.deep.equal(keep ? [11, 12] : [12]);
      }
    }
  });

  it('keeps the options that it has, and gets none twice [RFC7830-3]', () => {
    const padding = padTo(0, 20);
    const options = [keepalive(100), padding];
    const octets = queryOf('www.example', 1, { ...plainEdns, options });
    expect(written(octets, { pad: true, keepalive: true }).subarray(2).equals(octets.subarray(2))).to.be.true;
  });

  it('is left as it is without an OPT record, or with records besides it', () => {
    const bare = queryOf('www.example', 1);
    expect(written(bare, { pad: true, keepalive: true }).subarray(2).equals(bare.subarray(2))).to.be.true;
    const more = Buffer.concat([query, query.subarray(end)]);
    more.writeUInt16BE(2, 10);
    expect(written(more, { pad: true, keepalive: true }).subarray(2).equals(more.subarray(2))).to.be.true;
  });
});
