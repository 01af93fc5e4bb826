import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { readPublicKey, rsaKeyLimits } from '../../../core/pki/public-key.ts';
import { sharedKey } from '../../support/certificate-factory.ts';
import { der, sequence } from '../../support/crafted-certificate.ts';

const nullParameters = der(0x05);

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function spki(algorithm: readonly Buffer[], key: Buffer, unused = 0): Buffer {
  return sequence(sequence(...algorithm), der(0x03, Buffer.from([unused]), key));
}

function integer(bits: number, last = 1): Buffer {
  const octets = Buffer.alloc(Math.ceil(bits / 8));
  octets[octets.length - 1] = last;
  octets[0]! |= 1 << ((bits - 1) % 8);
  return der(0x02, octets[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), octets]) : octets);
}

function rsa(modulus: Buffer, exponent: Buffer, parameters = [nullParameters]): Buffer {
  return spki([oid('2a864886f70d010101'), ...parameters], sequence(modulus, exponent));
}

const usualExponent = integer(17);
const point = sharedKey('point').spki.subarray(-65);
const p256 = [oid('2a8648ce3d0201'), oid('2a8648ce3d030107')];
const ed25519 = sharedKey('ed', 'ed25519').spki.subarray(-32);

describe('readPublicKey', () => {
  for (const [kind, wanted] of [
    ['rsa2048', 'rsa'],
    ['p256', 'ec'],
    ['p384', 'ec'],
    ['p521', 'ec'],
    ['ed25519', 'ed25519'],
    ['ed448', 'ed448'],
  ] as const) {
    it(`reads ${kind}`, () => {
      expect(readPublicKey(sharedKey('read', kind).spki)).to.include({ kind: wanted });
    });
  }

  it('reads RSA-PSS', () => {
    const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    expect(readPublicKey(publicKey.export({ type: 'spki', format: 'der' }))).to.include({ kind: 'rsa-pss' });
  });

  it('reads what these cases spoil', () => {
    for (const sound of [
      rsa(integer(2048), usualExponent),
      spki(p256, point),
      spki([oid('2b6570')], ed25519),
    ]) {
      expect(readPublicKey(sound)).not.to.equal(undefined);
    }
  });

  it('reads RSA keys up to the limits, and says that large ones take longer', () => {
    expect(readPublicKey(rsa(integer(4096), usualExponent))).to.include({ work: 1 });
    expect(readPublicKey(rsa(integer(rsaKeyLimits.mostBits), integer(32)))).to.include({ work: 3 });
  });

  const refused: [title: string, octets: Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['octets after the key', Buffer.concat([spki(p256, point), nullParameters])],
    ['bits that are no octets', spki(p256, point, 1)],
    ['an unknown algorithm', spki([oid('2a0304')], point)],
    ['an RSA key that is too short', rsa(integer(rsaKeyLimits.leastBits - 1), usualExponent)],
    ['an RSA key that is too long', rsa(integer(rsaKeyLimits.mostBits + 1), usualExponent)],
    ['an exponent that costs time', rsa(integer(2048), integer(33))],
    ['an exponent of 1', rsa(integer(2048), integer(1))],
    ['an even exponent', rsa(integer(2048), integer(17, 2))],
    ['an even modulus', rsa(integer(2048, 2), usualExponent)],
    ['a negative modulus', rsa(der(0x02, Buffer.alloc(256, 0xff)), usualExponent)],
    ['RSA without parameters', rsa(integer(2048), usualExponent, [])],
    ['RSA with other parameters', rsa(integer(2048), usualExponent, [der(0x05, Buffer.from([0]))])],
    ['RSA whose key is none', spki([oid('2a864886f70d010101'), nullParameters], Buffer.from('rubbish'))],
    [
      'a point that is not on the curve',
      spki(p256, Buffer.concat([point.subarray(0, 64), Buffer.from([point[64]! ^ 1])])),
    ],
    ['a compressed point', spki(p256, Buffer.concat([Buffer.from([2]), point.subarray(1, 33)]))],
    ['the point of another curve', spki(p256, sharedKey('read', 'p384').spki.subarray(-97))],
    ['a curve that is not one of the three', brainpool()],
    ['a curve that is described instead of named', spki([p256[0]!, sequence()], point)],
    ['Ed25519 with parameters', spki([oid('2b6570'), nullParameters], ed25519)],
    ['Ed25519 that is too short', spki([oid('2b6570')], ed25519.subarray(1))],
    [
      'X25519, which signs nothing',
      generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }),
    ],
  ];
  for (const [title, octets] of refused) {
    it(`has nothing for ${title}`, () => {
      expect(readPublicKey(octets)).to.equal(undefined);
    });
  }
});

function brainpool(): Buffer {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' });
  return publicKey.export({ type: 'spki', format: 'der' });
}
