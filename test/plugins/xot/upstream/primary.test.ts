import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { frame } from '../../../../core/dns/framing.ts';
import { frameAll } from '../../../support/frame-all.ts';
import { PrimaryPool, type PrimaryConnection } from '../../../../plugins/xot/upstream/primary.ts';
import { UpstreamError } from '../../../../plugins/xot/upstream/upstream.ts';
import { DnsServer, unusedPort, type HeardQuery } from '../../../support/dns-server.ts';
import { answer, request, soa } from '../messages.ts';

const never = new AbortController().signal;

describe('PrimaryPool', () => {
  let primary: DnsServer;
  let pool: PrimaryPool;
  let onQuery: (query: HeardQuery) => void;

  beforeEach(async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    onQuery = ({ message, send }) => {
      send(frame(answer(message, [soa(7), soa(7)])));
    };
    primary = await DnsServer.start((query) => {
      onQuery(query);
    });
    pool = new PrimaryPool(primary);
  });

  afterEach(async () => {
    pool.close();
    await primary.close();
    mock.timers.reset();
  });

  const take = (fresh = false): Promise<PrimaryConnection> => pool.take(1_000, fresh, never);

  /** A connection on which a request has been answered. */
  async function used(connection?: PrimaryConnection): Promise<PrimaryConnection> {
    const one = connection ?? (await take());
    one.send(request());
    await one.read(1_000, never);
    return one;
  }

  async function untilOpen(count: number): Promise<void> {
    while (primary.openConnections !== count) await nextTurn();
  }

  it('gives a connection back to the next who asks', async () => {
    const first = await used();
    pool.give(first);
    expect(await take()).to.equal(first);
  });

  it('gives a connection to one at a time', async () => {
    const first = await used();
    const second = await take();
    expect(second).to.not.equal(first);
    pool.give(first);
    pool.give(await used(second));
    const both = new Set([await take(), await take()]);
    expect(both).to.deep.equal(new Set([first, second]));
    for (const connection of both) connection.destroy();
  });

  it('gives a new one to who asks for a fresh one', async () => {
    const first = await used();
    pool.give(first);
    const fresh = await take(true);
    expect(fresh).to.not.equal(first);
    fresh.destroy();
  });

  it('lets a connection go that nobody has used for a while', async () => {
    pool.give(await used());
    mock.timers.tick(5_000);
    await untilOpen(0);
    const next = await take();
    next.destroy();
    expect(primary.connections).to.equal(2);
  });

  it('keeps no more than a few', async () => {
    const many = await Promise.all(Array.from({ length: 12 }, () => used()));
    for (const connection of many) pool.give(connection);
    await untilOpen(8);
  });

  it('does not give out a connection that the primary has closed', async () => {
    const first = await used();
    pool.give(first);
    primary.dropConnections();
    while (first.usable) await nextTurn();
    const next = await take();
    expect(next).to.not.equal(first);
    next.destroy();
  });

  it('does not give out a connection on which the primary says what nobody asked for', async () => {
    const first = await used();
    pool.give(first);
    primary.heard[0]?.send(frame(request()));
    while (first.usable) await nextTurn();
    const next = await take();
    expect(next).to.not.equal(first);
    next.destroy();
  });

  it('does not take back a connection with a message too many on it', async () => {
    onQuery = ({ message, send }) => {
      send(Buffer.concat([frame(answer(message, [soa(7), soa(7)])), Buffer.from([0, 40])]));
    };
    pool.give(await used());
    await untilOpen(0);
  });

  it('closes what rests when it is closed, and what comes back after', async () => {
    const [resting, busy] = [await used(), await used()];
    pool.give(resting);
    pool.close();
    await untilOpen(1);
    pool.give(busy);
    await untilOpen(0);
  });

  it('says in words that nobody listens there', async () => {
    pool = new PrimaryPool({ address: '127.0.0.1', port: await unusedPort() });
    const error = await failureOf(take());
    expect(error).to.include({
      code: 'XOT_UPSTREAM',
      blame: 'upstream',
      kind: 'unreachable',
    });
    expect(error?.message).to.include('cannot be reached');
  });

  it('stops connecting when the client leaves', async () => {
    const abort = new AbortController();
    const taken = pool.take(1_000, false, abort.signal);
    abort.abort();
    expect(await failureOf(taken)).to.be.instanceOf(UpstreamError);
    await untilOpen(0);
  });

  describe('reading', () => {
    it('gives what came in one go together', async () => {
      onQuery = ({ message, send }) => {
        send(frameAll([answer(message, [soa(7)]), answer(message, [soa(7)])]));
      };
      const connection = await take();
      connection.send(request());
      expect((await connection.read(1_000, never)).messages).to.have.length(2);
      connection.destroy();
    });

    it('gives up when nothing comes in time', async () => {
      onQuery = () => undefined;
      const connection = await take();
      connection.send(request());
      const failure = failureOf(connection.read(1_000, never));
      mock.timers.tick(1_000);
      expect(await failure).to.include({ kind: 'broken', stale: false });
    });

    it('gives whole messages that came before the end, then says that it is the end', async () => {
      onQuery = ({ message, send, close }) => {
        send(frame(answer(message, [soa(7)])));
        close();
      };
      const connection = await take();
      connection.send(request());
      expect((await connection.read(1_000, never)).messages).to.have.length(1);
      expect(await failureOf(connection.read(1_000, never))).to.include({ kind: 'broken' });
    });

    it('stops when the client leaves', async () => {
      onQuery = () => undefined;
      const abort = new AbortController();
      const connection = await take();
      connection.send(request());
      const reading = connection.read(1_000, abort.signal).catch((error: unknown) => error);
      abort.abort();
      expect(await reading).to.equal(abort.signal.reason);
      connection.destroy();
    });

    it('tells a connection that was closed while it rested from one that broke', async () => {
      const rested = await used();
      onQuery = ({ close }) => {
        close();
      };
      rested.send(request());
      expect(await failureOf(rested.read(1_000, never))).to.include({ stale: true });
      const fresh = await take(true);
      fresh.send(request());
      expect(await failureOf(fresh.read(1_000, never))).to.include({ stale: false });
    });
  });
});

/** The UpstreamError that a promise rejects with; undefined for anything else. */
async function failureOf(promise: Promise<unknown>): Promise<UpstreamError | undefined> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof UpstreamError ? error : undefined;
}
