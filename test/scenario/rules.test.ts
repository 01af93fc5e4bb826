/**
 * What the rules of an access list do to a secondary at a real gate: roles, deny rules, times and limits, in what the
 * secondary is told and in what the operator sees.
 */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { presentTime } from '../../core/config/time.ts';
import { EdeCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { errorsPage } from '../../scripts/generate-errors.ts';
import type { Secondary, TransferResult } from '../../lab/secondary.ts';
import type { MemoryLogLine } from '../support/memory-log.ts';
import { TestGate, until, type Credentials } from '../support/gate.ts';
import { visit } from '../support/gate-visit.ts';

const zone = 'example.com';
const ns2 = '_xfr.ns2.example';
const ns3 = '_xfr.ns3.example';
const hourMs = 3_600_000;

const prohibited = { rcode: Rcode.REFUSED, ede: EdeCode.PROHIBITED };
const comeAgain = { rcode: Rcode.SERVFAIL, ede: EdeCode.OTHER };

describe('the rules of an access list', () => {
  let gate: TestGate;
  let reasons: string;
  const open: Secondary[] = [];

  before(async () => {
    reasons = await errorsPage();
  });

  afterEach(async () => {
    for (const secondary of open.splice(0)) secondary.close();
    await gate.close();
  });

  async function start(access: string, listener?: Readonly<Record<string, string>>): Promise<void> {
    gate = await TestGate.start({
      accessText: `version: 1\n${access}`,
      zones: [zone, 'hr.example.com'],
      lab: { transferZone: { name: zone, records: 200 } },
      ...(listener && { listener }),
    });
  }

  /** Writes another list and waits until the gate goes by it. */
  async function change(access: string): Promise<void> {
    const before = gate.log.of('access list loaded').length;
    gate.writeAccessText(`version: 1\n${access}`);
    gate.daemon.reload(undefined);
    await until('the list is loaded', () => gate.log.of('access list loaded').length > before);
  }

  /** A connection that stays open. */
  async function connect(credentials: Credentials): Promise<Secondary> {
    const secondary = await gate.open(credentials);
    open.push(secondary);
    return secondary;
  }

  function told({ rcode, ede }: TransferResult): { rcode: number | undefined; ede: number | undefined } {
    return { rcode, ede: ede?.code };
  }

  /** The last line about a refusal; its reason must be one that the operator can look up. */
  function lastRefusal(): MemoryLogLine['fields'] {
    const fields = gate.log.of('request refused').at(-1)?.fields ?? {};
    expect(reasons).to.include(`\`${String(fields['reason'])}\``);
    return fields;
  }

  /** Gives what was decided since, as whoever watches sees it. */
  async function watch(): Promise<() => Record<string, unknown>[]> {
    const { address: host, port } = gate.daemon.adminAddress!;
    const asked = httpRequest({ host, port, path: '/access/decisions', agent: false }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    // The daemon ends it.
    response.on('error', () => undefined);
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await until('the first line', () => text.includes('\n'));
    return () =>
      text
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('let many clients share a role, and forbid what a deny rule says [RFC8914-4.19]', async () => {
    await start(`roles:
  secondary:
    comment: ours, and our partners'
    allow: [{ action: transfer, zones: ["*"], comment: every zone but that of the staff }]
    deny: [{ action: transfer, zones: [hr.example.com], comment: "ask hr@example.com" }]
clients:
  ${ns2}: { roles: [secondary], comment: "since 2026; ask noc@partner.example" }
  "*.partner.example": { roles: [unknown, secondary] }
`);
    for (const [name, entry] of [
      [ns2, ns2],
      ['_xfr.a.partner.example', '*.partner.example'],
    ] as const) {
      const client = await gate.client(name);
      expect((await gate.transfer(client)).outcome).to.equal('complete');
      const [line] = (await gate.lines('transfer')).slice(-1);
      expect(line?.fields).to.include({ client: name, entry, rule: 'role secondary: allow 1' });
      for (const type of ['AXFR', 'SOA'] as const) {
        expect(told(await gate.transfer(client, { zone: 'hr.example.com', type }))).to.deep.equal(prohibited);
        expect(lastRefusal()).to.include({ reason: 'denied', rule: 'role secondary: deny 1', entry });
      }
    }
    expect((await gate.metrics()).get('danced_xot_refused_total{reason="denied"}')).to.equal(4);
  });

  it('count in their time, by the clock of the gate', async () => {
    const nowMs = Date.now();
    await start(`clients:
  ${ns2}:
    allow:
      - { action: transfer, zones: [${zone}], not-before: "${presentTime(nowMs + hourMs)}", not-after: "${presentTime(nowMs + 3 * hourMs)}" }
`);
    const client = await gate.client(ns2);
    expect(told(await gate.transfer(client))).to.deep.equal(prohibited);
    expect(lastRefusal()).to.include({ reason: 'not-now', rule: 'allow 1', entry: ns2 });
    gate.passTime(2 * hourMs);
    expect((await gate.transfer(client)).outcome).to.equal('complete');
    gate.passTime(2 * hourMs);
    expect(told(await gate.transfer(client))).to.deep.equal(prohibited);
    expect(lastRefusal()).to.include({ reason: 'not-now' });
  });

  it('end on a connection that was open before [RFC8914-4.19]', async () => {
    const untilText = presentTime(Date.now() + 2 * 60_000);
    await start(`clients:
  ${ns2}: { allow: [{ action: transfer, zones: [${zone}], not-after: "${untilText}" }] }
`);
    const secondary = await connect(await gate.client(ns2));
    expect((await secondary.request({ zone })).outcome).to.equal('complete');
    gate.passTime(3 * 60_000);
    expect(told(await secondary.request({ zone }))).to.deep.equal(prohibited);
  });

  it('bound how often a client asks, and tell it to come again [RFC9103-6.3.3]', async () => {
    await start(`roles: { secondary: { allow: [{ action: transfer, zones: ["*"], rate: 60/h, burst: 3 }] } }
clients: { ${ns2}: { roles: [secondary] }, ${ns3}: { roles: [secondary] } }
`);
    const client = await gate.client(ns2);
    const secondary = await connect(client);
    for (let at = 0; at < 3; at++) {
      expect((await secondary.request({ zone, type: 'SOA' })).outcome).to.equal('complete');
    }
    const refused = await secondary.request({ zone });
    expect(told(refused)).to.deep.equal(comeAgain);
    expect(refused.ede?.text).to.equal('too many requests; try again later');
    expect(lastRefusal()).to.include({ reason: 'too-fast', rule: 'role secondary: allow 1', kind: 'AXFR' });
    // Neither another connection helps, nor is another client bound by it.
    expect(told(await gate.transfer(client))).to.deep.equal(comeAgain);
    expect((await gate.transfer(await gate.client(ns3))).outcome).to.equal('complete');
    gate.passTime(61_000);
    expect((await secondary.request({ zone })).outcome).to.equal('complete');
    expect(told(await secondary.request({ zone }))).to.deep.equal(comeAgain);
  });

  it('bound the transfers of a client at once, over all its connections [RFC9103-6.3.3]', async () => {
    await start(
      `clients: { ${ns2}: { allow: [{ action: transfer, zones: ["*"], transfers-at-once: 2 }] } }\n`,
    );
    const { primary } = gate.lab;
    primary.shape = { octets: 16_384, recordsPerMessage: 10 };
    primary.stallAfterMessages(3);
    const client = await gate.client(ns2);
    const [first, second] = [await connect(client), await connect(client)];
    const stalled = [first.request({ zone }), second.request({ zone })];
    await until(
      'both are under way',
      () => primary.requests.filter(({ type }) => type === RrType.AXFR).length === 2,
    );
    const refused = await second.request({ zone });
    expect(told(refused)).to.deep.equal(comeAgain);
    expect(lastRefusal()).to.include({ reason: 'too-many-at-once', rule: 'allow 1', client: ns2 });
    expect((await second.request({ zone, type: 'SOA' })).outcome).to.equal('complete');
    // The client goes in mid-transfer, and so its place is free.
    first.close();
    await stalled[0];
    await gate.lines('transfer');
    primary.recover();
    expect((await second.request({ zone })).outcome).to.equal('complete');
    second.close();
    await stalled[1];
  });

  it('hold on open connections as soon as they are changed', async () => {
    const list = (limits: string): string =>
      `clients: { ${ns2}: { allow: [{ action: transfer, zones: ["*"]${limits} }] } }\n`;
    await start(list(''));
    const secondary = await connect(await gate.client(ns2));
    expect((await secondary.request({ zone })).outcome).to.equal('complete');
    await change(list(', transfers-at-once: 0'));
    expect(told(await secondary.request({ zone }))).to.deep.equal(comeAgain);
    await change(list(', rate: 1/h'));
    expect((await secondary.request({ zone })).outcome).to.equal('complete');
    expect(told(await secondary.request({ zone }))).to.deep.equal(comeAgain);
    await change(list(', rate: 1/h, not-after: 2020-01-01'));
    expect(told(await secondary.request({ zone }))).to.deep.equal(prohibited);
    await change(list(''));
    expect((await secondary.request({ zone })).outcome).to.equal('complete');
    expect(secondary.isClosed).to.equal(false);
  });

  it('count all anonymous clients as one', async () => {
    await start(
      `anonymous: { allow: [{ action: transfer, zones: ["*"], rate: 2/h, burst: 2 }] }
clients: { ${ns2}: { allow: [{ action: transfer, zones: ["*"], rate: 2/h, burst: 2 }] } }
`,
      { 'on-failure': 'anonymous' },
    );
    const events = await watch();
    const rcodes = [];
    for (let at = 0; at < 3; at++) rcodes.push((await visit(gate.endpoint, {})).reply?.header.rcode);
    expect(rcodes).to.deep.equal([Rcode.NOERROR, Rcode.NOERROR, Rcode.SERVFAIL]);
    expect(lastRefusal()).to.include({ reason: 'too-fast', entry: '(anonymous)', rule: 'allow 1' });
    await until('all have been told', () => events().length === 6);
    const told = events().map(({ event, client, allowed, reason }) => [event, client, allowed, reason]);
    const connection = ['connection', undefined, true, 'no-certificate'];
    const decision = ['decision', undefined, true, 'allowed'];
    const last = ['decision', undefined, false, 'too-fast'];
    expect(told).to.deep.equal([connection, decision, connection, decision, connection, last]);
    expect((await gate.transfer(await gate.client(ns2))).outcome).to.equal('complete');
  });

  it('can be watched at work', async () => {
    await start(`roles: { secondary: { allow: [{ action: transfer, zones: [${zone}] }] } }
clients: { ${ns2}: { roles: [secondary] } }
`);
    const events = await watch();
    const client = await gate.client(ns2);
    await gate.transfer(client);
    await gate.transfer(client, { zone: 'hr.example.com', type: 'SOA' });
    await gate.transfer(await gate.client('_xfr.stranger.example'));
    await until('five events', () => events().length === 5);
    const common = { gate: 'xot/gate', client: ns2, action: 'transfer', event: 'decision', entry: ns2 };
    const decisions = events().filter(({ event }) => event === 'decision');
    expect(decisions[0]).to.include({
      ...common,
      zone,
      transfer: true,
      allowed: true,
      reason: 'allowed',
      rule: 'role secondary: allow 1',
    });
    expect(decisions[1]).to.include({
      ...common,
      zone: 'hr.example.com',
      transfer: false,
      allowed: false,
      reason: 'no-rule',
    });
    const connections = events().filter(({ event }) => event === 'connection');
    expect(connections.map(({ allowed, reason }) => [allowed, reason])).to.deep.equal([
      [true, 'identified'],
      [true, 'identified'],
      [false, 'not-admitted'],
    ]);
    expect(connections.at(-1)).to.include({ claims: '_xfr.stranger.example', gate: 'xot/gate' });
  });
});
