/** What whoever watches decisions is told where a listener does not say whom it serves. */
import { expect } from 'chai';
import { Budgets } from '../../../core/acl/budgets.ts';
import { Grants } from '../../../core/acl/grants.ts';
import { Name } from '../../../core/dns/name.ts';
import { Feed } from '../../../core/observe/feed.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import { createHost } from '../../../core/plugin/host.ts';
import { AdmissionBudgets } from '../../../core/server/admission-budgets.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import { tlsFeatures } from '../../../core/tls/native/native.ts';
import { accessFrom } from '../../support/access.ts';
import { defaultListenerTls } from '../../support/gate-bed.ts';
import { testLimits } from '../../support/limits.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { provedClient } from '../../support/proved-client.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';

const nowMs = (): number => 0;
const from = {
  client: provedClient('mary.members.example'),
  connection: { id: 7123, remote: '192.0.2.77:5353' },
};
const access = `version: 1
roles: { staff: { allow: [{ action: resolve, zones: ['*.inside.example'], view: inside }] } }
clients:
  mary.members.example: { roles: [staff] }
`;

describe('decisions as they are told to whoever watches', () => {
  /** The events of a host whose listener says this of whom it serves. */
  async function eventsOf(whoIsServed: 'told' | 'hidden'): Promise<readonly string[]> {
    const own = asLoaded(await issueTestIdentity('gate.example'));
    const feed = new Feed(nowMs);
    const events: string[] = [];
    feed.watch((event) => events.push(JSON.stringify(event)));
    const host = createHost('test', {
      identity: () => own,
      ownName: Name.parse('gate.example'),
      folder: '/etc/danced',
      extensionType: defaultExtensionType,
      features: tlsFeatures(),
      access: accessFrom(access),
      grants: new Grants(new Budgets({ kind: 'rates', nowMs })),
      rates: new Budgets({ kind: 'rates', nowMs }),
      budgets: new AdmissionBudgets({ nowMs }),
      resolver: new ScriptedResolver(),
      roots: [],
      log: memoryLog(),
      metrics: new Metrics(),
      feed,
      nowMs,
    });
    const options = { addresses: [], limits: testLimits({}), tls: defaultListenerTls, whoIsServed };
    host.answer(options, () => ({ request: () => undefined, end: () => undefined }));
    for (const zone of ['www.inside.example', 'elsewhere.example']) {
      const request = { action: 'resolve', zone: Name.parse(zone) } as const;
      await host.access.decide(from, request);
      (await host.access.ask(from, request)).release();
    }
    return events;
  }

  it('have no name, address or number of a connection where the listener hides its clients, allowed or not', async () => {
    const events = await eventsOf('hidden');
    expect(events).to.have.lengthOf(4);
    for (const event of events) {
      for (const secret of ['mary', '192.0.2.77', '7123']) expect(event).to.not.include(secret);
      expect(event).to.include('staff');
    }
    expect(events[0]).to.include('"view":"inside"').and.to.include('"allowed":true');
    expect(events[2]).to.include('"allowed":false');
  });

  it('have them where it does not', async () => {
    for (const event of await eventsOf('told'))
      for (const fact of ['mary', '192.0.2.77', '7123']) expect(event).to.include(fact);
  });
});
