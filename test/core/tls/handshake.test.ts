import { once } from 'node:events';
import type tls from 'node:tls';
import { expect } from 'chai';
import { gateContext } from '../../../core/tls/context.ts';
import type { Handshake } from '../../../core/tls/handshake.ts';
import { everyAbility } from '../../support/gate-tls.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';
import { TlsMeetingPlace } from '../../support/tls-meeting.ts';

describe('handshake', () => {
  let place: TlsMeetingPlace;

  before(async () => {
    place = await TlsMeetingPlace.open(
      gateContext(asLoaded(await issueTestIdentity('gate.example')), everyAbility),
    );
  });

  after(() => place.close());

  it('is TLS 1.3 with ALPN "dot" [RFC9103-7.1]', async () => {
    const { result } = await place.meet();
    expect(result.socket?.alpnProtocol).to.equal('dot');
    expect(result.socket?.getProtocol()).to.equal('TLSv1.3');
  });

  it('chooses "dot" among what the client offers', async () => {
    const { result } = await place.meet({ ALPNProtocols: ['h2', 'dot', 'doq'] });
    expect(result.socket?.alpnProtocol).to.equal('dot');
  });

  const refused: [title: string, options: tls.ConnectionOptions, reason: string, atClient: RegExp][] = [
    ['a client that offers no ALPN [RFC9103-7.1]', { ALPNProtocols: [] }, 'no-alpn', /^(ECONNRESET)?$/],
    [
      'a client that offers other ALPN, by alert',
      { ALPNProtocols: ['h2', 'DOT', 'dot.'] },
      'tls-failed',
      /NO_APPLICATION_PROTOCOL/,
    ],
    [
      'TLS 1.2, by alert [RFC9103-7.2] [DANCE-12]',
      { maxVersion: 'TLSv1.2' },
      'tls-failed',
      /PROTOCOL_VERSION/,
    ],
  ];
  for (const [title, options, reason, atClient] of refused) {
    it(`refuses ${title}`, async () => {
      const { result, closed } = await place.meet(options);
      expect(result).to.include({ reason });
      expect(await closed).to.match(atClient);
    });
  }

  const garbage: [title: string, octets: Buffer][] = [
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['DNS without TLS', Buffer.from('001d123401000001000000000000076578616d706c6503636f6d0000fc0001', 'hex')],
    ['zeros', Buffer.alloc(200)],
    ['a ClientHello with nothing in it', Buffer.from('160301000401000000', 'hex')],
    ['a record longer than any', Buffer.from('160301ffff'.padEnd(400, '00'), 'hex')],
  ];
  for (const [title, octets] of garbage) {
    it(`refuses ${title}, in one line of words`, async () => {
      const shaken = place.next();
      place.connectRaw(octets);
      const result = await shaken;
      expect(result).to.include({ reason: 'tls-failed' });
      expect(result)
        .to.have.property('detail')
        .that.matches(/^[^\n]+$/);
    });
  }

  it('notes a client that leaves without a word', async () => {
    const shaken = place.next();
    place.connectRaw().end();
    expect(['gone', 'tls-failed']).to.include(reasonOf(await shaken));
  });

  it('notes a client that breaks off', async () => {
    const shaken = place.next();
    place.connectRaw(Buffer.from('16030100ff01', 'hex')).end();
    expect(['gone', 'tls-failed']).to.include(reasonOf(await shaken));
  });

  it('gives up at the deadline, and closes', async () => {
    const deadline = new AbortController();
    const shaken = place.next(deadline.signal);
    const raw = place.connectRaw(Buffer.from('16030100ff01', 'hex'));
    // Not once(): a reset is a close, too.
    const closed = new Promise((resolve) => raw.once('close', resolve));
    await once(raw, 'connect');
    deadline.abort();
    expect(reasonOf(await shaken)).to.equal('timeout');
    await closed;
  });

  it('does not begin after the deadline', async () => {
    const shaken = place.next(AbortSignal.abort());
    place.connectRaw();
    expect(reasonOf(await shaken)).to.equal('timeout');
  });
});

function reasonOf(result: Handshake): string {
  return result.socket ? 'none' : result.reason;
}
