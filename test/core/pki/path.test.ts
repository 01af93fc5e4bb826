import { expect } from 'chai';
import { authority, endEntity, sharedKey } from '../../support/certificate-factory.ts';
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

describe('findPath', () => {
  const middle = ca('Middle');
  const leaf = leafOf(middle);

  it('finds the path through an intermediate certificate to a root [RFC5280-6.1.3]', () => {
    const result = find(leaf, { offered: [middle], roots: [otherRoot, root] });
    expect(depths(result, leaf, middle, root)).to.deep.equal([0, 1, 2]);
  });

  it('takes certificates in any order, with others between, and doubled', () => {
    const lower = ca('Lower', { issuer: middle });
    const end = leafOf(lower);
    for (const offered of [
      [root, middle, lower],
      [middle, otherRoot, lower, lower, end, end, middle],
    ]) {
      const result = find(end, { offered, roots: [root] });
      expect(depths(result, end, lower, middle, root)).to.deep.equal([0, 1, 2, 3]);
    }
  });

  it('goes round an expired certificate of a cross-signed CA', () => {
    const expired = ca('Middle', { notAfterMs: nowMs - hourMs });
    const cross = ca('Middle', { issuer: otherRoot });
    const result = find(leaf, { offered: [cross, expired, middle], roots: [root] });
    expect(depths(result, leaf, middle, root)).to.deep.equal([0, 1, 2]);
  });

  it('goes up through a cross-signed root', () => {
    const cross = authority({ subject: root.subject, key: root.key, issuer: otherRoot });
    const result = find(leaf, { offered: [root, middle, cross], roots: [otherRoot] });
    expect(depths(result, leaf, middle, cross, otherRoot)).to.deep.equal([0, 1, 2, 3]);
  });

  it('leaves a circle of CAs that sign each other [RFC4158-2.4.2]', () => {
    const a = authority({
      subject: 'A',
      key: sharedKey('a'),
      issuer: { subject: root.subject, key: root.key },
    });
    const aByB = authority({ subject: a.subject, key: a.key, issuer: { ...middle } });
    const middleByA = authority({ subject: middle.subject, key: middle.key, issuer: a });
    const result = find(leaf, { offered: [middleByA, aByB], roots: [otherRoot] });
    expectNone(result, 'depth 2 has no issuer');
    expect(result).not.to.have.property('exhausted');
  });

  it('finds one of two CAs of the same name by the signature, if key identifiers do not tell', () => {
    const namesakes = ['one', 'two', 'three'].map((label) =>
      ca('Middle', { key: sharedKey(label), keyIdentifiers: false }),
    );
    const plain = leafOf(namesakes[1]!, { keyIdentifiers: false });
    const result = find(plain, { offered: namesakes, roots: [root] });
    expect(depths(result, plain, namesakes[1]!, root)).to.deep.equal([0, 1, 2]);
  });

  it('takes no namesake for a root', () => {
    const forged = authority({ subject: 'Root', key: sharedKey('forger') });
    const below = ca('Below', { issuer: forged });
    expectNone(find(leafOf(below), { offered: [below, forged], roots: [root] }), 'depth 2');
  });

  it('compares names as prepared, not octet by octet [RFC5280-7.1]', () => {
    const shouting = authority({ subject: 'MIDDLE ', key: sharedKey('Middle'), issuer: root });
    const result = find(leaf, { offered: [shouting], roots: [root] });
    expect(depths(result, leaf, shouting, root)).to.deep.equal([0, 1, 2]);
  });

  it('ends at a key without a certificate, at any height [RFC5280-6.1.1]', () => {
    expect(depths(find(leaf, { offered: [middle], keys: [otherRoot, root] }), leaf, middle)).to.deep.equal([
      0, 1,
    ]);
    expect(depths(find(leaf, { keys: [middle] }), leaf)).to.deep.equal([0]);
    expectNone(find(leaf, { offered: [middle], keys: [otherRoot] }), 'depth 1 has no issuer');
  });

  it('says when the first of the certificates expires', () => {
    const short = ca('Middle', { notAfterMs: nowMs + 5 * hourMs });
    expect(find(leaf, { offered: [short], roots: [root] })).to.include({ endsMs: nowMs + 5 * hourMs + 1000 });
  });

  it('takes a self-issued root as its own end entity, and no other certificate', () => {
    const self = endEntity({ key: sharedKey('leaf'), names: ['ns2.example.net'] });
    expect(find(self, { roots: [self] })).to.include({ found: 'root' });
    expectNone(find(leaf, { roots: [leaf] }), 'depth 0 has no issuer');
  });
});
