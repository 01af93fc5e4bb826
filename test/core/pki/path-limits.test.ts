import { expect } from 'chai';
import { keyUsage } from '../../support/certificate-extensions.ts';
import { sharedKey, type TestCertificate } from '../../support/certificate-factory.ts';
import { ca, expectNone, find, leafOf, otherRoot, root } from '../../support/path-search.ts';

const middle = ca('Middle');

describe('a search within limits', () => {
  it('builds no path longer than the limit', () => {
    const chain: TestCertificate[] = [];
    for (let i = 0; i < 8; i++) chain.push(ca(`Level ${String(i)}`, { issuer: chain.at(-1) ?? root }));
    const end = leafOf(chain.at(-1)!);
    const question = { offered: chain, roots: [root] };
    expect(find(end, question)).to.include({ found: 'root' });
    const long = ca('Level 8', { issuer: chain.at(-1)! });
    expect(find(leafOf(long), { ...question, offered: [...chain, long] }))
      .to.have.property('fault')
      .that.includes('too long');
  });

  it('stops when the signatures are used up, and says so', () => {
    const namesakes = Array.from({ length: 12 }, (_, i) =>
      ca('Middle', { key: sharedKey(`namesake ${String(i)}`), keyIdentifiers: false }),
    );
    const question = { offered: namesakes, roots: [root] };
    const plain = leafOf(middle, { keyIdentifiers: false });
    expect(find(plain, { ...question, limits: { 'signature-work': 12 } })).not.to.have.property('exhausted');
    const cut = find(plain, { ...question, limits: { 'signature-work': 11 } });
    expectNone(cut, 'did not sign');
    expect(cut).to.include({ exhausted: 'signature-work' });
  });

  it('computes each signature once, however many paths lead through it', () => {
    const upper = ca('Upper', { issuer: otherRoot });
    const twins = [1n, 2n].map((serial) => ca('Twin', { key: sharedKey('twin'), issuer: upper, serial }));
    const end = leafOf(twins[0]!);
    const question = { offered: [...twins, upper, otherRoot], roots: [root] };
    // The end entity by each twin, each twin by Upper, and Upper by the other root.
    expect(find(end, { ...question, limits: { 'signature-work': 5 } })).not.to.have.property('exhausted');
    expect(find(end, { ...question, limits: { 'signature-work': 4 } })).to.have.property('exhausted');
  });

  it('tries the issuer first that the key identifiers tell', () => {
    const namesakes = Array.from({ length: 12 }, (_, i) =>
      ca('Middle', { key: sharedKey(`namesake ${String(i)}`) }),
    );
    const question = { offered: [...namesakes, middle], roots: [root] };
    expect(find(leafOf(middle), { ...question, limits: { 'signature-work': 2 } })).to.include({
      found: 'root',
    });
  });

  it('stops when too many issuers have been tried, and says so', () => {
    const namesakes = Array.from({ length: 5 }, (_, i) =>
      ca('Middle', { key: sharedKey(`namesake ${String(i)}`), keyUsage: keyUsage(['cRLSign']) }),
    );
    const question = { offered: namesakes, roots: [root] };
    expect(find(leafOf(middle), { ...question, limits: { steps: 5 } })).not.to.have.property('exhausted');
    expect(find(leafOf(middle), { ...question, limits: { steps: 4 } })).to.include({ exhausted: 'steps' });
  });

  it('counts the work of slow keys more', () => {
    const slow = ca('Slow', { key: sharedKey('slow', 'p521') });
    const question = { offered: [slow], roots: [root] };
    expect(find(leafOf(slow), { ...question, limits: { 'signature-work': 13 } })).to.include({
      found: 'root',
    });
    expect(find(leafOf(slow), { ...question, limits: { 'signature-work': 12 } })).to.include({
      exhausted: 'signature-work',
    });
  });
});
