/**
 * Clients of others at a listener that has everything on: names from the extension and from certificates, raw public keys,
 * alerts, or anonymous clients. None of them knows dane_clientid; none must suffer by it.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { EdeCode, Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodePem } from '../../core/pki/pem.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { edeOf, edns } from '../plugins/xot/messages.ts';
import { TestGate, tlsaRdata } from '../support/gate.ts';
import { dig, kdig, type Client } from '../support/peers/clients.ts';
import { sendNotify } from '../support/peers/notify.ts';
import { startBindSecondary, startNsdSecondary } from '../support/peers/secondaries.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { gnutlsClient, opensslClient } from '../support/peers/tls-clients.ts';

const zone = 'example.com';
const otherZone = 'example.net';
const clientName = '_xfr.ns2.example';
const everything = {
  claims: '[extension, certificate-name]',
  'raw-public-keys': 'true',
  'record-padding': '512',
};

const shortMemory = '{ max-ttl: 1s, max-negative-ttl: 1s, failure-max: 1s }';
const forgottenMs = 1_100;

interface Files {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly publicKeyFile: string;
}

/** What a client got. */
interface Answer {
  /** As 'NOERROR'; undefined: no answer came. */
  readonly rcode: string | undefined;
  readonly hasSoa: boolean;
  readonly isProhibited: boolean;
  readonly output: string;
}

type Ask = (name: string, identity?: Files) => Promise<Answer>;

/** The alert handshake_failure in the words of each. */
const alertWords = {
  'openssl s_client': 'alert handshake failure',
  'gnutls-cli': '*** Received alert [40]: Handshake failed',
  kdig: 'A TLS fatal alert has been received',
  // Of no alert does it say more.
  dig: 'end of file',
} as const;

