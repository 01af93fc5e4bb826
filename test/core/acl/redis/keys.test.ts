import { expect } from 'chai';
import fc from 'fast-check';
import { maxPrefixLength, prefixFault, RedisKeys } from '../../../../core/acl/redis/keys.ts';
import { Name } from '../../../../core/dns/name.ts';

const keys = new RedisKeys({ prefix: 'danced', inCluster: false });
const clustered = new RedisKeys({ prefix: 'danced', inCluster: true });

describe('core/acl/redis/keys', () => {
  it('names the keys as they are documented', () => {
    const name = Name.parse('_xfr.NS2.Partner.example.');
    expect(keys.client(name)).to.equal('danced:v1:client:_xfr.ns2.partner.example');
    expect(keys.below(name)).to.equal('danced:v1:below:_xfr.ns2.partner.example');
    expect(keys.roles).to.equal('danced:v1:roles');
    expect(keys.anonymous).to.equal('danced:v1:anonymous');
    expect(keys.revision).to.equal('danced:v1:revision');
    expect(keys.changes).to.equal('danced:v1:changes');
    expect(keys.budget('failures', '192.0.2.1')).to.equal('danced:v1:budget:failures:192.0.2.1');
    expect(keys.entryPatterns).to.deep.equal(['danced:v1:client:*', 'danced:v1:below:*']);
  });

  it('sets the prefix in braces in a cluster, so that all keys share a slot', () => {
    const name = Name.parse('a.example');
    for (const key of [
      clustered.client(name),
      clustered.below(name),
      clustered.roles,
      clustered.anonymous,
      clustered.revision,
      clustered.budget('a', '}{'),
    ]) {
      expect(key).to.match(/^\{danced\}:v1:[^{}]*$/);
    }
  });

  it('writes every octet outside a-z, 0-9, - and _ as \\DDD [RFC1035-5.1]', () => {
    const name = Name.fromLabels([
      Buffer.from('a.b*?[]{}'),
      Buffer.from([0, 10, 32, 0x5c, 255]),
      Buffer.from('Ü:1'),
    ]);
    expect(keys.client(name)).to.equal(
      'danced:v1:client:a\\046b\\042\\063\\091\\093\\123\\125.\\000\\010\\032\\092\\255.\\195\\156\\0581',
    );
  });

  it('tells a dot in a label from one between labels', () => {
    const inLabel = Name.fromLabels([Buffer.from('a.b')]);
    expect(keys.client(inLabel)).not.to.equal(keys.client(Name.parse('a.b')));
  });

  it('reads back what it has written, and writes no two names alike, but for case [RFC4343-3]', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((octets) => Buffer.from(octets));
    const anyName = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => Name.fromLabels(labels));
    fc.assert(
      fc.property(anyName, anyName, fc.constantFrom(keys, clustered), (name, other, all) => {
        const parsed = all.parse(all.client(name));
        expect(parsed?.kind).to.equal('client');
        expect(parsed && 'name' in parsed && parsed.name.equals(name)).to.equal(true);
        const below = all.parse(all.below(name));
        expect(below?.kind).to.equal('below');
        expect(all.client(name) === all.client(other)).to.equal(name.equals(other));
        expect(all.client(name)).to.match(/^[a-z0-9_.:{}\\-]+$/);
      }),
    );
  });

  it('reads the other keys of the list', () => {
    expect(keys.parse('danced:v1:roles')).to.deep.equal({ kind: 'roles' });
    expect(keys.parse('danced:v1:anonymous')).to.deep.equal({ kind: 'anonymous' });
    expect(keys.parse('danced:v1:revision')).to.deep.equal({ kind: 'revision' });
  });

  const foreign = [
    'danced:v1:client:',
    'danced:v1:client:.',
    'danced:v1:client:a.example.',
    'danced:v1:client:A.example',
    'danced:v1:client:a..example',
    'danced:v1:client:*.example',
    'danced:v1:client:\\097.example',
    'danced:v1:client:\\.example',
    'danced:v1:client:\\065.example',
    'danced:v1:client:\\256.example',
    'danced:v1:client:\\04.example',
    'danced:v1:client:a b',
    'danced:v1:client:ü',
    `danced:v1:client:${'a'.repeat(64)}`,
    `danced:v1:client:${'a.'.repeat(127)}a`,
    'danced:v1:budget:failures:192.0.2.1',
    'danced:v2:client:a.example',
    '{danced}:v1:client:a.example',
    'other:v1:client:a.example',
    '',
  ];
  for (const key of foreign) {
    it(`takes "${key.slice(0, 60)}" for no key of the list`, () => {
      expect(keys.parse(key)).to.equal(undefined);
    });
  }

  it('gives every text a key of a bucket of its own, without braces, stars or spaces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        expect(keys.budget('k', one)).to.match(/^danced:v1:budget:k:[A-Za-z0-9_.:\\-]*$/);
        expect(keys.budget('k', one) === keys.budget('k', other)).to.equal(one === other);
      }),
    );
  });

  const prefixes: [string, boolean][] = [
    ['danced', true],
    ['dns:danced-1.a_B', true],
    ['', false],
    ['{danced}', false],
    ['dan*ced', false],
    ['dan ced', false],
    [':danced', false],
    ['a'.repeat(maxPrefixLength), true],
    ['a'.repeat(maxPrefixLength + 1), false],
  ];
  for (const [prefix, isSound] of prefixes) {
    it(`${isSound ? 'takes' : 'refuses'} the prefix "${prefix}"`, () => {
      expect(prefixFault(prefix) === undefined).to.equal(isSound);
      const make = (): RedisKeys => new RedisKeys({ prefix, inCluster: false });
      if (isSound) expect(make().revision).to.equal(`${prefix}:v1:revision`);
      else expect(make).to.throw(RangeError, 'prefix');
    });
  }
});
