/**
 * Ten thousand questions of a hundred members, while their resolvers lose, delay, double, cut and forge answers and are started
 * again and again: each question is answered once, rightly, or by SERVFAIL with a reason.
 *
 * Real TLS, real UDP and TCP, on loopback.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { EdnsOptionCode, Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import { parseMessage, type Message } from '../../core/dns/message.ts';
import { frame } from '../../core/dns/framing.ts';
import { query } from '../core/answer/wire.ts';
import { DotDaemon } from '../support/dot-daemon.ts';
import type { TestClient } from '../support/gate-bed.ts';
import { randomNumbers } from '../support/mutation.ts';
import { addressOf, WildResolvers } from '../support/wild-resolvers.ts';

const memberCount = 100;
const questionsEach = 100;
const names = Array.from({ length: 4_000 }, (_, index) => `n${String(index)}.example`);

/** One member: what it has asked, by ID. */
interface Member {
  readonly client: TestClient;
  readonly asked: ReadonlyMap<number, string>;
}

describe('dot-resolver under load', function () {
  this.timeout(120_000);
  let resolvers: WildResolvers;
  let gate: DotDaemon;

  before(async () => {
    resolvers = await WildResolvers.start();
    const [one, two, three, four] = resolvers.ports.map((port) => `"127.0.0.1:${port}"`);
    gate = await DotDaemon.start({
      lab: { zones: ['members.example'], unsignedZones: [] },
      gate: `
views:
  udp: { upstreams: [${one}, ${two}], transport: udp }
  tcp: { upstreams: [${three}, ${four}], transport: tcp }
default-view: udp`,
      limits: { 'upstream-time': '4s', 'upstream-retry': '200ms', 'cache-entries': 1500 },
      access: `
clients:
  "*.udp.members.example": { allow: [{ action: resolve, rate: 100000/s }] }
  "*.tcp.members.example": { allow: [{ action: resolve, view: tcp, requests-at-once: 1000 }] }
`,
    });
  });

  after(async () => {
    await gate.close();
  });

  async function join(index: number): Promise<Member> {
    const name = `m${String(index)}.${index % 2 === 0 ? 'udp' : 'tcp'}.members.example`;
    const client = await gate.connect(await gate.member(name));
    // Once this is answered, the client is known.
    client.send(query('first.example', { options: [] }));
    await client.received(1);
    client.messages.length = 0;
    const random = randomNumbers(index);
    const asked = new Map<number, string>();
    while (asked.size < questionsEach) {
      const lower = names[random(names.length)]!;
      asked.set(random(65_536), random(4) === 0 ? lower.toUpperCase() : lower);
    }
    return { client, asked };
  }

  /** Asks in bursts of different lengths, without waiting for answers. */
  async function askAll({ client, asked }: Member, seed: number): Promise<void> {
    const random = randomNumbers(seed);
    const queries = [...asked].map(([id, name]) => frame(query(name, { id, options: [] })));
    while (queries.length > 0) {
      client.socket.write(Buffer.concat(queries.splice(0, 1 + random(20))));
      await sleep(random(400));
    }
  }

  it('answers each of 10,000 questions once: rightly, or by SERVFAIL with an Extended DNS Error', async () => {
    const members: Member[] = [];
    // By tens, since each is looked up in a signed DNS.
    while (members.length < memberCount) {
      const tens = Array.from({ length: 10 }, (_, index) => join(members.length + index));
      members.push(...(await Promise.all(tens)));
    }
    resolvers.restart();
    await Promise.all(members.map((member, index) => askAll(member, index)));
    const counts = { right: 0, failed: 0 };
    for (const { client, asked } of members) {
      await client.received(asked.size);
      for (const octets of client.messages) counts[judge(parseMessage(octets), asked)] += 1;
    }
    // Late answers of the resolvers, and doubled ones, must not come through.
    await sleep(300);
    for (const { client, asked } of members) {
      const ids = client.messages.map((octets) => octets.readUInt16BE(0));
      expect(ids.length).to.equal(asked.size);
      expect(new Set(ids)).to.deep.equal(new Set(asked.keys()));
    }
    const restarts = await resolvers.stop();
    expect(Math.min(...restarts), 'restarts').to.be.above(2);
    expect(counts.right + counts.failed).to.equal(memberCount * questionsEach);
    // How many depends on the machine; but a test of failures alone would be none.
    expect(counts.right).to.be.above(2_000);
    expect(await gate.metric('resolve_questions')).to.equal(0);
    expect(gate.log.of('defect')).to.deep.equal([]);
    for (const { client } of members) client.socket.destroy();
  });

  function judge(answer: Message, asked: ReadonlyMap<number, string>): 'right' | 'failed' {
    const name = asked.get(answer.header.id);
    const [question] = answer.questions;
    expect(question?.name.toString()).to.equal(name);
    expect(question).to.include({ type: RrType.A, class: RrClass.IN });
    expect(answer.header).to.include({ qr: true, rd: true, ra: true, tc: false });
    if (answer.header.rcode === Rcode.SERVFAIL) {
      const error = findOption(answer.edns, EdnsOptionCode.EXTENDED_ERROR);
      expect(parseExtendedError(error!).code).to.be.oneOf([22, 23]);
      expect(answer.answers).to.deep.equal([]);
      return 'failed';
    }
    expect(answer.header.rcode).to.equal(Rcode.NOERROR);
    expect(answer.answers).to.have.length(1);
    const [record] = answer.answers;
    expect(record!.rdata.equals(addressOf(name!))).to.equal(true);
    expect(record!.name.key).to.equal(question!.name.key);
    expect(record!.ttl).to.be.at.most(300);
    return 'right';
  }
});
