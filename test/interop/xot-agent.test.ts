/**
 * The agent of servers that are not ours: BIND and NSD that speak XoT (RFC 9103), relayed and cached, with a name server beside
 * the agent; several of them, of which one does not prove itself; zone files; and NOTIFY over TLS.
 *
 * Limitations: neither asks for our certificate here; a gate does (xot-local-servers.test.ts). Knot DNS is no server here: 3.2 of
 * Debian 12 has no XoT.
 */
import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { sendNotify } from '../support/peers/notify.ts';
import { startBindSecondary, startKnotSecondary } from '../support/peers/secondaries.ts';
import { freePort, pathOf, TestBed, type RunningProgram } from '../support/peers/test-bed.ts';
import {
  dumpZone,
  numberedZone,
  recordLines,
  servedSerial,
  type ZoneText,
} from '../support/peers/zone-text.ts';
import { startXot, type XotProcess } from '../support/xot-process.ts';

const apex = 'example.com';
const records = 5_000;

/** A primary that speaks plain DNS at one port and XoT at another. */
interface XotPrimary {
  readonly port: number;
  readonly target: string;
  change(zone: ZoneText): Promise<void>;
  stop(): Promise<void>;
}

type StartXotPrimary = (bed: TestBed, lab: Lab, zone: ZoneText) => Promise<XotPrimary>;

interface Wanted {
  readonly folder: string;
  readonly file: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly identity: IdentityFiles;
}

async function startXotPrimary(
  bed: TestBed,
  lab: Lab,
  zone: ZoneText,
  name: string,
  run: (wanted: Wanted) => RunningProgram,
): Promise<XotPrimary> {
  const identity = await makeIdentity(bed, `${name}.example`);
  const [port, tlsPort] = [await freePort(), await freePort()];
  lab.publishTlsa(`_${String(tlsPort)}._tcp.${identity.name}`, [identity.tlsa]);
  const folder = `${name}-xot-${String(port)}`;
  const file = bed.write(`${folder}/zone`, zone.text);
  const program = run({ folder: bed.folder(folder), file, port, tlsPort, identity });
  await program.waitForPort(tlsPort);
  return {
    port,
    target: `127.0.0.1:${String(tlsPort)}#${identity.name}`,
    stop: () => program.stop(),
    change: async (next) => {
      bed.write(`${folder}/zone`, next.text);
      program.signal('SIGHUP');
      await program.waitFor(
        `serial ${String(next.serial)}`,
        async () => (await servedSerial(port, apex)) === next.serial,
      );
    },
  };
}

const startBind: StartXotPrimary = (bed, lab, zone) =>
  startXotPrimary(bed, lab, zone, 'bind', ({ folder, file, port, tlsPort, identity }) => {
    const config = bed.write(
      `bind-xot-${String(port)}/named.conf`,
      `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${String(port)} { 127.0.0.1; }; listen-on-v6 { none; };
  listen-on port ${String(tlsPort)} tls own { 127.0.0.1; };
  recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.0/8; };
};
tls own { cert-file "${identity.certificateFile}"; key-file "${identity.keyFile}"; protocols { TLSv1.3; }; };
controls { };
zone "${apex}" { type primary; file "${file}"; ixfr-from-differences yes; };
`,
    );
    return bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]);
  });

