import { generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import type { Dnskey } from '../../../core/dns/rdata.ts';
import { parseDnskey, parseDs } from '../../../core/dns/rdata.ts';
import {
  dsDigest,
  isSupportedAlgorithm,
  isSupportedDigest,
  prepareKey,
  verificationWeight,
  verifySignature,
} from '../../../core/dnssec/algorithms.ts';
import { SigningKey } from '../../support/signing-key.ts';
import { hex } from '../dns/wire.ts';

const supported = [8, 10, 13, 14, 15, 16] as const;
const text = Buffer.from('what is signed');

function dnskey(algorithm: number, publicKey: Buffer): Dnskey {
  return { flags: 257, protocol: 3, algorithm, publicKey };
}

/** Public key of RFC 3110 section 2, of any exponent and modulus. */
function rsaKey(exponent: Buffer, modulus: Buffer, longForm = exponent.length > 255): Buffer {
  const length = longForm
    ? Buffer.from([0, exponent.length >> 8, exponent.length & 0xff])
    : Buffer.from([exponent.length]);
  return Buffer.concat([length, exponent, modulus]);
}

/** An odd number of so many bits. */
function modulus(bits: number): Buffer {
  const octets = Buffer.alloc(Math.ceil(bits / 8), 0xff);
  octets[0] = 0xff >> ((8 - (bits % 8)) % 8);
  return octets;
}

const f4 = hex('010001');

describe('the algorithms', () => {
  it('that are supported are 8, 10, 13, 14, 15 and 16 [RFC5702-2] [RFC6605-4] [RFC8080-3]', () => {
    const all = Array.from({ length: 256 }, (_, number) => number);
    expect(all.filter((number) => isSupportedAlgorithm(number))).to.deep.equal([...supported]);
  });

  it('take RSA/SHA-1 only if they are asked to, and nothing that is unknown', () => {
    const all = Array.from({ length: 256 }, (_, number) => number);
    expect(all.filter((number) => isSupportedAlgorithm(number, all))).to.deep.equal([5, 7, ...supported]);
  });

  for (const algorithm of [...supported, 5, 7] as const) {
    it(`verify a signature of algorithm ${algorithm}, and refuse it over other octets or by another key`, () => {
      const [signer, other] = [new SigningKey(algorithm), new SigningKey(algorithm)];
      const key = prepareKey(parseDnskey(signer.dnskey), [5, 7])!;
      const otherKey = prepareKey(parseDnskey(other.dnskey), [5, 7])!;
      const signature = signer.signature(text);
      expect(verifySignature(algorithm, key, text, signature)).to.be.true;
      expect(verifySignature(algorithm, key, Buffer.from('something else'), signature)).to.be.false;
      expect(verifySignature(algorithm, otherKey, text, signature)).to.be.false;
    });

    it(`refuse a signature of algorithm ${algorithm} that is cut, longer, empty or zero, without throwing`, () => {
      const signer = new SigningKey(algorithm);
      const key = prepareKey(parseDnskey(signer.dnskey), [5, 7])!;
      const signature = signer.signature(text);
      const wrong = [
        signature.subarray(1),
        signature.subarray(0, -1),
        Buffer.concat([signature, hex('00')]),
        Buffer.concat([hex('00'), signature]),
        Buffer.alloc(0),
        Buffer.alloc(signature.length),
        Buffer.alloc(signature.length, 0xff),
        Buffer.alloc(5000, 1),
      ];
      for (const each of wrong) expect(verifySignature(algorithm, key, text, each)).to.be.false;
    });
  }

  it('want ECDSA signatures as two integers, not in ASN.1 [RFC6605-4]', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = sign('sha256', text, { key: privateKey, dsaEncoding: 'der' });
    expect(verifySignature(13, publicKey, text, der)).to.be.false;
  });

  it('want signatures of 64, 96, 64 and 114 octets [RFC6605-4] [RFC8080-4]', () => {
    const lengths = ([13, 14, 15, 16] as const).map(
      (algorithm) => new SigningKey(algorithm).signature(text).length,
    );
    expect(lengths).to.deep.equal([64, 96, 64, 114]);
  });

  it('verify nothing with an algorithm that is not known', () => {
    const signer = new SigningKey(13);
    const key = prepareKey(parseDnskey(signer.dnskey))!;
    expect(verifySignature(99, key, text, signer.signature(text))).to.be.false;
  });

  it('that take long weigh more', () => {
    expect(supported.map(verificationWeight)).to.deep.equal([1, 1, 1, 4, 1, 2]);
  });
});

