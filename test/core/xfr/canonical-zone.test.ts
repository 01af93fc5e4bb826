import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { MessageWriter } from '../../../core/dns/writer.ts';
import { isKeyBelow, sortInSlices } from '../../../core/xfr/canonical-order.ts';
import { CanonicalZone } from '../../../core/xfr/canonical-zone.ts';
import { orderKey } from '../../support/denial-chain.ts';
import { noPause, shuffled, versionOf } from './checked-zones.ts';

const apex = 'example. 3600 IN SOA ns. admin. 5 1 1 1 1\n';

async function build(text: string, seed?: number): Promise<CanonicalZone> {
  const records = parseRecords(apex + text);
  const zone = await CanonicalZone.build(
    versionOf(seed === undefined ? records : shuffled(records, seed), 3),
    1 << 24,
    noPause,
  );
  return zone!;
}

function owners(zone: CanonicalZone): Name[] {
  return Array.from({ length: zone.ownerCount }, (_, owner) =>
    Name.fromWire(zone.ownerWire(zone.firstRecord(owner))),
  );
}

describe('CanonicalZone', () => {
  /** Those of RFC 4034 section 6.1, and octets that a naive order gets wrong. */
  const labels = [
    'a',
    'yljkjljk.a',
    'Z.a',
    'zABC.a',
    'z',
    '\\001.z',
    '*.z',
    '\\200.z',
    '\\000',
    '\\000\\000',
  ];
  const more = [
    '\\001',
    '\\000\\001',
    '\\001\\000',
    'a.\\000',
    'ab',
    'a\\000',
    '\\001.a',
    'z.\\001.a',
    '-',
    'a-b',
  ];

  it('has names in canonical order, wherever they came [RFC4034-6.1]', async () => {
    const text = [...labels, ...more].map((label) => `${label}.example. 60 IN A 192.0.2.1`).join('\n');
    const wanted = [...new Set(['example', ...[...labels, ...more].map((label) => `${label}.example`)])]
      .map((name) => orderKey(Name.parse(name)))
      .sort();
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(owners(await build(text, seed)).map(orderKey)).to.deep.equal(wanted);
    }
  });

  it('tells by keys which name is below which', async () => {
    const zone = await build(
      'b.a.example. 1 IN A 192.0.2.1\na.example. 1 IN A 192.0.2.1\nab.example. 1 IN A 192.0.2.1',
    );
    const names = owners(zone);
    for (const [index, name] of names.entries()) {
      for (const [other, above] of names.entries()) {
        expect(isKeyBelow(zone.ownerKey(index), zone.ownerKey(other))).to.equal(name.isBelow(above));
      }
    }
  });

  it('has records by type and RDATA, each once, in lower case but for NSEC [RFC4034-6.3] [RFC6840-5.1]', async () => {
    const zone = await build(
      `X.example. 60 IN TXT "b"
x.example. 60 IN MX 10 Mail.Example.
x.example. 60 IN A 192.0.2.9
x.EXAMPLE. 60 IN A 192.0.2.1
x.example. 60 IN A 192.0.2.9
x.example. 60 IN NSEC Z.example. A
x.example. 60 IN TXT "B"`,
    );
    const found = Array.from({ length: zone.recordCount - 1 }, (_, index) => index + 1).map(
      (record) => [zone.type(record), zone.rdata(record).toString('latin1')] as const,
    );
    expect(found).to.deep.equal([
      [RrType.A, '\xc0\x00\x02\x01'],
      [RrType.A, '\xc0\x00\x02\x09'],
      [RrType.MX, '\0\x0a\x04mail\x07example\0'],
      [RrType.TXT, '\x01B'],
      [RrType.TXT, '\x01b'],
      [RrType.NSEC, '\x01Z\x07example\0\0\x01\x40'],
    ]);
  });

  it('leaves out what is not in the zone, though its octets end like it', async () => {
    const zone = await build(
      'foo.test. 1 IN A 192.0.2.1\n\\007example. 1 IN A 192.0.2.1\nxexample. 1 IN A 192.0.2.1',
    );
    expect(owners(zone).map(String)).to.deep.equal(['example']);
  });

  it('refuses a message whose names lead from pointer to pointer', async () => {
    const version = versionOf(parseRecords(`${apex}x.example. 1 IN A 192.0.2.1`));
    const writer = new MessageWriter();
    for (const record of parseRecords(
      Array.from({ length: 3000 }, () => 'x.example. 1 IN A 192.0.2.1').join('\n'),
    )) {
      writer.tryAdd('answer', record);
    }
    const head = writer.finish();
    // A chain of pointers in an opaque record, and the owner of each record after it at its end.
    const chain = Buffer.alloc(1000);
    const start = 12 + 11;
    for (let at = 2; at < chain.length; at += 2) chain.writeUInt16BE(0xc000 + start + at - 2, at);
    chain.writeUInt16BE(0x0000, 0);
    const opaque = Buffer.concat([Buffer.from('00ff00000100000000', 'hex'), Buffer.alloc(2), chain]);
    opaque.writeUInt16BE(chain.length, 9);
    const record = Buffer.from('c000000100010000000000047f000001', 'hex');
    const records: Buffer[] = [];
    for (let index = 0; index < 1000; index += 1) {
      const each = Buffer.from(record);
      each.writeUInt16BE(0xc000 + start + chain.length - 2 - (index % 2) * 2, 0);
      records.push(each);
    }
    const message = Buffer.concat([Buffer.from(head.subarray(0, 12)), opaque, ...records]);
    message.writeUInt16BE(records.length + 1, 6);
    let error: unknown;
    await CanonicalZone.build({ ...version, messages: [message] }, 1 << 24, noPause).catch(
      (reason: unknown) => {
        error = reason;
      },
    );
    expect(String(error)).to.include('too many pointers');
  });
});

describe('sortInSlices', () => {
  it('sorts, keeps equal values in their order, and pauses', async () => {
    const values = shuffled(
      Array.from({ length: 50_000 }, (_, index) => index),
      7,
    );
    let pauses = 0;
    const sorted = await sortInSlices(
      Uint32Array.from(values),
      (a, b) => (a >> 2) - (b >> 2),
      () => {
        pauses += 1;
        return Promise.resolve();
      },
    );
    const wanted = values.toSorted((a, b) => (a >> 2) - (b >> 2));
    expect(Array.from(sorted)).to.deep.equal(wanted);
    expect(pauses).to.be.greaterThan(20);
  });
});
