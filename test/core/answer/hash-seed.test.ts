/** Names that share a hash under one seed: whoever finds some must not have found them for other seeds. */
import { expect } from 'chai';
import { QueryReader } from '../../../core/answer/query-reader.ts';
import { query } from './wire.ts';

const names = 200_000;
/** All with the same low octet, which is all that a sum of products makes of a seed. */
const seeds = [0x1234_005a, 0x7fff_ff5a, 0x0000_005a, 0x3141_595a, 0x2718_285a, 0x0bad_cf5a];

describe('the hash of a question', () => {
  it('is another one for each seed: names that collide by one do not by others', () => {
    const octets = query('xxxxxxx.example', {});
    const at = octets.indexOf('xxxxxxx');
    const hashOf = (reader: QueryReader, name: string): number => {
      octets.write(name, at, 'latin1');
      reader.read(octets, 0, octets.length);
      reader.enter(1);
      return reader.hash;
    };
    const [first, ...others] = seeds.map((seed) => new QueryReader(seed)) as [QueryReader, ...QueryReader[]];
    const seen = new Map<number, string>();
    const pairs: [string, string][] = [];
    for (let index = 0; index < names; index += 1) {
      const name = index.toString(36).padStart(7, '-');
      const hash = hashOf(first, name);
      const other = seen.get(hash);
      if (other === undefined) seen.set(hash, name);
      else pairs.push([other, name]);
    }
    // 2 to the 30 hashes: some 19 pairs by chance.
    expect(pairs.length).to.be.within(3, 60);
    const again = pairs.flatMap(([one, other]) =>
      others.filter((reader) => hashOf(reader, one) === hashOf(reader, other)),
    );
    expect(again.length).to.be.at.most(1);
  });
});
