import { expect } from 'chai';
import * as fc from 'fast-check';
import { RrType } from '../../../core/dns/constants.ts';
import { DnsFormatError } from '../../../core/dns/errors.ts';
import type { Section } from '../../../core/dns/message.ts';
import { encodeMessage, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { MessageWalker } from '../../../core/dns/walker.ts';
import { anyMessage } from './arbitraries.ts';
import { answers, header, hex, record } from './wire.ts';

describe('MessageWalker', () => {
  const message = Buffer.concat([
    header({ qd: 1, an: 1, ns: 1, ar: 2, flags: 0x8400 }),
    Name.parse('example').wire,
    hex('0006 0001'),
    record({ owner: hex('c00c'), type: RrType.A, ttl: 1, rdata: '01020304' }),
    record({ owner: hex('c00c'), type: RrType.NS, ttl: 2, rdata: '02 6e73 c00c' }),
    record({ type: RrType.OPT, class: 1232, ttl: 0, rdata: '' }),
    record({ owner: 'key', type: RrType.TSIG, class: 255, ttl: 0, rdata: 'ff' }),
  ]);

  it('shows header, question and records in their order', () => {
    const walker = new MessageWalker(message);
    expect(walker).to.include({ id: 0x1234, flags: 0x8400, questionCount: 1, recordCount: 4 });
    const question = walker.readQuestion();
    expect(question).to.include({ type: RrType.SOA, class: 1 });
    expect(question.name.toString()).to.equal('example');
    const seen: [Section, string, number, number, string][] = [];
    while (walker.next()) {
      const { section, type, ttl } = walker;
      seen.push([section, walker.name().toString(), type, ttl, walker.rdata().toString('hex')]);
    }
    expect(seen).to.deep.equal([
      ['answer', 'example', RrType.A, 1, '01020304'],
      ['authority', 'example', RrType.NS, 2, '026e73076578616d706c6500'],
      ['additional', '.', RrType.OPT, 0, ''],
      ['additional', 'key', RrType.TSIG, 0, 'ff'],
    ]);
    expect(walker.next()).to.equal(false);
  });

  it('passes over questions that nobody read', () => {
    const walker = new MessageWalker(message);
    expect(walker.next()).to.equal(true);
    expect(walker.type).to.equal(RrType.A);
  });

  it('tells where a record and its RDATA lie in the message', () => {
    const walker = new MessageWalker(message);
    walker.next();
    expect(walker.octets.subarray(walker.recordStart, walker.rdataEnd)).to.deep.equal(
      record({ owner: hex('c00c'), type: RrType.A, ttl: 1, rdata: '01020304' }),
    );
    expect(walker.octets.subarray(walker.rdataStart, walker.rdataEnd)).to.deep.equal(hex('01020304'));
  });

  it('has no more questions than the header says', () => {
    const walker = new MessageWalker(message);
    walker.readQuestion();
    expect(() => walker.readQuestion()).to.throw(RangeError);
  });

  it('expands the names in the RDATA of the types that may come compressed [RFC3597-4]', () => {
    const target = record({ owner: 'example', type: RrType.A, rdata: '01020304' });
    const expanded = Name.parse('example').wire.toString('hex');
    const cases: [type: number, rdata: string, result: string][] = [
      [RrType.CNAME, 'c00c', expanded],
      [RrType.MX, '000a c00c', `000a${expanded}`],
      [RrType.SOA, `c00c 0161 c00c ${'11'.repeat(20)}`, `${expanded}0161${expanded}${'11'.repeat(20)}`],
      [RrType.MINFO, 'c00c c00c', expanded + expanded],
      [RrType.RP, 'c00c c00c', expanded + expanded],
      [RrType.AFSDB, '0001 c00c', `0001${expanded}`],
      [RrType.PX, '0001 c00c c00c', `0001${expanded}${expanded}`],
      [RrType.SIG, `${'22'.repeat(18)} c00c aabb`, `${'22'.repeat(18)}${expanded}aabb`],
      [RrType.NXT, 'c00c 40', `${expanded}40`],
      [RrType.SRV, '0001 0002 0003 c00c', `000100020003${expanded}`],
      [RrType.NAPTR, '0001 0002 01 73 00 02 2121 c00c', `00010002017300022121${expanded}`],
    ];
    for (const [type, rdata, result] of cases) {
      const walker = new MessageWalker(answers(target, record({ type, rdata })));
      while (walker.next());
      expect(walker.rdata().toString('hex'), String(type)).to.equal(result);
    }
  });

  it('lets a pointer lead to a pointer, always backwards [RFC1035-4.1.4]', () => {
    const chained = answers(
      record({ owner: 'example', type: RrType.A, rdata: '01020304' }),
      record({ owner: hex('c00c'), type: RrType.NS, rdata: '01 61 c00c' }),
      record({ owner: hex('01 62 c02f'), type: RrType.A, rdata: '01020304' }),
    );
    const [, ns, last] = parseMessage(chained).answers;
    expect(ns?.rdata).to.deep.equal(Name.parse('a.example').wire);
    // Offset 0x2f is where the NS record's RDATA begins.
    expect(last?.name.toString()).to.equal('b.a.example');
  });

  it('throws nothing but DnsFormatError, whatever octets were changed, cut or added', () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    const tail = fc.uint8Array({ maxLength: 8 });
    fc.assert(
      fc.property(anyMessage, change, fc.nat(), tail, (whole, changes, cut, added) => {
        const octets = Buffer.from(encodeMessage(whole));
        for (const [at, value] of changes) octets[at % octets.length] = value;
        expectOnlyFormatErrors(octets);
        expectOnlyFormatErrors(octets.subarray(0, cut % octets.length));
        expectOnlyFormatErrors(Buffer.concat([octets, added]));
      }),
      { numRuns: 500 },
    );
  });

  it('throws nothing but DnsFormatError for random octets', () => {
    const count = fc.integer({ min: 0, max: 3 });
    const counts = fc.record({ qd: count, an: count, ns: count, ar: count });
    fc.assert(
      fc.property(counts, fc.uint8Array({ maxLength: 200 }), (promised, body) => {
        expectOnlyFormatErrors(Buffer.concat([header(promised), body]));
        expectOnlyFormatErrors(Buffer.from(body));
      }),
      { numRuns: 1000 },
    );
  });
});

/** What is read must also be written, unless it holds what the writer leaves to others. */
function expectOnlyFormatErrors(octets: Buffer): void {
  let refused = false;
  try {
    const walker = new MessageWalker(octets);
    while (walker.next());
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    refused = true;
  }
  try {
    const message = parseMessage(octets);
    expect(refused).to.equal(false);
    if (!message.additionals.some(({ type }) => type === RrType.TSIG)) {
      parseMessage(encodeMessage(message, { compress: false, maxLength: 65535 }));
    }
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    expect(refused, error.message).to.equal(true);
  }
}
