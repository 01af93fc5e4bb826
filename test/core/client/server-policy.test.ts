import { expect } from 'chai';
import { checkPolicy, parsePin, type ServerPolicy } from '../../../core/client/server-policy.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { authority, sharedKey } from '../../support/certificate-factory.ts';

const name = Name.parse('ns1.example');
const roots = [parseCertificate(authority({ key: sharedKey('policy root'), subject: 'Root' }).der)];
const pins = [Buffer.alloc(32)];

describe('a server policy', () => {
  const sound: [string, ServerPolicy][] = [
    ['DANE alone', { name, dane: 'required' }],
    ['DANE where it is published', { name, dane: 'if-published' }],
    ['the PKIX', { name, dane: 'off', roots }],
    ['pins for a server without a name', { dane: 'off', pins }],
    ['all of them', { name, dane: 'if-published', roots, pins }],
  ];
  for (const [title, policy] of sound) {
    it(`may be ${title} [RFC8310-5]`, () => {
      expect(() => checkPolicy(policy)).not.to.throw();
    });
  }

  const unsound: [string, ServerPolicy, RegExp][] = [
    ['nothing at all', { dane: 'off' }, /pins only/],
    ['a name without means', { name, dane: 'off' }, /nothing by which/],
    ['DANE without a name', { dane: 'required' }, /needs the name/],
    ['roots without a name', { dane: 'off', roots }, /pins only/],
    [
      'a name that no certificate can have',
      { name: Name.parse('a\\.b.example'), dane: 'required' },
      /no name/,
    ],
  ];
  for (const [title, policy, words] of unsound) {
    it(`is never ${title} [RFC8310-5]`, () => {
      expect(() => checkPolicy(policy)).to.throw(RangeError, words);
    });
  }
});

describe('a pin', () => {
  it('is a SHA-256 digest in base64 [RFC7858-4.2]', () => {
    const digest = Buffer.from('0123456789abcdef0123456789abcdef');
    expect(parsePin(digest.toString('base64')).equals(digest)).to.equal(true);
  });

  for (const text of [
    '',
    'x',
    'AAAA',
    Buffer.alloc(31).toString('base64'),
    `${Buffer.alloc(32).toString('base64')} `,
  ]) {
    it(`is not "${text}"`, () => {
      expect(() => parsePin(text)).to.throw(RangeError, /44 characters/);
    });
  }
});
