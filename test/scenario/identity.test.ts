/**
 * Who gets in and who does not, through the real gate: TLS by the lab's secondary, DNS by the lab's signed tree and
 * its validating resolver.
 *
 * Every "no" is proved three times: the client got not one octet of DNS, the log has the reason, and the primary was
 * not asked for anything.
 */
import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTxt } from '../../core/dns/rdata.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { identityAlgorithms, type IssuedIdentity } from '../../core/pki/issue.ts';
import { craftCertificate, dnsNameEntry, subjectAltName } from '../support/crafted-certificate.ts';
import { makeIdentity, TestGate, tlsaRdata, type Credentials } from '../support/gate.ts';

const zone = 'example.com';
const admitted = ['ns2.example', 'broken.example', 'expired.example', 'unsigned.example', 'fleet.example'];

describe('a client at the gate', () => {
  let gate: TestGate;

  before(async () => {
    gate = await TestGate.start({
      lab: {
        zones: ['ns2.example', 'stranger.example', 'broken.example', 'expired.example', 'fleet.example'],
        unsignedZones: ['unsigned.example'],
        transferZone: { name: zone, records: 200 },
      },
      clients: {
        ...Object.fromEntries(admitted.map((name) => [`_xfr.${name}`, [zone]])),
        ...Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`${name}.ns2.example`, [zone]])),
        '*.sub.fleet.example': [zone],
        'subject.example': [zone],
      },
      resolverTimeout: '1s',
      limits: { 'handshake-time': '3s' },
    });
  });

  after(() => gate.close());

  // Every test begins with nothing looked up yet.
  beforeEach(() => {
    gate.passTime();
  });

  afterEach(() => {
    gate.lab.resolver.isDead = false;
    gate.lab.resolver.delayMs = 0;
  });

  /** The one log line of the connection that this attempt made, after all that must hold for every refusal. */
  async function expectNo(
    credentials: Credentials,
    options = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const before = gate.log.of('connection refused').length;
    const askedBefore = gate.lab.primary.requests.length;
    const result = await gate.transfer(credentials, options);
    expect(result.outcome).to.equal('closed');
    expect(result.messageCount, 'messages of DNS').to.equal(0);
    const lines = await gate.lines('connection refused', before + 1);
    expect(lines).to.have.length(before + 1);
    expect(gate.lab.primary.requests, 'requests at the primary').to.have.length(askedBefore);
    return lines.at(-1)!.fields;
  }

  async function expectYes(credentials: Credentials): Promise<void> {
    const result = await gate.transfer(credentials);
    expect(result).to.include({ outcome: 'complete', rcode: 0, form: 'full' });
    expect(result.records).to.have.length(201);
  }

  describe('gets nothing', () => {
    it('without a certificate', async () => {
      expect(await expectNo(undefined)).to.include({ reason: 'no-certificate' });
    });

    it('with another key than the one that is published', async () => {
      await gate.client('_xfr.ns2.example');
      const impostor = await makeIdentity('_xfr.ns2.example');
      const line = await expectNo(impostor);
      expect(line).to.include({ reason: 'key-mismatch', claims: '_xfr.ns2.example' });
    });

    it('with the right key under another name', async () => {
      const honest = await gate.client('_xfr.ns2.example');
      await gate.client('_xfr.fleet.example');
      const line = await expectNo(underName(honest, '_xfr.fleet.example'));
      expect(line).to.include({ reason: 'key-mismatch', claims: '_xfr.fleet.example' });
    });

    it('with a certificate that has no dNSName, whatever its Subject says [RFC8310-8.1]', async () => {
      const line = await expectNo(crafted());
      expect(line).to.include({ reason: 'no-claim' });
    });

    it('with a name that the access list does not have, and the DNS is not asked', async () => {
      const stranger = await gate.client('_xfr.stranger.example');
      const asked = gate.lab.resolver.queries.length;
      const line = await expectNo(stranger);
      expect(line).to.include({ reason: 'not-admitted', claims: '_xfr.stranger.example' });
      expect(gate.lab.resolver.queries).to.have.length(asked);
    });

    it('with many listed names in its certificate, and the DNS is asked for four of them at most', async () => {
      const listed = ['a', 'b', 'c', 'd', 'e', 'f'].map((label) => `${label}.ns2.example`);
      const asked = gate.lab.resolver.queries.length;
      const line = await expectNo(crafted('host.stranger.example', ...listed));
      expect(line).to.include({ reason: 'no-tlsa' });
      const queries = gate.lab.resolver.queries.slice(asked);
      const names = queries.filter(({ type }) => type === RrType.TLSA).map(({ name }) => name.toString());
      expect(names).to.deep.equal(listed.slice(0, 4));
    });

    it('with a thousand names in its certificate, and the DNS is not asked', async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `${index}.sub.fleet.example`);
      const asked = gate.lab.resolver.queries.length;
      const line = await expectNo(crafted(...names));
      expect(line).to.include({ reason: 'bad-certificate' });
      expect(gate.lab.resolver.queries).to.have.length(asked);
    });

    it('by a TLSA record in a zone that is not signed [RFC6698-4.1]', async () => {
      const line = await expectNo(await gate.client('_xfr.unsigned.example'));
      expect(line).to.include({ reason: 'insecure' });
    });

    it('by a TLSA record with a broken signature [RFC4035-5]', async () => {
      const client = await gate.client('_xfr.broken.example');
      gate.lab.setZoneState('broken.example', 'broken');
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'bogus' });
      gate.lab.setZoneState('broken.example', 'valid');
      gate.passTime();
      await expectYes(client);
    });

    it('by a TLSA record whose signature has expired', async () => {
      const client = await gate.client('_xfr.expired.example');
      gate.lab.setZoneState('expired.example', 'expired');
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'bogus' });
      gate.lab.setZoneState('expired.example', 'valid');
      gate.passTime();
      await expectYes(client);
    });

    it('while the resolver is dead', async () => {
      const client = await gate.client('_xfr.ns2.example');
      gate.lab.resolver.isDead = true;
      const asked = gate.lab.resolver.queries.length;
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'lookup-failed' });
      expect(gate.lab.resolver.queries.length).to.be.above(asked);
      gate.lab.resolver.isDead = false;
      gate.passTime();
      await expectYes(client);
    });

    it('while the resolver is slower than its time', async () => {
      const client = await gate.client('_xfr.ns2.example');
      gate.lab.resolver.delayMs = 1500;
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'lookup-failed' });
    });

    it('after its TLSA record has been withdrawn and the name is gone (NXDOMAIN)', async () => {
      const client = await gate.client('_xfr.ns2.example');
      await expectYes(client);
      gate.lab.withdrawTlsa('_xfr.ns2.example');
      gate.passTime();
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'no-tlsa' });
    });

    it('once the TTL of its withdrawn TLSA record has passed, and not before', async () => {
      const client = await gate.client('_xfr.ns2.example');
      await expectYes(client);
      gate.lab.withdrawTlsa('_xfr.ns2.example');
      gate.passTime(50_000);
      await expectYes(client);
      gate.passTime(15_000);
      expect(await expectNo(client)).to.include({ reason: 'no-tlsa' });
    });

    it('after its TLSA record has been withdrawn and the name is still there (NODATA)', async () => {
      const client = await gate.client('_xfr.ns2.example');
      gate.lab.publish('_xfr.ns2.example', RrType.TXT, [encodeTxt([Buffer.from('still here')])]);
      await expectYes(client);
      gate.lab.withdrawTlsa('_xfr.ns2.example');
      gate.passTime();
      const line = await expectNo(client);
      gate.lab.publish('_xfr.ns2.example', RrType.TXT, []);
      expect(line).to.include({ reason: 'no-tlsa' });
    });

    it('by TLSA records of its key that are all of unusable kinds [RFC6698-4.1] [RFC7671-9]', async () => {
      const client = await makeIdentity('_xfr.ns2.example');
      const good = tlsaRdata(client);
      const rdatas = [
        tlsaRdata(client, [0, 1, 1]),
        tlsaRdata(client, [1, 1, 1]),
        withOctet(good, 0, 4),
        withOctet(good, 1, 2),
        withOctet(good, 2, 3),
        good.subarray(0, -1),
        Buffer.concat([good, Buffer.from([0])]),
      ];
      gate.lab.publishTlsa('_xfr.ns2.example', rdatas);
      const line = await expectNo(client);
      expect(line).to.include({ reason: 'no-usable-record' });
    });

    it('by a TLSA record that stands at a name above its own', async () => {
      const client = await makeIdentity('_xfr.ns2.example');
      gate.lab.withdrawTlsa('_xfr.ns2.example');
      gate.lab.publishTlsa('ns2.example', [tlsaRdata(client)]);
      const line = await expectNo(client);
      gate.lab.withdrawTlsa('ns2.example');
      expect(line).to.include({ reason: 'no-tlsa' });
    });

    it('without ALPN "dot" [RFC9103-7.1]', async () => {
      const client = await gate.client('_xfr.ns2.example');
      expect(await expectNo(client, { alpn: [] })).to.include({ reason: 'no-alpn' });
      expect(await expectNo(client, { alpn: ['h2'] })).to.include({ reason: 'tls-failed' });
    });

    it('over plain TCP', async () => {
      expect(await expectNo(undefined, { plain: true })).to.include({ reason: 'tls-failed' });
    });
  });

  describe('gets the zone', () => {
    it('with the key that its TLSA record publishes', async () => {
      await expectYes(await gate.client('_xfr.ns2.example'));
      const [line] = (await gate.lines('transfer')).slice(-1);
      expect(line!.fields).to.include({
        client: '_xfr.ns2.example',
        proof: 'DANE-EE SPKI SHA2-256',
        entry: '_xfr.ns2.example',
        kind: 'AXFR',
        zone,
        outcome: 'complete',
        records: 201,
      });
    });

    for (const algorithm of identityAlgorithms) {
      it(`with a key of the kind ${algorithm}`, async () => {
        await expectYes(await gate.client('_xfr.ns2.example', algorithm));
      });
    }

    const shapes: [number, number, number][] = [
      [3, 0, 0],
      [3, 0, 1],
      [3, 0, 2],
      [3, 1, 0],
      [3, 1, 2],
    ];
    for (const shape of shapes) {
      it(`by a TLSA record of the form ${shape.join(' ')} [RFC6698-2.1]`, async () => {
        const client = await makeIdentity('_xfr.ns2.example');
        gate.lab.publishTlsa('_xfr.ns2.example', [tlsaRdata(client, shape)]);
        await expectYes(client);
      });
    }

    it('with either key while two are published, for a key roll [RFC7671-8.1]', async () => {
      const [old, next] = [await makeIdentity('_xfr.ns2.example'), await makeIdentity('_xfr.ns2.example')];
      gate.lab.publishTlsa('_xfr.ns2.example', [tlsaRdata(old), tlsaRdata(next)]);
      await expectYes(old);
      await expectYes(next);
      gate.lab.publishTlsa('_xfr.ns2.example', [tlsaRdata(next)]);
      gate.passTime();
      expect(await expectNo(old)).to.include({ reason: 'key-mismatch' });
      await expectYes(next);
    });

    it('by a good record beside unusable ones', async () => {
      const client = await makeIdentity('_xfr.ns2.example');
      gate.lab.publishTlsa('_xfr.ns2.example', [tlsaRdata(client, [2, 1, 1]), tlsaRdata(client)]);
      await expectYes(client);
    });

    it('by a TLSA record behind a CNAME', async () => {
      const client = await gate.client('_xfr.stranger.example');
      gate.lab.withdrawTlsa('_xfr.fleet.example');
      gate.lab.publish('_xfr.fleet.example', RrType.CNAME, [Name.parse('_xfr.stranger.example').wire]);
      await expectYes(underName(client, '_xfr.fleet.example'));
      gate.lab.publish('_xfr.fleet.example', RrType.CNAME, []);
    });

    it('by an access list entry for every name below one', async () => {
      await expectYes(await gate.client('deep.down.sub.fleet.example'));
      const [line] = (await gate.lines('transfer')).slice(-1);
      expect(line!.fields).to.include({
        client: 'deep.down.sub.fleet.example',
        entry: '*.sub.fleet.example',
      });
      await gate.client('sub.fleet.example');
      expect(await expectNo(await gate.client('sub.fleet.example'))).to.include({ reason: 'not-admitted' });
    });

    it('by the second of its names, when the first is not proved', async () => {
      const credentials = crafted('a.ns2.example', 'b.ns2.example');
      gate.lab.publishTlsa('b.ns2.example', [tlsaRdata(credentials)]);
      await expectYes(credentials);
      gate.lab.withdrawTlsa('b.ns2.example');
    });

    it('while the resolver is slow, but not too slow', async () => {
      const client = await gate.client('_xfr.ns2.example');
      await expectYes(client);
      // The TLSA record has to be looked up again; the keys of the zones above it are still known.
      gate.passTime(100_000);
      const asked = gate.lab.resolver.queries.length;
      gate.lab.resolver.delayMs = 200;
      await expectYes(client);
      expect(gate.lab.resolver.queries).to.have.length(asked + 1);
    });
  });
});

/** A certificate with these dNSNames, or without any, and the key that belongs to it. */
function crafted(...names: readonly string[]): IssuedIdentity {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subjectPublicKeyInfo = keys.publicKey.export({ type: 'spki', format: 'der' });
  const privateKeyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { ...certificateFor(subjectPublicKeyInfo, names), privateKeyPem, subjectPublicKeyInfo };
}

/** The same key in a certificate with another name. */
function underName(identity: IssuedIdentity, name: string): IssuedIdentity {
  return { ...identity, ...certificateFor(identity.subjectPublicKeyInfo, [name]) };
}

function certificateFor(publicKey: Buffer, names: readonly string[]) {
  const extensions = names.length === 0 ? {} : { extensions: [subjectAltName(...names.map(dnsNameEntry))] };
  const certificate = craftCertificate({ publicKey, ...extensions });
  return { certificate, certificatePem: encodePem(certificate, 'CERTIFICATE') };
}

function withOctet(octets: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(octets);
  changed.writeUInt8(value, at);
  return changed;
}
