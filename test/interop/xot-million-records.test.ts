/**
 * A zone of a million records from NSD through the gate's cache: to dig, which counts what comes, and to NSD, which has it exactly;
 * then fifty records change, and those alone travel.
 */
import { expect } from 'chai';
import { dig } from '../support/peers/clients.ts';
import { digestAt } from '../support/peers/kinds.ts';
import { startNsdPrimary } from '../support/peers/primaries.ts';
import type { Secondary } from '../support/peers/secondaries.ts';
import { ZoneSeries } from '../support/peers/zone-series.ts';
import { XotBed } from '../support/xot-bed.ts';

const apex = 'big.example.com';
const records = 1_000_000;
const changes = 50;
const digName = '_xfr.dig.ns2.example';
/** Machines that do much else at the same time are slow. */
const arrivalTimeMs = 60_000;

describe('a zone of a million records through the cache', function () {
  this.timeout(2 * arrivalTimeMs);
  const series = new ZoneSeries({ apex, records, changes });
  let xot: XotBed;

  before(async () => {
    xot = await XotBed.start({
      startPrimary: startNsdPrimary,
      zones: [series.next()],
      atGate: ['NSD'],
      clients: [digName],
    });
  });
  after(() => xot.close());

  const secondary = (): Secondary => xot.secondaries.get('NSD at the gate')!;

  /** What dig says of a transfer. */
  async function transferByDig(type: string): Promise<string> {
    const request = { gate: xot.gate, name: apex, type, identity: xot.identity(digName) };
    return (await dig({ ...request, more: ['+noall', '+stats'] })).output;
  }

  it('reaches NSD by AXFR [RFC5936-2.2]', async () => {
    await secondary().waitForSerial(1, arrivalTimeMs);
  });

  it('reaches dig, complete, and costs the primary nothing', async () => {
    const before = xot.primary.transfers();
    // The SOA record comes twice.
    expect(await transferByDig('AXFR')).to.contain(`XFR size: ${records + 1} records`);
    expect(xot.primary.transfers()).to.equal(before);
  });

  it('reaches NSD by IXFR when fifty records change, exactly [RFC1995-4]', async () => {
    await xot.primary.change(series.next('some'));
    await secondary().waitForSerial(2, arrivalTimeMs);
    // All that came by AXFR is in it as well.
    expect(await digestAt(secondary(), apex)).to.deep.equal(series.digest());
    const line = await xot.gate.waitForEvent('transfer', ({ form }) => form === 'incremental');
    expect(line).to.include({ outcome: 'complete', clientSerial: 1, serial: 2, records: 2 * changes + 4 });
  });

  it('reaches dig by IXFR as well', async () => {
    expect(await transferByDig('IXFR=1')).to.contain(`XFR size: ${2 * changes + 4} records`);
  });
});
