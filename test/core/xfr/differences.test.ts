import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeA } from '../../../core/dns/rdata.ts';
import { differencesOctets, IxfrSteps } from '../../../core/xfr/differences.ts';
import { TransferFormatError } from '../../../core/xfr/stream-end.ts';
import type { Differences } from '../../../core/xfr/zone-version.ts';
import { renderRecords } from '../../../core/xfr/zone-writer.ts';
import { modelZone, rr, soaOf } from '../../support/zone-model.ts';

const a = (number: number): ResourceRecord => rr(`host${number}.example.com`, RrType.A, encodeA('192.0.2.1'));

/** An SOA record is its serial, any other record below 0. */
function steps(shown: readonly number[], client = 1, last?: number): readonly Differences[] {
  const reader = new IxfrSteps(modelZone, soaOf(client), last === undefined ? undefined : soaOf(last));
  for (const each of shown) reader.record(each < 0 ? a(-each) : soaOf(each));
  return reader.steps;
}

describe('IxfrSteps', () => {
  it('reads the steps, the oldest first [RFC1995-4]', () => {
    expect(steps([1, -1, -2, 2, -3, 2, 5, -4, 5, -5, 6], 1, 6)).to.deep.equal([
      { from: soaOf(1), to: soaOf(2), deleted: [a(1), a(2)], added: [a(3)] },
      { from: soaOf(2), to: soaOf(5), deleted: [], added: [a(4)] },
      { from: soaOf(5), to: soaOf(6), deleted: [a(5)], added: [] },
    ]);
  });

  it('reads one step that is several condensed [RFC1995-5]', () => {
    expect(steps([1, 9, -1], 1, 9)).to.deep.equal([
      { from: soaOf(1), to: soaOf(9), deleted: [], added: [a(1)] },
    ]);
  });

  for (const [title, shown, last] of [
    ['begin with another serial than the client has [RFC1995-4]', [2, -1, 3], undefined],
    ['begin with another record', [-1, 1, 2], undefined],
    ['do not follow one another', [1, 2, 3, 4], undefined],
    ['go back [RFC1982-3.2]', [1, -1, 0], undefined],
    ['go nowhere', [1, -1, 1], undefined],
    ['end before the additions', [1, 2, 2, -1], undefined],
    ['end with another serial than the transfer', [1, 2, -1, 2, 3], 4],
    ['are none', [], undefined],
  ] as const) {
    it(`refuses steps that ${title}`, () => {
      expect(() => steps(shown, 1, last)).to.throw(TransferFormatError);
    });
  }

  it('refuses the SOA record of another zone', () => {
    const reader = new IxfrSteps(modelZone, soaOf(1));
    expect(() => reader.record(soaOf(1, Name.parse('example.net')))).to.throw(
      TransferFormatError,
      'example.net',
    );
  });

  it('refuses a step whose SOA record is another with the same serial', () => {
    const reader = new IxfrSteps(modelZone, soaOf(1));
    const rdata = Buffer.from(soaOf(1).rdata);
    rdata[rdata.length - 1]! ^= 1;
    expect(() => reader.record({ ...soaOf(1), rdata })).to.throw(TransferFormatError);
  });
});

describe('differencesOctets', () => {
  it('is near the octets of the answer', () => {
    const records = Array.from({ length: 400 }, (_, number) => a(number));
    const step = { from: soaOf(1), to: soaOf(2), deleted: records.slice(0, 200), added: records.slice(200) };
    const all = [soaOf(2), soaOf(1), ...step.deleted, soaOf(2), ...step.added, soaOf(2)];
    const octets = renderRecords(modelZone, RrType.IXFR, all).reduce((sum, { length }) => sum + length, 0);
    expect(differencesOctets([step])).to.be.within(0.8 * octets, 1.2 * octets);
  });
});
