/** dane_clientid on the wire, octet by octet, as tshark sees and deciphers it; and what a listener on the line sees. */
import { once } from 'node:events';
import tls from 'node:tls';
import { expect } from 'chai';
import { encodePem } from '../../core/pki/pem.ts';
import { gateContext, type GateTls } from '../../core/tls/context.ts';
import { everyAbility } from '../support/gate-tls.ts';
import { namedClientContext, vectorOf, type NamedClient } from '../support/named-client.ts';
import { capture, type Captured } from '../support/peers/capture.ts';
import { asLoaded, issueTestIdentity } from '../support/test-identity.ts';
import { TlsMeetingPlace } from '../support/tls-meeting.ts';

const name = '_smtp-client.device1.example.com';
const number = 'ff5b';
/** draft-ietf-dance-client-auth section 7, and the example of its section 3. */
const nameExtension = `${number}002120${Buffer.from(name).toString('hex')}`;

const certificateRequest = 13;
const certificate = 11;

describe('dane_clientid on the wire', function () {
  this.timeout(60_000);
  let client: Awaited<ReturnType<typeof issueTestIdentity>>;
  let other: Awaited<ReturnType<typeof issueTestIdentity>>;

  before(async () => {
    client = await issueTestIdentity(name);
    other = await issueTestIdentity('other.example');
  });

  /** One connection with a few octets both ways. */
  async function seen(
    options: Omit<NamedClient, 'credentials'>,
    gate: Partial<GateTls> = {},
  ): Promise<Captured> {
    const own = asLoaded(await issueTestIdentity('gate.example'));
    const place = await TlsMeetingPlace.open(gateContext(own, { ...everyAbility, ...gate }));
    try {
      return await capture(place.port, async () => {
        let secrets = '';
        const shaken = place.next();
        const socket = tls.connect({
          host: '127.0.0.1',
          port: place.port,
          rejectUnauthorized: false,
          ALPNProtocols: ['dot'],
          secureContext: namedClientContext({
            ...options,
            credentials: {
              certificatePem: client.certificatePem + encodePem(other.certificate, 'CERTIFICATE'),
              privateKeyPem: client.privateKeyPem,
            },
          }),
        });
        socket.on('keylog', (line) => (secrets += line.toString('latin1')));
        const { socket: served } = await shaken;
        served?.end('served');
        socket.resume();
        await once(socket, 'close');
        return secrets;
      });
    } finally {
      await place.close();
    }
  }

  function message({ messages }: Captured, type: number, having: string): string {
    const found = messages.map((octets) => octets.toString('hex'));
    return found.find((hex) => Number.parseInt(hex.slice(0, 2), 16) === type && hex.includes(having)) ?? '';
  }

  const hex = (value: number, octets: number): string => value.toString(16).padStart(2 * octets, '0');
  const entry = (data: Buffer, extensions: string): string =>
    hex(data.length, 3) + data.toString('hex') + hex(extensions.length / 2, 2) + extensions;
  const certificateMessage = (entries: string): string =>
    hex(certificate, 1) + hex(entries.length / 2 + 4, 3) + '00' + hex(entries.length / 2, 3) + entries;

  /** Everything by which the client could be known. */
  function expectNothingInTheClear({ packets }: Captured): void {
    expect(packets.length).to.be.greaterThan(1000);
    const wire = Buffer.concat(name.split('.').map((label) => vectorOf(Buffer.from(label))));
    for (const secret of [
      Buffer.from(name),
      Buffer.from('device1'),
      wire,
      client.subjectPublicKeyInfo.subarray(-32),
    ]) {
      expect(packets.includes(secret), secret.toString('latin1')).to.equal(false);
    }
  }

  it('is asked for by TTTT 0001 00, and answered in the first entry of the Certificate only [DANCE-7] [RFC8446-4.4.2]', async () => {
    const captured = await seen({ name });
    expect(message(captured, certificateRequest, number)).to.match(
      new RegExp(`^0d......00....${number}000100`),
    );
    const expected = certificateMessage(
      entry(client.certificate, nameExtension) + entry(other.certificate, ''),
    );
    expect(message(captured, certificate, number)).to.equal(expected);
    expectNothingInTheClear(captured);
  });

  it('goes with a raw public key the same way [DANCE-9] [RFC7250-3]', async () => {
    const captured = await seen({ name, rawPublicKey: true });
    const expected = certificateMessage(entry(client.subjectPublicKeyInfo, nameExtension));
    expect(message(captured, certificate, number)).to.equal(expected);
    expectNothingInTheClear(captured);
  });

  it('is asked for by TTTT 0000 in the dialect draft-09', async () => {
    const captured = await seen({ name, dialect: 'draft-09' }, { dialect: 'draft-09' });
    expect(message(captured, certificateRequest, number)).to.match(
      new RegExp(`^0d......00....${number}0000`),
    );
    expect(message(captured, certificate, number)).to.include(nameExtension);
    expectNothingInTheClear(captured);
  });

  it('is in the clear with TLS 1.2, as the documentation warns', async () => {
    const gate = { dialect: 'draft-09', allowsTls12: true } as const;
    const { packets } = await seen({ name, dialect: 'draft-09', tls12: true }, gate);
    expect(packets.toString('hex')).to.include(nameExtension);
    expect(packets.includes(client.certificate)).to.equal(true);
  });
});
