/** NOTIFY messages that come, in clear and over TLS: whom they are taken from, and what is answered. */
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { findOption } from '../../../../core/dns/edns.ts';
import { encodeMessage, makeQuery, parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import { refusalLineLimits } from '../../../../core/observe/refusal-lines.ts';
import type { GateRequest } from '../../../../core/plugin/contract.ts';
import { signQuery, TsigVerifier } from '../../../../core/tsig/client.ts';
import { NotifyReceiver } from '../../../../plugins/xot/notify/receiver.ts';
import { parseSource, Sources } from '../../../../core/do53/sources.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { edeOf, edns, soa, zone } from '../messages.ts';
import { judgedBy, provedRequests } from '../proved-requests.ts';

const primary = 'ns1.example';
const secondary = 'ns2.example';
const access = judgedBy(`version: 1
clients:
  ${primary}: { allow: [ { action: notify, zones: [example.com, unserved.example] } ] }
  ${secondary}: { allow: [ { action: transfer, zones: [example.com] } ] }
`);

function notify(parts: Partial<Message> = {}, name: Name = zone): Buffer {
  const query = makeQuery({ id: 7, name, type: RrType.SOA });
  return encodeMessage({
    ...query,
    ...parts,
    header: { ...query.header, opcode: Opcode.NOTIFY, aa: true },
  });
}

function signed(octets: Buffer): Buffer {
  const fields = Buffer.from([0, 0, RrType.TSIG, 0, RrClass.ANY, 0, 0, 0, 0, 0, 16]);
  const whole = Buffer.concat([octets, fields, Buffer.alloc(16)]);
  whole.writeUInt16BE(whole.readUInt16BE(10) + 1, 10);
  return whole;
}

describe('taking NOTIFY messages', () => {
  const log = memoryLog();
  const sources = new Sources([parseSource('192.0.2.1'), parseSource('2001:db8::/32')]);
  let requestOf: Awaited<ReturnType<typeof provedRequests>>;
  let taken: [zone: string, serial: number | undefined][];
  let receiver: NotifyReceiver;
  let nowMs: number;

  before(async () => {
    requestOf = await provedRequests(primary, secondary);
  });

  beforeEach(() => {
    log.forget();
    taken = [];
    nowMs = 0;
    receiver = new NotifyReceiver({
      isServed: (name) => name.equals(zone),
      onNotify: (name, serial) => taken.push([name.toString(), serial]),
      keys: () =>
        new Map([
          [
            Name.parse('gate.key').key,
            { name: Name.parse('gate.key'), algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 1) },
          ],
        ]),
      log,
      metrics: new Metrics(),
      nowMs: () => nowMs,
    });
  });

  describe('in clear', () => {
    const from = { remote: '192.0.2.1:5300' };

    async function take(octets: Buffer, source = from): Promise<Message | undefined> {
      const reply = await receiver.takePlain(octets, source, sources);
      if (reply === undefined) return undefined;
      expect(reply.length, 'an answer longer than its question').to.be.at.most(octets.length);
      return parseMessage(reply);
    }

    it('answers with QR and AA, the same ID and question, and looks [RFC1996-4.7]', async () => {
      const answer = await take(notify({ answers: [soa(9)] }));
      expect(answer?.header).to.include({ id: 7, qr: true, aa: true, opcode: Opcode.NOTIFY, rcode: 0 });
      expect(answer?.questions).to.have.length(1);
      expect(answer?.answers).to.deep.equal([]);
      expect(taken).to.deep.equal([['example.com', 9]]);
    });

    it('ignores what comes from elsewhere, and says so in the log [RFC1996-3.10]', async () => {
      expect(await take(notify(), { remote: '192.0.2.2:5300' })).to.equal(undefined);
      expect(await take(Buffer.from('no message at all'), { remote: '[2001:db9::1]:5300' })).to.equal(
        undefined,
      );
      expect(taken).to.deep.equal([]);
      const [first] = log.of('notify not taken');
      expect(first?.level).to.equal('warn');
      expect(first?.fields).to.include({
        remote: '192.0.2.2:5300',
        zone: 'example.com',
        reason: 'not-a-source',
      });
    });

    it('says so in few lines, from however many addresses it comes', async () => {
      for (let n = 0; n < 100; n += 1) await take(notify(), { remote: `198.51.100.${n}:53` });
      const seen = (): unknown[] => log.of('notify not taken').filter(({ level }) => level === 'warn');
      expect(seen()).to.have.length(refusalLineLimits.lines);
      nowMs += refusalLineLimits.windowMs;
      await take(notify(), { remote: '198.51.100.1:53' });
      expect(seen()).to.have.length(refusalLineLimits.lines + 1);
    });

    it('takes it from a block of addresses', async () => {
      expect((await take(notify(), { remote: '[2001:db8::7]:5300' }))?.header.rcode).to.equal(Rcode.NOERROR);
      expect(taken).to.have.length(1);
    });

    it('refuses a zone that is not served here', async () => {
      const answer = await take(notify({}, Name.parse('other.example')));
      expect(answer?.header.rcode).to.equal(Rcode.NOTAUTH);
      expect(taken).to.deep.equal([]);
    });

    describe('signed by TSIG', () => {
      const key = {
        name: Name.parse('gate.key'),
        algorithm: 'hmac-sha256',
        secret: Buffer.alloc(32, 1),
      } as const;
      const other = { ...key, secret: Buffer.alloc(32, 2) };
      const stranger = { ...key, name: Name.parse('other.key') };

      it('is taken when the signature holds, and answered with one [RFC8945-5.3]', async () => {
        const { message, mac } = signQuery(notify({ answers: [soa(9)] }), key, 0);
        const reply = await receiver.takePlain(message, from, sources);
        const verifier = new TsigVerifier(key, mac);
        const answer = parseMessage(verifier.take(reply ?? Buffer.alloc(0), 0));
        verifier.end();
        expect(answer.header).to.include({ qr: true, aa: true, opcode: Opcode.NOTIFY, rcode: 0 });
        expect(taken).to.deep.equal([['example.com', 9]]);
      });

      for (const [title, signer, atSeconds, reason] of [
        ['another secret', other, 0, 'tsig-bad-sig'],
        ['another key', stranger, 0, 'tsig-bad-key'],
        ['a time that is over', key, 5000, 'tsig-bad-time'],
      ] as const) {
        it(`is refused with ${title} [RFC8945-5.2]`, async () => {
          const { message } = signQuery(notify(), signer, atSeconds);
          const reply = await receiver.takePlain(message, from, sources);
          expect((reply?.readUInt8(3) ?? 0) & 15).to.equal(Rcode.NOTAUTH);
          expect(taken).to.deep.equal([]);
          expect(log.of('notify not taken')[0]?.fields).to.include({ reason });
        });
      }

      it('is refused where nothing is known of keys', async () => {
        const without = new NotifyReceiver({
          isServed: () => true,
          onNotify: (name, serial) => taken.push([name.toString(), serial]),
          log,
          metrics: new Metrics(),
          nowMs: () => 0,
        });
        const reply = await without.takePlain(signQuery(notify(), key, 0).message, from, sources);
        expect((reply?.readUInt8(3) ?? 0) & 15).to.equal(Rcode.NOTAUTH);
        expect(taken).to.deep.equal([]);
      });
    });

    it('has OPT in the answer where the question has it, and no option', async () => {
      const asked = edns({ code: EdnsOptionCode.PADDING, data: Buffer.alloc(4) });
      const answer = await take(notify({ edns: asked }));
      expect(answer?.edns?.options).to.deep.equal([]);
      const refused = await take(notify({ edns: asked }, Name.parse('other.example')));
      expect(refused?.edns?.options).to.deep.equal([]);
    });

    it('answers octets that are no message by their header alone, and a response by silence', async () => {
      const broken = Buffer.concat([notify(), Buffer.from('x')]);
      expect((await receiver.takePlain(broken, from, sources))?.length).to.equal(12);
      const response = notify();
      response.writeUInt8(response.readUInt8(2) | 0x80, 2);
      expect(await take(response)).to.equal(undefined);
    });
  });

  describe('over TLS', () => {
    async function take(request: GateRequest): Promise<Message | undefined> {
      const reply = await receiver.takeProved(request, access);
      return reply && parseMessage(reply);
    }

    it('takes it from a client that may notify of the zone', async () => {
      const answer = await take(requestOf(primary, notify({ answers: [soa(4)] })));
      expect(answer?.header).to.include({ id: 7, qr: true, aa: true, opcode: Opcode.NOTIFY, rcode: 0 });
      expect(taken).to.deep.equal([['example.com', 4]]);
      expect(log.of('notified')[0]?.fields).to.include({
        client: primary,
        zone: 'example.com',
        rule: 'allow 1',
      });
    });

    it('refuses a client that may only transfer it, and says which rule is missing', async () => {
      const answer = await take(requestOf(secondary, notify({ edns: edns() })));
      expect(answer?.header.rcode).to.equal(Rcode.REFUSED);
      expect(edeOf(answer)).to.deep.equal({
        code: EdeCode.PROHIBITED,
        text: 'this client may not tell of changes of this zone',
      });
      expect(taken).to.deep.equal([]);
      expect(log.of('notify not taken')[0]?.fields).to.include({ client: secondary, reason: 'no-rule' });
    });

    it('refuses a client without identity', async () => {
      expect((await take(requestOf('', notify())))?.header.rcode).to.equal(Rcode.REFUSED);
      expect(taken).to.deep.equal([]);
    });

    it('says of a zone whether it is served to nobody but who may notify of it', async () => {
      const unserved = notify({}, Name.parse('unserved.example'));
      expect((await take(requestOf(primary, unserved)))?.header.rcode).to.equal(Rcode.NOTAUTH);
      expect((await take(requestOf(secondary, unserved)))?.header.rcode).to.equal(Rcode.REFUSED);
    });

    it('refuses what is signed: the certificate says who the client is', async () => {
      expect((await take(requestOf(primary, signed(notify()))))?.header.rcode).to.equal(Rcode.NOTAUTH);
      expect(taken).to.deep.equal([]);
    });

    it('pads its answer and says its idle time where the question asks for that', async () => {
      const asked = edns(
        { code: EdnsOptionCode.PADDING, data: Buffer.alloc(4) },
        { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) },
      );
      const answer = await take(requestOf(primary, notify({ edns: asked })));
      expect(findOption(answer?.edns, EdnsOptionCode.PADDING)).not.to.equal(undefined);
      expect(findOption(answer?.edns, EdnsOptionCode.TCP_KEEPALIVE)).not.to.equal(undefined);
    });
  });
});

describe('addresses that NOTIFY messages are taken from', () => {
  it('are addresses and blocks', () => {
    const sources = new Sources([parseSource('192.0.2.0/28'), parseSource('::1')]);
    const judged = ['192.0.2.15', '192.0.2.16', '::1', '::2', '::ffff:192.0.2.1', 'fe80::1%eth0', 'x'].map(
      (address) => sources.has(address),
    );
    expect(judged).to.deep.equal([true, false, true, false, true, false, false]);
  });

  for (const text of [
    '',
    'ns1.example',
    '192.0.2.1/33',
    '::/129',
    '192.0.2.1:53',
    'fe80::1%eth0',
    '192.0.2.1/',
  ]) {
    it(`are not "${text}"`, () => {
      expect(() => parseSource(text)).to.throw(RangeError);
    });
  }
});
