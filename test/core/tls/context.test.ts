import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { SecureContext } from 'node:tls';
import { expect } from 'chai';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { ExtensionTypeTaken, gateContext, takesExtensionType } from '../../../core/tls/context.ts';
import { keyOf } from '../../support/gate-bed.ts';
import { everyAbility } from '../../support/gate-tls.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';
import { TlsMeetingPlace, type Meeting } from '../../support/tls-meeting.ts';

describe('gateContext', () => {
  let own: IssuedIdentity;
  let client: IssuedIdentity;
  let context: SecureContext;
  let place: TlsMeetingPlace;

  before(async () => {
    own = await issueTestIdentity('gate.example');
    client = await issueTestIdentity('ns2.example');
    context = gateContext(asLoaded(own), everyAbility);
    place = await TlsMeetingPlace.open(context);
  });

  after(() => place.close());

  /** Waits until the client has all that the gate sends after its handshake. */
  async function settle({ result, client: socket }: Meeting): Promise<void> {
    result.socket?.write('after the handshake');
    await once(socket, 'data');
  }

  for (const taken of [0, 10, 16, 51]) {
    it(`says that the extension cannot have the number ${String(taken)}, which is another one's`, () => {
      const gate = { ...everyAbility, extensionType: taken };
      expect(() => gateContext(asLoaded(own), gate)).to.throw(ExtensionTypeTaken, String(taken));
      if (taken > 0) expect(takesExtensionType(taken)).to.equal(false);
    });
  }

  it('takes the numbers for private use [RFC8446-11]', () => {
    for (const free of [0xff00, 0xff5b, 0xffff]) expect(takesExtensionType(free)).to.equal(true);
  });

  it('shows its certificate whatever name the client asks for', async () => {
    const meeting = await place.meet({ servername: 'other.example' });
    await settle(meeting);
    expect(meeting.client.getPeerCertificate().raw.equals(own.certificate)).to.equal(true);
  });

  it('lets the handshake pass without a certificate: that is judged later', async () => {
    const { result } = await place.meet({});
    expect(result.socket?.alpnProtocol).to.equal('dot');
  });

  it('takes a certificate that no authority has signed and that is out of date [RFC7671-5.1]', async () => {
    const expired = await issueTestIdentity('ns2.example', { notBeforeMs: 0, notAfterMs: 86_400_000 });
    const { result } = await place.meet(keyOf(expired));
    expect(result.socket?.getPeerCertificate().raw.equals(expired.certificate)).to.equal(true);
  });

  it('resumes no session, so that each connection shows its certificate', async () => {
    const sessions: Buffer[] = [];
    const first = await place.meet(keyOf(client));
    first.client.on('session', (session) => sessions.push(session));
    await settle(first);
    const session = sessions.at(-1) ?? first.client.getSession();
    const second = await place.meet({ ...keyOf(client), ...(session && { session }) });
    expect(second.result.socket?.isSessionReused()).to.equal(false);
    expect(second.result.socket?.getPeerCertificate().raw.equals(client.certificate)).to.equal(true);
    // Nor without a certificate, by what a certificate has opened before.
    const third = await place.meet(session ? { session } : {});
    expect(third.result.socket?.isSessionReused()).to.equal(false);
    expect(third.result.socket?.getPeerCertificate()).to.deep.equal({});
  });

  it('names no authority when it asks for a certificate', async () => {
    const args = ['s_client', '-connect', `127.0.0.1:${place.port}`, '-alpn', 'dot', '-tls1_3'];
    const shaken = place.next();
    const program = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(program, 'spawn');
    // Clients with GnuTLS keep their certificate to themselves when the list names others; kdig shows that elsewhere.
    await shaken;
    program.stdin.end('Q\n');
    expect(await text(program.stdout)).to.include('No client certificate CA names sent');
  });
});
