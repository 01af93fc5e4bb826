/**
 * The octets of dane_clientid and of the Certificate message around them, from clients that say anything.
 *
 * Some thousand handshakes; DANCED_FUZZ_SECONDS=600 goes on for ten minutes.
 */
import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import { gateContext } from '../../core/tls/context.ts';
import { handshake, type Handshake } from '../../core/tls/handshake.ts';
import { snapshotPeer } from '../../core/tls/peer-snapshot.ts';
import { everyAbility } from '../support/gate-tls.ts';
import { comesAbout, theAddon } from '../support/native-bed.ts';
import { fuzzedClient, type FuzzedClient } from '../support/native-fuzz.ts';
import { scriptedHandshake } from '../support/scripted-tls/scripted-client.ts';
import { asLoaded, issueTestIdentity } from '../support/test-identity.ts';
import { fuzzSeed, Random } from './random.ts';

const seconds = Number(process.env['DANCED_FUZZ_SECONDS'] ?? 0);
const fewest = 2_000;
/** For one handshake on a busy machine; a sound one takes milliseconds. */
const patienceMs = 10_000;
const silenceMs = 500;

describe(`a gate and what clients say of their name (seed ${fuzzSeed})`, function () {
  this.timeout(120_000 + seconds * 1_500);
  let server: net.Server;
  let port: number;
  let taken: ((raw: net.Socket) => void) | undefined;

  before(async () => {
    theAddon();
    server = net.createServer({ noDelay: true }, (raw) => taken?.(raw));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as net.AddressInfo);
  });

  after(() => {
    server.close();
  });

  it('takes exactly what was sent or nothing, in bounded time, and keeps nothing', async () => {
    const context = gateContext(asLoaded(await issueTestIdentity('gate.example')), everyAbility);
    const random = new Random(fuzzSeed);
    const counts: Record<string, number> = {};
    const endMs = performance.now() + seconds * 1_000;
    let count = 0;
    for (; count < fewest || performance.now() < endMs; count += 1) {
      const client = fuzzedClient(random);
      const accepted = new Promise<Handshake>((resolve) => {
        taken = (raw) => {
          resolve(handshake(raw, context, AbortSignal.timeout(patienceMs), ['dot']));
        };
      });
      const outcome: unknown = await scriptedHandshake({ ...client.script, host: '127.0.0.1', port }).catch(
        (error: unknown) => error,
      );
      // A flight without its end: the server waits for it until the client is gone.
      const leaving = setTimeout(() => void (isSession(outcome) && outcome.session.close()), silenceMs);
      const result = await accepted;
      clearTimeout(leaving);
      const kind = judge(client, result, count);
      counts[kind] = (counts[kind] ?? 0) + 1;
      result.socket?.destroy();
      if (isSession(outcome)) await outcome.session.close();
    }
    expect(counts['timeout'], JSON.stringify(counts)).to.equal(undefined);
    // All of it was tried: else the test has lost its object.
    for (const kind of [
      'certificate and name',
      'raw key and name',
      'no name',
      'bad-client-id',
      'tls-failed',
    ]) {
      expect(counts[kind], `${kind} of ${JSON.stringify(counts)}`).to.be.above(fewest / 200);
    }
    expect(await comesAbout(() => theAddon().connectionsKept() === 0)).to.equal(true);
    if (seconds > 0) process.stdout.write(`      ${count} handshakes: ${JSON.stringify(counts)}\n`);
  });
});

/** What became of it, in a word; throws when the gate has taken what was not sent. */
function judge({ sent, firstEntry }: FuzzedClient, result: Handshake, number: number): string {
  const what = `handshake ${number} of seed ${fuzzSeed}`;
  if (!result.socket) return result.reason;
  const snapshot = snapshotPeer(result.socket);
  const { clientId, credentials } = snapshot;
  if (firstEntry && credentials) {
    const { certificate, subjectPublicKeyInfo } = credentials;
    expect((certificate ?? subjectPublicKeyInfo).equals(firstEntry), `${what}: the first entry`).to.equal(
      true,
    );
  }
  if (clientId !== undefined) {
    const body = Buffer.concat([Buffer.from([clientId.length]), clientId]);
    expect(clientId.length, `${what}: the name`).to.be.within(1, 255);
    // Of a message that was changed as a whole it is unknown what is the name.
    if (firstEntry) {
      expect(sent, `${what}: how often`).to.have.length(1);
      expect(body.equals(sent[0]!), `${what}: the name`).to.equal(true);
    }
  } else if (firstEntry) {
    expect(sent, `${what}: a name was sent`).to.have.length(0);
  }
  if (!snapshot.credentials) return snapshot.reason;
  if (clientId === undefined) return 'no name';
  return snapshot.credentials.certificate ? 'certificate and name' : 'raw key and name';
}

function isSession(outcome: unknown): outcome is { session: { close(): Promise<void> } } {
  return typeof outcome === 'object' && outcome !== null && 'session' in outcome;
}
