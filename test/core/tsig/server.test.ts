import { expect } from 'chai';
import { Rcode } from '../../../core/dns/constants.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { signQuery, TsigVerifier } from '../../../core/tsig/client.ts';
import { TsigError, type TsigKey } from '../../../core/tsig/key.ts';
import { TsigSigner, verifyQuery, type VerifiedQuery } from '../../../core/tsig/server.ts';
import { answer, key, naive, now, query } from './messages.ts';
import { naiveAttach, naiveMac, naiveSign, type NaiveTsig } from './naive.ts';

const keys = new Map([[key.name.key, key]]);
const signed = (fields: Partial<NaiveTsig> = {}): Buffer => naiveSign({ ...naive, ...fields }, query);

function refused(result: VerifiedQuery): Extract<VerifiedQuery, { readonly error: Buffer }> {
  if ('error' in result) return result;
  throw new Error('it was taken');
}

describe('verifyQuery', () => {
  it('takes what is signed with a key that it has, and gives the query without TSIG [RFC8945-5.2]', () => {
    const octets = signed();
    const result = verifyQuery(octets, keys, now + 300);
    if ('error' in result) throw new Error(result.reason);
    expect(result.key).to.equal(key);
    expect(result.mac.equals(naiveMac(naive, [query], undefined, true))).to.equal(true);
    expect(result.message.equals(query)).to.equal(true);
    expect(octets.equals(signed())).to.equal(true);
  });

  const unsigned: [title: string, reason: string, error: number, make: () => Buffer][] = [
    ['BADKEY to a name that it does not have', 'bad-key', 17, () => signed({ key: ['other', 'example'] })],
    [
      'BADKEY to another algorithm than the key has',
      'bad-key',
      17,
      () => signed({ algorithm: 'hmac-sha512', hash: 'sha512' }),
    ],
    ['BADSIG to another secret', 'bad-sig', 16, () => signed({ secret: Buffer.alloc(32, 7) })],
    [
      'BADSIG to a query that was changed',
      'bad-sig',
      16,
      () => {
        const octets = signed();
        octets.write('F', 15);
        return octets;
      },
    ],
  ];
  for (const [title, reason, error, make] of unsigned) {
    it(`says ${title}, unsigned [RFC8945-5.3.2]`, () => {
      const result = refused(verifyQuery(make(), keys, now));
      expect(result.reason).to.equal(reason);
      const { header, questions, additionals } = parseMessage(result.error);
      expect(header).to.include({ id: 0x1234, qr: true, rcode: Rcode.NOTAUTH });
      expect(questions).to.have.length(1);
      const rdata = additionals[0]!.rdata;
      const macSize = rdata.indexOf('\0', 0, 'latin1') + 1 + 8;
      expect(rdata.readUInt16BE(macSize)).to.equal(0);
      expect(rdata.readUInt16BE(macSize + 4)).to.equal(error);
    });
  }

  it('says BADTIME with its own time, signed for the time of the client [RFC8945-5.2.3]', () => {
    const result = refused(verifyQuery(signed({ fudge: 77 }), keys, now + 500));
    expect(result.reason).to.equal('bad-time');
    const other = (now + 500).toString(16).padStart(12, '0');
    const { mac } = signQuery(query, key, now, 77);
    const expected = naiveSign({ ...naive, fudge: 77, error: 18, other }, errorBody(), mac);
    expect(result.error.toString('hex')).to.equal(expected.toString('hex'));
  });

  it('says BADTRUNC to a shorter MAC than the key has, signed [RFC8945-5.2.4]', () => {
    const result = refused(verifyQuery(signed({ macOctets: 16 }), keys, now));
    expect(result.reason).to.equal('bad-trunc');
    const mac = naiveMac({ ...naive, macOctets: 16 }, [query], undefined, true);
    expect(result.error.equals(naiveSign({ ...naive, error: 22 }, errorBody(), mac))).to.equal(true);
  });

  it('judges the MAC before the time, and the time before the truncation [RFC8945-5.2]', () => {
    const wrong = { secret: Buffer.alloc(32), time: 1, macOctets: 16 };
    expect(refused(verifyQuery(signed(wrong), keys, now)).reason).to.equal('bad-sig');
    expect(refused(verifyQuery(signed({ ...wrong, secret: naive.secret }), keys, now)).reason).to.equal(
      'bad-time',
    );
  });

  const malformed: [title: string, make: () => Buffer][] = [
    ['a MAC longer than the hash [RFC8945-5.2.2.1]', () => signed({ mac: Buffer.alloc(33) })],
    ['a MAC of less than half the hash [RFC8945-5.2.2.1]', () => signed({ macOctets: 15 })],
    ['an empty MAC', () => signed({ mac: Buffer.alloc(0) })],
    ['two records [RFC8945-5.2]', () => naiveSign(naive, signed())],
    ['a record of class IN', () => signed({ class: 1 })],
    ['a record that does not end with the message', () => Buffer.concat([signed(), Buffer.from([0])])],
  ];
  for (const [title, make] of malformed) {
    it(`says FORMERR to ${title}`, () => {
      const { error, reason } = refused(verifyQuery(make(), keys, now));
      expect(reason).to.equal('malformed');
      expect(parseMessage(error)).to.deep.include({ questions: [], additionals: [] });
      expect(parseMessage(error).header).to.include({ id: 0x1234, qr: true, rcode: Rcode.FORMERR });
    });
  }

  it('says REFUSED, unsigned, to what is not signed [RFC8945-5.3]', () => {
    const { error, reason } = refused(verifyQuery(query, keys, now));
    expect(reason).to.equal('missing');
    expect(parseMessage(error).header.rcode).to.equal(Rcode.REFUSED);
    expect(parseMessage(error).additionals).to.deep.equal([]);
  });

  it('says FORMERR to an unsigned question that cannot be read', () => {
    const cut = Buffer.from(query.subarray(0, 14));
    expect(refused(verifyQuery(cut, keys, now)).reason).to.equal('malformed');
  });

  it('takes nothing older than what it has taken, where that is remembered [RFC8945-5.2.3]', () => {
    const lastSigned = new Map<string, number>();
    expect('error' in verifyQuery(signed(), keys, now, lastSigned)).to.equal(false);
    expect('error' in verifyQuery(signed(), keys, now, lastSigned)).to.equal(false);
    const older = verifyQuery(signed({ time: now - 1 }), keys, now, lastSigned);
    expect(refused(older).reason).to.equal('bad-time');
    // What is refused moves nothing.
    refused(verifyQuery(signed({ time: now + 200, secret: Buffer.alloc(32) }), keys, now, lastSigned));
    expect('error' in verifyQuery(signed(), keys, now, lastSigned)).to.equal(false);
  });
});

