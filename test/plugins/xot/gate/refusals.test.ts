/** What the gate makes of a decision: what the client is told, what the log has, and that every grant is given back. */
import { expect } from 'chai';
import { Grants, type Grant } from '../../../../core/acl/grants.ts';
import {
  decisionReasons,
  type AccessRequest,
  type Decision,
  type DecisionReason,
} from '../../../../core/acl/model.ts';
import type { ClientIdentity } from '../../../../core/dane/identity.ts';
import { EdeCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { frame, FrameReader } from '../../../../core/dns/framing.ts';
import type { Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { GateReply, PluginAccess, RequestHandler } from '../../../../core/plugin/contract.ts';
import type { gateLimits } from '../../../../plugins/xot/gate/config.ts';
import { xotGate } from '../../../../plugins/xot/gate/gate.ts';
import { RefusalLines, refusalLineLimits } from '../../../../core/observe/refusal-lines.ts';
import { accessFrom } from '../../../support/access.ts';
import { DnsServer, type HeardQuery } from '../../../support/dns-server.ts';
import { memoryLog, type MemoryLog } from '../../../support/memory-log.ts';
import { asksOnly, partialHost } from '../../../support/plugin-host.ts';
import { provedClient } from '../../../support/proved-client.ts';
import { address, answer, collect, edeOf, edns, request, soa, zone } from '../messages.ts';
import { relayedConfig } from './gate-config.ts';

const client = provedClient('ns2.example');
const axfr = request({ edns: edns() });
const soaQuery = request({ type: RrType.SOA, edns: edns() });
const elsewhere = request({ name: Name.parse('unserved.example'), edns: edns() });

describe('xot/gate, told by the access list', () => {
  let primary: DnsServer;
  let onQuery: (query: HeardQuery) => void;
  let decision: Decision;
  let failure: Error | undefined;
  let asked: AccessRequest[];
  let held: number;
  let released: number;
  let nowMs: number;
  let handler: RequestHandler;
  let plugin: ReturnType<typeof xotGate.setup>;
  let log: MemoryLog;
  let metrics: Metrics;

  /** Says `decision`, and counts what is given back. */
  const scripted: PluginAccess = asksOnly((_from, wish): Promise<Grant> => {
    asked.push(wish);
    if (failure) return Promise.reject(failure);
    held++;
    let isHeld = true;
    const release = (): void => {
      if (isHeld) released++;
      isHeld = false;
    };
    return Promise.resolve({ decision, release });
  });

  beforeEach(async () => {
    onQuery = ({ message, send }) => {
      const records = message.questions[0]?.type === RrType.SOA ? [soa(7)] : [soa(7), address('www'), soa(7)];
      send(frame(answer(message, records)));
    };
    primary = await DnsServer.start((query) => {
      onQuery(query);
    });
    decision = { allowed: true, reason: 'allowed', entry: '*.example', rule: 'allow 2', roles: [] };
    failure = undefined;
    asked = [];
    held = 0;
    released = 0;
    nowMs = 0;
    setup();
  });

  afterEach(async () => {
    await plugin.stop(0);
    await primary.close();
  });

  function setup(limits: Partial<Record<keyof typeof gateLimits, number>> = {}, access = scripted): void {
    log = memoryLog();
    metrics = new Metrics();
    const gate = {
      open: () => Promise.resolve([]),
      setLimits: () => undefined,
      setTls: () => undefined,
      close: () => Promise.resolve(),
    };
    plugin = xotGate.setup(
      partialHost({
        access,
        log,
        metrics,
        nowMs: () => {
          if (Number.isNaN(nowMs)) throw new Error('no clock');
          return nowMs;
        },
        listen: (_, handle) => {
          handler = handle;
          return gate;
        },
      }),
      relayedConfig(primary, limits, { zones: [zone], claims: ['extension'] }),
    );
  }

  function ask(
    octets: Buffer,
    signal = new AbortController().signal,
    from: ClientIdentity | undefined = client,
  ): Promise<GateReply> {
    const connection = { id: 1, remote: '127.0.0.1:1' };
    return handler({ octets, client: from, connection, idleTimeMs: 30_000, signal });
  }

  async function answers(octets: Buffer): Promise<Message[]> {
    return collect(await ask(octets));
  }

  it('asks for each request, and says which of them are transfers', async () => {
    await answers(axfr);
    await answers(request({ type: RrType.IXFR, serial: 6 }));
    await answers(soaQuery);
    expect(
      asked.map(({ action, zone: of, startsTransfer }) => [action, of.toString(), startsTransfer]),
    ).to.deep.equal([
      ['transfer', 'example.com', true],
      ['transfer', 'example.com', true],
      ['transfer', 'example.com', false],
    ]);
  });

  const refused = [Rcode.REFUSED, EdeCode.PROHIBITED] as const;
  const tells: Record<
    Exclude<DecisionReason, 'allowed'>,
    readonly [rcode: number, ede: number, tag: string]
  > = {
    'no-entry': [...refused, '[RFC8914-4.19]'],
    'no-rule': [...refused, '[RFC8914-4.19]'],
    denied: [...refused, '[RFC8914-4.19]'],
    'not-now': [...refused, '[RFC8914-4.19]'],
    'too-fast': [Rcode.SERVFAIL, EdeCode.OTHER, '[RFC9103-6.3.3]'],
    'too-many-at-once': [Rcode.SERVFAIL, EdeCode.OTHER, '[RFC9103-6.3.3]'],
    'access-unavailable': [Rcode.SERVFAIL, EdeCode.NOT_READY, '[RFC8914-4.15]'],
  };
  for (const [reason, [rcode, ede, tag]] of Object.entries(tells)) {
    it(`tells the client ${reason}, and the log by which rule ${tag}`, async () => {
      decision = {
        allowed: false,
        reason: reason as DecisionReason,
        entry: '*.example',
        rule: 'role secondary: deny 1',
        roles: [],
        detail: 'since 12:00',
      };
      for (const octets of [axfr, soaQuery]) {
        const [message] = await answers(octets);
        expect([message?.header.rcode, edeOf(message)?.code]).to.deep.equal([rcode, ede]);
        // The client learns that it is told no, and nothing of the list.
        expect(edeOf(message)?.text).to.not.match(/rule|role|example|secondary|deny|12:00|Redis/i);
      }
      expect(primary.heard).to.deep.equal([]);
      expect(log.of('request refused')[0]).to.deep.include({ level: 'info' });
      expect(log.of('request refused')[0]?.fields).to.include({
        client: 'ns2.example',
        kind: 'AXFR',
        zone: 'example.com',
        reason,
        entry: '*.example',
        rule: 'role secondary: deny 1',
        detail: 'since 12:00',
      });
      expect(await metrics.text()).to.include(`danced_xot_refused_total{reason="${reason}"} 2`);
    });
  }

  it('has an answer to every reason that there is', () => {
    expect(['allowed', ...Object.keys(tells)].sort()).to.deep.equal(Object.keys(decisionReasons).sort());
  });

  it('says in the line of a transfer which rule allowed it', async () => {
    await answers(axfr);
    expect(log.of('transfer')[0]?.fields).to.include({ entry: '*.example', rule: 'allow 2' });
  });

  it('tells a limit of its own from one of a rule [RFC9103-6.3.3]', async () => {
    setup({ transfers: 1 });
    onQuery = () => undefined;
    const abort = new AbortController();
    const first = (await ask(axfr, abort.signal)) as AsyncIterable<unknown>;
    const ended = (async () => {
      for await (const batch of first) expect(batch).to.equal('nothing');
    })();
    const [message] = await answers(axfr);
    expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
    const fields = log.of('request refused')[0]?.fields;
    expect(fields).to.include({ reason: 'too-many-at-once', detail: 'a limit of the gate, not of a rule' });
    expect(fields?.['rule']).to.equal(undefined);
    abort.abort();
    await ended;
    expect([held, released]).to.deep.equal([2, 2]);
  });

  describe('gives its grant back', () => {
    const ways: [how: string, octets: Buffer, onQuery: ((query: HeardQuery) => void) | undefined][] = [
      ['when a transfer is complete', axfr, undefined],
      ['when an SOA query is answered', soaQuery, undefined],
      ['when the zone is not served here', elsewhere, undefined],
      ['when the primary closes', axfr, ({ close }) => close()],
      ['when the primary closes before an SOA record', soaQuery, ({ close }) => close()],
      ['when the primary sends nonsense', axfr, ({ send }) => send(Buffer.from([0, 1, 0]))],
      [
        'when the primary refuses',
        axfr,
        ({ message, send }) => send(frame(answer(message, [], { rcode: Rcode.REFUSED }))),
      ],
    ];
    for (const [how, octets, query] of ways) {
      it(how, async () => {
        onQuery = query ?? onQuery;
        await answers(octets);
        expect([held, released]).to.deep.equal([1, 1]);
      });
    }

    it('not before the end of the transfer', async () => {
      let more: (() => void) | undefined;
      onQuery = ({ message, send }) => {
        send(frame(answer(message, [soa(7), address('www')])));
        more = () => {
          send(frame(answer(message, [soa(7)])));
        };
      };
      const batches = ((await ask(axfr)) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      await batches.next();
      expect(released).to.equal(0);
      more?.();
      while ((await batches.next()).done !== true);
      expect(released).to.equal(1);
    });

    it('when the client goes in mid-transfer', async () => {
      onQuery = ({ message, send }) => {
        send(frame(answer(message, [soa(7), address('www')])));
      };
      const abort = new AbortController();
      const batches = ((await ask(axfr, abort.signal)) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      await batches.next();
      abort.abort();
      expect((await batches.next()).done).to.equal(true);
      expect([held, released]).to.deep.equal([1, 1]);
      expect(log.of('transfer')[0]?.fields).to.include({ outcome: 'cut' });
    });

    it('when nobody takes the rest of it', async () => {
      onQuery = ({ message, send }) => {
        send(frame(answer(message, [soa(7), address('www')])));
      };
      for await (const batch of (await ask(axfr)) as AsyncIterable<Buffer>) {
        expect(new FrameReader().push(batch)).to.have.length(1);
        break;
      }
      expect([held, released]).to.deep.equal([1, 1]);
    });

    it('when the client had gone before it was decided', async () => {
      const signal = AbortSignal.abort();
      for (const octets of [axfr, soaQuery]) {
        const reply = await ask(octets, signal);
        if (reply !== undefined && !Buffer.isBuffer(reply))
          for await (const batch of reply) expect(batch).to.equal([]);
      }
      expect([held, released]).to.deep.equal([2, 2]);
    });

    it('when something of ours breaks', async () => {
      nowMs = NaN;
      for (const octets of [axfr, soaQuery, elsewhere]) {
        expect(await answers(octets).catch(() => 'broken')).to.equal('broken');
      }
      expect([held, released]).to.deep.equal([3, 3]);
    });
  });

  it('answers nothing when the access list fails, which costs the connection', async () => {
    failure = new Error('gone');
    expect(await ask(axfr).catch((error: unknown) => error)).to.equal(failure);
    expect(primary.heard).to.deep.equal([]);
  });

  it('keeps the limits of rules, and forgets no transfer [RFC9103-6.3.3]', async () => {
    const list = accessFrom(`version: 1
clients: { ns2.example: { allow: [{ action: transfer, zones: ["*"], transfers-at-once: 1 }] } }
`);
    const grants = new Grants({ take: () => true });
    setup(
      {},
      asksOnly(({ client: from }, wish) => grants.ask(list, from, wish)),
    );
    onQuery = () => undefined;
    const abort = new AbortController();
    const first = (await ask(axfr, abort.signal)) as AsyncIterable<unknown>;
    const ended = first[Symbol.asyncIterator]().next();
    expect((await answers(axfr))[0]?.header.rcode).to.equal(Rcode.SERVFAIL);
    abort.abort();
    await ended;
    onQuery = ({ message, send }) => {
      send(frame(answer(message, [soa(7), soa(7)])));
    };
    for (let at = 0; at < 3; at++) expect((await answers(axfr))[0]?.header.rcode).to.equal(Rcode.NOERROR);
  });

  describe('in the log', () => {
    const levels = (): string[] => log.of('request refused').map(({ level }) => level);

    beforeEach(() => {
      decision = { allowed: false, reason: 'too-fast', entry: 'ns2.example', rule: 'allow 1', roles: [] };
    });

    it('shows the first refusals of a client in a minute, and how many it did not show', async () => {
      const { lines, windowMs } = refusalLineLimits;
      for (let at = 0; at < lines + 7; at++) await ask(axfr);
      expect(levels()).to.deep.equal([
        ...Array<string>(lines).fill('info'),
        ...Array<string>(7).fill('debug'),
      ]);
      nowMs = windowMs;
      log.forget();
      await ask(axfr);
      await ask(axfr);
      expect(levels()).to.deep.equal(['info', 'info']);
      expect(log.of('request refused').map(({ fields }) => fields['unseen'])).to.deep.equal([7, undefined]);
      expect(await metrics.text()).to.include(`danced_xot_refused_total{reason="too-fast"} ${lines + 9}`);
    });

    it('shows those of other clients beside them', async () => {
      for (let at = 0; at < 100; at++) await ask(axfr);
      log.forget();
      await ask(axfr, undefined, provedClient('ns3.example'));
      expect(levels()).to.deep.equal(['info']);
    });
  });
});

describe('the lines about refusals', () => {
  it('are remembered of so many clients', () => {
    const lines = new RefusalLines();
    const { clients, lines: most } = refusalLineLimits;
    for (let at = 0; at < most; at++) expect(lines.next('first', 0)).to.equal(0);
    expect(lines.next('first', 0)).to.equal(undefined);
    for (let at = 0; at < clients - 1; at++) lines.next(`client ${at}`, 1);
    expect(lines.next('first', 1)).to.equal(undefined);
    lines.next('one more', 1);
    // Forgotten, with what was not seen.
    expect(lines.next('first', 1)).to.equal(0);
  });

  it('begin anew when the clock was set back', () => {
    const lines = new RefusalLines();
    for (let at = 0; at <= refusalLineLimits.lines; at++) lines.next('a', 1e9);
    expect(lines.next('a', 0)).to.equal(1);
  });
});
