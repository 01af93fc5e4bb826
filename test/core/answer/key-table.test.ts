import { expect } from 'chai';
import fc from 'fast-check';
import { KeyTable, type Keyed, type KeySought } from '../../../core/answer/key-table.ts';

/** Values of a row, at most; and rows of the table. */
const longestRow = 32;
const rows = 16_384;

class Value implements Keyed<Value> {
  readonly hash: number;
  readonly text: string;
  next: Value | undefined = undefined;

  constructor(text: string, hash = 1) {
    this.text = text;
    this.hash = hash;
  }

  isKeyOf({ key, keyLength }: KeySought): boolean {
    return key.toString('latin1', 0, keyLength) === this.text;
  }
}

/** Looked for in a buffer with more behind the key, as a reader has it. */
function sought(text: string, hash = 1): KeySought {
  return { hash, key: Buffer.from(`${text}and more`), keyLength: text.length };
}

describe('KeyTable', () => {
  let table: KeyTable<Value>;

  beforeEach(() => {
    table = new KeyTable();
  });

  it('finds a value by its key, and nothing else', () => {
    const one = new Value('one');
    expect(table.add(one)).to.equal(true);
    expect(table.find(sought('one'))).to.equal(one);
    for (const other of ['on', 'onee', 'two', ''])
      expect(table.find(sought(other)), other).to.equal(undefined);
    // Another hash, in another row and in the same.
    expect(table.find(sought('one', 2))).to.equal(undefined);
    expect(table.find(sought('one', 1 + rows))).to.equal(undefined);
  });

  it('keeps keys apart that share a hash, or a row', () => {
    const all = [
      new Value('a'),
      new Value('b'),
      new Value('ab'),
      new Value('a', 1 + rows),
      new Value('a', 1 + 2 * rows),
    ];
    for (const each of all) expect(table.add(each)).to.equal(true);
    for (const each of all) expect(table.find(sought(each.text, each.hash))).to.equal(each);
    table.remove(all[1]!);
    expect(table.find(sought('b'))).to.equal(undefined);
    for (const each of all.filter(({ text }) => text !== 'b'))
      expect(table.find(sought(each.text, each.hash))).to.equal(each);
    expect(table.size).to.equal(4);
  });

  it('takes no more in a row that is too long, so that nobody can make it slow', () => {
    const all = Array.from({ length: 100 }, (_, index) => new Value(String(index), 1 + rows * (index % 3)));
    const taken = all.filter((each) => table.add(each));
    expect(taken).to.deep.equal(all.slice(0, longestRow));
    expect(table.size).to.equal(longestRow);
    for (const each of taken) expect(table.find(sought(each.text, each.hash))).to.equal(each);
    // What had no place can be taken out all the same, and its place is not another's.
    table.remove(all.at(-1)!);
    expect(table.size).to.equal(longestRow);
    expect(table.add(new Value('elsewhere', 2))).to.equal(true);
    table.remove(taken[5]!);
    expect(table.add(all.at(-1)!)).to.equal(true);
  });

  it('does not mind when what is taken out is not in it', () => {
    table.remove(new Value('a'));
    const [one, two] = [new Value('a'), new Value('b')];
    table.add(one);
    table.remove(two);
    table.remove(new Value('a'));
    expect(table.size).to.equal(1);
    table.add(two);
    for (const each of [one, one, two]) table.remove(each);
    expect(table.size).to.equal(0);
    expect([...table.all()]).to.deep.equal([]);
  });

  it('goes over all values, each of which may be taken out by then', () => {
    const all = Array.from({ length: 50 }, (_, index) => new Value(String(index), index % 5));
    for (const each of all) table.add(each);
    for (const each of table.all()) table.remove(each);
    expect(table.size).to.equal(0);
  });

  it('does what a Map of texts does', () => {
    // Few texts, in two rows of two hashes each.
    const text = fc.stringMatching(/^[ab]{0,4}$/);
    const hashOf = (key: string): number => (key.length % 2) + rows * (key.startsWith('a') ? 1 : 0);
    const operation = fc.record({ what: fc.constantFrom('add', 'add', 'remove', 'find'), text });
    const check = fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      const tried = new KeyTable<Value>();
      const model = new Map<string, Value>();
      for (const { what, text: key } of operations) {
        const known = model.get(key);
        if (what === 'add' && known === undefined) {
          const added = new Value(key, hashOf(key));
          model.set(key, added);
          expect(tried.add(added)).to.equal(true);
        } else if (what === 'remove' && known !== undefined) {
          model.delete(key);
          tried.remove(known);
        }
        expect(tried.find(sought(key, hashOf(key)))).to.equal(model.get(key));
        expect(tried.size).to.equal(model.size);
      }
      for (const [key, each] of model) expect(tried.find(sought(key, hashOf(key)))).to.equal(each);
      expect([...tried.all()].map((each) => each.text)).to.have.members([...model.keys()]);
    });
    fc.assert(check, { numRuns: 500 });
  });
});