describe('clients of others at a listener with everything on', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let gate: TestGate;
  let identity: Files;
  let port: number;

  async function start(onFailure: 'alert' | 'anonymous'): Promise<void> {
    gate = await TestGate.start({
      lab: { zones: ['ns2.example', 'ns3.example'], transferZone: { name: zone, records: 500 } },
      zones: [zone, otherZone],
      clients: { [clientName]: [zone], '_xfr.ns3.example': [zone] },
      ...(onFailure === 'anonymous' && { anonymous: [zone] }),
      listener: { ...everything, 'on-failure': onFailure },
      resolver: { limits: shortMemory },
    });
    ({ port } = gate.endpoint);
    identity = filesOf(await gate.client(clientName));
    bed.write('gate.pem', gate.identity.certificatePem);
  }

  after(() => bed.close());

  let made = 0;

  function filesOf({ certificatePem, privateKeyPem }: IssuedIdentity): Files {
    const folder = `identity-${String(++made)}`;
    const publicKey = createPublicKey(createPrivateKey(privateKeyPem)).export({
      type: 'spki',
      format: 'der',
    });
    return {
      certificateFile: bed.write(`${folder}/certificate.pem`, certificatePem),
      keyFile: bed.write(`${folder}/key.pem`, privateKeyPem, 0o600),
      publicKeyFile: bed.write(`${folder}/public.pem`, encodePem(publicKey, 'PUBLIC KEY')),
    };
  }

  const gateFile = (): { port: number; certificateFile: string; name: string } => ({
    port,
    certificateFile: `${bed.directory}/gate.pem`,
    name: 'gate.example',
  });

  const byProgram =
    (client: Client): Ask =>
    async (name, own) => {
      const { records, output } = await client({
        gate: gateFile(),
        name,
        type: 'SOA',
        ...(own && { identity: own }),
      });
      return {
        rcode: /status: (\w+)/.exec(output)?.[1],
        hasSoa: records.some((record) => record.includes(' SOA ')),
        isProhibited: output.includes('EDE: 18 (Prohibited)'),
        output,
      };
    };

  function soaQuery(name: string): Buffer {
    return encodeMessage(
      makeQuery({ id: 7, name: Name.parse(name), type: RrType.SOA, class: RrClass.IN, edns: edns() }),
    );
  }

  function read(reply: Buffer | undefined, output: string): Answer {
    if (reply === undefined) return { rcode: undefined, hasSoa: false, isProhibited: false, output };
    const message = parseMessage(reply);
    return {
      rcode: Object.entries(Rcode).find(([, value]) => value === message.header.rcode)?.[0],
      hasSoa: message.answers.some(({ type }) => type === RrType.SOA),
      isProhibited: edeOf(message)?.code === EdeCode.PROHIBITED,
      output,
    };
  }

  async function openssl(name: string, own?: Files): Promise<Answer> {
    const { reply, output } = await opensslClient({
      port,
      message: soaQuery(name),
      ...(own && { identity: own }),
    });
    return read(reply, output);
  }

  async function gnutls(name: string, own?: Files): Promise<Answer> {
    const request = { port, message: soaQuery(name), ...(own && { identity: own }) };
    const { reply, output } = await gnutlsClient(request, bed);
    return read(reply, output);
  }

  async function gnutlsWithRawKey(name: string, own: Files): Promise<Answer> {
    const { reply, output } = await gnutlsClient({ port, message: soaQuery(name), rawPublicKey: own }, bed);
    return read(reply, output);
  }

  const clients: Readonly<Record<keyof typeof alertWords, Ask>> = {
    dig: byProgram(dig),
    kdig: byProgram(kdig),
    'openssl s_client': openssl,
    'gnutls-cli': gnutls,
  };
  const programs = Object.keys(clients) as (keyof typeof clients)[];

  /** The newest line of an event, once the connection is over. */
  async function lastLine(event: string): Promise<Readonly<Record<string, unknown>>> {
    await gate.idle();
    return gate.log.of(event).at(-1)?.fields ?? {};
  }

  async function expectKnown(program: keyof typeof clients): Promise<void> {
    const answer = await clients[program](zone, identity);
    expect(answer, answer.output).to.include({ rcode: 'NOERROR', hasSoa: true });
    expect(await lastLine('connection')).to.include({
      client: clientName,
      claim: 'certificate-name',
      key: 'x509',
    });
  }

  describe('under on-failure: alert', () => {
    before(() => start('alert'));
    after(() => gate.close());

    for (const program of programs) {
      it(`${program} is known by the name in its certificate`, () => expectKnown(program));

      it(`${program} without a certificate is told no by an alert [DANCE-8.2]`, async () => {
        const answer = await clients[program](zone);
        expect(answer).to.include({ rcode: undefined, hasSoa: false });
        expect(answer.output).to.include(alertWords[program]);
        expect(await lastLine('connection refused')).to.include({ reason: 'no-certificate' });
      });
    }

    it('gnutls-cli with a raw public key is understood, and told no by an alert, as it says no name [RFC7250-4.2] [DANCE-9]', async () => {
      const { rcode, output } = await gnutlsWithRawKey(zone, identity);
      expect(rcode).to.equal(undefined);
      // What it shows, and what the gate shows, which it takes a certificate from.
      expect(output).to.match(/Description: \(TLS1\.3-Raw Public Key-X\.509\)/);
      expect(output).to.include(alertWords['gnutls-cli']);
      expect(await lastLine('connection refused')).to.include({ reason: 'no-claim' });
      expect(gate.log.of('defect')).to.deep.equal([]);
    });

    it('gnutls-cli with a certificate, and a raw public key as its second choice, is known by the certificate [RFC7250-4.2]', async () => {
      const request = { port, message: soaQuery(zone), identity, rawPublicKey: identity };
      const { reply, output } = await gnutlsClient(request, bed);
      expect(read(reply, output)).to.include({ rcode: 'NOERROR', hasSoa: true });
      expect(await lastLine('connection')).to.include({ client: clientName, key: 'x509' });
    });

    it('gnutls-cli gets the raw public key of the gate if it wants that [RFC7250-4.2]', async () => {
      const request = { port, message: soaQuery(zone), identity, wantsRawPublicKey: true };
      const { reply, output } = await gnutlsClient(request, bed);
      expect(read(reply, output)).to.include({ rcode: 'NOERROR', hasSoa: true });
      expect(output).to.match(/Description: \(TLS1\.3-X\.509-Raw Public Key\)/);
      expect(await lastLine('connection')).to.include({ client: clientName, key: 'x509' });
    });
  });

  describe('under on-failure: anonymous', () => {
    before(() => start('anonymous'));
    after(() => gate.close());

    for (const program of programs) {
      it(`${program} is known by the name in its certificate`, () => expectKnown(program));

      it(`${program} without a certificate gets what everybody may have, and nothing else [DANCE-8.2] [RFC8914-4.19]`, async () => {
        expect(await clients[program](zone)).to.include({ rcode: 'NOERROR', hasSoa: true });
        expect(await lastLine('connection')).to.include({ anonymous: 'no-certificate', requests: 1 });
        const refused = await clients[program](otherZone);
        expect(refused, refused.output).to.include({ rcode: 'REFUSED', hasSoa: false, isProhibited: true });
        expect(gate.lab.primary.requests.map(({ name }) => name.toString())).not.to.include(otherZone);
      });
    }

    it('gnutls-cli with a raw public key is served as anybody [DANCE-9]', async () => {
      const answer = await gnutlsWithRawKey(zone, identity);
      expect(answer).to.include({ rcode: 'NOERROR', hasSoa: true });
      expect(answer.output).to.match(/Description: \(TLS1\.3-Raw Public Key-X\.509\)/);
      expect(await lastLine('connection')).to.include({ anonymous: 'no-claim' });
    });
  });

  describe('a secondary that was known and hears the alert now', () => {
    const watchedMs = 5_000;
    const starts = { BIND: startBindSecondary, NSD: startNsdSecondary } as const;
    const names = { BIND: clientName, NSD: '_xfr.ns3.example' } as const;

    before(() => start('alert'));
    after(() => gate.close());

    for (const program of ['BIND', 'NSD'] as const) {
      const name = names[program];
      const refusals = (): number =>
        gate.log.of('connection refused').filter(({ fields }) => fields['claims'] === name).length;

      it(`neither spins nor gives up: ${program}`, async () => {
        const { primary } = gate.lab;
        const own = await gate.client(name);
        const secondary = await starts[program](bed, {
          apex: zone,
          gate: gateFile(),
          identity: filesOf(own),
        });
        const { program: running } = secondary;
        const oldSerial = primary.zone.serial;
        await secondary.waitForSerial(oldSerial);

        // Its record is that of another key now.
        await gate.client(name);
        await sleep(forgottenMs);
        addRecord(`${program}.${zone}`);
        await sendNotify(secondary.port, zone);
        await running.waitFor('a refusal', () => refusals() > 0);
        const [cpuBefore, refusedBefore] = [cpuSeconds(running.pid), refusals()];
        await sleep(watchedMs);
        expect(cpuSeconds(running.pid) - cpuBefore, 'CPU seconds in five').to.be.below(1);
        expect(refusals() - refusedBefore, 'connections in five seconds').to.be.within(1, 20);
        expect(gate.log.of('connection refused').at(-1)?.fields).to.include({ reason: 'key-mismatch' });
        expect(await secondary.serial()).to.equal(oldSerial);

        gate.lab.publishTlsa(name, [tlsaRdata(own)]);
        await secondary.waitForSerial(primary.zone.serial);
        await running.stop();
      });
    }

    function addRecord(owner: string): void {
      const record = { name: Name.parse(owner), type: RrType.A, ttl: 60, rdata: encodeA('192.0.2.1') };
      gate.lab.primary.change({ add: [record] });
    }
  });
});

/** CPU time of a program and its children, as they are in one process group: proc(5), /proc/PID/stat. */
function cpuSeconds(group: number): number {
  const ticksPerSecond = 100;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const ticks = pids.map((pid) => {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      return 0;
    }
    // After the name of the program, which may have anything in it: state, parent, group, and on; user and system time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[2]) === group ? Number(fields[11]) + Number(fields[12]) : 0;
  });
  return ticks.reduce((sum, some) => sum + some, 0) / ticksPerSecond;
}