describe('prepareKey', () => {
  const exact: [algorithm: number, octets: number][] = [
    [13, 64],
    [14, 96],
    [15, 32],
    [16, 57],
  ];
  for (const [algorithm, octets] of exact) {
    it(`takes a public key of algorithm ${algorithm} only of ${octets} octets [RFC6605-4] [RFC8080-3]`, () => {
      const { publicKey } = parseDnskey(new SigningKey(algorithm as 13).dnskey);
      expect(publicKey).to.have.lengthOf(octets);
      expect(prepareKey(dnskey(algorithm, publicKey))).to.not.equal(undefined);
      for (const wrong of [publicKey.subarray(1), Buffer.concat([publicKey, hex('00')]), Buffer.alloc(0)]) {
        expect(prepareKey(dnskey(algorithm, wrong))).to.equal(undefined);
      }
      // RFC 6605 section 4: without the octet that says that the point is uncompressed.
      expect(prepareKey(dnskey(algorithm, Buffer.concat([hex('04'), publicKey])))).to.equal(undefined);
    });
  }

  for (const algorithm of [13, 14]) {
    it(`refuses a point beside the curve for algorithm ${algorithm}`, () => {
      const { publicKey } = parseDnskey(new SigningKey(algorithm as 13).dnskey);
      const beside = Buffer.from(publicKey);
      beside[beside.length - 1]! ^= 1;
      expect(prepareKey(dnskey(algorithm, beside))).to.equal(undefined);
      expect(prepareKey(dnskey(algorithm, Buffer.alloc(publicKey.length)))).to.equal(undefined);
    });
  }

  const moduli: [bits: number, taken: boolean][] = [
    [512, false],
    [1016, false],
    [1023, false],
    [1024, true],
    [1280, true],
    [2048, true],
    [4096, true],
    [4097, false],
    [8192, false],
  ];
  for (const [bits, taken] of moduli) {
    it(`${taken ? 'takes' : 'refuses'} an RSA key of ${bits} bits [RFC5702-2]`, () => {
      for (const algorithm of [8, 10]) {
        const key = prepareKey(dnskey(algorithm, rsaKey(f4, modulus(bits))));
        expect(key === undefined).to.equal(!taken);
      }
    });
  }

  it('takes RSA keys from 512 bits on for algorithms that the caller names', () => {
    expect(prepareKey(dnskey(8, rsaKey(f4, modulus(512))), [8])).to.not.equal(undefined);
    expect(prepareKey(dnskey(8, rsaKey(f4, modulus(511))), [8])).to.equal(undefined);
  });

  const exponents: [what: string, exponent: string, taken: boolean][] = [
    ['3', '03', true],
    ['65537', '010001', true],
    ['of 33 bits', '0100000001', true],
    ['of 35 bits', '07ffffffff', true],
    ['of 36 bits', '0fffffffff', false],
    ['of 1024 bits', 'ff'.repeat(128), false],
    ['1', '01', false],
    ['2', '02', false],
    ['0', '00', false],
    ['none', '', false],
    ['with a leading zero', '00010001', false],
  ];
  for (const [what, exponent, taken] of exponents) {
    it(`${taken ? 'takes' : 'refuses'} the RSA exponent ${what} [RFC3110-2]`, () => {
      const key = prepareKey(dnskey(8, rsaKey(hex(exponent), modulus(2048))));
      expect(key === undefined).to.equal(!taken);
    });
  }

  it('reads the long form of the exponent length [RFC3110-2]', () => {
    const signer = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { n = '', e = '' } = signer.publicKey.export({ format: 'jwk' });
    const publicKey = rsaKey(Buffer.from(e, 'base64url'), Buffer.from(n, 'base64url'), true);
    const key = prepareKey(dnskey(8, publicKey))!;
    expect(verifySignature(8, key, text, sign('sha256', text, signer.privateKey))).to.be.true;
  });

  it('refuses RSA keys that are cut, even, or begin with a zero [RFC3110-2]', () => {
    const even = modulus(2048);
    even[even.length - 1] = 0xfe;
    const wrong = [
      hex(''),
      hex('00'),
      hex('0000'),
      hex('03'),
      hex('0301'),
      hex('03010001'),
      hex('000003010001'),
      rsaKey(f4, even),
      rsaKey(f4, Buffer.concat([hex('00'), modulus(2040)])),
    ];
    for (const publicKey of wrong) expect(prepareKey(dnskey(8, publicKey))).to.equal(undefined);
  });

  it('prepares nothing for algorithms that are not supported', () => {
    for (const algorithm of [0, 1, 3, 5, 7, 12, 17, 253, 255]) {
      expect(prepareKey(dnskey(algorithm, rsaKey(f4, modulus(2048))))).to.equal(undefined);
    }
  });

  it('prepares the key of a Dnskey object once, sound or not', () => {
    const sound = parseDnskey(new SigningKey(13).dnskey);
    expect(prepareKey(sound)).to.equal(prepareKey(sound));
    const reads = { count: 0 };
    const broken = Object.defineProperty(dnskey(13, hex('00')), 'publicKey', {
      get: () => {
        reads.count += 1;
        return hex('00');
      },
    });
    prepareKey(broken);
    prepareKey(broken);
    expect(reads.count).to.equal(1);
  });
});

describe('the DS digests', () => {
  it('that are supported are SHA-256 and SHA-384; SHA-1 is not [RFC4509-3] [RFC6605-2]', () => {
    const all = Array.from({ length: 256 }, (_, number) => number);
    expect(all.filter(isSupportedDigest)).to.deep.equal([2, 4]);
  });

  it('are over the owner in lower case and the whole RDATA [RFC4034-5.1.4]', () => {
    const key = new SigningKey(13);
    const owner = Name.parse('a.Example');
    for (const digestType of [2, 4]) {
      expect(dsDigest(digestType, owner, key.dnskey)).to.deep.equal(
        parseDs(key.ds(owner, digestType)).digest,
      );
    }
    expect(dsDigest(2, Name.parse('A.eXAMPLE'), key.dnskey)).to.deep.equal(dsDigest(2, owner, key.dnskey));
    expect(dsDigest(1, owner, key.dnskey)).to.equal(undefined);
  });
});
