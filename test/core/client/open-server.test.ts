import { expect } from 'chai';
import { connectProved, type OpenedServer } from '../../../core/client/open-server.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import { gateContext } from '../../../core/tls/context.ts';
import { Name } from '../../../core/dns/name.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import { everyAbility } from '../../support/gate-tls.ts';
import { asLoaded, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';
import { TlsMeetingPlace } from '../../support/tls-meeting.ts';

describe('one connection to a server', () => {
  let identity: IssuedIdentity;
  let place: TlsMeetingPlace;

  before(async () => {
    identity = await issueTestIdentity('ns1.example');
    place = await TlsMeetingPlace.open(gateContext(asLoaded(identity), everyAbility));
  });
  after(() => place.close());

  /** Connects; `atEnd` is what the server's end came to. */
  async function open(
    nowMs: () => number,
  ): Promise<{ readonly opened: OpenedServer | Error; readonly atEnd: string }> {
    const shaken = place.next();
    const opened = await connectProved(
      {
        endpoint: { address: '127.0.0.1', port: place.port },
        policy: { name: Name.parse('ns1.example'), dane: 'required' },
        tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
        alpnProtocols: ['dot'],
        needsAlpn: true,
        nowMs,
      },
      { tlsa: [tlsaOf(identity)], endsMs: Infinity },
      5000,
    ).catch((error: unknown) => error as Error);
    const result = await shaken;
    if (!(opened instanceof Error)) opened.socket?.destroy();
    return { opened, atEnd: result.socket ? 'secure' : result.reason };
  }

  it('is proved by what the server showed', async () => {
    const { opened, atEnd } = await open(Date.now);
    expect(opened).to.deep.include({
      verdict: { isProved: true, proof: 'DANE-EE SPKI SHA2-256', endsMs: Infinity },
    });
    expect(atEnd).to.equal('secure');
  });

  it('is not taken up where the verdict has a defect, which is told', async () => {
    const { opened, atEnd } = await open(() => {
      throw new Error('a mistake of ours');
    });
    expect(opened).to.be.instanceOf(Error).with.property('message', 'a mistake of ours');
    expect(atEnd).to.equal('tls-failed');
  });
});
