import { hash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { decideAnonymousBy, decideBy } from '../../../core/acl/access-control.ts';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import type { ClientIdentity } from '../../../core/dane/identity.ts';
import { proveClient } from '../../../core/dane/prove.ts';
import { Name } from '../../../core/dns/name.ts';

const list = parseAccessList(
  `version: 1
clients:
  ns2.partner.example:
    roles: [secondary]
    allow:
      - { action: transfer, zones: [example.com] }
      - { action: transfer, zones: ["*.example.net"] }
  "*.partner.example": { allow: [{ action: transfer, zones: ["*"] }] }
  "*.deep.partner.example": { allow: [{ action: transfer, zones: [deep.example] }] }
  blocked.partner.example: { allow: [] }
`,
  'access.yaml',
);

const nowMs = Date.UTC(2026, 10, 23);

/** A proved identity, made as the gate makes it. */
function identityOf(text: string): ClientIdentity {
  const key = Buffer.from('key');
  const answer = {
    status: 'secure',
    ttlSeconds: 60,
    detail: '',
    records: [Buffer.from([3, 1, 1, ...hash('sha256', key, 'buffer')])],
  } as const;
  const peer = {
    certificate: Buffer.from('certificate'),
    subjectPublicKeyInfo: key,
    dnsNames: [],
    chain: [],
  };
  const { identity } = proveClient(Name.parse(text), answer, peer, {
    nowMs: 0,
    longestMs: 60_000,
    roots: [],
  });
  if (identity === undefined) throw new Error('not proved');
  return identity;
}

function decide(client: string, zone: string) {
  return decideBy(list, identityOf(client), { action: 'transfer', zone: Name.parse(zone) }, nowMs);
}

describe('a decision', () => {
  const cases: [client: string, zone: string, reason: string, entry: string | undefined][] = [
    ['ns2.partner.example', 'example.com', 'allowed', 'ns2.partner.example'],
    ['NS2.Partner.EXAMPLE', 'EXAMPLE.com', 'allowed', 'ns2.partner.example'],
    ['ns2.partner.example', 'sub.example.com', 'no-rule', 'ns2.partner.example'],
    ['ns2.partner.example', 'example.net', 'no-rule', 'ns2.partner.example'],
    ['ns2.partner.example', 'a.example.net', 'allowed', 'ns2.partner.example'],
    ['ns2.partner.example', 'a.b.example.net', 'allowed', 'ns2.partner.example'],
    ['ns2.partner.example', 'notexample.net', 'no-rule', 'ns2.partner.example'],
    ['other.partner.example', 'anything.test', 'allowed', '*.partner.example'],
    ['other.partner.example', '.', 'allowed', '*.partner.example'],
    ['a.b.partner.example', 'anything.test', 'allowed', '*.partner.example'],
    ['partner.example', 'example.com', 'no-entry', undefined],
    ['xpartner.example', 'example.com', 'no-entry', undefined],
    ['a.deep.partner.example', 'deep.example', 'allowed', '*.deep.partner.example'],
    ['a.deep.partner.example', 'anything.test', 'no-rule', '*.deep.partner.example'],
    ['deep.partner.example', 'anything.test', 'allowed', '*.partner.example'],
    ['blocked.partner.example', 'example.com', 'no-rule', 'blocked.partner.example'],
    ['below.blocked.partner.example', 'example.com', 'allowed', '*.partner.example'],
    ['stranger.test', 'example.com', 'no-entry', undefined],
  ];
  for (const [client, zone, reason, entry] of cases) {
    it(`for ${client} and ${zone} is ${reason}`, () => {
      const decision = decide(client, zone);
      expect([decision.allowed, decision.reason, decision.entry]).to.deep.equal([
        reason === 'allowed',
        reason,
        entry,
      ]);
    });
  }

  it('carries the roles of the entry', () => {
    expect(decide('ns2.partner.example', 'test').roles).to.deep.equal(['secondary']);
    expect(decide('stranger.test', 'test').roles).to.deep.equal([]);
  });

  describe('about an anonymous client', () => {
    function decideAnonymous(head: string, zone: string) {
      const anonymous = parseAccessList(
        `version: 1\n${head}clients:\n  "*.example": { allow: [] }\n`,
        'access.yaml',
      );
      return decideAnonymousBy(
        anonymous.anonymous,
        anonymous.roles,
        { action: 'transfer', zone: Name.parse(zone) },
        nowMs,
      );
    }

    it('is no if the list does not speak of them', () => {
      expect(decideAnonymous('', 'example.com')).to.deep.equal({
        allowed: false,
        reason: 'no-entry',
        roles: [],
      });
    });

    it('is what the list gives to all', () => {
      const head = 'anonymous: { roles: [guest], allow: [{ action: transfer, zones: [example.com] }] }\n';
      expect(decideAnonymous(head, 'EXAMPLE.com')).to.deep.include({
        rule: 'allow 1',
        allowed: true,
        reason: 'allowed',
        entry: '(anonymous)',
        roles: ['guest'],
      });
      expect(decideAnonymous(head, 'example.net')).to.include({ allowed: false, reason: 'no-rule' });
    });

    it('gives nothing to those who are known', () => {
      const open = parseAccessList(
        'version: 1\nanonymous: { allow: [{ action: transfer, zones: ["*"] }] }\nclients:\n  a.example: { allow: [] }\n',
        'access.yaml',
      );
      const wish = { action: 'transfer', zone: Name.parse('example.com') } as const;
      expect(decideBy(open, identityOf('a.example'), wish, nowMs)).to.include({
        allowed: false,
        reason: 'no-rule',
      });
      expect(decideBy(open, identityOf('b.example'), wish, nowMs)).to.include({
        allowed: false,
        reason: 'no-entry',
      });
    });
  });

  it('does not confuse a label that contains a dot with two labels', () => {
    expect(decide('ns2\\.partner.example', 'example.com').reason).to.equal('no-entry');
    expect(decide('a\\.deep.partner.example', 'deep.example').entry).to.equal('*.partner.example');
  });

  it('takes no identity that core/dane has not made', () => {
    const { name, proof, notAfter } = identityOf('ns2.partner.example');
    const forged = { name, proof, notAfter } as unknown as ClientIdentity;
    const heir = Object.create(identityOf('ns2.partner.example')) as ClientIdentity;
    for (const identity of [forged, heir]) {
      expect(() => decideBy(list, identity, { action: 'transfer', zone: Name.root }, nowMs)).to.throw(
        TypeError,
      );
    }
  });

  it('finds the entry that a search through all patterns finds', () => {
    const label = fc.constantFrom('a', 'b', 'A', 'a.b'.replace('.', '\\.'));
    const name = fc
      .array(label, { minLength: 1, maxLength: 4 })
      .map((labels) => Name.parse(labels.join('.')));
    const patterns = fc.uniqueArray(fc.record({ below: fc.boolean(), name }), {
      selector: (pattern) => `${String(pattern.below)} ${pattern.name.key}`,
      maxLength: 8,
    });
    fc.assert(
      fc.property(patterns, name, (all, client) => {
        const entries = all.map(
          (pattern) =>
            `  "${`${pattern.below ? '*.' : ''}${pattern.name.toString()}`.replaceAll('\\', '\\\\')}": { allow: [] }\n`,
        );
        const built = parseAccessList(
          `version: 1\nclients: ${entries.length > 0 ? `\n${entries.join('')}` : '{}'}`,
          'a',
        );
        const matching = all
          .filter((pattern) => (pattern.below ? client.isBelow(pattern.name) : client.equals(pattern.name)))
          .sort((a, b) => Number(a.below) - Number(b.below) || b.name.labelCount - a.name.labelCount);
        const [best] = matching;
        const expected = best && `${best.below ? '*.' : ''}${best.name.toString()}`;
        expect(built.entryFor(client)?.pattern).to.equal(expected);
      }),
    );
  });
});
