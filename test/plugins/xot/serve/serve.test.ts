import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { findOption, type EdnsOption } from '../../../../core/dns/edns.ts';
import { FrameReader } from '../../../../core/dns/framing.ts';
import { parseMessage, type Message, type ResourceRecord } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeSoa } from '../../../../core/dns/rdata.ts';
import type { ReplyBatch } from '../../../../core/plugin/contract.ts';
import type { RelayReport } from '../../../../plugins/xot/relay/report.ts';
import { serveSoa, serveTransfer } from '../../../../plugins/xot/serve/serve.ts';
import { modelZone, rr, textsOf, versionOf } from '../../../support/zone-model.ts';
import { cacheBed, type CacheBed } from '../cache/scripted-source.ts';
import { edeOf, edns, zoneRequest } from '../messages.ts';

const signal = new AbortController().signal;

function soaOf(serial: number): ResourceRecord {
  const rdata = encodeSoa({
    ...{ mname: modelZone, rname: modelZone, serial },
    ...{ refresh: 600, retry: 60, expire: 3600, minimum: 60 },
  });
  return rr('example.com', RrType.SOA, rdata);
}

function host(index: number): ResourceRecord {
  return rr(`h${String(index)}.example.com`, RrType.A, Buffer.from([192, 0, index >> 8, index & 255]));
}

