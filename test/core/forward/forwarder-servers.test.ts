import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { Rcode } from '../../../core/dns/constants.ts';
import { unusedPort, type HeardQuery } from '../../support/dns-server.ts';
import { ask, ForwardBed, numberIn, reply, tcp, udp, type Fields } from '../../support/forward-bed.ts';

describe('Forwarder with several servers', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  const isProbe = ({ message }: HeardQuery): boolean => message.questions[0]!.name.toString() === '.';

  for (const way of [udp, tcp]) {
    const transport = way({ address: '', port: 1 }).transport;

    it(`asks the first one only, as long as it answers (${transport})`, async () => {
      const [first, second] = [await bed.serve(), await bed.serve()];
      const forwarder = bed.forwarder([way(first), way(second)]);
      for (let n = 0; n < 5; n++) await ask(forwarder, '1.example');
      expect([first.heard.length, second.heard.length]).to.deep.equal([5, 0]);
    });

    it(`asks the next at once where the first cannot be reached (${transport})`, async () => {
      const second = await bed.serve();
      const dead = { address: '127.0.0.1', port: await unusedPort() };
      const forwarder = bed.forwarder([way(dead), way(second)], { 'upstream-retry': 10_000 });
      expect(numberIn(await ask(forwarder, '2.example'))).to.equal(2);
    });

    it(`asks the next after a silence, and takes whoever answers first (${transport})`, async () => {
      let answers = 0;
      const first = await bed.serve((query) => setTimeout(() => reply(query), 1000));
      const second = await bed.serve(() => undefined);
      const forwarder = bed.forwarder([way(first), way(second)], { 'upstream-retry': 60 });
      const outcome = await ask(forwarder, '2.example');
      answers += 1;
      expect(numberIn(outcome)).to.equal(2);
      expect(second.heard.filter((query) => !isProbe(query)).length).to.be.at.least(1);
      await pause(1200);
      expect(answers).to.equal(1);
    });

    for (const rcode of [Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP]) {
      it(`asks the next after code ${rcode}, and gives it if nobody has better (${transport})`, async () => {
        const no: Fields = { rcode, answers: [] };
        const [first, second] = [await bed.serve((query) => reply(query, no)), await bed.serve()];
        const forwarder = bed.forwarder([way(first), way(second)]);
        expect(numberIn(await ask(forwarder, '3.example'))).to.equal(3);
        const dead = { address: '127.0.0.1', port: await unusedPort() };
        const poor = await ask(bed.forwarder([way(first), way(dead)]), '3.example');
        expect(poor).to.have.nested.property('header.rcode', rcode);
        expect(poor).to.have.nested.property('header.id', 4711);
      });
    }
  }

  it('prefers SERVFAIL to REFUSED, whoever said it', async () => {
    const [refusing, failing] = [
      await bed.serve((query) => reply(query, { rcode: Rcode.REFUSED, answers: [] })),
      await bed.serve((query) => reply(query, { rcode: Rcode.SERVFAIL, answers: [] })),
    ];
    for (const servers of [
      [tcp(refusing), tcp(failing)],
      [tcp(failing), tcp(refusing)],
    ]) {
      const outcome = await ask(bed.forwarder(servers), '3.example');
      expect(outcome).to.have.nested.property('header.rcode', Rcode.SERVFAIL);
    }
  });

  it('names every server that failed', async () => {
    const ports = [await unusedPort(), await unusedPort()];
    const forwarder = bed.forwarder(ports.map((port) => tcp({ address: '127.0.0.1', port })));
    const outcome = await ask(forwarder, '3.example');
    for (const port of ports) expect(outcome).to.have.property('failure').that.includes(`127.0.0.1:${port}`);
  });

  it('takes a server for down after two failures, asks it last, and probes it back [RFC9520-3.2]', async () => {
    const port = await unusedPort();
    const second = await bed.serve();
    const limits = { 'upstream-failure-min': 100, 'upstream-failure-max': 400 };
    const forwarder = bed.forwarder([tcp({ address: '127.0.0.1', port }), tcp(second)], limits);
    const up = `danced_forward_server_up{view="default",server="127.0.0.1:${port}"}`;
    expect(await bed.counted(up)).to.equal(1);
    expect(numberIn(await ask(forwarder, '2.example'))).to.equal(2);
    while (bed.log.of('upstream down').length === 0) await pause(5);
    const { fields, level } = bed.log.of('upstream down')[0]!;
    expect(level).to.equal('warn');
    expect(fields).to.include({ view: 'default', server: `127.0.0.1:${port}` });
    expect(fields['why']).to.match(/ECONNREFUSED/);
    expect(await bed.counted(up)).to.equal(0);
    expect(forwarder.isDown).to.be.false;
    // It comes back, and nobody asks it anything but the probe.
    const { createServer } = await import('node:net');
    const heard: Buffer[] = [];
    const back = createServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk);
        const answer = Buffer.from(chunk);
        answer[4]! |= 0x80;
        socket.write(answer);
      });
    }).listen(port, '127.0.0.1');
    bed.keep({ close: () => back.close() });
    while (bed.log.of('upstream up').length === 0) await pause(5);
    expect(heard.length).to.equal(1);
    // `. NS`, RD.
    expect(heard[0]!.subarray(4).toString('hex')).to.equal('010000010000000000000000020001');
    expect(await bed.counted(up)).to.equal(1);
    await ask(forwarder, '2.example');
    expect(heard.length).to.equal(2);
    expect(bed.log.lines.length).to.equal(2);
  });

  it('knows when all are down, asks them all the same, and sees at once that one is back', async () => {
    let isDead = true;
    const server = await bed.serve((query) => {
      if (isDead) query.socket!.destroy();
      else reply(query);
    });
    const forwarder = bed.forwarder([tcp(server)], {
      'upstream-failure-min': 60_000,
      'upstream-failure-max': 60_000,
    });
    for (let n = 0; n < 3; n++) expect(await ask(forwarder, '1.example')).to.have.property('failure');
    expect(forwarder.isDown).to.be.true;
    isDead = false;
    expect(numberIn(await ask(forwarder, '4.example'))).to.equal(4);
    expect(forwarder.isDown).to.be.false;
    expect(bed.log.lines.map(({ event }) => event)).to.deep.equal(['upstream down', 'upstream up']);
  });

  it('does not take a server for down because a name is never answered', async () => {
    const server = await bed.serve((query) => {
      if (isProbe(query)) reply(query, { answers: [] });
    });
    const limits = { 'upstream-retry': 30, 'upstream-time': 600 };
    const forwarder = bed.forwarder([udp(server)], limits);
    // The last try is by TCP, where a connection was made.
    for (let n = 0; n < 3; n++)
      expect(await ask(forwarder, '1.example')).to.include({ isTimeout: true, kind: 'broken' });
    expect(server.heard.some(isProbe)).to.be.true;
    expect(forwarder.isDown).to.be.false;
    expect(bed.log.lines).to.deep.equal([]);
  });

  it('takes a server for down that answers neither questions nor probes', async () => {
    const server = await bed.serve(() => undefined);
    const limits = { 'upstream-retry': 20, 'upstream-time': 1_000 };
    const forwarder = bed.forwarder([udp(server)], limits);
    await ask(forwarder, '1.example');
    expect(forwarder.isDown).to.be.true;
    expect(bed.log.of('upstream down')[0]!.fields['why']).to.match(/did not answer in time/);
  });

  it('counts what came of questions', async () => {
    const server = await bed.serve((query) => {
      const number = Number(/\d+/.exec(query.message.questions[0]!.name.toString()));
      if (number === 1) reply(query);
      if (number === 2) reply(query, { rcode: Rcode.SERVFAIL, answers: [] });
      if (number === 3) reply(query, { tc: query.over === 'udp' });
    });
    const limits = { 'upstream-retry': 60, 'upstream-time': 500, 'upstream-tries': 1 };
    const forwarder = bed.forwarder([udp(server)], limits);
    const waiting = ask(forwarder, '4.example');
    await Promise.all(['1.example', '2.example', '3.example'].map((name) => ask(forwarder, name)));
    expect(await bed.counted('danced_forward_under_way{view="default"}')).to.equal(1);
    await waiting;
    await pause(60);
    const at = `view="default",server="127.0.0.1:${server.port}"`;
    const of = (transport: string, outcome: string): Promise<number> =>
      bed.counted(`danced_forward_questions_total{${at},transport="${transport}",outcome="${outcome}"}`);
    expect(await of('udp', 'answered')).to.equal(1);
    expect(await of('udp', 'servfail')).to.equal(1);
    expect(await of('udp', 'truncated')).to.equal(1);
    expect(await of('tcp', 'answered')).to.equal(1);
    expect(await of('udp', 'timeout')).to.equal(1);
    expect(await of('tcp', 'timeout')).to.equal(1);
    expect(await bed.counted('danced_forward_under_way{view="default"}')).to.equal(0);
  });

  it('mixes TLS and cleartext no more than it asks nobody [RFC8310-5.1]', () => {
    const dot = { address: '127.0.0.1', port: 853, transport: 'tls', tls: { name: 'a.example' } } as const;
    const plain = tcp({ address: '127.0.0.1', port: 53 });
    expect(() => bed.forwarder([dot, plain])).to.throw(RangeError, 'mixed');
    expect(() => bed.forwarder([])).to.throw(RangeError, 'no resolver');
    expect(() => bed.forwarder([{ ...plain, transport: 'tls' }])).to.throw(RangeError, 'no name');
  });
});
