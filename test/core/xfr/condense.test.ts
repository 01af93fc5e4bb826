import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { encodeA } from '../../../core/dns/rdata.ts';
import { condense } from '../../../core/xfr/condense.ts';
import { TransferFormatError } from '../../../core/xfr/stream-end.ts';
import type { Differences } from '../../../core/xfr/zone-version.ts';
import { rr, soaOf, textsOf } from '../../support/zone-model.ts';

const a = (name: string, ttl?: number): ResourceRecord => rr(name, RrType.A, encodeA('192.0.2.1'), ttl);
const step = (from: number, deleted: ResourceRecord[], added: ResourceRecord[]): Differences => ({
  from: soaOf(from),
  to: soaOf(from + 1),
  deleted,
  added,
});
const [one, two, three] = [a('a.example.com'), a('b.example.com'), a('c.example.com')];

// That it does what the steps do is in apply.test.ts.
describe('condense', () => {
  for (const [title, steps, deleted, added] of [
    ['what was added and deleted again', [step(1, [], [one]), step(2, [one], [])], [], []],
    ['what was deleted and added again', [step(1, [one], []), step(2, [], [one])], [], []],
    ['what was deleted and added in one step', [step(1, [one], [one])], [], []],
    [
      'what was added, deleted and added',
      [step(1, [], [one]), step(2, [one], []), step(3, [], [one])],
      [],
      [one],
    ],
  ] as const) {
    it(`leaves out ${title} [RFC1995-5]`, () => {
      const condensed = condense(steps);
      expect(textsOf(condensed.deleted)).to.deep.equal(textsOf(deleted));
      expect(textsOf(condensed.added)).to.deep.equal(textsOf(added));
    });
  }

  it('begins with the first SOA record and ends with the last [RFC1995-5]', () => {
    const { from, to, deleted, added } = condense([step(1, [one], []), step(2, [two], [three])]);
    expect([from, to]).to.deep.equal([soaOf(1), soaOf(3)]);
    expect([deleted, added]).to.deep.equal([[one, two], [three]]);
  });

  it('keeps a change of the TTL, and of the case of the owner', () => {
    for (const changed of [a('a.example.com', 5), a('A.example.com')]) {
      const { deleted, added } = condense([step(1, [one], []), step(2, [], [changed])]);
      expect([deleted, added]).to.deep.equal([[one], [changed]]);
    }
  });

  for (const [title, steps] of [
    ['that do not follow one another', [step(1, [], []), step(3, [], [])]],
    ['of which a later one deletes what an earlier one deleted', [step(1, [one], []), step(2, [one], [])]],
    ['of which a later one adds what an earlier one added', [step(1, [], [one]), step(2, [], [one])]],
  ] as const) {
    it(`refuses steps ${title}`, () => {
      expect(() => condense(steps)).to.throw(TransferFormatError);
    });
  }

  it('has nothing to make of no steps', () => {
    expect(() => condense([])).to.throw(RangeError);
  });
});
