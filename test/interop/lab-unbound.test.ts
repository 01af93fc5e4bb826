/** What Unbound, with the lab's root as its only trust anchor, makes of the lab: it must agree with the lab's resolver. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa, encodeTxt } from '../../core/dns/rdata.ts';
import { ask } from '../../lab/ask.ts';
import { startLab } from '../../lab/lab.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Endpoint } from '../../lab/servers.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { startUnbound } from '../support/peers/unbound.ts';

const tlsa = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 7) });
const zones = ['good', 'broken', 'expired', 'stripped', 'wrong-key'].map((label) => `${label}.example`);

/** What a resolver says of a name's TLSA record. */
async function verdict(resolver: Endpoint, name: string): Promise<string> {
  const inquiry = { name: Name.parse(name), type: RrType.TLSA, rd: true, dnssecOk: true, timeoutMs: 8000 };
  const { header, answers }: Message = await ask(resolver, inquiry);
  const records = answers.filter(({ type }) => type === RrType.TLSA).length;
  const rcode = Object.entries(Rcode).find(([, code]) => code === header.rcode)?.[0] ?? 'unknown';
  return `${rcode}, ${records} records${header.ad ? ', AD' : ''}`;
}

describe('lab in the eyes of Unbound', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let unbound: Endpoint;

  before(async () => {
    lab = await startLab({ zones, transferZone: { name: 'example.com', records: 3 } });
    for (const zone of [...zones, 'unsigned.example']) lab.publishTlsa(`_xfr.${zone}`, [tlsa]);
    lab.publishTlsa('leaving.good.example', [tlsa]);
    lab.publishTlsa('gone.good.example', [tlsa]);
    lab.withdrawTlsa('gone.good.example');
    lab.publishTlsa('emptied.good.example', [tlsa]);
    lab.publish('emptied.good.example', RrType.TXT, [encodeTxt([Buffer.from('still here')])]);
    lab.withdrawTlsa('emptied.good.example');
    lab.publishTlsa('deep.down.good.example', [tlsa, Buffer.concat([tlsa, Buffer.from([1])])]);
    lab.publish('alias.good.example', RrType.CNAME, [Name.parse('_XFR.Good.Example').wire]);
    lab.setZoneState('broken.example', 'broken');
    lab.setZoneState('expired.example', 'expired');
    lab.setZoneState('stripped.example', 'unsigned');
    lab.publish('wrong-key.example', RrType.DNSKEY, [lab.zone('good.example').key.dnskey]);
    const served = lab
      .zoneNames()
      .map((name) => ({ name: name.toString(), ...endpointOf(lab.authoritative) }));
    unbound = await startUnbound(bed, { anchor: lab.rootAnchor(), zones: served });
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  const cases: [name: string, title: string, seen: string][] = [
    ['_xfr.good.example', 'a signed record', 'NOERROR, 1 records, AD'],
    ['deep.down.good.example', 'a signed RRset of two', 'NOERROR, 2 records, AD'],
    ['alias.good.example', 'a signed alias, in other capitals', 'NOERROR, 1 records, AD'],
    ['gone.good.example', 'a withdrawn record', 'NXDOMAIN, 0 records, AD'],
    ['emptied.good.example', 'a withdrawn record whose name is still there', 'NOERROR, 0 records, AD'],
    ['down.good.example', 'an empty non-terminal', 'NOERROR, 0 records, AD'],
    ['good.example', 'an apex without such a record', 'NOERROR, 0 records, AD'],
    ['_xfr.unsigned.example', 'an unsigned zone', 'NOERROR, 1 records'],
    ['no.unsigned.example', 'what an unsigned zone does not have', 'NXDOMAIN, 0 records'],
    ['_xfr.broken.example', 'a broken signature', 'SERVFAIL, 0 records'],
    ['no.broken.example', 'a denial with a broken signature', 'SERVFAIL, 0 records'],
    ['_xfr.expired.example', 'an expired signature', 'SERVFAIL, 0 records'],
    [
      '_xfr.stripped.example',
      'a zone without the signatures that its DS record promises',
      'SERVFAIL, 0 records',
    ],
    ['_xfr.wrong-key.example', 'a key that no DS record names', 'SERVFAIL, 0 records'],
  ];
  for (const [name, title, seen] of cases) {
    it(`${title}: ${seen}`, async () => {
      expect(await verdict(unbound, name)).to.equal(seen);
      expect(await verdict(lab.resolver, name), 'the lab itself').to.equal(seen);
    });
  }

  it('a record withdrawn while Unbound runs is soon seen to be gone', async () => {
    expect(await verdict(unbound, 'leaving.good.example')).to.equal('NOERROR, 1 records, AD');
    lab.withdrawTlsa('leaving.good.example');
    const deadlineMs = performance.now() + 10_000;
    let seen = '';
    while (seen !== 'NXDOMAIN, 0 records, AD' && performance.now() < deadlineMs) {
      await sleep(100);
      seen = await verdict(unbound, 'leaving.good.example');
    }
    expect(seen).to.equal('NXDOMAIN, 0 records, AD');
  });
});

function endpointOf({ address, port }: Endpoint): Endpoint {
  return { address, port };
}
