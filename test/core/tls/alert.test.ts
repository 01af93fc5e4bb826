import { expect } from 'chai';
import { once } from 'node:events';
import type tls from 'node:tls';
import { alertDescriptions, closeWithAlert } from '../../../core/tls/alert.ts';
import { gateContext } from '../../../core/tls/context.ts';
import { snapshotPeer } from '../../../core/tls/peer-snapshot.ts';
import { keyOf } from '../../support/gate-bed.ts';
import { everyAbility } from '../../support/gate-tls.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';
import { TlsMeetingPlace, type Meeting } from '../../support/tls-meeting.ts';
import { theAddon } from '../../support/native-bed.ts';

const { handshakeFailure } = alertDescriptions;
/** Far more than the time that a client gets for closing. */
const soonMs = 3_000;

describe('closeWithAlert', function () {
  let place: TlsMeetingPlace | undefined;
  let credentials: tls.ConnectionOptions;

  before(async () => {
    theAddon();
    place = await TlsMeetingPlace.open(
      gateContext(asLoaded(await issueTestIdentity('gate.example')), everyAbility),
    );
    credentials = keyOf(await issueTestIdentity('_xfr.ns2.example'));
  });

  after(() => place?.close());

  async function meet(): Promise<Meeting & { socket: tls.TLSSocket; id: number }> {
    const meeting = await place!.meet(credentials);
    const socket = meeting.result.socket!;
    return { ...meeting, socket, id: snapshotPeer(socket).connectionId! };
  }

  it('tells the client handshake_failure, whatever the reason was [DANCE-8.2]', async () => {
    const { client, closed, socket, id } = await meet();
    client.resume();
    await closeWithAlert(socket, id, handshakeFailure);
    expect(await closed).to.match(/ALERT_HANDSHAKE_FAILURE/);
    expect(socket.destroyed).to.equal(true);
  });

  it('does so to a client that has said a lot which nobody reads', async () => {
    const { client, closed, socket, id } = await meet();
    client.resume();
    client.write(Buffer.alloc(100_000));
    await once(socket, 'readable');
    await closeWithAlert(socket, id, handshakeFailure);
    expect(await closed).to.match(/ALERT_HANDSHAKE_FAILURE/);
  });

  it('waits a bounded time for a client that neither reads nor closes', async () => {
    const { client, socket, id } = await meet();
    client.pause();
    const startMs = performance.now();
    await closeWithAlert(socket, id, handshakeFailure);
    expect(performance.now() - startMs).to.be.below(soonMs);
    expect(socket.destroyed).to.equal(true);
  });

  it('closes without a word where it cannot send an alert', async () => {
    for (const id of [undefined, 0, 123_456_789]) {
      const { client, closed, socket } = await meet();
      client.resume();
      await closeWithAlert(socket, id, handshakeFailure);
      expect(await closed).to.match(/^(|ECONNRESET)$/);
      expect(socket.destroyed).to.equal(true);
    }
  });

  it('is content with a connection that is gone', async () => {
    const { client, socket, id } = await meet();
    client.destroy();
    socket.resume();
    await once(socket, 'close');
    await closeWithAlert(socket, id, handshakeFailure);
    const second = await meet();
    second.socket.destroy();
    await closeWithAlert(second.socket, second.id, handshakeFailure);
  });
});