describe('TsigSigner', () => {
  const mac = naiveMac(naive, [query], undefined, true);

  it('signs every message of an answer as a second construction does [RFC8945-5.3.1]', () => {
    const signer = new TsigSigner({ key, mac });
    let prior = mac;
    for (let number = 0; number < 3; number++) {
      const tsig = { ...naive, time: now + number };
      const next = naiveMac(tsig, [answer(number)], prior, number === 0);
      const expected = naiveAttach(tsig, answer(number), next);
      expect(signer.sign(answer(number), now + number).equals(expected)).to.equal(true);
      prior = next;
    }
  });

  it('makes what TsigVerifier takes, in both directions', () => {
    const asked = signQuery(query, key, now);
    const verified = verifyQuery(asked.message, keys, now);
    if ('error' in verified) throw new Error(verified.reason);
    const signer = new TsigSigner(verified);
    const verifier = new TsigVerifier(key, asked.mac);
    for (let number = 0; number < 300; number++) {
      expect(verifier.take(signer.sign(answer(number), now), now).equals(answer(number))).to.equal(true);
    }
    verifier.end();
  });

  it('sends no shorter MAC than the request had [RFC8945-7]', () => {
    const short: TsigKey = { ...key, algorithm: 'hmac-sha256-128' };
    const whole = naiveSign(naive, query);
    const verified = verifyQuery(whole, new Map([[short.name.key, short]]), now);
    if ('error' in verified) throw new Error(verified.reason);
    const reply = new TsigSigner(verified).sign(answer(), now);
    expect(reply.equals(naiveSign(naive, answer(), mac))).to.equal(true);
  });

  it('throws for a message without room for it', () => {
    const signer = new TsigSigner({ key, mac });
    expect(() => signer.sign(Buffer.alloc(65_535), now)).to.throw('no room for TSIG');
  });
});

describe('errors that verifyQuery makes', () => {
  for (const [code, octets, at] of [
    ['BADKEY', signed(), now],
    ['BADTIME', signed(), now + 1000],
  ] as const) {
    it(`are understood by TsigVerifier: ${code}`, () => {
      const known = code === 'BADKEY' ? new Map<string, TsigKey>() : keys;
      const { error } = refused(verifyQuery(octets, known, at));
      const verifier = new TsigVerifier(key, naiveMac(naive, [query], undefined, true));
      expect(() => verifier.take(error, now)).to.throw(TsigError, code);
    });
  }
});

/** NOTAUTH with the question and nothing else. */
function errorBody(): Buffer {
  const body = Buffer.from(query);
  body.writeUInt8(0x80, 2);
  body.writeUInt8(Rcode.NOTAUTH, 3);
  expect(parseMessage(body).questions[0]!.name.equals(Name.parse('example.com'))).to.equal(true);
  return body;
}
