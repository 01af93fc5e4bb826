import { expect } from 'chai';
import type { AccessControl, AccessViewer } from '../../../core/acl/access-control.ts';
import { Budgets } from '../../../core/acl/budgets.ts';
import { Grants } from '../../../core/acl/grants.ts';
import { Name } from '../../../core/dns/name.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import type { GateOptions, PluginHost } from '../../../core/plugin/contract.ts';
import { createHost, type HostParts } from '../../../core/plugin/host.ts';
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

const client = provedClient('ns2.example');
const request = { action: 'transfer', zone: Name.parse('example.com') } as const;
const from = (who: typeof client | undefined) => ({ client: who, connection: { id: 1, remote: '' } });

describe('the host of a plugin', () => {
  const nowMs = (): number => 0;
  let viewers: AccessViewer[];
  let parts: HostParts;

  before(async () => {
    const own = asLoaded(await issueTestIdentity('gate.example'));
    const list = accessFrom(`version: 1
anonymous: { allow: [{ action: transfer, zones: [example.com], requests-at-once: 1 }] }
clients:
  ns2.example: { allow: [{ action: transfer, zones: [example.com], rate: 1/h, burst: 2 }] }
`);
    const access: AccessControl = {
      ...list,
      // Who does not go by the view is told no.
      decide: () => Promise.reject(new Error('not by the view')),
      seenBy: (viewer) => {
        viewers.push(viewer);
        return list;
      },
    };
    const metrics = new Metrics();
    parts = {
      identity: () => own,
      ownName: Name.parse('gate.example'),
      folder: '/etc/danced',
      extensionType: defaultExtensionType,
      features: tlsFeatures(),
      access,
      grants: new Grants(new Budgets({ kind: 'rates', nowMs })),
      rates: new Budgets({ kind: 'rates', nowMs }),
      budgets: new AdmissionBudgets({ nowMs }),
      resolver: new ScriptedResolver(),
      roots: [],
      log: memoryLog(),
      metrics,
      nowMs,
    };
  });
  beforeEach(() => {
    viewers = [];
  });

  function listen(host: PluginHost, staleMaxMs: number) {
    const options: GateOptions = {
      addresses: [],
      limits: testLimits({ 'stale-max': staleMaxMs }),
      tls: defaultListenerTls,
    };
    return host.listen(options, () => Promise.resolve(undefined));
  }

  it('asks the list as its own listeners see it: the strictest of their limits counts, as it is now', () => {
    const host = createHost('test', parts);
    const staleMaxMs = (): number | undefined => viewers[0]?.staleMaxMs();
    const gate = listen(host, 5000);
    expect(staleMaxMs()).to.equal(5000);
    listen(host, 7000);
    expect(staleMaxMs()).to.equal(5000);
    gate.setLimits(testLimits({ 'stale-max': 9000 }));
    expect(staleMaxMs()).to.equal(7000);
    // One for the plugin, and one for each gate.
    expect(viewers.map((viewer) => viewer.staleMaxMs())).to.deep.equal([7000, 9000, 7000]);
  });

  it('keeps the limits of rules, for all instances together', async () => {
    const [one, other] = [createHost('one', parts), createHost('other', parts)];
    const reasons: string[] = [];
    for (const host of [one, other, one]) {
      reasons.push((await host.access.ask(from(client), request)).decision.reason);
    }
    expect(reasons).to.deep.equal(['allowed', 'allowed', 'too-fast']);
  });

  it('asks for clients without identity as for one', async () => {
    const { access } = createHost('test', parts);
    const first = await access.ask(from(undefined), request);
    expect(first.decision.allowed).to.equal(true);
    expect((await access.ask(from(undefined), request)).decision.reason).to.equal('too-many-at-once');
    first.release();
    expect((await access.ask(from(undefined), request)).decision.allowed).to.equal(true);
  });
});
