import { expect } from 'chai';
import fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { TransferEnd, TransferFormatError, type TransferForm } from '../../../core/xfr/stream-end.ts';

/** A record as the machine sees it: an SOA is its serial, anything else is 'A'. */
type Shown = number | 'A';

function show(end: TransferEnd, records: readonly Shown[]): void {
  for (const record of records) {
    if (record === 'A') end.record(RrType.A);
    else end.record(RrType.SOA, record);
  }
}

/** Shows the messages one by one; the numbers of those after which the transfer was at its end. */
function follow(messages: readonly (readonly Shown[])[], clientSerial?: number) {
  const end = new TransferEnd(clientSerial);
  const endedAfter = messages.map((records) => {
    show(end, records);
    end.messageEnd();
    return end.ended;
  });
  return { end, endedAfter };
}

interface Transfer {
  readonly title: string;
  /** Serial that the client has; none for AXFR. */
  readonly client?: number;
  readonly records: readonly Shown[];
  readonly form: TransferForm;
}

const transfers: readonly Transfer[] = [
  { title: 'AXFR [RFC5936-2.2]', records: [7, 'A', 'A', 'A', 7], form: 'whole' },
  { title: 'AXFR of a zone with nothing but its SOA', records: [7, 7], form: 'whole' },
  { title: 'AXFR with serial 0', records: [0, 'A', 0], form: 'whole' },
  { title: 'IXFR that is a whole zone [RFC1995-4]', client: 3, records: [7, 'A', 'A', 7], form: 'whole' },
  { title: 'IXFR that is a zone with nothing but its SOA', client: 3, records: [7, 7], form: 'whole' },
  {
    title: 'IXFR of one version [RFC1995-4]',
    client: 6,
    records: [7, 6, 'A', 7, 'A', 7],
    form: 'incremental',
  },
  { title: 'IXFR without deletions', client: 6, records: [7, 6, 7, 'A', 7], form: 'incremental' },
  { title: 'IXFR without additions', client: 6, records: [7, 6, 'A', 7, 7], form: 'incremental' },
  { title: 'IXFR of the serial alone', client: 6, records: [7, 6, 7, 7], form: 'incremental' },
  {
    title: 'IXFR of several versions, the oldest first [RFC1995-4]',
    client: 4,
    records: [7, 4, 'A', 5, 'A', 5, 6, 'A', 'A', 6, 7, 'A', 7],
    form: 'incremental',
  },
  {
    title: 'IXFR of several versions condensed to one [RFC1995-5]',
    client: 2,
    records: [9, 2, 'A', 'A', 9, 'A', 'A', 'A', 9],
    form: 'incremental',
  },
  {
    title: 'IXFR over the turn of the serial',
    client: 0xffff_fffe,
    records: [1, 0xffff_fffe, 'A', 0xffff_ffff, 'A', 0xffff_ffff, 'A', 1, 'A', 1],
    form: 'incremental',
  },
];

describe('TransferEnd', () => {
  for (const { title, client, records, form } of transfers) {
    it(`ends with the last record of an ${title}`, () => {
      const end = new TransferEnd(client);
      show(end, records.slice(0, -1));
      expect(end.ended).to.equal(false);
      show(end, records.slice(-1));
      expect(end).to.include({ ended: true, form, serial: records[0], records: records.length });
    });

    it(`takes nothing after an ${title}`, () => {
      for (const extra of ['A', records[0]!] as const) {
        const end = new TransferEnd(client);
        show(end, records);
        expect(() => {
          show(end, [extra]);
        }).to.throw(TransferFormatError, 'after the end');
      }
    });
  }

  it('finds the same end however the records are cut into messages [RFC5936-2.2]', () => {
    const cuts = fc.array(fc.nat({ max: 20 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...transfers), cuts, ({ records, client, form }, positions) => {
        const messages = cut(records, positions);
        const { end, endedAfter } = follow(messages, client);
        const last = messages.findLastIndex((message) => message.length > 0);
        expect(endedAfter.indexOf(true)).to.equal(last);
        expect(end).to.include({ form, records: records.length });
      }),
    );
  });

  it('waits through messages without records [RFC9103-7.9.1]', () => {
    expect(follow([[], [7], [], ['A'], [], [7]]).endedAfter).to.deep.equal([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  const lone: [title: string, serial: number, client: number | undefined, ended: boolean][] = [
    ['ends an IXFR when the client has that version [RFC1995-2]', 7, 7, true],
    ['ends an IXFR when the client has a newer one [RFC1995-2]', 7, 8, true],
    ['ends an IXFR when the client has a newer one over the turn [RFC1982-3.2]', 0xffff_ffff, 1, true],
    ['is the beginning of an IXFR when the client has an older one', 7, 6, false],
    ['is the beginning of an IXFR over the turn [RFC1982-3.2]', 1, 0xffff_ffff, false],
    ['is the beginning when the serials have no order [RFC1982-3.2]', 0, 0x8000_0000, false],
    ['is the beginning of an AXFR', 7, undefined, false],
  ];
  for (const [title, serial, client, ended] of lone) {
    it(`a lone SOA ${title}`, () => {
      const { end } = follow([[serial]], client);
      expect(end).to.include({ ended, form: ended ? 'up-to-date' : 'unknown', serial });
    });
  }

  it('takes nothing after "you have it"', () => {
    const { end } = follow([[7]], 7);
    expect(() => {
      show(end, ['A']);
    }).to.throw(TransferFormatError, 'after the end');
  });

  const garbage: [title: string, records: Shown[], client: number | undefined, words: string][] = [
    ['does not begin with an SOA', ['A', 7], undefined, 'not an SOA'],
    ['does not begin with an SOA, as IXFR', ['A'], 7, 'not an SOA'],
    ['changes its SOA at the end', [7, 'A', 8], undefined, 'changed its SOA'],
    ['is AXFR and looks incremental', [7, 6, 'A', 7], undefined, 'changed its SOA'],
    ['is a whole zone with another SOA in it', [7, 'A', 6, 'A', 7], 3, 'changed its SOA'],
  ];
  for (const [title, records, client, words] of garbage) {
    it(`refuses a transfer that ${title}`, () => {
      expect(() => {
        show(new TransferEnd(client), records);
      }).to.throw(TransferFormatError, words);
    });
  }

  it('blames the primary', () => {
    expect(new TransferFormatError('words')).to.include({ code: 'XFR_FORMAT', blame: 'upstream' });
  });

  it('never ends before the last SOA of the first serial, whatever comes', () => {
    const shown = fc.oneof(fc.constant<Shown>('A'), fc.integer({ min: 1, max: 4 }));
    const client = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
    fc.assert(
      fc.property(fc.array(shown, { minLength: 2 }), client, (records, clientSerial) => {
        const end = new TransferEnd(clientSerial);
        try {
          show(end, records);
        } catch (error) {
          expect(error).to.be.instanceOf(TransferFormatError);
        }
        if (end.ended) {
          expect(records[0]).to.equal(end.serial);
          expect(records[end.records - 1]).to.equal(end.serial);
        }
      }),
    );
  });

  it('wants the serial of an SOA', () => {
    expect(() => {
      new TransferEnd().record(RrType.SOA);
    }).to.throw(TypeError);
  });
});

/** The records as messages, cut at the positions; a position twice makes an empty message. */
function cut(records: readonly Shown[], positions: readonly number[]): Shown[][] {
  const bounds = [...positions.map((at) => Math.min(at, records.length)), records.length].sort(
    (a, b) => a - b,
  );
  return bounds.map((to, index) => records.slice(bounds[index - 1] ?? 0, to));
}
