/**
 * NOTIFY with BIND, NSD and Knot DNS in both directions: theirs are taken and answered so that they are content, and ours make
 * their secondaries look at once.
 */
import { expect } from 'chai';
import { Name } from '../../core/dns/name.ts';
import { parseRecords } from '../../core/dns/record-text.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';
import { do53Limits } from '../../core/do53/limits.ts';
import { Do53Server } from '../../core/do53/server.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { notifyLimits } from '../../plugins/xot/notify/limits.ts';
import { NotifyReceiver } from '../../plugins/xot/notify/receiver.ts';
import { NotifySender } from '../../plugins/xot/notify/sender.ts';
import { parseSource, Sources } from '../../core/do53/sources.ts';
import { PlainTarget } from '../../plugins/xot/notify/targets.ts';
import { limitsOf } from '../support/limits.ts';
import { memoryLog } from '../support/memory-log.ts';
import { plainKinds, primaryKinds } from '../support/peers/kinds.ts';
import { startBindPrimary, type Primary } from '../support/peers/primaries.ts';
import type { Secondary } from '../support/peers/secondaries.ts';
import { freePort, TestBed } from '../support/peers/test-bed.ts';
import { numberedZone } from '../support/peers/zone-text.ts';
import { until } from '../support/gate.ts';

const apex = 'example.com';
const apexName = Name.parse(apex);

describe('NOTIFY from primaries of others', function () {
  this.timeout(60_000);

  for (const [kind, startPrimary] of Object.entries(primaryKinds)) {
    describe(kind, () => {
      const bed = new TestBed();
      const taken: [zone: string, serial: number | undefined][] = [];
      const log = memoryLog();
      let server: Do53Server;
      let heard = 0;
      let primary: Primary;

      before(async () => {
        const port = await freePort();
        const receiver = new NotifyReceiver({
          isServed: (zone) => zone.equals(apexName),
          onNotify: (zone, serial) => taken.push([zone.toString(), serial]),
          log,
          metrics: new Metrics(),
          nowMs: Date.now,
        });
        const sources = new Sources([parseSource('127.0.0.1')]);
        server = new Do53Server({
          addresses: [{ address: '127.0.0.1', port }],
          limits: limitsOf(do53Limits),
          // Knot DNS says it by TCP.
          handler: (octets, from, reply) => {
            heard += 1;
            void receiver.takePlain(octets, from, sources).then(reply);
          },
          log,
          metrics: new Metrics(),
          label: 'notify',
        });
        await server.open();
        primary = await startPrimary(bed, numberedZone(apex, 1, 10), { notify: [port] });
      });

      after(async () => {
        await bed.close();
        await server.close(0);
      });

      it('is taken, with the new serial where it is told [RFC1996-3.7]', async () => {
        await primary.change(numberedZone(apex, 2, 11));
        await until('the new serial', () => taken.some(([, serial]) => serial === 2), 10_000);
        expect(taken.map(([zone]) => zone)).to.include('example.com');
        expect(log.of('notify not taken')).to.deep.equal([]);
      });

      it('is not said again, since it was answered [RFC1996-4.8]', async () => {
        const before = heard;
        // BIND, NSD and Knot DNS would say it again within these.
        await new Promise((resolve) => setTimeout(resolve, 6_000));
        expect(heard).to.equal(before);
      });
    });
  }
});

describe('NOTIFY to secondaries of others', function () {
  this.timeout(90_000);
  const bed = new TestBed();
  const log = memoryLog();
  const secondaries = new Map<string, Secondary>();
  let primary: Primary;
  let sender: NotifySender;

  before(async () => {
    primary = await startBindPrimary(bed, numberedZone(apex, 1, 10));
    for (const kind of ['BIND', 'NSD', 'Knot DNS', 'PowerDNS']) {
      const started = await plainKinds[kind]!(bed, { apex, gate: { port: primary.port } });
      secondaries.set(kind, started);
    }
    for (const secondary of secondaries.values()) await secondary.waitForSerial(1);
    sender = new NotifySender({
      targets: [...secondaries.values()].map(({ port }) => new PlainTarget({ address: '127.0.0.1', port })),
      limits: limitsOf(notifyLimits),
      log,
      metrics: new Metrics(),
      nowMs: Date.now,
    });
  });

  after(async () => {
    sender.close();
    await bed.close();
  });

  function soaOf(serial: number): ResourceRecord {
    const [soa = ''] = numberedZone(apex, serial, 4).text.split('\n');
    return parseRecords(soa)[0]!;
  }

  it('is answered by all of them, and makes them look [RFC1996-3.11]', async () => {
    await primary.change(numberedZone(apex, 2, 12));
    sender.announce(apexName, soaOf(2));
    for (const secondary of secondaries.values()) await secondary.waitForSerial(2, 15_000);
    await until('all answers', () => sender.waiting === 0, 10_000);
    expect(log.of('notify').map(({ fields }) => fields['tries'])).to.deep.equal(
      [...secondaries.keys()].map(() => 1),
    );
    expect(log.lines.filter(({ level }) => level === 'warn')).to.deep.equal([]);
  });

  it('comes again after a change that comes while it is under way', async () => {
    for (const serial of [3, 4, 5]) {
      await primary.change(numberedZone(apex, serial, 10 + serial));
      sender.announce(apexName, soaOf(serial));
    }
    for (const secondary of secondaries.values()) await secondary.waitForSerial(5, 15_000);
  });
});
