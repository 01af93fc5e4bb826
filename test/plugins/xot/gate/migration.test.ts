import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { FrameReader } from '../../../../core/dns/framing.ts';
import { parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeSoa } from '../../../../core/dns/rdata.ts';
import type { PlainReply, PlainSource } from '../../../../core/do53/handler.ts';
import { signQuery, TsigVerifier } from '../../../../core/tsig/client.ts';
import type { TsigKey } from '../../../../core/tsig/key.ts';
import { CachedZones } from '../../../../plugins/xot/gate/backend.ts';
import { gateLimits } from '../../../../plugins/xot/gate/config.ts';
import { Migration } from '../../../../plugins/xot/gate/migration.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog, type MemoryLog } from '../../../support/memory-log.ts';
import { modelZone, rr, versionOf } from '../../../support/zone-model.ts';
import { cacheBed, type CacheBed } from '../cache/scripted-source.ts';
import { edeOf, edns, request, type RequestFields } from '../messages.ts';

const nowSeconds = 1_800_000_000;
const hosts = 3_000;

function keyOf(name: string): TsigKey {
  return { name: Name.parse(name), algorithm: 'hmac-sha256', secret: randomBytes(32) };
}

describe('Migration mode', () => {
  const ours = keyOf('ns2-key');
  const others = keyOf('ns3-key');
  let bed: CacheBed;
  let log: MemoryLog;
  let migration: Migration;

  beforeEach(() => {
    bed = cacheBed();
    log = memoryLog();
    const records = Array.from({ length: hosts }, (_, index) =>
      rr(`h${String(index)}.example.com`, RrType.A, Buffer.from([192, 0, 2, index % 256])),
    );
    const rdata = encodeSoa({
      ...{ mname: modelZone, rname: modelZone, serial: 7 },
      ...{ refresh: 600, retry: 60, expire: 3600, minimum: 60 },
    });
    bed.source.version = { ...versionOf(records, { serial: 7 }), soa: rr('example.com', RrType.SOA, rdata) };
    migration = new Migration({
      holders: () => [
        { key: ours, zones: [modelZone, Name.parse('not-here.example')] },
        { key: others, zones: [Name.parse('example.org')] },
      ],
      limits: () => ({ ...limitsOf(gateLimits), 'transfers-per-client': 1 }),
      zones: new CachedZones(bed.cache),
      log,
      nowMs: () => nowSeconds * 1000,
    });
  });

  afterEach(() => {
    bed.cache.close();
  });

  async function send(octets: Buffer, isStream = true): Promise<Buffer[]> {
    const from: PlainSource = {
      remote: '127.0.0.1:5353',
      isStream,
      udpOctets: 1232,
      idleTimeMs: isStream ? 10_000 : 0,
    };
    const { promise, resolve } = Promise.withResolvers<Parameters<PlainReply>[0]>();
    migration.handle(octets, from, resolve);
    const reply = await promise;
    if (reply === undefined) return [];
    if (Buffer.isBuffer(reply)) return [reply];
    const messages: Buffer[] = [];
    for await (const batch of reply)
      messages.push(...(Buffer.isBuffer(batch) ? new FrameReader().push(Buffer.from(batch)) : batch));
    return messages;
  }

  /** Asks, and takes nothing that is not signed rightly. */
  async function ask(fields: RequestFields, key = ours, isStream = true): Promise<Message[]> {
    const { message, mac } = signQuery(request({ name: modelZone, ...fields }), key, nowSeconds);
    const verifier = new TsigVerifier(key, mac);
    const answers = (await send(message, isStream)).map((octets) =>
      parseMessage(verifier.take(octets, nowSeconds)),
    );
    verifier.end();
    return answers;
  }

  it('gives the zone to who has its key, every message signed [RFC9103-12] [RFC8945-5.3.1]', async () => {
    const messages = await ask({});
    expect(messages.flatMap(({ answers }) => [...answers])).to.have.length(hosts + 2);
    expect(log.of('transfer in migration mode')[0]?.fields).to.include({
      key: 'ns2-key',
      outcome: 'complete',
      serial: 7,
    });
  });

  it('gives nothing to who does not sign', async () => {
    const [octets] = await send(request({ name: modelZone }));
    const message = parseMessage(octets!);
    expect([message.header.rcode, message.answers.length]).to.deep.equal([Rcode.REFUSED, 0]);
  });

  it('gives nothing to who signs with a wrong secret [RFC8945-5.2.2]', async () => {
    const { message } = signQuery(
      request({ name: modelZone }),
      { ...ours, secret: randomBytes(32) },
      nowSeconds,
    );
    const [octets] = await send(message);
    expect(parseMessage(octets!).header.rcode).to.equal(Rcode.NOTAUTH);
    expect(parseMessage(octets!).answers).to.have.length(0);
  });

  for (const kind of ['SOA', 'AXFR'] as const) {
    it(`refuses ${kind} of a zone that is not the key's`, async () => {
      const [message] = await ask({ type: RrType[kind], edns: edns() }, others);
      expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal([
        Rcode.REFUSED,
        EdeCode.PROHIBITED,
      ]);
    });
  }

  it('says of a zone that is not served that it is not', async () => {
    const [message] = await ask({ name: Name.parse('not-here.example') });
    expect(message?.header.rcode).to.equal(Rcode.NOTAUTH);
  });

  it('answers SOA by UDP, and makes who asks for more come by TCP [RFC5936-4.2]', async () => {
    const [soa] = await ask({ type: RrType.SOA }, ours, false);
    expect(soa?.answers.map(({ type }) => type)).to.deep.equal([RrType.SOA]);
    const [truncated] = await ask({}, ours, false);
    expect(truncated?.header.tc).to.equal(true);
    expect(truncated?.answers).to.have.length(0);
  });

  it('pads nothing in clear [RFC7830-6]', async () => {
    const padding = { code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) };
    for (const { edns: opt } of await ask({ edns: edns(padding) })) expect(opt?.options).to.deep.equal([]);
  });

  it('gives so many transfers at once, and its place back at the end [RFC9103-6.3.3]', async () => {
    const { message } = signQuery(request({ name: modelZone }), ours, nowSeconds);
    const from: PlainSource = { remote: '127.0.0.1:1', isStream: true, udpOctets: 1232, idleTimeMs: 1 };
    const { promise, resolve } = Promise.withResolvers<Parameters<PlainReply>[0]>();
    migration.handle(message, from, resolve);
    const stream = (await promise) as AsyncIterable<unknown>;
    expect((await ask({}))[0]?.header.rcode).to.equal(Rcode.SERVFAIL);
    for await (const batch of stream) expect(batch).not.to.equal(undefined);
    expect((await ask({})).length).to.be.greaterThan(1);
  });
});
