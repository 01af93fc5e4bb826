import dgram from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { isAnswerable } from '../../../core/do53/datagram.ts';
import { do53Limits } from '../../../core/do53/limits.ts';
import { limitsOf } from '../../support/limits.ts';
import { idOf, PlainBed, query, reply, until, type PlainBedOptions, type UdpClient } from './plain-bed.ts';

describe('plain DNS by UDP', () => {
  let bed: PlainBed;
  let client: UdpClient;

  async function open(options: PlainBedOptions = {}): Promise<void> {
    bed = await PlainBed.open(options);
    client = await bed.udp();
  }

  /** Shows that it still serves. */
  async function expectService(id: number): Promise<void> {
    const before = bed.asked.length;
    await client.send(query(id));
    const asked = await bed.hears(before + 1);
    asked.at(-1)?.reply(reply(id));
    await until(() => client.heard.some((message) => idOf(message) === id));
  }

  afterEach(async () => {
    await bed.close();
  });

  it('gives the handler the message and who sent it, and sends the reply back [RFC1035-4.2.1]', async () => {
    await open();
    await client.send(query(7, 'what'));
    const [asked] = await bed.hears(1);
    expect(asked?.octets).to.deep.equal(query(7, 'what'));
    expect(asked?.from.remote).to.equal(`127.0.0.1:${String(client.port)}`);
    expect(asked?.from).to.include({ isStream: false, udpOctets: 1232, idleTimeMs: 0 });
    asked?.reply(reply(7, 100));
    expect(await client.hears(1)).to.deep.equal([reply(7, 100)]);
    expect(await bed.metric('plain_requests_total', 'transport="udp"')).to.equal(1);
  });

  it('answers from the address that was asked, in whatever order replies are made', async () => {
    const second = { address: '127.0.0.2', port: 0 };
    await open({ addresses: [second] });
    await client.send(query(1), query(2));
    const asked = await bed.hears(2);
    asked[1]?.reply(reply(idOf(asked[1].octets) ?? 0));
    asked[0]?.reply(reply(idOf(asked[0].octets) ?? 0));
    const heard = await client.hears(2);
    expect(heard.map(idOf)).to.have.members([1, 2]);
    expect(client.from).to.deep.equal(['127.0.0.2', '127.0.0.2']);
  });

  it('serves IPv6', async function () {
    bed = new PlainBed({ addresses: [{ address: '::1', port: 0 }] });
    if (!(await hasVersion6())) this.skip();
    await open({ addresses: [{ address: '::1', port: 0 }] });
    await expectService(9);
    expect(bed.asked[0]?.from.remote).to.equal(`[::1]:${String(client.port)}`);
  });

  it('answers no response and nothing shorter than a header, so that no two servers talk for ever', async () => {
    await open();
    await client.send(reply(1), Buffer.alloc(0), query(2).subarray(0, 11));
    await expectService(3);
    expect(bed.asked).to.have.length(1);
    expect(await bed.metric('plain_ignored_total', 'transport="udp"')).to.equal(3);
  });

  it('sends one reply to a request, however often the handler replies', async () => {
    await open();
    await client.send(query(1));
    const [asked] = await bed.hears(1);
    asked?.reply(reply(1));
    asked?.reply(reply(1));
    await expectService(2);
    expect(client.heard.map(idOf)).to.deep.equal([1, 2]);
  });

  it('drops a reply that is too long, counts it, and says so once', async () => {
    await open({ limits: { 'plain-udp-octets': 600 } });
    await client.send(query(1), query(2));
    for (const { octets, reply: send } of await bed.hears(2)) send(reply(idOf(octets) ?? 0, 601));
    await client.send(query(3));
    (await bed.hears(3))[2]?.reply(reply(3, 600));
    expect((await client.hears(1)).map(idOf)).to.deep.equal([3]);
    expect(await bed.metric('plain_refused_total', 'limit="plain-udp-octets"')).to.equal(2);
    expect(bed.log.of('reply too long for UDP')).to.have.length(1);
  });

  it('never sends what is no message', async () => {
    await open();
    await client.send(query(1), query(2));
    for (const asked of await bed.hears(2)) asked.reply(Buffer.alloc(11));
    await expectService(3);
    expect(client.heard).to.have.length(1);
    expect(bed.log.of('defect')).to.have.length(1);
  });

  it('takes no request that is too long', async () => {
    await open({ limits: { 'plain-request-octets': 512 } });
    await client.send(query(1, 'x'.repeat(501)), query(2, 'x'.repeat(500)));
    const asked = await bed.hears(1);
    expect(asked.map(({ octets }) => idOf(octets))).to.deep.equal([2]);
    expect(await bed.metric('plain_refused_total', 'limit="plain-request-octets"')).to.equal(1);
  });

  it('drops requests beyond those that may be under way, and takes others when those are done', async () => {
    await open({ limits: { 'plain-requests': 2 } });
    await client.send(query(1), query(2), query(3));
    const asked = await bed.hears(2);
    await until(async () => (await bed.metric('plain_refused_total', 'limit="plain-requests"')) === 1);
    asked[0]?.reply(reply(1));
    asked[1]?.reply(undefined);
    await client.hears(1);
    await expectService(4);
    expect(bed.asked.map(({ octets }) => idOf(octets))).to.deep.equal([1, 2, 4]);
  });

  it('gives the place of a request that is never answered to another, and drops the late reply', async () => {
    await open({ limits: { 'plain-requests': 1, 'plain-request-time': 200 } });
    await client.send(query(1));
    const [late] = await bed.hears(1);
    await until(async () => (await bed.metric('plain_refused_total', 'limit="plain-request-time"')) === 1);
    late?.reply(reply(1));
    await expectService(2);
    expect(client.heard.map(idOf)).to.deep.equal([2]);
  });

  it('does not take a request for one that is never answered before its time', async () => {
    await open({ limits: { 'plain-request-time': 2000 } });
    await client.send(query(1));
    const [asked] = await bed.hears(1);
    await sleep(700);
    asked?.reply(reply(1));
    expect(await client.hears(1)).to.have.length(1);
  });

  it('is silent and goes on when the handler throws, or answers at once', async () => {
    const seen: number[] = [];
    await open({
      limits: { 'plain-requests': 1 },
      handler: (octets, _from, send) => {
        seen.push(idOf(octets) ?? 0);
        if (idOf(octets) === 1) throw new Error('a defect');
        send(reply(idOf(octets) ?? 0));
      },
    });
    await client.send(query(1), query(2));
    expect((await client.hears(1)).map(idOf)).to.deep.equal([2]);
    expect(seen).to.deep.equal([1, 2]);
    expect(bed.log.of('defect')).to.have.length(1);
  });

  it('outlives a client that is gone, and a reply that the kernel does not take', async () => {
    await open();
    // More than a datagram holds: the kernel says EMSGSIZE.
    bed.server.setLimits(limitsOf(do53Limits, { 'plain-udp-octets': 65_535 }));
    const gone = await bed.udp();
    await gone.send(query(1), query(2));
    const asked = await bed.hears(2);
    gone.close();
    asked[0]?.reply(reply(1));
    asked[1]?.reply(reply(2, 65_535));
    await until(async () => (await bed.metric('plain_lost_replies_total', 'transport="udp"')) === 1);
    await expectService(3);
    expect(bed.log.of('plain DNS reply not sent')).to.have.length(1);
  });

  it('goes by limits that are set while it runs', async () => {
    await open();
    bed.server.setLimits(limitsOf(do53Limits, { 'plain-udp-octets': 512 }));
    await client.send(query(1));
    expect((await bed.hears(1))[0]?.from.udpOctets).to.equal(512);
  });

  it('sends the replies under way when it closes, and takes no more requests', async () => {
    await open();
    await client.send(query(1));
    const [asked] = await bed.hears(1);
    const closed = bed.server.close(10_000);
    await client.send(query(2));
    await sleep(50);
    asked?.reply(reply(1));
    await closed;
    expect((await client.hears(1)).map(idOf)).to.deep.equal([1]);
    expect(bed.asked).to.have.length(1);
  });

  it('waits for no reply longer than it is told when it closes', async () => {
    await open();
    await client.send(query(1));
    const [asked] = await bed.hears(1);
    await bed.server.close(20);
    asked?.reply(reply(1));
    expect(client.heard).to.deep.equal([]);
  });
});

describe('a datagram to be answered', () => {
  const datagrams: [title: string, octets: Buffer, port: number, answerable: boolean][] = [
    ['a query', query(1), 5353, true],
    ['a bare header', query(1, ''), 1, true],
    ['a query from port 0, where nobody listens', query(1), 0, false],
    ['a response', reply(1), 5353, false],
    ['eleven octets', query(1).subarray(0, 11), 5353, false],
    ['nothing', Buffer.alloc(0), 5353, false],
  ];
  for (const [title, octets, port, answerable] of datagrams) {
    it(`is ${answerable ? '' : 'not '}${title}`, () => {
      expect(isAnswerable(octets, port)).to.equal(answerable);
    });
  }
});

async function hasVersion6(): Promise<boolean> {
  const socket = dgram.createSocket('udp6');
  socket.bind(0, '::1');
  try {
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
