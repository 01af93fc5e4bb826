/**
 * A daemon's life: new rules and keys while it runs, what it tells of itself, and a stop that breaks nothing.
 */
import { connect } from 'node:net';
import { renameSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { makeIdentity, TestGate, until, type Credentials } from '../support/gate.ts';

const zone = 'example.com';
const clientName = '_xfr.ns2.example';
const records = 400;

describe('a running daemon', () => {
  let gate: TestGate;
  let client: Credentials;

  beforeEach(async () => {
    gate = await TestGate.start({
      lab: { transferZone: { name: zone, records } },
      clients: { [clientName]: [zone] },
    });
    client = await gate.client(clientName);
  });

  afterEach(() => gate.close());

  describe('takes a new access list', () => {
    it('when the file changes: for new connections and for open ones', async () => {
      const open = await gate.open(client);
      expect((await open.request({ zone })).outcome).to.equal('complete');

      gate.writeAccess({});
      await gate.lines('access list loaded');
      expect((await open.request({ zone })).outcome).to.equal('closed');
      expect((await gate.transfer(client)).messageCount).to.equal(0);

      gate.writeAccess({ [clientName]: ['other.example'] });
      await gate.lines('access list loaded', 2);
      const again = await gate.open(client);
      expect((await again.request({ zone })).rcode).to.equal(Rcode.REFUSED);

      gate.writeAccess({ [clientName]: [zone] });
      await gate.lines('access list loaded', 3);
      expect((await again.request({ zone })).outcome).to.equal('complete');
      again.close();
    });

    it('when another file takes its place', async () => {
      writeFileSync(`${gate.accessFile}.new`, 'version: 1\nclients: {}\n');
      renameSync(`${gate.accessFile}.new`, gate.accessFile);
      await gate.lines('access list loaded');
      expect((await gate.transfer(client)).messageCount).to.equal(0);
    });

    it('when it is told to reload', async () => {
      gate.writeAccess({});
      gate.daemon.reload(undefined);
      expect((await gate.transfer(client)).messageCount).to.equal(0);
      expect(gate.log.of('connection refused').at(-1)?.fields).to.include({ reason: 'not-admitted' });
    });

    it('but keeps the old one when the new one is broken, and says where', async () => {
      gate.writeAccessText(`version: 1
clients:
  _xfr.ns2.example: { roles: [secondary], allow: [{ action: transport, zones: [example.com] }] }
`);
      gate.daemon.reload(undefined);
      expect((await gate.transfer(client)).outcome).to.equal('complete');
      const [broken] = gate.log.of('access list broken');
      expect(broken?.level).to.equal('error');
      expect(broken?.fields['problem']).to.match(/access\.yaml:3:\d+: .*action/);
      expect(gate.log.of('access list kept')).to.have.length(1);
    });
  });

  describe('takes a new identity', () => {
    it('for new connections; the open ones go on', async () => {
      const expectedCertificate = gate.identity.certificate;
      const open = await gate.open(client, { expectedCertificate });
      const next = await makeIdentity('gate.example');
      gate.writeIdentity(next);
      gate.daemon.reload(undefined);

      expect((await open.request({ zone })).outcome).to.equal('complete');
      open.close();
      const result = await gate.transfer(client, { expectedCertificate: next.certificate });
      expect(result.outcome).to.equal('complete');
    });

    it('but keeps the old one when key and certificate do not belong together', async () => {
      gate.writeCertificateOnly(await makeIdentity('gate.example'));
      gate.daemon.reload(undefined);
      const result = await gate.transfer(client, { expectedCertificate: gate.identity.certificate });
      expect(result.outcome).to.equal('complete');
      expect(gate.log.of('identity not reloaded')).to.have.length(1);
    });
  });

  describe('tells of itself', () => {
    it('by metrics: connections, requests, transfers and refusals', async () => {
      await gate.transfer(client);
      await gate.transfer(client, { zone: 'example.net' });
      await gate.transfer(undefined);
      const open = await gate.open(client);
      await open.request({ zone, type: 'SOA' });
      await until('the gauges are up to date', async () => {
        const values = await gate.metrics();
        return values.get('danced_connections{gate="xot/gate"}') === 1;
      });
      const during = await gate.metrics();
      expect(during.get('danced_handshakes{gate="xot/gate"}'), 'identified, so no handshake').to.equal(0);
      open.close();
      await gate.idle();
      const values = await gate.metrics();
      const expected = {
        'danced_xot_transfers_total{form="whole",outcome="complete"}': 1,
        danced_xot_records_total: records + 1,
        'danced_xot_requests_total{kind="AXFR",rcode="NOERROR"}': 1,
        'danced_xot_requests_total{kind="AXFR",rcode="REFUSED"}': 1,
        'danced_xot_requests_total{kind="SOA",rcode="NOERROR"}': 1,
        'danced_connections_total{gate="xot/gate",outcome="served"}': 3,
        'danced_connections_total{gate="xot/gate",outcome="no-certificate"}': 1,
      };
      for (const [series, value] of Object.entries(expected))
        expect(values.get(series), series).to.equal(value);
    });

    it('by HTTP: /metrics, /livez and /readyz', async () => {
      await gate.transfer(client);
      const metrics = await gate.admin('/metrics');
      expect(metrics.status).to.equal(200);
      expect(await metrics.text()).to.match(/^danced_xot_transfers_total\{.*\} 1$/m);
      expect((await gate.admin('/livez')).status).to.equal(200);
      expect((await gate.admin('/readyz')).status).to.equal(200);
    });
  });

  describe('stops', () => {
    /** A transfer of about half a second, under way. */
    async function slowTransfer() {
      const { primary } = gate.lab;
      primary.shape = { octets: 16_384, recordsPerMessage: 10 };
      primary.delayMs = 12;
      const secondary = await gate.open(client);
      const result = secondary.request({ zone });
      await until('the transfer is under way', () => primary.requests.length > 0);
      return { secondary, result };
    }

    it('when the transfer under way is complete, and takes no new connection meanwhile', async () => {
      const { secondary, result } = await slowTransfer();
      const { endpoint } = gate;
      const late = await gate.open(client);
      const stopped = gate.stop(5000);
      const ready = await gate.admin('/readyz');
      expect(ready.status).to.equal(503);
      expect(await ready.text()).to.include('stopping');
      expect(await canConnect(endpoint.port)).to.equal(false);
      // An idle connection is closed at once.
      await late.closed();
      const transferred = await result;
      expect(transferred.outcome).to.equal('complete');
      expect(transferred.records).to.have.length(records + 1);
      await secondary.closed();
      await stopped;
      expect(gate.log.of('transfer')[0]?.fields).to.include({ outcome: 'complete' });
    });

    it('at the deadline at the latest, and then the transfer has no end that could pass for one', async () => {
      const { result } = await slowTransfer();
      const startMs = performance.now();
      await gate.stop(100);
      expect(performance.now() - startMs).to.be.below(1000);
      const cut = await result;
      expect(cut.outcome).to.equal('closed');
      expect(cut.records.filter(({ type }) => type === RrType.SOA)).to.have.length(1);
      expect(gate.log.of('transfer')[0]?.fields).to.include({ outcome: 'cut' });
    });

    it('without waiting for clients that are not identified yet', async () => {
      const stranger = connect(gate.endpoint.port, '127.0.0.1');
      stranger.on('error', () => undefined);
      await until('the stranger has a place', async () => {
        const values = await gate.metrics();
        return values.get('danced_handshakes{gate="xot/gate"}') === 1;
      });
      const startMs = performance.now();
      await gate.stop(5000);
      expect(performance.now() - startMs).to.be.below(1000);
      expect(gate.log.of('connection refused').at(-1)?.fields).to.include({ reason: 'gate-closing' });
    });
  });
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
