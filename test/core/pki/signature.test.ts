import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import { readPublicKey, type PublicKey } from '../../../core/pki/public-key.ts';
import { isSignedBy, schemeFor } from '../../../core/pki/signature.ts';
import { sharedKey } from '../../support/certificate-factory.ts';
import { der, sequence } from '../../support/crafted-certificate.ts';
import { ca, expectNone, find, leafOf, root } from '../../support/path-search.ts';

const middle = ca('Middle');

describe('the signature of a certificate', () => {
  for (const kind of ['rsa2048', 'p256', 'p384', 'p521', 'ed25519', 'ed448'] as const) {
    it(`verifies ${kind} and notices a spoilt signature`, () => {
      const signer = ca('Signer', { key: sharedKey('signer', kind) });
      expect(find(leafOf(signer), { offered: [signer], roots: [root] })).to.include({ found: 'root' });
      const spoilt = leafOf(signer, { spoilSignature: true });
      expect(find(spoilt, { offered: [signer], roots: [root] }))
        .to.have.property('fault')
        .that.includes('depth 1 did not sign the one at depth 0');
    });
  }

  const rsa = { key: sharedKey('rsa signer', 'rsa2048') };
  for (const signature of ['sha256', 'sha384', 'sha512', 'pss-sha256'] as const) {
    it(`verifies RSA with ${signature}`, () => {
      const signer = ca('RSA', rsa);
      const signed = leafOf(signer, { signature });
      expect(find(signed, { offered: [signer], roots: [root] })).to.include({ found: 'root' });
    });
  }

  for (const signature of ['md5', 'sha1'] as const) {
    it(`refuses RSA with ${signature}`, () => {
      const signer = ca('RSA', rsa);
      const signed = leafOf(signer, { signature });
      expectNone(find(signed, { offered: [signer], roots: [root] }), 'did not sign');
    });
  }

  it('refuses ECDSA with SHA-1, and an RSA key of 1024 bits', () => {
    const weak = leafOf(middle, { signature: 'sha1' });
    expectNone(find(weak, { offered: [middle], roots: [root] }), 'did not sign');
    const small = ca('Small', { key: sharedKey('small', 'rsa1024') });
    expectNone(find(leafOf(small), { offered: [small], roots: [root] }), 'did not sign');
  });
});

describe('schemeFor', () => {
  const rsa = readPublicKey(sharedKey('rsa signer', 'rsa2048').spki)!;
  const ec = readPublicKey(sharedKey('ec signer').spki)!;
  const sha256 = sequence(oid('608648016503040201'), der(0x05));
  const sha384 = sequence(oid('608648016503040202'), der(0x05));
  const sha1 = sequence(oid('2b0e03021a'), der(0x05));

  function schemeOf(key: PublicKey, ...algorithm: readonly Buffer[]): unknown {
    const signed = { signed: Buffer.alloc(0), signature: Buffer.alloc(0) };
    return schemeFor({ ...signed, signatureAlgorithm: sequence(...algorithm) }, key);
  }

  /** RSASSA-PSS-params with this hash, this hash of the mask, and this salt. */
  function pss(hash: Buffer, maskHash: Buffer, salt: Buffer, ...more: readonly Buffer[]): Buffer[] {
    const mask = sequence(oid('2a864886f70d010108'), maskHash);
    const parameters = sequence(der(0xa0, hash), der(0xa1, mask), der(0xa2, der(0x02, salt)), ...more);
    return [oid('2a864886f70d01010a'), parameters];
  }

  it('reads the parameters of RSA-PSS', () => {
    expect(schemeOf(rsa, ...pss(sha384, sha384, Buffer.from([48])))).to.deep.include({
      hash: 'sha384',
      saltLength: 48,
    });
  });

  it('takes RSA with NULL and without parameters, and ECDSA without', () => {
    for (const parameters of [[der(0x05)], []]) {
      expect(schemeOf(rsa, oid('2a864886f70d01010b'), ...parameters)).to.include({ hash: 'sha256' });
    }
    expect(schemeOf(ec, oid('2a8648ce3d040302'))).to.include({ hash: 'sha256' });
  });

  const wrong: [title: string, key: PublicKey, ...algorithm: Buffer[]][] = [
    ['an unknown algorithm', rsa, oid('2a0304')],
    ['ECDSA with a key of RSA', rsa, oid('2a8648ce3d040302')],
    ['RSA with a key of ECDSA', ec, oid('2a864886f70d01010b'), der(0x05)],
    ['Ed25519 with a key of ECDSA', ec, oid('2b6570')],
    ['RSA with other parameters', rsa, oid('2a864886f70d01010b'), sequence()],
    ['ECDSA with parameters', ec, oid('2a8648ce3d040302'), der(0x05)],
    ['RSA-PSS with SHA-1', rsa, ...pss(sha1, sha1, Buffer.from([20]))],
    ['RSA-PSS with two hashes', rsa, ...pss(sha256, sha384, Buffer.from([32]))],
    ['RSA-PSS with a salt of thousands', rsa, ...pss(sha256, sha256, Buffer.from([1, 0]))],
    [
      'RSA-PSS with a trailer',
      rsa,
      ...pss(sha256, sha256, Buffer.from([32]), der(0xa3, der(0x02, Buffer.from([1])))),
    ],
    ['RSA-PSS with the defaults', rsa, oid('2a864886f70d01010a'), sequence()],
    ['RSA-PSS without parameters', rsa, oid('2a864886f70d01010a')],
    ['an algorithm that is none', rsa, der(0x05)],
  ];
  for (const [title, key, ...algorithm] of wrong) {
    it(`knows nothing of ${title}`, () => {
      expect(schemeOf(key, ...algorithm)).to.equal(undefined);
    });
  }

  it('is refused by a key of RSA-PSS that is for another hash', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa-pss', {
      modulusLength: 2048,
      hashAlgorithm: 'sha384',
      mgf1HashAlgorithm: 'sha384',
    });
    const key = readPublicKey(publicKey.export({ type: 'spki', format: 'der' }))!;
    const octets = Buffer.from('what was signed');
    for (const [hash, saltLength, algorithm, expected] of [
      ['sha384', 48, sha384, true],
      ['sha256', 32, sha256, false],
    ] as const) {
      const signature = sign('sha384', octets, {
        key: privateKey,
        saltLength: 48,
        padding: constants.RSA_PKCS1_PSS_PADDING,
      });
      const signed = {
        signed: octets,
        signature,
        signatureAlgorithm: sequence(...pss(algorithm, algorithm, Buffer.from([saltLength]))),
      };
      const scheme = schemeFor(signed, key)!;
      expect(scheme).to.include({ hash });
      expect(isSignedBy(signed, scheme, key)).to.equal(expected);
    }
  });
});

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}
