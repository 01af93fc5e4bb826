import { expect } from 'chai';
import { Rcode } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { signQuery, TsigVerifier } from '../../../core/tsig/client.ts';
import { TsigError, tsigAlgorithms, type TsigAlgorithm } from '../../../core/tsig/key.ts';
import { answer, key, naive, now, query } from './messages.ts';
import { naiveAttach, naiveMac, naiveSign, type NaiveTsig } from './naive.ts';

/** What a function throws. */
function failure(act: () => unknown): TsigError {
  try {
    act();
  } catch (error) {
    if (error instanceof TsigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('signQuery', () => {
  it('makes what RFC 8945 has, by a second construction [RFC8945-4.3.3]', () => {
    const { message, mac } = signQuery(query, key, now);
    expect(message.toString('hex')).to.equal(naiveSign(naive, query).toString('hex'));
    expect(mac.toString('hex')).to.equal(naiveMac(naive, [query], undefined, true).toString('hex'));
  });

  it('puts the record last, after OPT, and leaves the query as it was [RFC8945-5.1]', () => {
    const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] };
    const withOpt = encodeMessage(makeQuery({ id: 1, name: Name.root, type: 6, edns }));
    const before = Buffer.from(withOpt);
    const { message } = signQuery(withOpt, key, now);
    expect(withOpt.equals(before)).to.equal(true);
    expect(message.toString('hex')).to.equal(naiveSign(naive, withOpt).toString('hex'));
    // The strict parser takes OPT and TSIG in this order only.
    expect(parseMessage(message).additionals.map(({ type }) => type)).to.deep.equal([250]);
  });

  for (const algorithm of Object.keys(tsigAlgorithms) as TsigAlgorithm[]) {
    it(`signs with ${algorithm}, and takes the same back [RFC8945-6]`, () => {
      const { hash, macOctets } = tsigAlgorithms[algorithm];
      const other: NaiveTsig = { ...naive, algorithm: `hmac-${hash}`, hash, macOctets };
      const its = { ...key, algorithm };
      const { message, mac } = signQuery(query, its, now);
      expect(mac).to.have.length(macOctets);
      expect(message.toString('hex')).to.equal(naiveSign(other, query).toString('hex'));
      const taken = new TsigVerifier(its, mac).take(naiveSign(other, answer(), mac), now);
      expect(taken.toString('hex')).to.equal(answer().toString('hex'));
    });
  }
});

describe('TsigVerifier', () => {
  const { mac: requestMac } = signQuery(query, key, now);
  let verifier: TsigVerifier;
  beforeEach(() => {
    verifier = new TsigVerifier(key, requestMac);
  });

  const signed = (fields: Partial<NaiveTsig> = {}, message = answer()): Buffer =>
    naiveSign({ ...naive, ...fields }, message, requestMac);

  it('gives the message as it was before it was signed [RFC8945-4.3.2]', () => {
    expect(verifier.take(signed(), now).toString('hex')).to.equal(answer().toString('hex'));
    verifier.end();
  });

  it('takes a message whose ID was changed on the way, by its original ID [RFC8945-4.3.2]', () => {
    const message = signed();
    message.writeUInt16BE(0x4321, 0);
    expect(verifier.take(message, now).readUInt16BE(0)).to.equal(0x4321);
  });

  it('takes names in any case [RFC8945-4.3.3]', () => {
    const message = signed();
    const at = message.indexOf(Buffer.from('\x03xfr\x07example\0\0\xfa', 'latin1'));
    message.write('XFR', at + 1);
    message.write('HMAC', message.indexOf('hmac-sha256'));
    expect(() => verifier.take(message, now)).to.not.throw();
  });

  it('takes a key name that is compressed', () => {
    const its = { ...key, name: Name.parse('k.example.com') };
    const naiveKey = { ...naive, key: ['k', 'example', 'com'] };
    const bare = answer();
    const whole = naiveSign(naiveKey, bare, requestMac);
    const uncompressed = Buffer.from('\x01k\x07example\x03com\0', 'latin1');
    const at = bare.length;
    const compressed = Buffer.concat([
      whole.subarray(0, at),
      Buffer.from([1, 0x6b, 0xc0, 12]),
      whole.subarray(at + uncompressed.length),
    ]);
    expect(new TsigVerifier(its, requestMac).take(compressed, now).equals(bare)).to.equal(true);
  });

  const bad: [title: string, reason: string, message: () => Buffer][] = [
    ['is not signed [RFC8945-5.4]', 'missing', () => answer()],
    ['is signed with another secret', 'bad-sig', () => signed({ secret: Buffer.alloc(32, 7) })],
    [
      'is changed by one bit',
      'bad-sig',
      () => {
        const message = signed();
        const at = answer().length - 1;
        message.writeUInt8(message.readUInt8(at) ^ 1, at);
        return message;
      },
    ],
    [
      'answers another request, whose MAC differs [RFC8945-4.3.1]',
      'bad-sig',
      () => naiveSign(naive, answer(), Buffer.alloc(32, 1)),
    ],
    ['is signed without the MAC of the request', 'bad-sig', () => naiveSign(naive, answer())],
    ['has an empty MAC', 'bad-sig', () => signed({ mac: Buffer.alloc(0) })],
    [
      'has a MAC longer than the hash [RFC8945-5.2.2.1]',
      'malformed',
      () => signed({ mac: Buffer.alloc(33) }),
    ],
    ['has a MAC of less than half the hash [RFC8945-5.2.2.1]', 'malformed', () => signed({ macOctets: 15 })],
    [
      'has a MAC that is truncated more than agreed [RFC8945-5.2.4]',
      'bad-trunc',
      () => signed({ macOctets: 16 }),
    ],
    ['is signed with a key of another name', 'bad-key', () => signed({ key: ['other', 'example'] })],
    [
      'is signed with another algorithm, though with our secret [RFC8945-10]',
      'bad-key',
      () => signed({ algorithm: 'hmac-sha1', hash: 'sha1' }),
    ],
    ['was signed too long ago [RFC8945-5.2.3]', 'bad-time', () => signed({ time: now - 301 })],
    ['was signed in the future', 'bad-time', () => signed({ time: now + 301 })],
    ['was signed outside of its own fudge', 'bad-time', () => signed({ time: now - 11, fudge: 10 })],
    ['has a record of another class than ANY', 'malformed', () => signed({ class: 1 })],
    ['has a record with a TTL', 'malformed', () => signed({ ttl: 1 })],
    [
      'has a record with octets left over',
      'malformed',
      () => {
        const message = Buffer.concat([signed(), Buffer.from([0])]);
        const at = answer().length + 13 + 8;
        message.writeUInt16BE(message.readUInt16BE(at) + 1, at);
        return message;
      },
    ],
    [
      'has something after the record [RFC8945-5.2]',
      'malformed',
      () => naiveSign(naive, signed(), requestMac),
    ],
    ['is nonsense', 'malformed', () => Buffer.alloc(40, 0xc0)],
  ];
  for (const [title, reason, make] of bad) {
    it(`takes no message that ${title}`, () => {
      expect(failure(() => verifier.take(make(), now)).reason).to.equal(reason);
    });
  }

  it('judges the MAC before the time, and the time before the truncation [RFC8945-5.2]', () => {
    const allWrong = signed({ secret: Buffer.alloc(32, 7), time: 1, macOctets: 16 });
    expect(failure(() => verifier.take(allWrong, now)).reason).to.equal('bad-sig');
    verifier = new TsigVerifier(key, requestMac);
    expect(failure(() => verifier.take(signed({ time: 1, macOctets: 16 }), now)).reason).to.equal('bad-time');
  });

  it('takes a longer MAC than was agreed on [RFC8945-7]', () => {
    const short = { ...key, algorithm: 'hmac-sha256-128' as const };
    const mac = signQuery(query, short, now).mac;
    const whole = naiveSign(naive, answer(), mac);
    expect(() => new TsigVerifier(short, mac).take(whole, now)).to.not.throw();
  });

  describe('told by the server that it is refused', () => {
    const errors: [code: string, error: number, fields: Partial<NaiveTsig>][] = [
      ['BADSIG', 16, { mac: Buffer.alloc(0) }],
      ['BADKEY', 17, { mac: Buffer.alloc(0), key: ['who', 'knows'] }],
      ['BADTRUNC', 22, {}],
    ];
    for (const [code, error, fields] of errors) {
      it(`says ${code} [RFC8945-5.3.2]`, () => {
        const message = signed({ ...fields, error }, answer(0, Rcode.NOTAUTH));
        expect(failure(() => verifier.take(message, now)).reason).to.equal(`refused-by-server:${code}`);
      });
    }

    it('says BADTIME with the time of the server [RFC8945-5.4.3]', () => {
      const other = (now + 7200).toString(16).padStart(12, '0');
      const message = signed({ error: 18, other }, answer(0, Rcode.NOTAUTH));
      const { reason, message: words } = failure(() => verifier.take(message, now));
      expect(reason).to.equal('refused-by-server:BADTIME');
      expect(words)
        .to.include(new Date((now + 7200) * 1000).toISOString())
        .and.include('7200 s apart');
    });

    it('does not believe an unsigned BADTIME, nor one that is signed wrongly', () => {
      for (const fields of [{ secret: Buffer.alloc(32) }, { mac: Buffer.alloc(32) }]) {
        verifier = new TsigVerifier(key, requestMac);
        const message = signed({ ...fields, error: 18 }, answer(0, Rcode.NOTAUTH));
        expect(failure(() => verifier.take(message, now)).reason).to.equal('bad-sig');
      }
    });
  });

  describe('on a stream', () => {
    /** Messages of which those whose numbers are given are signed. */
    function stream(
      count: number,
      isSigned: (number: number) => boolean,
      timeOf = (_: number) => now,
    ): Buffer[] {
      let prior = requestMac;
      let since: Buffer[] = [];
      return Array.from({ length: count }, (_, number) => {
        const message = answer(number);
        since.push(message);
        if (!isSigned(number)) return message;
        const tsig = { ...naive, time: timeOf(number) };
        const mac = naiveMac(tsig, since, prior, number === 0);
        prior = mac;
        since = [];
        return naiveAttach(tsig, message, mac);
      });
    }
    const takeAll = (messages: readonly Buffer[]): Buffer[] =>
      messages.map((message) => verifier.take(message, now));

    it('takes messages that are all signed [RFC8945-5.3.1]', () => {
      const taken = takeAll(stream(5, () => true));
      verifier.end();
      expect(taken.map((octets) => octets.toString('hex'))).to.deep.equal(
        taken.map((_, number) => answer(number).toString('hex')),
      );
    });

    it('takes 99 unsigned ones in a row, and not 100 [RFC8945-5.3.1]', () => {
      takeAll(stream(201, (number) => number % 100 === 0));
      verifier.end();
      verifier = new TsigVerifier(key, requestMac);
      const tooMany = (): Buffer[] => stream(102, (number) => number % 101 === 0);
      expect(failure(() => takeAll(tooMany())).reason).to.equal('missing');
      verifier = new TsigVerifier(key, requestMac);
      expect(takeAll(tooMany().slice(0, 100))).to.have.length(100);
    });

    it('needs the first and the last to be signed [RFC8945-5.3.1]', () => {
      expect(failure(() => takeAll(stream(2, (number) => number === 1))).reason).to.equal('missing');
      verifier = new TsigVerifier(key, requestMac);
      takeAll(stream(3, (number) => number < 2));
      expect(
        failure(() => {
          verifier.end();
        }).reason,
      ).to.equal('missing');
      verifier = new TsigVerifier(key, requestMac);
      expect(
        failure(() => {
          verifier.end();
        }).reason,
      ).to.equal('missing');
    });

    const changes: [title: string, change: (messages: Buffer[]) => void][] = [
      ['an unsigned one is changed', (messages) => messages[2]!.writeUInt8(9, messages[2]!.length - 1)],
      ['an unsigned one is left out', (messages) => messages.splice(2, 1)],
      ['two are exchanged', (messages) => messages.splice(2, 2, messages[3]!, messages[2]!)],
      ['one is put in', (messages) => messages.splice(2, 0, answer(99))],
      ['a signed one is left out', (messages) => messages.splice(5, 1)],
    ];
    for (const [title, change] of changes) {
      it(`takes none where ${title}`, () => {
        const messages = stream(11, (number) => number % 5 === 0);
        change(messages);
        expect(failure(() => takeAll(messages)).reason).to.equal('bad-sig');
      });
    }

    it('checks the time of each, which may not go back [RFC8945-5.3.1]', () => {
      const late = stream(
        3,
        () => true,
        (number) => now - (number === 2 ? 400 : 0),
      );
      expect(failure(() => takeAll(late)).reason).to.equal('bad-time');
      verifier = new TsigVerifier(key, requestMac);
      const back = stream(
        3,
        () => true,
        (number) => now - number,
      );
      expect(failure(() => takeAll(back)).reason).to.equal('bad-time');
      verifier = new TsigVerifier(key, requestMac);
      takeAll(
        stream(
          3,
          () => true,
          (number) => now + number,
        ),
      );
    });
  });
});
