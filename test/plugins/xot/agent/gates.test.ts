import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode } from '../../../../core/dns/constants.ts';
import { parseMessage } from '../../../../core/dns/message.ts';
import { Gates } from '../../../../plugins/xot/agent/gates.ts';
import { parseGateText } from '../../../../plugins/xot/agent/gate-text.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import { memoryLog } from '../../../support/memory-log.ts';
import { request, zone } from '../messages.ts';
import { breaking, refusing, ScriptedGate, serving, unreachable } from './scripted-gate.ts';
import { RrType } from '../../../../core/dns/constants.ts';

const checkMs = 40;
const soaQuery = request({ type: RrType.SOA });
const { signal } = new AbortController();

describe('the gates of an xot agent', () => {
  const log = memoryLog();
  let first: ScriptedGate;
  let second: ScriptedGate;
  let gates: Gates;

  beforeEach(() => {
    log.forget();
    const texts = ['192.0.2.1#a.example', '192.0.2.2#b.example'];
    [first, second] = texts.map((text) => new ScriptedGate(`gate ${text}`)) as [ScriptedGate, ScriptedGate];
    const places = texts.map((text, index) => ({ path: [index], gate: parseGateText(text) }));
    const others = places.map(({ gate }) => gate);
    gates = new Gates({
      lists: { others, byZone: new Map(), places },
      open: ({ text }) => (text === texts[0] ? first : second),
      ...{ checkMs, log, nowMs: Date.now },
    });
  });
  afterEach(() => {
    gates.close();
  });

  async function serialOf(): Promise<number> {
    const { answers } = parseMessage(await gates.for(zone).ask(soaQuery, signal));
    return answers[0]!.rdata.readUInt32BE(answers[0]!.rdata.length - 20);
  }

  async function transfer(): Promise<number> {
    let messages = 0;
    const stream = gates.for(zone).transfer(request(), signal);
    for await (const batch of stream) {
      messages += batch.length;
      if (messages === 2) stream.finish();
    }
    return messages;
  }

  it('are asked in their order', async () => {
    second.script = serving(2);
    expect(await serialOf()).to.equal(1);
    expect(second.asked).to.equal(0);
  });

  it('are asked one after the other while there is no answer', async () => {
    [first.script, second.script] = [unreachable, serving(2)];
    expect(await serialOf()).to.equal(2);
    expect(await transfer()).to.equal(2);
    expect(log.of('gate cannot be asked')).to.have.length(1);
    expect(log.of('gate cannot be asked')[0]?.fields).to.include({ reason: 'the server is not proved' });
  });

  for (const rcode of [Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTAUTH]) {
    it(`are asked further where one answers ${String(rcode)}, of which the last counts`, async () => {
      [first.script, second.script] = [refusing(rcode), serving(2)];
      expect(await serialOf()).to.equal(2);
      expect(await transfer()).to.equal(2);
      // The connection of the one that said no is of use to others.
      expect([first.finished, second.finished]).to.deep.equal([1, 1]);
      second.script = refusing(Rcode.REFUSED);
      const answer = parseMessage(await gates.for(zone).ask(soaQuery, signal));
      expect(answer.header.rcode).to.equal(Rcode.REFUSED);
    });
  }

  it('are not asked further when a part of the answer has been given', async () => {
    [first.script, second.script] = [breaking, serving(2)];
    const failed = await transfer().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(UpstreamError);
    expect(second.asked).to.equal(0);
  });

  it('say all that went wrong when none has an answer', async () => {
    first.script = unreachable;
    second.script = unreachable;
    const failed = await serialOf().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(UpstreamError);
    expect((failed as Error).message).to.equal('the server is not proved; the server is not proved');
  });

  it('are passed over while they fail, and preferred again when they answer in the background', async () => {
    [first.script, second.script] = [unreachable, serving(2)];
    expect(await serialOf()).to.equal(2);
    const asked = first.asked;
    // At once: nobody looks at it so soon again, but that was the first look.
    expect(await serialOf()).to.equal(2);
    expect(first.asked - asked).to.be.at.most(1);
    first.script = serving(3);
    await sleep(2 * checkMs);
    expect(await serialOf()).to.equal(2);
    await sleep(checkMs);
    expect(await serialOf()).to.equal(3);
    expect(log.of('gate answers again')).to.have.length(1);
  });

  it('are looked at from the beginning, so that it is known who cannot be asked', async () => {
    first.script = unreachable;
    gates.watch([zone]);
    await sleep(2 * checkMs);
    expect(gates.ways.map(({ isGood, problem }) => [isGood, problem])).to.deep.equal([
      [false, 'the server is not proved'],
      [true, undefined],
    ]);
    const { asked } = second;
    first.script = serving(1);
    await sleep(3 * checkMs);
    expect(gates.ways.every(({ isGood }) => isGood)).to.equal(true);
    expect(second.asked).to.equal(asked);
  });

  it('leave the zone alone whose request nobody waits for any more', async () => {
    const gone = new AbortController();
    first.script = () => {
      gone.abort(new Error('gone'));
      return [];
    };
    const failed = await gates
      .for(zone)
      .ask(soaQuery, gone.signal)
      .catch((error: unknown) => error);
    expect((failed as Error).message).to.equal('gone');
    expect(second.asked).to.equal(0);
    expect(gates.ways[0]?.problem).to.equal(undefined);
  });
});
