/** Updates that are judged, put to the primary, and answered. */
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrClass } from '../../../../core/dns/constants.ts';
import { findOption } from '../../../../core/dns/edns.ts';
import { encodeMessage, makeResponse, parseMessage, type Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { GateRequest } from '../../../../core/plugin/contract.ts';
import { updateLimits, type UpdateLimits } from '../../../../plugins/xot/update/limits.ts';
import { UpdateRelay } from '../../../../plugins/xot/update/relay.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import { limitsOf } from '../../../support/limits.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { edeOf, edns, zone } from '../messages.ts';
import { judgedBy, provedRequests } from '../proved-requests.ts';
import { record, update, whole, type UpdateFields } from './messages.ts';

const host = 'host.example';
const secondary = 'ns2.example';
const access = judgedBy(`version: 1
clients:
  ${host}:
    allow:
      - { action: update, zones: [example.com, unserved.example], names: ['*.dyn.example.com'], types: [A, AAAA] }
      - { action: update, zones: [example.com], names: [_acme-challenge.example.com], types: [TXT] }
  ${secondary}: { allow: [ { action: transfer, zones: ['*'] } ] }
`);
const mine = record('a.dyn.example.com A');

describe('relaying an update', () => {
  const log = memoryLog();
  let requestOf: Awaited<ReturnType<typeof provedRequests>>;
  let asked: Message[];
  let answer: (message: Message, signal: AbortSignal) => Promise<Buffer>;
  let limits: UpdateLimits;
  let relay: UpdateRelay;

  before(async () => {
    requestOf = await provedRequests(host, secondary);
  });

  beforeEach(() => {
    log.forget();
    asked = [];
    limits = limitsOf(updateLimits);
    answer = (message) => Promise.resolve(encodeMessage(makeResponse(message, {})));
    relay = new UpdateRelay({
      access,
      upstreamOf: (name) =>
        name.equals(zone)
          ? {
              ask: (octets, signal) => {
                asked.push(parseMessage(octets));
                return answer(parseMessage(octets), signal);
              },
            }
          : undefined,
      limits: () => limits,
      log,
      metrics: new Metrics(),
      nowMs: () => 0,
    });
  });

  async function handle(request: GateRequest): Promise<Message | undefined> {
    const reply = await relay.handle(request);
    return reply && parseMessage(reply);
  }

  it('puts what is allowed to the primary, and gives its answer back [RFC2136-6.6]', async () => {
    const octets = update({
      conditions: [whole('a.dyn.example.com ANY', RrClass.NONE)],
      updates: [mine, record('_acme-challenge.example.com TXT', { rdata: Buffer.from('\x01x') })],
      edns: edns({ code: EdnsOptionCode.PADDING, data: Buffer.alloc(4) }),
    });
    const reply = await handle(requestOf(host, octets));
    expect(reply?.header).to.include({ id: 0x4321, qr: true, opcode: Opcode.UPDATE, rcode: Rcode.NOERROR });
    expect(findOption(reply?.edns, EdnsOptionCode.PADDING)).not.to.equal(undefined);
    expect(asked).to.have.length(1);
    expect(asked[0]?.answers).to.have.length(1);
    expect(asked[0]?.authorities).to.have.length(2);
    expect(asked[0]?.edns?.options).to.deep.equal([]);
    const [line] = log.of('update');
    expect(line?.level).to.equal('info');
    expect(line?.fields).to.include({
      client: host,
      zone: 'example.com',
      rule: 'allow 1, allow 2',
      outcome: 'complete',
      records: 3,
    });
  });

  it('asks without OPT where the client has none', async () => {
    const reply = await handle(requestOf(host, update({ updates: [mine] })));
    expect([reply?.edns, asked[0]?.edns]).to.deep.equal([undefined, undefined]);
  });

  for (const rcode of [Rcode.NXRRSET, Rcode.YXDOMAIN, Rcode.REFUSED, Rcode.NOTAUTH]) {
    it(`gives back that the primary says no, ${rcode} [RFC2136-6.6]`, async () => {
      answer = (message) => Promise.resolve(encodeMessage(makeResponse(message, { rcode })));
      expect((await handle(requestOf(host, update({ updates: [mine] }))))?.header.rcode).to.equal(rcode);
      expect(log.of('update')[0]).to.nested.include({
        level: 'warn',
        'fields.outcome': 'refused-by-primary',
      });
    });
  }

  const refused: [title: string, client: string, fields: UpdateFields, detail: string][] = [
    ['another name', host, { updates: [mine, record('www.example.com A')] }, 'www.example.com A'],
    [
      'another type',
      host,
      { updates: [record('a.dyn.example.com TXT', { rdata: Buffer.from('\x01x') }), mine] },
      'a.dyn.example.com TXT',
    ],
    [
      'all records of a name',
      host,
      { updates: [whole('a.dyn.example.com ANY')] },
      'a.dyn.example.com all records',
    ],
    [
      'a condition about another name',
      host,
      { conditions: [whole('www.example.com ANY')], updates: [mine] },
      'www.example.com a condition',
    ],
    ['a client that may only transfer the zone', secondary, { updates: [mine] }, 'a.dyn.example.com A'],
  ];
  for (const [title, client, fields, detail] of refused) {
    it(`refuses ${title}, and the primary does not hear of it [RFC2136-3.3]`, async () => {
      const reply = await handle(requestOf(client, update({ ...fields, edns: edns() })));
      expect(reply?.header.rcode).to.equal(Rcode.REFUSED);
      expect(edeOf(reply)).to.deep.equal({
        code: EdeCode.PROHIBITED,
        text: 'this client may not make this update',
      });
      expect(asked).to.deep.equal([]);
      expect(log.of('request refused')[0]?.fields).to.include({ kind: 'UPDATE', reason: 'no-rule', detail });
    });
  }

  it('refuses a client without identity', async () => {
    expect((await handle(requestOf('', update({ updates: [mine] }))))?.header.rcode).to.equal(Rcode.REFUSED);
    expect(asked).to.deep.equal([]);
  });

  it('says of a zone whether it is served to nobody but who may update it', async () => {
    const unserved = update({ questions: [{ name: Name.parse('unserved.example'), type: 6, class: 1 }] });
    expect((await handle(requestOf(host, unserved)))?.header.rcode).to.equal(Rcode.NOTAUTH);
    expect((await handle(requestOf(secondary, unserved)))?.header.rcode).to.equal(Rcode.REFUSED);
  });

  it('refuses what is malformed before the access list is asked', async () => {
    const octets = update({ updates: [record('a.example.org A')] });
    expect((await handle(requestOf(secondary, octets)))?.header.rcode).to.equal(Rcode.NOTZONE);
    expect(await relay.handle(requestOf(host, Buffer.concat([octets, Buffer.from('x')])))).to.have.length(12);
    expect(await relay.handle(requestOf(host, update({ header: { qr: true } })))).to.equal(undefined);
  });

  it('has no more under way than it may, for one client and in all', async () => {
    limits = { ...limits, 'updates-per-client': 1 };
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const at = answer;
    answer = async (message, signal) => {
      await promise;
      return at(message, signal);
    };
    const first = handle(requestOf(host, update({ updates: [mine] })));
    const second = await handle(requestOf(host, update({ updates: [mine], edns: edns() })));
    expect([second?.header.rcode, edeOf(second)?.text]).to.deep.equal([
      Rcode.SERVFAIL,
      'too many updates at once; try again later',
    ]);
    resolve(undefined);
    expect((await first)?.header.rcode).to.equal(Rcode.NOERROR);
    expect((await handle(requestOf(host, update({ updates: [mine] }))))?.header.rcode).to.equal(
      Rcode.NOERROR,
    );
  });

  const failures: [title: string, error: Error, code: number, text: RegExp][] = [
    [
      'lost its connection',
      new UpstreamError('broken', 'broke'),
      EdeCode.NETWORK_ERROR,
      /whether the update was made is not known/,
    ],
    [
      'cannot be reached',
      new UpstreamError('unreachable', 'no'),
      EdeCode.NO_REACHABLE_AUTHORITY,
      /cannot be reached/,
    ],
  ];
  for (const [title, error, code, text] of failures) {
    it(`says that the primary ${title}, and does not say it twice [RFC2136-6.4]`, async () => {
      answer = () => Promise.reject(error);
      const reply = await handle(requestOf(host, update({ updates: [mine], edns: edns() })));
      expect(reply?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(edeOf(reply)?.code).to.equal(code);
      expect(edeOf(reply)?.text).to.match(text);
      expect(asked).to.have.length(1);
      expect(log.of('update')[0]).to.nested.include({ level: 'warn', 'fields.outcome': 'failed' });
    });
  }

  it('fails with an answer that is none to an update, or malformed', async () => {
    for (const octets of [update({ header: { qr: true, opcode: Opcode.QUERY } }), Buffer.from('short')]) {
      answer = () => Promise.resolve(octets);
      expect((await handle(requestOf(host, update({ updates: [mine] }))))?.header.rcode).to.equal(
        Rcode.SERVFAIL,
      );
    }
  });

  it('ends without an answer when the client is gone', async () => {
    const gone = new AbortController();
    answer = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('gone'));
        });
      });
    const reply = handle(requestOf(host, update({ updates: [mine] }), gone.signal));
    await Promise.resolve();
    setImmediate(() => {
      gone.abort();
    });
    expect(await reply).to.equal(undefined);
    expect(log.of('update')[0]?.fields).to.include({ outcome: 'cut' });
  });
});
