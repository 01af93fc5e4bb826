import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRecord } from '../../core/dns/present.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { LabPrimary } from '../../lab/primary.ts';
import { sampleZone } from '../../lab/sample-zone.ts';
import { openSecondary, transfer } from '../../lab/secondary.ts';
import type { TransferRequest, TransferResult } from '../../lab/secondary.ts';
import { askUdp } from './ask-udp.ts';

const apex = Name.parse('example.com');

function record(name: string, address: string): ResourceRecord {
  return { name: Name.parse(name), type: RrType.A, class: RrClass.IN, ttl: 3600, rdata: encodeA(address) };
}

function lines(records: readonly ResourceRecord[]): string[] {
  return records.map(presentRecord).sort();
}

/** The new version of a zone, from the old one and an incremental answer (RFC 1995 section 4). */
function applied(old: readonly ResourceRecord[], { records }: TransferResult): ResourceRecord[] {
  const zone = new Map(old.map((each) => [presentRecord(each), each]));
  let isAdding = true;
  for (const each of records.slice(1, -1)) {
    if (each.type === RrType.SOA) isAdding = !isAdding;
    if (isAdding) zone.set(presentRecord(each), each);
    else if (!zone.delete(presentRecord(each)))
      throw new Error(`${presentRecord(each)} is not there to remove`);
  }
  return [...zone.values()];
}

