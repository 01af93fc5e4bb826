import { expect } from 'chai';
import type { AnswerMeans } from '../../../../core/answer-gate/means.ts';
import { noTransfers } from '../../../../core/answer-gate/refusals.ts';
import { AnswerSession } from '../../../../core/answer-gate/session.ts';
import type { ClientIdentity } from '../../../../core/dane/identity.ts';
import { Answers } from '../../../../core/answer/answers.ts';
import { QueryReader } from '../../../../core/answer/query-reader.ts';
import { ReplyPlan } from '../../../../core/answer/reply.ts';
import { Name } from '../../../../core/dns/name.ts';
import { Metrics } from '../../../../core/observe/metrics.ts';
import type { AnswerConnection, AnswerHandler } from '../../../../core/plugin/contract.ts';
import type { GateViewConfig } from '../../../../plugins/dot-resolver/gate/config.ts';
import { GateView } from '../../../../plugins/dot-resolver/gate/gate-view.ts';
import { Standing, TotalsMeter } from '../../../../plugins/dot-resolver/gate/standing.ts';
import type { ViewQuery } from '../../../../plugins/dot-resolver/view/query.ts';
import type { View } from '../../../../plugins/dot-resolver/view/view.ts';
import { query, response } from '../../../core/answer/wire.ts';

const nowMs = Date.UTC(2026, 10, 23);
const noTotals = { allowance: undefined, requestsAtOnce: undefined, class: undefined };
const limits = {
  ...{ entries: 100, octets: 1 << 20, staleMs: 0, staleAfterMs: 1000, questions: 10 },
  keep: { ttlMax: 3600, negativeMax: 3600, failure: 1 },
};
const records = { answers: 'www.example. 300 A 192.0.2.1' };

describe('the memory of a view', () => {
  let forwarded: ViewQuery[];
  let replies: number;

  /** Two members of one view ask the same, one after the other and then again. */
  async function askTwice(config: Pick<GateViewConfig, 'client-subnet' | 'proxy-protocol'>): Promise<void> {
    forwarded = [];
    replies = 0;
    const resolve: View['resolve'] = (asked, end) => {
      forwarded.push(asked);
      end(response(query('www.example'), records));
      return () => undefined;
    };
    const meter = new TotalsMeter('view', noTotals, { bucket: () => ({ take: () => true }) });
    // The gate asks a view for no more than this.
    const view = { generation: 1, resolve } as unknown as View;
    const gateView = new GateView('default', config as GateViewConfig, view, meter, new Metrics());
    const decision = { allowed: true, reason: 'allowed', roles: [], rule: 'allow 1', entry: '*' } as const;
    const standing = new Standing(decision, undefined, {
      views: new Map([['default', gateView]]),
      defaultView: 'default',
      answers: new Answers({ limits, nowMs: () => nowMs }),
      roles: new Map(),
    });
    let lastScope = 2 ** 31;
    const means: AnswerMeans = {
      reader: new QueryReader(1),
      plan: new ReplyPlan(),
      rules: {
        way: { maxOctets: 65_535, idleTimeMs: 1000, isEncrypted: true },
        logsQueries: false,
        decide: () => Promise.resolve(standing),
        refusalOf: () => undefined,
        failed: () => noTransfers,
        noteRefusal: () => undefined,
        noteFailure: () => undefined,
        logQuery: () => undefined,
      },
      nowMs: () => nowMs,
      scopeOfOne: () => (lastScope += 1),
      onDefect: (error) => {
        throw error;
      },
    };
    const sessions = ['one.example', 'two.example'].map(
      (name) => new AnswerSession(connectionOf(name), means),
    );
    for (let round = 0; round < 2; round++) {
      for (const session of sessions) {
        ask(session);
        await new Promise((done) => setImmediate(done));
      }
    }
  }

  function connectionOf(name: string): AnswerConnection {
    const end = { address: '192.0.2.1', port: 1 };
    const client = { name: Name.parse(name) } as unknown as ClientIdentity;
    return {
      ...{ id: 1, remote: '192.0.2.1', idleTimeMs: 1000, isOpen: true, room: Buffer.alloc(65_536) },
      client: () => client,
      ends: () => ({ remote: end, local: end }),
      reply: () => {
        replies += 1;
        return 0;
      },
      noReply: () => undefined,
      hold: () => undefined,
      release: () => undefined,
    };
  }

  function ask(handler: AnswerHandler): void {
    const octets = query('www.example');
    handler.request(octets, 0, octets.length);
  }

  it('is shared by its members', async () => {
    await askTwice({ 'client-subnet': 'strip', 'proxy-protocol': false });
    expect(replies).to.equal(4);
    expect(forwarded.map(({ client }) => client?.name)).to.deep.equal([undefined]);
  });

  it('keeps nothing where the upstream hears who asks, and may answer each otherwise', async () => {
    await askTwice({ 'client-subnet': 'strip', 'proxy-protocol': true });
    expect(replies).to.equal(4);
    const names = ['one.example', 'two.example'];
    expect(forwarded.map(({ client }) => client?.name)).to.deep.equal([...names, ...names]);
  });
});
