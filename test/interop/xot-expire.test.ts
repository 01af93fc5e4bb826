/**
 * A primary that is gone: the gate and the agent serve what they have until it expires, then SERVFAIL and why; secondaries
 * keep to the time that they were told (RFC 1034 section 4.3.5, EDNS EXPIRE of RFC 7314); and all is well again when it is back.
 */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IdentityFiles } from '../support/identity-files.ts';
import { dig } from '../support/peers/clients.ts';
import { digestAt } from '../support/peers/kinds.ts';
import { sendNotify } from '../support/peers/notify.ts';
import { startBindPrimary } from '../support/peers/primaries.ts';
import { startKnotSecondary, type Secondary } from '../support/peers/secondaries.ts';
import { pathOf, runProgram } from '../support/peers/test-bed.ts';
import { ZoneSeries } from '../support/peers/zone-series.ts';
import { XotBed } from '../support/xot-bed.ts';

const apex = 'example.com';
const lateName = '_xfr.late.ns2.example';
const expire = 10;
const timers = { refresh: 1, retry: 1, expire };

describe('a zone whose primary is gone', function () {
  this.timeout(90_000);
  const series = new ZoneSeries({ apex, records: 500, timers });
  let xot: XotBed;
  let identity: IdentityFiles;
  let goneMs = 0;

  before(async () => {
    xot = await XotBed.start({
      startPrimary: startBindPrimary,
      zones: [series.next()],
      atGate: ['NSD'],
      atAgent: ['BIND'],
      clients: [lateName],
    });
    identity = xot.identity(lateName);
    for (const secondary of xot.secondaries.values()) await secondary.waitForSerial(1);
  });
  after(() => xot.close());

  const askGate = async (...more: string[]): Promise<string> =>
    (await dig({ gate: xot.gate, name: apex, type: 'SOA', identity, more })).output;
  const askAgent = async (...more: string[]): Promise<string> => {
    const server = ['@127.0.0.1', '-p', String(xot.agent.port), '+tcp', '+time=20', '+tries=1'];
    return (await runProgram(pathOf('dig'), [...server, ...more, apex, 'SOA'])).stdout;
  };
  const secondsGone = (): number => (Date.now() - goneMs) / 1000;
  const untilGone = (seconds: number): Promise<void> => sleep(Math.max(0, 1000 * (seconds - secondsGone())));

  it('has at the gate and the agent the EXPIRE that is left, to whom asks for it [RFC7314-3.2]', async () => {
    // Both look at it every second or two, as its SOA record says, or when asked.
    for (const ask of [askGate, askAgent]) {
      expect(expireIn(await ask('+expire'))).to.be.within(expire - 4, expire);
      expect(await ask()).not.to.contain('EXPIRE:');
    }
  });

  it('is served on, with less and less EXPIRE', async () => {
    await xot.primary.kill();
    goneMs = Date.now();
    await untilGone(3);
    for (const ask of [askGate, askAgent]) {
      const answer = await ask('+expire');
      expect(answer).to.contain('status: NOERROR');
      expect(expireIn(answer)).to.be.within(1, expire - 3);
    }
  });

  let late: Secondary;
  let lateSeconds = 0;

  it('goes to a secondary that comes late', async () => {
    lateSeconds = secondsGone();
    // BIND 9.18 asks for EXPIRE by UDP alone, NSD 4.6 not at all; Knot DNS heeds it everywhere.
    late = await startKnotSecondary(xot.bed, { apex, gate: { port: xot.agent.port } });
    await late.waitForSerial(1);
    expect(await digestAt(late, apex)).to.deep.equal(series.digest());
  });

  it('is SERVFAIL with the reason at gate and agent when it has expired [RFC1034-4.3.5] [RFC8914-4.23]', async () => {
    await untilGone(expire + 1);
    const [gate, agent] = [await askGate(), await askAgent()];
    expect(gate).to.contain('status: SERVFAIL');
    expect(gate).to.contain('EDE: 22 (No Reachable Authority)');
    expect(agent).to.contain('status: SERVFAIL');
    expect(agent).to.match(/EDE: \d+/);
  });

  it('is not served by the late one any more either, though the SOA record would let it [RFC7314-4]', async () => {
    await late.program.waitFor('expired', async () => (await late.serial()) === undefined);
    expect(secondsGone()).to.be.below(expire + lateSeconds);
  });

  it('is not served by the others any more when nobody has said for so long that it is current', async () => {
    for (const secondary of xot.secondaries.values()) {
      await secondary.program.waitFor(
        'expired',
        async () => (await secondary.serial()) === undefined,
        40_000,
      );
    }
  });

  it('is served by everybody when the primary is back', async () => {
    await xot.primary.restart();
    for (const secondary of [...xot.secondaries.values(), late]) {
      await secondary.program.waitFor('the zone', async () => {
        if ((await secondary.serial()) === 1) return true;
        // Nobody knows the late one, and it has lost patience.
        if (secondary === late) await sendNotify(late.port, apex);
        return false;
      });
      expect(await digestAt(secondary, apex)).to.deep.equal(series.digest());
    }
  });
});

/** Seconds that dig has read out of the option. */
function expireIn(output: string): number | undefined {
  const found = /EXPIRE: (\d+)/.exec(output)?.[1];
  return found === undefined ? undefined : Number(found);
}
