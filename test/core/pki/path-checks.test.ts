import { expect } from 'chai';
import {
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  unknownExtension,
} from '../../support/certificate-extensions.ts';
import { authority, issue, sharedKey, type TestCertificate } from '../../support/certificate-factory.ts';
import {
  ca,
  depths,
  expectNone,
  find,
  hourMs,
  leafOf,
  nowMs,
  otherRoot,
  root,
} from '../../support/path-search.ts';

const middle = ca('Middle');
const leaf = leafOf(middle);

describe('the checks of a path', () => {
  describe('refuses a path', () => {
    const v1 = issue({ subject: 'Old', key: sharedKey('old'), issuer: root, version: 0 });
    const cases: {
      readonly title: string;
      readonly middle?: TestCertificate;
      readonly leaf?: TestCertificate;
      readonly words: string;
    }[] = [
      {
        title: 'through a certificate without basicConstraints [RFC5280-6.1.4]',
        middle: ca('Middle', { basicConstraints: null }),
        words: 'depth 1 is not one of a CA',
      },
      {
        title: 'through an end entity [RFC5280-4.2.1.9]',
        middle: ca('Middle', { basicConstraints: basicConstraints({ ca: false }) }),
        words: 'depth 1 is not one of a CA',
      },
      {
        title: 'through a CA that may not sign certificates [RFC5280-4.2.1.3]',
        middle: ca('Middle', { keyUsage: keyUsage(['cRLSign', 'digitalSignature']) }),
        words: 'depth 1 may not sign certificates',
      },
      {
        title: 'through a CA for something else [RFC5280-4.2.1.12]',
        middle: ca('Middle', { extendedKeyUsage: extendedKeyUsage(['codeSigning', 'serverAuth']) }),
        words: 'depth 1 is not for TLS clients',
      },
      {
        title: 'through a certificate with a critical extension that nobody knows [RFC5280-4.2]',
        middle: ca('Middle', { more: [unknownExtension(true)] }),
        words: 'depth 1 has a critical extension',
      },
      {
        title: 'through a certificate of version 1, which cannot say that it is one of a CA [RFC5280-6.1.4]',
        middle: v1,
        leaf: leafOf(v1),
        words: 'depth 1 is of a version',
      },
      {
        title: 'through an expired CA',
        middle: ca('Middle', { notAfterMs: nowMs - hourMs }),
        words: 'depth 1 expired at 2026-05-31T23:00:00.000Z',
      },
      {
        title: 'through a CA that is not valid yet',
        middle: ca('Middle', { notBeforeMs: nowMs + hourMs }),
        words: 'depth 1 is not valid before 2026-06-01T01:00:00.000Z',
      },
      {
        title: 'through another CA with the same name',
        middle: ca('Middle', { key: sharedKey('somebody else') }),
        words: 'depth 1 did not sign the one at depth 0',
      },
      {
        title: 'of an expired end entity',
        leaf: leafOf(middle, { notAfterMs: nowMs - hourMs }),
        words: 'depth 0 expired',
      },
      {
        title: 'of an end entity for servers only [RFC5280-4.2.1.12]',
        leaf: leafOf(middle, { extendedKeyUsage: extendedKeyUsage(['serverAuth']) }),
        words: 'depth 0 is not for TLS clients',
      },
      {
        title: 'of an end entity for anyExtendedKeyUsage and not for clients [RFC5280-4.2.1.12]',
        leaf: leafOf(middle, { extendedKeyUsage: extendedKeyUsage(['anyExtendedKeyUsage']) }),
        words: 'depth 0 is not for TLS clients',
      },
      {
        title: 'of an end entity whose key may not sign the handshake [RFC8446-4.4.2.2]',
        leaf: leafOf(middle, { keyUsage: keyUsage(['keyEncipherment', 'keyAgreement']) }),
        words: 'depth 0 may not be used for signatures',
      },
      {
        title: 'of an end entity with a critical extension that nobody knows [RFC5280-4.2]',
        leaf: leafOf(middle, { more: [unknownExtension(true)] }),
        words: 'depth 0 has a critical extension',
      },
    ];
    for (const { title, middle: through = middle, leaf: end = leaf, words } of cases) {
      it(title, () => {
        const result = find(end, { offered: [through], roots: [root] });
        expect(result).to.have.property('fault').that.includes(words);
      });
    }

    it('that has no end among the certificates', () => {
      expect(find(leaf, { offered: [middle], roots: [otherRoot] }))
        .to.have.property('fault')
        .that.includes('depth 1 has no issuer');
    });

    it('with more CAs below one than it allows [RFC5280-4.2.1.9]', () => {
      const upper = ca('Upper', { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) });
      const lower = ca('Lower', { issuer: upper });
      expect(find(leafOf(upper), { offered: [upper], roots: [root] })).to.include({ found: 'root' });
      expect(find(leafOf(lower), { offered: [lower, upper], roots: [root] }))
        .to.have.property('fault')
        .that.includes('depth 2 allows 0 CAs below it, and there are 1');
    });

    it('with more CAs below the root than it allows', () => {
      const strict = authority({
        subject: 'Strict',
        key: sharedKey('strict'),
        basicConstraints: basicConstraints({ ca: true, pathLength: 0 }),
      });
      const below = ca('Below', { issuer: strict });
      expectNone(find(leafOf(below), { offered: [below], roots: [strict] }), 'depth 2 allows 0 CAs');
    });
  });

  it('does not count self-issued certificates against the length of the path [RFC5280-6.1.4]', () => {
    const upper = ca('Upper', { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) });
    const renewed = ca('Upper', { key: sharedKey('renewed'), issuer: upper });
    const end = leafOf(renewed);
    const result = find(end, { offered: [upper, renewed], roots: [root] });
    expect(depths(result, end, renewed, upper, root)).to.deep.equal([0, 1, 2, 3]);
  });

  it('takes extensions that nobody knows if they are not critical', () => {
    const more = [unknownExtension(false)];
    const through = ca('Middle', { more });
    expect(find(leafOf(middle, { more }), { offered: [through], roots: [root] })).to.include({
      found: 'root',
    });
  });

  it('takes certificates without any extension that limits them', () => {
    const plain = { keyUsage: null, extendedKeyUsage: null, keyIdentifiers: false };
    const through = ca('Plain', plain);
    const end = leafOf(through, { ...plain, basicConstraints: null });
    expect(find(end, { offered: [through], roots: [root] })).to.include({ found: 'root' });
  });

  it('asks for the purpose that the end entity has [RFC5280-4.2.1.12]', () => {
    const server = leafOf(middle, { extendedKeyUsage: extendedKeyUsage(['serverAuth']) });
    const question = { offered: [middle], roots: [root] };
    expect(find(server, { ...question, purpose: 'server' })).to.include({ found: 'root' });
    expectNone(find(server, question), 'not for TLS clients');
    const client = leafOf(middle, { extendedKeyUsage: extendedKeyUsage(['clientAuth']) });
    expectNone(find(client, { ...question, purpose: 'server' }), 'not for TLS servers');
  });

  it('counts both ends of the validity as valid, to the second [RFC5280-4.1.2.5]', () => {
    const brief = leafOf(middle, { notBeforeMs: nowMs, notAfterMs: nowMs + hourMs });
    const at = (ms: number): unknown => find(brief, { offered: [middle], roots: [root], nowMs: ms }).found;
    expect([at(nowMs - 1), at(nowMs), at(nowMs + hourMs + 999), at(nowMs + hourMs + 1000)]).to.deep.equal([
      undefined,
      'root',
      'root',
      undefined,
    ]);
  });

  describe('at an anchor', () => {
    const expired = { notAfterMs: nowMs - hourMs };

    it('does not ask for the dates of a CA that was published as the anchor [RFC5280-6.1.1]', () => {
      const old = ca('Middle', expired);
      const result = find(leaf, { offered: [old], published: old });
      expect(result).to.include({ found: 'published' });
      expect(result).to.have.property('endsMs', Date.UTC(2049, 0, 1) + 1000);
    });

    it('asks for those of a root, self-issued or not', () => {
      const old = ca('Middle', expired);
      expectNone(find(leaf, { roots: [old] }), 'depth 1 expired');
    });

    it('asks for those of a self-issued anchor', () => {
      const oldRoot = authority({ subject: 'Root', key: sharedKey('root'), ...expired });
      expect(find(leaf, { offered: [middle], roots: [oldRoot] }))
        .to.have.property('fault')
        .that.includes('depth 2 expired');
      const result = find(leaf, { offered: [middle, oldRoot], published: oldRoot });
      expect(result).to.have.property('fault').that.includes('depth 2 expired');
    });

    it('takes a self-signed certificate of version 1 as an anchor, and not below one', () => {
      const v1 = issue({ subject: 'Ancient', key: sharedKey('ancient'), version: 0 });
      const below = ca('Below', { issuer: v1 });
      expect(find(leafOf(below), { offered: [below], roots: [v1] })).to.include({ found: 'root' });
      expect(find(leafOf(below), { offered: [below, v1], keys: [v1] })).to.include({ found: 'key' });
      expectNone(
        find(leafOf(below), { offered: [below, v1], roots: [otherRoot] }),
        'depth 2 is of a version',
      );
    });

    it('does not ask for the signature of the anchor itself', () => {
      const spoilt = authority({ subject: 'Root', key: sharedKey('root'), spoilSignature: true });
      expect(find(leaf, { offered: [middle], roots: [spoilt] })).to.include({ found: 'root' });
    });

    it('goes on above an expired certificate to no other anchor', () => {
      const old = ca('Middle', expired);
      expectNone(find(leaf, { offered: [old], roots: [root] }), 'depth 1 expired');
    });
  });
});