const startNsd: StartXotPrimary = (bed, lab, zone) =>
  startXotPrimary(bed, lab, zone, 'nsd', ({ folder, file, port, tlsPort, identity }) => {
    const config = bed.write(
      `nsd-xot-${String(port)}/nsd.conf`,
      `server:
  server-count: 1
  ip-address: 127.0.0.1@${String(port)}
  ip-address: 127.0.0.1@${String(tlsPort)}
  tls-port: ${String(tlsPort)}
  tls-service-key: "${identity.keyFile}"
  tls-service-pem: "${identity.certificateFile}"
  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
remote-control:
  control-enable: no
zone:
  name: ${apex}
  zonefile: "${file}"
  provide-xfr: 127.0.0.0/8 NOKEY
  store-ixfr: yes
  create-ixfr: yes
`,
    );
    return bed.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`);
  });

for (const [title, start] of Object.entries({ BIND: startBind })) {
  for (const serve of ['relayed', 'cached'] as const) {
    describe(`an agent (${serve}) of ${title}, which speaks XoT itself`, function () {
      this.timeout(180_000);
      const bed = new TestBed();
      let lab: Lab;
      let primary: XotPrimary;
      let agent: XotProcess;

      before(async () => {
        lab = await startLab();
        primary = await start(bed, lab, numberedZone(apex, 1, records));
        agent = await startXot(bed, {
          ...{ identity: await makeIdentity(bed, 'agent.ns2.example'), lab, use: 'xot/agent' },
          plugin: `    gates: ["${primary.target}"]\n    zones: [${apex}]\n    serve: ${serve}\n`,
        });
      });
      after(async () => {
        await bed.close();
        await lab.close();
      });

      it('gives the name server beside it the zone, and what changes [RFC5936-2.2] [RFC1995-4]', async () => {
        const secondary = await startBindSecondary(bed, { apex, gate: { port: agent.port } });
        // BIND that was told "not ready" waits for some ten seconds before it asks again.
        await secondary.waitForSerial(1, 60_000);
        expect(await dumpZone(secondary.port, apex)).to.deep.equal(await dumpZone(primary.port, apex));
        await primary.change(numberedZone(apex, 2, records, [`new.${apex}. 60 IN A 192.0.2.1`]));
        await sendNotify(secondary.port, apex);
        await secondary.waitForSerial(2, 60_000);
        expect(await dumpZone(secondary.port, apex)).to.deep.equal(await dumpZone(primary.port, apex));
        const forms = agent
          .events('transfer')
          .map(({ form, outcome }) => `${String(form)} ${String(outcome)}`);
        expect(forms).to.deep.equal(['whole complete', 'incremental complete']);
      });
    });
  }
}

describe('an agent of NSD 4.6, which takes TLS without ALPN', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;

  after(async () => {
    await bed.close();
    await lab.close();
  });

  it('takes no zone from it: that is no XoT, and it says so [RFC9103-7.1]', async () => {
    lab = await startLab();
    const { target } = await startNsd(bed, lab, numberedZone(apex, 1, records));
    const agent = await startXot(bed, {
      ...{ identity: await makeIdentity(bed, 'agent.ns2.example'), lab, use: 'xot/agent' },
      plugin: `    gates: ["${target}"]\n    zones: [${apex}]\n    serve: relayed\n`,
    });
    const line = await agent.waitForEvent('gate cannot be asked');
    expect(line['reason']).to.include('none of the application protocols');
    expect(await servedSerial(agent.port, apex)).to.equal(undefined);
  });
});

describe('an agent of several servers', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let primary: XotPrimary;
  let agent: XotProcess;
  let gate: IdentityFiles;
  let notifyPort: number;
  let zoneFile: string;

  before(async () => {
    lab = await startLab();
    primary = await startBind(bed, lab, numberedZone(apex, 1, records));
    // At the address and port of the other, but not with its key.
    const [at = ''] = primary.target.split('#');
    const other = await makeIdentity(bed, 'other.example');
    lab.publishTlsa(`_${String(at.split(':')[1])}._tcp.${other.name}`, [other.tlsa]);
    gate = await makeIdentity(bed, '_xfr.gate.example');
    lab.publishTlsa(gate.name, [gate.tlsa]);
    notifyPort = await freePort();
    const identity = await makeIdentity(bed, 'agent.ns2.example');
    lab.publishTlsa(`_${String(notifyPort)}._tcp.${identity.name}`, [identity.tlsa]);
    const folder = bed.folder('written');
    zoneFile = `${folder}/${apex}.zone`;
    agent = await startXot(bed, {
      ...{ identity, lab, use: 'xot/agent' },
      plugin: `    gates: ["${at}#${other.name}", "${primary.target}"]
    zones: [${apex}]
    write: { directory: ${folder} }
    notify: { from: [127.0.0.1] }
    limits: { fresh-time: 1h }
`,
    });
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  it('takes the zone from the one that proves itself, and says why not from the other [RFC9103-7.5]', async () => {
    await agent.waitForEvent('zone loaded');
    const line = await agent.waitForEvent('gate cannot be asked');
    expect(line['server']).to.match(/#other\.example$/);
    expect(line['reason']).to.include('not the one that its TLSA record publishes');
    expect(await dumpZone(agent.port, apex)).to.deep.equal(await dumpZone(primary.port, apex));
  });

  it('writes the zone file, and again when a NOTIFY tells of a new version [RFC1996-3.7]', async () => {
    await agent.waitForEvent('zone written', ({ serial }) => serial === 1);
    const next = numberedZone(apex, 2, records, [`new.${apex}. 60 IN A 192.0.2.1`]);
    await primary.change(next);
    await sendNotify(agent.port, apex);
    await agent.waitForEvent('zone written', ({ serial }) => serial === 2);
    expect(existsSync(zoneFile)).to.equal(true);
    expect(recordLines(readFileSync(zoneFile, 'utf8'))).to.deep.equal(recordLines(next.text));
  });

  it('gives Knot DNS what it has while no server can be asked', async () => {
    const last = await dumpZone(primary.port, apex);
    await primary.stop();
    const knot = await startKnotSecondary(bed, { apex, gate: { port: agent.port } });
    await knot.waitForSerial(2);
    expect(await dumpZone(knot.port, apex)).to.deep.equal(last);
  });
});
