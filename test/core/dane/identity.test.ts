import { expect } from 'chai';
import { decideBy } from '../../../core/acl/access-control.ts';
import { AccessList } from '../../../core/acl/access-list.ts';
import { ClientIdentity, identityMaker } from '../../../core/dane/identity.ts';
import { Name } from '../../../core/dns/name.ts';

const name = Name.parse('ns2.example');
const proof = 'DANE-EE SPKI SHA2-256';
/** The class as code without types sees it. */
const Untyped = ClientIdentity as unknown as new (...fields: unknown[]) => object;
const fields = { name, proof, notAfter: 0 };

describe('ClientIdentity', () => {
  const genuine = new ClientIdentity(identityMaker, name, proof, 0);

  it('knows its own', () => {
    expect(ClientIdentity.isGenuine(genuine)).to.equal(true);
  });

  const keys: [string, unknown][] = [
    ['nothing', undefined],
    ['a symbol of the same words', Symbol(identityMaker.description)],
    ['a registered symbol of the same words', Symbol.for(identityMaker.description ?? '')],
    ['the words', identityMaker.description],
    ['an identity', genuine],
  ];
  for (const [what, key] of keys) {
    it(`cannot be made with ${what} for a key`, () => {
      expect(() => new Untyped(key, name, proof, 0)).to.throw(TypeError, 'only core/dane');
    });
  }

  it('cannot be made through a class derived from it', () => {
    class Derived extends Untyped {
      constructor() {
        super(Symbol('mine'), name, proof, 0);
      }
    }
    expect(() => new Derived()).to.throw(TypeError, 'only core/dane');
  });

  it('cannot be made with the prototype of another class', () => {
    const made = (): unknown => Reflect.construct(Object, [], ClientIdentity);
    expect(ClientIdentity.isGenuine(made())).to.equal(false);
  });

  const lookalikes: [string, unknown][] = [
    ['an object of the same shape', { ...fields }],
    [
      'an object with its prototype',
      Object.assign(Object.create(ClientIdentity.prototype) as object, fields),
    ],
    ['an object that inherits from an identity', Object.create(genuine)],
    ['a copy of its fields', Object.assign({}, genuine)],
    ['a structured clone', structuredClone({ ...fields, name: name.toString() })],
    ['a proxy of an identity', new Proxy(genuine, {})],
    ['the class itself', ClientIdentity],
    ['its prototype', ClientIdentity.prototype],
    ['null', null],
    ['undefined', undefined],
    ['a string', 'ns2.example'],
  ];
  for (const [what, value] of lookalikes) {
    it(`does not take ${what} for one`, () => {
      expect(ClientIdentity.isGenuine(value)).to.equal(false);
    });

    it(`gives ${what} no decision of the access list`, () => {
      const request = { action: 'transfer', zone: name } as const;
      expect(() => decideBy(new AccessList(), value as ClientIdentity, request, 0)).to.throw(
        TypeError,
        'proved',
      );
    });
  }
});
