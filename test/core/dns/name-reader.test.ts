/**
 * Names with compression pointers, as hostile octets have them, read through whole messages.
 */
import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import { parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { maxExpandedNameOctets } from '../../../core/dns/name-reader.ts';
import { answers, header, hex, pointer, record, refuse, walk } from './wire.ts';

const { A, NS } = RrType;

describe('names from the wire', () => {
  it('keep binary labels: two different binary owners are never equal', () => {
    const [first, second] = parseMessage(
      answers(
        record({ owner: hex('03 fffe80 00'), type: A, rdata: '01020304' }),
        record({ owner: hex('03 fffd80 00'), type: A, rdata: '01020304' }),
      ),
    ).answers;
    expect(first?.name.wire).to.deep.equal(hex('03 fffe80 00'));
    expect(second && first?.name.equals(second.name)).to.equal(false);
  });

  it('keep the label a.b apart from the labels a and b', () => {
    const [first, second] = parseMessage(
      answers(
        record({ owner: hex('03 612e62 00'), type: A, rdata: '01020304' }),
        record({ owner: hex('01 61 01 62 00'), type: A, rdata: '01020304' }),
      ),
    ).answers;
    expect(second && first?.name.equals(second.name)).to.equal(false);
    expect(first?.name.toString()).to.equal('a\\.b');
  });

  it('keep their case [RFC4343-4.1]', () => {
    const [answer] = parseMessage(
      answers(record({ owner: 'wWw.Example', type: A, rdata: '01020304' })),
    ).answers;
    expect(answer?.name.toString()).to.equal('wWw.Example');
  });

  for (const label of [64, 192]) {
    it(`never become a pointer: a label of ${String(label)} octets cannot be made`, () => {
      expect(() => Name.fromLabels([Buffer.alloc(label, 'a')])).to.throw(DnsFormatError, /63/);
      expect(() => Name.parse('a'.repeat(label))).to.throw(DnsFormatError, /63/);
    });
  }

  it('never hold the root in the middle: a..b cannot be made', () => {
    expect(() => Name.parse('a..b')).to.throw(DnsFormatError, /empty/);
  });

  const badNames: [what: string, octets: string, words: RegExp][] = [
    ['a label of type 0x40', '41 00', /unknown label type/],
    ['a label of type 0x80', '80 00', /unknown label type/],
    ['a pointer to itself', 'c00c', /point back/],
    ['a pointer forward', 'c0ff', /point back/],
    ['a pointer into the header', 'c004', /point back/],
    ['a pointer into its own labels', '01 61 c00c', /point back/],
    ['a name of more than 255 octets', ('3f' + '61'.repeat(63)).repeat(4) + '00', /255/],
    [
      'a name of 256 octets exactly',
      ('3f' + '61'.repeat(63)).repeat(3) + '3e' + '61'.repeat(62) + '00',
      /255/,
    ],
  ];
  for (const [what, owner, words] of badNames) {
    it(`are refused with ${what} [RFC1035-4.1.4]`, () => {
      refuse(answers(record({ owner: hex(owner), type: A, rdata: '01020304' })), words);
    });
  }

  it('are refused if they go past the end of the message', () => {
    // Room enough for the least record, so that it is the name that is looked at.
    refuse(Buffer.concat([header({ an: 1 }), hex('3f 6161616161616161616161')]), /past the end/);
    refuse(Buffer.concat([header({ an: 1 }), hex('09 616161616161616161 c0')]), /half a compression pointer/);
  });

  it('are refused if two pointers lead into one another [RFC1035-4.1.4]', () => {
    const first = record({ owner: '.', type: 65280, rdata: Buffer.concat([pointer(25), pointer(23)]) });
    refuse(answers(first, record({ owner: pointer(23), type: A, rdata: '01020304' })), /point back/);
  });

  it('are refused if a loop lies behind a good pointer [RFC1035-4.1.4]', () => {
    // At 25 a pointer to itself, or to the label before it; at 27 a pointer that leads there, and back as it should.
    for (const loop of ['0161 c019 c019', '0161 c017 c017', '0161 c017 c019']) {
      const rdata = hex(loop);
      refuse(
        answers(record({ type: 65280, rdata }), record({ owner: pointer(27), type: A, rdata: '01020304' })),
        /point back/,
      );
    }
  });

  it('are refused if a pointer leads into the run of labels before it, whatever was read there before', () => {
    // At 23 a label of two octets, 01 61, then at 26 a pointer to 24, which is the label `a` and then that pointer.
    const run = record({ type: 65280, rdata: hex('02 0161 c018') });
    refuse(answers(run, record({ owner: pointer(23), type: A, rdata: '01020304' })), /point back/);
    // Here the pointer leads to `a` and the root; from its own place it is good, from the start of the run it is not.
    const other = record({ type: 65280, rdata: hex('03 016100 c018') });
    const own = record({ owner: pointer(27), type: A, rdata: '01020304' });
    expect(walk(answers(other, own))).to.equal(2);
    const fromStart = record({ owner: pointer(23), type: A, rdata: '01020304' });
    refuse(answers(other, fromStart), /point back/);
    refuse(answers(other, own, fromStart), /point back/);
  });

  it('are refused if labels and pointers together make more than 255 octets', () => {
    const long = Buffer.from(('3f' + '61'.repeat(63)).repeat(3) + '00', 'hex');
    const extended = Buffer.concat([hex('3f' + '62'.repeat(63)), pointer(12)]);
    refuse(
      answers(
        record({ owner: long, type: A, rdata: '01020304' }),
        record({ owner: extended, type: A, rdata: '01020304' }),
      ),
      /255/,
    );
  });
});

describe('work for a hostile message', () => {
  it('does not grow with the length of a chain of pointers: it is followed once', () => {
    // 16,000 octets of pointers, each to the one before: 8,000 hops if one follows them from the end.
    const chain: Buffer[] = [hex('00 00')];
    const chainStart = 12 + 11;
    for (let at = 2; at < 16_000; at += 2) chain.push(pointer(chainStart + at - 2));
    const last = chainStart + 16_000 - 2;
    const owners = Array.from({ length: 3_900 }, () =>
      record({ owner: pointer(last), type: 65280, rdata: '' }),
    );
    const message = answers(record({ type: 65280, rdata: Buffer.concat(chain) }), ...owners);
    expect(walk(message)).to.equal(3_901);
    // Followed for each record these are 31 million steps. The best of some runs, since test machines are busy.
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now();
      walk(message);
      return performance.now() - started;
    });
    expect(Math.min(...times)).to.be.lessThan(20);
  });

  it('is bounded for names behind such a chain: the steps are paid from the budget', () => {
    const chain: Buffer[] = [hex('00 00')];
    const chainStart = 12 + 11;
    for (let at = 2; at < 16_000; at += 2) chain.push(pointer(chainStart + at - 2));
    // By turns two places at its end, so that neither the last name nor the last target can be used again.
    const owners = Array.from({ length: 3_900 }, (_, index) =>
      record({ owner: pointer(chainStart + 16_000 - 2 - (index % 2) * 2), type: 65280, rdata: '' }),
    );
    const message = answers(record({ type: 65280, rdata: Buffer.concat(chain) }), ...owners);
    expect(() => parseMessage(message)).to.throw(DnsFormatError, /expand/);
  });

  it('is bounded for names that expand: the budget is spent, the message refused', () => {
    const long = Buffer.from('01 61'.repeat(125).replaceAll(' ', '') + '00', 'hex');
    // Each owner has a label of its own, so that none can be shared.
    const owners = Array.from({ length: 4_000 }, () =>
      record({ owner: Buffer.concat([hex('01 62'), pointer(12)]), type: 65280, rdata: '' }),
    );
    const message = answers(record({ owner: long, type: 65280, rdata: '' }), ...owners);
    expect(4_000 * 255).to.be.greaterThan(maxExpandedNameOctets);
    expect(walk(message)).to.equal(4_001);
    expect(() => parseMessage(message)).to.throw(DnsFormatError, /expand/);
  });

  it('leaves room for the largest honest message: 4,001 NS records with one owner', () => {
    const targets = Array.from({ length: 4_000 }, () =>
      record({ owner: pointer(12), type: NS, rdata: Buffer.concat([hex('01 62'), pointer(12)]) }),
    );
    const message = answers(
      record({ owner: 'a-zone-with-a-rather-long-name.example', type: NS, rdata: '00' }),
      ...targets,
    );
    expect(message.length).to.be.lessThan(65_536);
    const parsed = parseMessage(message);
    expect(parsed.answers).to.have.lengthOf(4_001);
    expect(parsed.answers[2]?.name).to.equal(parsed.answers[3]?.name);
  });
});
