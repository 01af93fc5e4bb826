import { expect } from 'chai';
import { RrType } from '../../../../core/dns/constants.ts';
import { recursiveAuthGate } from '../../../../plugins/recursive-auth/gate/gate.ts';
import { AnswerGateBed, type Visitor } from '../../../support/answer-gate-bed.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';
import { query } from '../../../core/answer/wire.ts';

/** Longer than the process may be late before it counts as short of time (core/fair/turn-queue.ts). */
const lateMs = 80;

function beBusy(): void {
  const untilMs = performance.now() + lateMs;
  while (performance.now() < untilMs);
}

describe('the gate of recursive-auth, short of processor time', () => {
  let upstream: HeldUpstream;
  let bed: AnswerGateBed<unknown>;

  beforeEach(async () => {
    upstream = await HeldUpstream.start('served');
    bed = new AnswerGateBed(recursiveAuthGate, {
      config: { upstreams: [upstream.at], classes: { partner: {} }, limits: { 'handshakes-when-short': 7 } },
      access: `
anonymous: { allow: [{ action: query }] }
clients:
  "*.partner.example": { roles: [partner], allow: [{ action: query }] }
`,
    });
  });

  afterEach(async () => {
    await bed.close();
    await upstream.close();
  });

  /** How often a connection is held that sends these requests while the process is late. */
  async function timesHeld(visitor: Visitor, request: Buffer): Promise<number> {
    let held = 0;
    visitor.hold = () => {
      held += 1;
    };
    await bed.connect().send(query('www.example.com'));
    beBusy();
    for (let round = 0; round < 40; round += 1) await visitor.send(request);
    return held;
  }

  const requests: Readonly<Record<string, Buffer>> = {
    'a question': query('www.example.com'),
    'a transfer': query('example.com', { type: RrType.AXFR }),
    'a question of another class': query('version.bind', { class: 3 }),
    'what is malformed': query('www.example.com').subarray(0, 20),
    'what is no query': Buffer.alloc(12, 0xff),
  };
  for (const [what, request] of Object.entries(requests))
    it(`lets strangers wait for their turn with ${what}, and nobody else`, async () => {
      expect(await timesHeld(bed.connect(), request)).to.be.above(0);
      expect(await timesHeld(bed.connect('a.partner.example'), request)).to.equal(0);
    });

  it('has fewer handshakes with strangers, as the configuration of now has it', async () => {
    const strangersPerSecond = bed.listener!.strangersPerSecond!;
    await bed.connect().send(query('www.example.com'));
    strangersPerSecond();
    beBusy();
    await bed.connect().send(query('www.example.com'));
    expect(strangersPerSecond()).to.equal(7);
    bed.reload({ upstreams: [upstream.at], limits: { 'handshakes-when-short': 9 } });
    expect(strangersPerSecond()).to.equal(9);
  });
});