describe('lab/primary', () => {
  let primary: LabPrimary;
  beforeEach(async () => {
    primary = await LabPrimary.start(sampleZone(apex, 2000));
  });
  afterEach(() => primary.close());

  const get = (request: Partial<TransferRequest> = {}): Promise<TransferResult> =>
    transfer({ address: primary.address, port: primary.port, plain: true, zone: apex, ...request });

  it('gives its zone, whole, with the SOA at both ends [RFC5936-2.2]', async () => {
    const { outcome, form, records, messageCount, hasEdns } = await get();
    expect({ outcome, form, hasEdns }).to.deep.equal({ outcome: 'complete', form: 'full', hasEdns: true });
    expect(lines(records.slice(0, -1))).to.deep.equal(lines([...primary.zone.records()]));
    expect(records).to.have.length(2001);
    expect(records.at(-1)).to.deep.equal(records[0]);
    expect(messageCount).to.be.within(2, 10);
    expect(primary.completedTransfers).to.equal(1);
  });

  it('has no OPT record in the answer to a request without one [RFC6891-6.1.1]', async () => {
    expect((await get({ edns: false })).hasEdns).to.be.false;
  });

  const shapes: [octets: number, recordsPerMessage: number, least: number, most: number][] = [
    [16_384, 1, 2001, 2001],
    [16_384, 100, 21, 21],
    [512, Infinity, 100, 250],
    [40, Infinity, 1900, 2001],
    [65_535, Infinity, 1, 2],
  ];
  for (const [octets, recordsPerMessage, least, most] of shapes) {
    it(`cuts a transfer into messages of ${octets} octets or ${recordsPerMessage} records`, async () => {
      primary.shape = { octets, recordsPerMessage };
      const { form, records, messageCount } = await get();
      expect([form, records.length]).to.deep.equal(['full', 2001]);
      expect(messageCount).to.be.within(least, most);
    });
  }

  describe('asked for what is new', () => {
    it('says so if there is nothing [RFC1995-2]', async () => {
      expect(await get({ type: 'IXFR', serial: 1 })).to.include({ form: 'unchanged', serial: 1 });
      expect(await get({ type: 'IXFR', serial: 2 })).to.include({ form: 'unchanged', serial: 1 });
    });

    it('gives the differences, oldest first [RFC1995-4]', async () => {
      const before = [...primary.records];
      primary.change({
        add: [record('new.example.com', '192.0.2.1')],
        remove: [record('ns1.example.com', '192.0.2.53')],
      });
      primary.change({ remove: [record('new.example.com', '192.0.2.1')] });
      primary.change({ add: [record('newer.example.com', '192.0.2.2')] });
      const all = await get({ type: 'IXFR', serial: 1 });
      expect(all).to.include({ form: 'incremental', serial: 4 });
      expect(lines(applied(before, all))).to.deep.equal(lines(primary.records));
      expect(all.records.map(({ type }) => type)).to.deep.equal([6, 6, 1, 6, 1, 6, 1, 6, 6, 6, 1, 6]);
      const last = await get({ type: 'IXFR', serial: 3 });
      expect(last.records.map(({ type }) => type)).to.deep.equal([6, 6, 6, 1, 6]);
    });

    it('gives them in messages of one record, too', async () => {
      primary.shape = { octets: 16_384, recordsPerMessage: 1 };
      primary.change({ add: [record('new.example.com', '192.0.2.1')] });
      expect(await get({ type: 'IXFR', serial: 1 })).to.include({ form: 'incremental', messageCount: 5 });
    });

    it('gives the whole zone when it does not know the version [RFC1995-4]', async () => {
      primary.change({ add: [record('new.example.com', '192.0.2.1')] });
      expect(await get({ type: 'IXFR', serial: 0 })).to.include({ form: 'full', serial: 2 });
      primary.forgetDifferences();
      expect(await get({ type: 'IXFR', serial: 1 })).to.include({ form: 'full', serial: 2 });
    });

    it('refuses a request that does not say which version the client has', async () => {
      expect(await get({ type: 'IXFR' })).to.include({ outcome: 'error-code', rcode: Rcode.FORMERR });
    });
  });

  const refusals: [request: Partial<TransferRequest>, rcode: number][] = [
    [{ zone: 'example.net' }, Rcode.NOTAUTH],
    [{ zone: 'example.net', type: 'SOA' }, Rcode.REFUSED],
    [{ type: RrType.A }, Rcode.REFUSED],
  ];
  for (const [request, rcode] of refusals) {
    it(`answers ${JSON.stringify(request)} with RCODE ${rcode}`, async () => {
      expect(await get(request)).to.include({ outcome: 'error-code', rcode });
    });
  }

  it('serves several requests of one connection at once [RFC7766-6.2.1.1]', async () => {
    primary.delayMs = 3;
    const secondary = await openSecondary({ address: primary.address, port: primary.port, plain: true });
    const results = await Promise.all([
      secondary.request({ zone: apex }),
      secondary.request({ zone: apex }),
      secondary.request({ zone: apex, type: 'SOA' }),
      secondary.request({ zone: 'example.net' }),
    ]);
    expect(results.map(({ records, rcode }) => [records.length, rcode])).to.deep.equal([
      [2001, 0],
      [2001, 0],
      [1, 0],
      [0, Rcode.NOTAUTH],
    ]);
    expect(results[2].elapsedMs).to.be.below(results[0].elapsedMs);
    expect(primary.connectionCount).to.equal(1);
    expect(primary.requests.map(({ type }) => type)).to.deep.equal([252, 252, 6, 252]);
    secondary.close();
  });

  it('breaks off after so many messages until it recovers', async () => {
    primary.shape = { octets: 16_384, recordsPerMessage: 100 };
    primary.dieAfterMessages(3);
    expect(await get()).to.include({ outcome: 'closed', messageCount: 3, form: undefined });
    primary.recover();
    expect(await get()).to.include({ outcome: 'complete' });
  });

  it('falls silent after so many messages', async () => {
    primary.stallAfterMessages(1);
    expect(await get({ timeoutMs: 60 })).to.include({ outcome: 'timeout', messageCount: 1, serial: 1 });
  });

  it('answers SOA and IXFR over UDP with its SOA, AXFR with FORMERR [RFC1995-2] [RFC5936-4.2]', async () => {
    const answers = [RrType.SOA, RrType.IXFR, RrType.AXFR].map(async (type) =>
      parseMessage(await askUdp(primary, encodeMessage(makeQuery({ id: 9, name: apex, type })))),
    );
    const seen = (await Promise.all(answers)).map(({ header, answers: found }) => [
      header.rcode,
      found.length,
    ]);
    expect(seen).to.deep.equal([
      [Rcode.NOERROR, 1],
      [Rcode.NOERROR, 1],
      [Rcode.FORMERR, 0],
    ]);
  });

  it('is fast with 100,000 records', async () => {
    const large = await LabPrimary.start(sampleZone(apex, 100_000));
    const { records, elapsedMs } = await transfer({
      address: large.address,
      port: large.port,
      plain: true,
      zone: apex,
    });
    await large.close();
    expect(records).to.have.length(100_001);
    expect(elapsedMs).to.be.below(5000);
  });

  it('makes a zone of exactly as many records as asked for', () => {
    for (const count of [3, 4, 5, 22, 23, 24, 25, 26, 101]) {
      expect([...sampleZone(apex, count).records()]).to.have.length(count);
    }
    expect(() => sampleZone(apex, 2)).to.throw(RangeError);
  });
});