describe('Serving a zone that is kept', () => {
  let bed: CacheBed;
  let report: RelayReport | undefined;

  beforeEach(() => {
    bed = cacheBed();
    report = undefined;
  });

  afterEach(() => {
    bed.cache.close();
  });

  /** Makes this the version at the primary. */
  function publish(serial: number, count: number): void {
    const records = Array.from({ length: count }, (_, index) => host(index));
    bed.nowMs += 1;
    bed.source.version = { ...versionOf(records, { serial }), soa: soaOf(serial) };
  }

  async function transfer(
    fields: Parameters<typeof zoneRequest>[0] = {},
  ): Promise<{ batches: Buffer[][]; messages: Message[] }> {
    const request = zoneRequest({ name: modelZone, ...fields });
    const style = { request: request.message, idleTimeMs: 30_000 };
    const onEnd = (told: RelayReport): void => void (report = told);
    const options = { request, style, zone: bed.zone, signal, onEnd };
    if (request.kind === 'SOA') {
      const reply = await serveSoa(options);
      return { batches: [[reply]], messages: [parseMessage(reply)] };
    }
    const batches: Buffer[][] = [];
    for await (const batch of serveTransfer(options)) batches.push(messagesOf(batch));
    return { batches, messages: batches.flat().map(parseMessage) };
  }

  function messagesOf(batch: ReplyBatch): Buffer[] {
    // The buffer is written to again.
    return Buffer.isBuffer(batch) ? new FrameReader().push(Buffer.from(batch)) : [...batch];
  }

  it('gives the whole zone between its SOA records, and the last of them by itself [RFC5936-2.2]', async () => {
    publish(7, 5_000);
    const { batches, messages } = await transfer();
    const records = messages.flatMap(({ answers }) => [...answers]);
    expect([records[0]?.type, records.at(-1)?.type]).to.deep.equal([RrType.SOA, RrType.SOA]);
    expect(textsOf(records.slice(1, -1))).to.deep.equal(
      textsOf(Array.from({ length: 5_000 }, (_, i) => host(i))),
    );
    expect(batches.at(-1)).to.have.length(1);
    expect(messages.at(-1)?.answers).to.have.length(1);
    for (const { header, questions } of messages) {
      expect(header).to.include({ id: 0x1234, qr: true, aa: true, tc: false, ra: false });
      for (const question of questions) expect(question.type).to.equal(RrType.AXFR);
    }
    expect(messages[0]?.questions).to.have.length(1);
    expect(report).to.include({ outcome: 'complete', form: 'whole', serial: 7, records: 5_002 });
    expect(report?.messages).to.equal(messages.length);
  });

  it('gives a short zone in one message, which is an answer to what was asked', async () => {
    publish(7, 3);
    for (const fields of [{}, { type: RrType.IXFR, serial: 0 }]) {
      const { messages } = await transfer(fields);
      expect(messages.map(({ answers }) => answers.map(({ type }) => type))).to.deep.equal([[6, 1, 1, 1, 6]]);
      expect(messages[0]?.questions[0]?.type).to.equal(fields.type ?? RrType.AXFR);
    }
  });

  it('puts more than the SOA record into the first message of a whole zone in answer to IXFR', async () => {
    publish(7, 5_000);
    const { messages } = await transfer({ type: RrType.IXFR, serial: 0 });
    expect(messages[0]?.answers.length).to.be.greaterThan(1);
    const records = messages.flatMap(({ answers }) => [...answers]);
    expect(textsOf(records.slice(1, -1))).to.deep.equal(
      textsOf(Array.from({ length: 5_000 }, (_, i) => host(i))),
    );
    for (const { questions } of messages)
      for (const { type } of questions) expect(type).to.equal(RrType.IXFR);
  });

  it('gives a zone that has only its SOA record', async () => {
    publish(7, 0);
    expect((await transfer()).messages.map(({ answers }) => answers.length)).to.deep.equal([2]);
  });

  it('has OPT in every message where the request has it, and in none where not [RFC9103-6.3.4]', async () => {
    publish(7, 5_000);
    for (const { edns: opt } of (await transfer({ edns: edns() })).messages)
      expect(opt).not.to.equal(undefined);
    for (const { edns: opt } of (await transfer()).messages) expect(opt).to.equal(undefined);
  });

  it('says in the first message, if asked, for how long the zone counts [RFC7314-2.2]', async () => {
    publish(7, 5_000);
    const asked: EdnsOption = { code: EdnsOptionCode.EXPIRE, data: Buffer.alloc(0) };
    for (const fields of [{ type: RrType.SOA }, {}, { type: RrType.IXFR, serial: 7 }]) {
      const { messages } = await transfer({ ...fields, edns: edns(asked) });
      const told = messages.map((message) =>
        findOption(message.edns, EdnsOptionCode.EXPIRE)?.data.readUInt32BE(0),
      );
      expect(told).to.deep.equal([3600, ...messages.slice(1).map(() => undefined)]);
    }
  });

  it('pads messages of whom pads to multiples of 468 octets [RFC8467-4.1]', async () => {
    publish(7, 5_000);
    const { batches } = await transfer({
      edns: edns({ code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) }),
    });
    for (const { length } of batches.flat()) expect(length % 468).to.equal(0);
  });

  describe('by IXFR', () => {
    beforeEach(async () => {
      for (const serial of [1, 2, 3]) {
        publish(serial, 4_000 + serial);
        if (serial > 1)
          bed.source.steps = [
            { from: soaOf(serial - 1), to: soaOf(serial), deleted: [], added: [host(3_999 + serial)] },
          ];
        await bed.zone.fresh(signal);
      }
    });

    it('gives the steps from the version that the client has [RFC1995-4]', async () => {
      const { messages } = await transfer({ type: RrType.IXFR, serial: 1 });
      expect(messages.flatMap(({ answers }) => [...answers])).to.have.length(8);
      const expected = [soaOf(3), soaOf(1), soaOf(2), host(4_001), soaOf(2), soaOf(3), host(4_002), soaOf(3)];
      expect(messages[0]?.questions[0]?.type).to.equal(RrType.IXFR);
      expect(messages.flatMap(({ answers }) => answers.map((record) => textsOf([record])[0]))).to.deep.equal(
        expected.map((record) => textsOf([record])[0]),
      );
      expect(report).to.include({ form: 'incremental', serial: 3, outcome: 'complete' });
    });

    it('gives one SOA record to who has this version, or a newer one [RFC1995-2]', async () => {
      for (const clientSerial of [3, 4]) {
        const { messages } = await transfer({ type: RrType.IXFR, serial: clientSerial });
        expect(messages.map(({ answers }) => answers.map(({ type }) => type))).to.deep.equal([[RrType.SOA]]);
        expect(report).to.include({ form: 'up-to-date' });
      }
    });

    it('gives the whole zone to who has a version that is not known [RFC1995-4]', async () => {
      const { messages } = await transfer({ type: RrType.IXFR, serial: 0 });
      expect(messages.flatMap(({ answers }) => [...answers])).to.have.length(4_005);
      for (const { questions } of messages)
        for (const { type } of questions) expect(type).to.equal(RrType.IXFR);
      expect(report).to.include({ form: 'whole' });
    });
  });

  it('answers SERVFAIL, and the kind of failure only, while there is no version [RFC8914-4.15]', async () => {
    for (const type of [RrType.SOA, RrType.AXFR]) {
      const { messages } = await transfer({ type, edns: edns() });
      expect(messages[0]?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(edeOf(messages[0])?.code).to.equal(EdeCode.INVALID_DATA);
      expect(edeOf(messages[0])?.text).not.to.contain('192.0.2.53');
      expect(report?.reason).to.contain('192.0.2.53');
      expect(report).to.include({ outcome: 'failed', rcode: Rcode.SERVFAIL });
    }
  });

  it('gives two clients at once each its own ID, whoever is slower', async () => {
    publish(7, 5_000);
    const open = (id: number) => {
      const request = zoneRequest({ name: modelZone, id });
      const style = { request: request.message, idleTimeMs: 30_000 };
      return serveTransfer({ request, style, zone: bed.zone, signal, onEnd: () => undefined });
    };
    const transfers = [open(1), open(2)] as const;
    const ids: number[][] = [[], []];
    for (let running = 2; running > 0;) {
      running = 0;
      for (const [index, stream] of transfers.entries()) {
        const { value, done } = await stream.next();
        if (done === true) continue;
        running++;
        ids[index]?.push(...messagesOf(value).map((message) => message.readUInt16BE(0)));
      }
    }
    expect(new Set(ids[0])).to.deep.equal(new Set([1]));
    expect(new Set(ids[1])).to.deep.equal(new Set([2]));
    expect(ids[0]?.length).to.equal(ids[1]?.length);
  });

  it('tells that it was cut when the client goes away', async () => {
    publish(7, 50_000);
    const request = zoneRequest({ name: Name.parse('example.com') });
    const style = { request: request.message, idleTimeMs: 30_000 };
    const onEnd = (told: RelayReport): void => void (report = told);
    for await (const batch of serveTransfer({ request, style, zone: bed.zone, signal, onEnd })) {
      expect(batch).not.to.have.length(0);
      break;
    }
    expect(report).to.include({ outcome: 'cut', serial: 7 });
  });
});
