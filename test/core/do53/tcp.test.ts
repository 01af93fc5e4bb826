import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { frame } from '../../../core/dns/framing.ts';
import { frameAll } from '../../support/frame-all.ts';
import { idOf, PlainBed, query, reply, until, type PlainBedOptions, type TcpClient } from './plain-bed.ts';

describe('plain DNS by TCP', () => {
  let bed: PlainBed;
  let client: TcpClient;

  async function open(options: PlainBedOptions = {}): Promise<void> {
    bed = await PlainBed.open(options);
    client = await bed.tcp();
  }

  function refused(limit: string): Promise<number> {
    return bed.metric('plain_refused_total', `limit="${limit}"`);
  }

  afterEach(async () => {
    await bed.close();
  });

  it('gives the handler the message and who sent it, and sends the reply back on the same connection', async () => {
    await open();
    client.send(query(7, 'what'));
    const [asked] = await bed.hears(1);
    expect(asked?.octets).to.deep.equal(query(7, 'what'));
    expect(asked?.from).to.deep.equal({
      remote: `127.0.0.1:${String(client.socket.localPort)}`,
      isStream: true,
      udpOctets: 65_535,
      idleTimeMs: 10_000,
    });
    asked?.reply(reply(7, 65_535));
    expect(await client.hears(1)).to.deep.equal([reply(7, 65_535)]);
    expect(await bed.metric('plain_requests_total', 'transport="tcp"')).to.equal(1);
  });

  it('takes requests before those before them are answered [RFC7766-6.2.1.1]', async () => {
    await open();
    client.send(query(1), query(2), query(3));
    expect((await bed.hears(3)).map(({ octets }) => idOf(octets))).to.deep.equal([1, 2, 3]);
  });

  it('sends replies in the order in which they are made [RFC7766-7]', async () => {
    await open();
    client.send(query(1), query(2), query(3));
    const asked = await bed.hears(3);
    for (const index of [2, 0, 1]) asked[index]?.reply(reply(idOf(asked[index].octets) ?? 0));
    expect((await client.hears(3)).map(idOf)).to.deep.equal([3, 1, 2]);
  });

  it('waits for the rest of a message, wherever it is cut [RFC7766-8]', async () => {
    const octets = frameAll([query(1), query(2)]);
    const length = frame(query(1)).length;
    for (const cuts of [[1], [2], [10], [length + 1], [1, 2, 3, length, length + 1]]) {
      await open();
      let from = 0;
      for (const to of [...cuts, octets.length]) {
        client.socket.write(octets.subarray(from, to));
        from = to;
        await sleep(5);
      }
      const asked = await bed.hears(2);
      expect(asked.map((one) => one.octets)).to.deep.equal([query(1), query(2)]);
      await bed.close();
    }
  });

  it('passes responses over, and serves on', async () => {
    await open();
    client.send(reply(1), query(2));
    expect((await bed.hears(1)).map(({ octets }) => idOf(octets))).to.deep.equal([2]);
    expect(await bed.metric('plain_ignored_total', 'transport="tcp"')).to.equal(1);
  });

  for (const [title, octets] of [
    ['shorter than a header', [0, 11]],
    ['longer than is taken', [0xff, 0xff]],
  ] as const) {
    it(`closes a connection whose message is ${title}`, async () => {
      await open();
      client.socket.write(Buffer.from(octets));
      await client.ends();
      expect(bed.asked).to.deep.equal([]);
      expect(await bed.metric('plain_ignored_total', 'transport="tcp"')).to.equal(1);
    });
  }

  it('reads nothing more while so many requests are under way, and goes on when they are answered', async () => {
    await open({ limits: { 'plain-requests-at-once': 2 } });
    client.send(query(1), query(2), query(3), query(4));
    const asked = await bed.hears(2);
    await sleep(30);
    expect(asked).to.have.length(2);
    asked[0]?.reply(reply(1));
    await bed.hears(3);
    asked[1]?.reply(undefined);
    asked[2]?.reply(undefined);
    (await bed.hears(4))[3]?.reply(reply(4));
    expect((await client.hears(2)).map(idOf)).to.deep.equal([1, 4]);
    client.send(query(5));
    await bed.hears(5);
  });

  it('bears a handler that is silent at once, for any number of requests', async () => {
    let seen = 0;
    await open({
      limits: { 'plain-requests-at-once': 1 },
      handler: (octets, _from, send) => {
        seen++;
        send(idOf(octets) === 3999 ? reply(3999) : undefined);
      },
    });
    client.send(...Array.from({ length: 4000 }, (_, id) => query(id, '')));
    await client.hears(1);
    expect(seen).to.equal(4000);
  });

  it('closes a connection that says nothing [RFC7766-6.2.3]', async () => {
    await open({ limits: { 'plain-idle-time': 100 } });
    await client.ends();
  });

  it('does not count octets of a message that is not whole as activity [RFC7766-6.2.3]', async () => {
    await open({ limits: { 'plain-idle-time': 200 } });
    const drip = setInterval(() => client.socket.write(Buffer.of(0)), 50);
    // The length first: a message that has begun.
    client.socket.write(Buffer.from([0, 200]));
    await client.ends();
    clearInterval(drip);
    expect(await refused('plain-message-time')).to.equal(0);
  });

  it('is not idle while a request is under way, nor directly after it [RFC7766-6.2.3]', async () => {
    await open({ limits: { 'plain-idle-time': 400 } });
    client.send(query(1));
    const [asked] = await bed.hears(1);
    // Nearly twice the idle time, and then more than is left of the second.
    await sleep(700);
    asked?.reply(reply(1));
    expect(await client.hears(1)).to.have.length(1);
    await sleep(200);
    expect(client.isClosed).to.equal(false);
    await client.ends();
  });

  it('closes a connection whose request does not get whole in time', async () => {
    await open({ limits: { 'plain-message-time': 100 } });
    client.socket.write(Buffer.from([0]));
    await client.ends();
    expect(await refused('plain-message-time')).to.equal(1);
  });

  it('gives a client that does not read up', async () => {
    await open({ limits: { 'plain-write-time': 200, 'plain-requests-at-once': 1000 } });
    client.socket.pause();
    client.send(...Array.from({ length: 600 }, (_, id) => query(id)));
    for (const { octets, reply: send } of await bed.hears(600)) send(reply(idOf(octets) ?? 0, 65_535));
    await until(async () => (await refused('plain-write-time')) === 1);
    await until(async () => (await bed.metric('plain_connections')) === 0);
    expect(await bed.metric('plain_lost_replies_total', 'transport="tcp"')).to.equal(600);
  });

  it('sends nothing to a client that has closed, and is done with it [RFC7766-6.2.4]', async () => {
    await open();
    client.send(query(1));
    const [asked] = await bed.hears(1);
    client.socket.end();
    await client.ends();
    // What the handler works on still takes a place: a client cannot get more by coming again.
    expect(await bed.metric('plain_connections')).to.equal(1);
    asked?.reply(reply(1));
    expect(await bed.metric('plain_connections')).to.equal(0);
    expect(await bed.metric('plain_lost_replies_total', 'transport="tcp"')).to.equal(1);
    expect(client.heard).to.deep.equal([]);
  });

  for (const limit of ['plain-connections', 'plain-connections-per-address'] as const) {
    it(`closes connections beyond ${limit}, and takes others when one has ended`, async () => {
      await open({ limits: { [limit]: 2 } });
      await bed.tcp();
      // It may be cut before it knows that it is connected.
      const third = await bed.tcp().catch(() => undefined);
      await third?.ends();
      await until(async () => (await refused(limit)) === 1);
      client.close();
      await until(async () => (await bed.metric('plain_connections')) === 1);
      const fourth = await bed.tcp();
      fourth.send(query(4));
      await bed.hears(1);
    });
  }

  it('is silent and goes on when the handler throws', async () => {
    await open({
      handler: (octets, _from, send) => {
        if (idOf(octets) === 1) throw new Error('a defect');
        send(reply(2));
      },
    });
    client.send(query(1), query(2));
    expect((await client.hears(1)).map(idOf)).to.deep.equal([2]);
    expect(bed.log.of('defect')).to.have.length(1);
  });

  it('sends the replies under way when it closes, and takes no more requests or connections', async () => {
    await open({ limits: { 'plain-requests-at-once': 1 } });
    client.send(query(1), query(2));
    const [asked] = await bed.hears(1);
    const closed = bed.server.close(10_000);
    client.send(query(3));
    const late = await bed.tcp().catch((error: unknown) => error);
    expect(late).to.be.instanceOf(Error);
    asked?.reply(reply(1));
    await closed;
    expect((await client.hears(1)).map(idOf)).to.deep.equal([1]);
    expect(bed.asked).to.have.length(1);
  });

  it('cuts what is not done when its time to close is over', async () => {
    await open();
    client.send(query(1));
    await bed.hears(1);
    await bed.server.close(20);
    await client.ends();
    expect(client.heard).to.deep.equal([]);
  });
});
