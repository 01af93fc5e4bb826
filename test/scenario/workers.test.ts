/** Several processes on one port: real ones, under load, with what can happen to them. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Rcode } from '../../core/dns/constants.ts';
import type { Secondary } from '../../lab/secondary.ts';
import { until } from '../support/gate.ts';
import { freePort, runProgram } from '../support/peers/test-bed.ts';
import { clientName, isAlive, main, WorkerBed, zone } from '../support/worker-bed.ts';

/** What is promised, of a machine that has nothing else to do. */
const promisedMs = 1000;
/** What is looked for: the machine of a test run has. */
const boundMs = 3 * promisedMs;
const soa = { zone, type: 'SOA' } as const;

describe('a daemon of two workers', function () {
  this.timeout(160_000);
  let danced: WorkerBed;

  afterEach(() => danced.close());

  /** Asks again and again until it is told to stop, on a new connection when the one before is closed. */
  function load(clients: number) {
    let isOver = false;
    const failures: { atMs: number; waitedMs: number }[] = [];
    const all = Promise.all(
      Array.from({ length: clients }, async () => {
        let secondary: Secondary | undefined;
        let answered = 0;
        while (!isOver) {
          try {
            secondary ??= await danced.open();
          } catch {
            // A newcomer that is reset comes again.
            await sleep(1);
            continue;
          }
          if (secondary.isClosed) {
            secondary = undefined;
            continue;
          }
          const { rcode, elapsedMs } = await secondary.request(soa);
          if (rcode === Rcode.NOERROR) answered++;
          else failures.push({ atMs: performance.now(), waitedMs: elapsedMs });
          await sleep(1);
        }
        secondary?.close();
        return answered;
      }),
    );
    return {
      failures,
      async end(): Promise<number> {
        isOver = true;
        return (await all).reduce((sum, one) => sum + one, 0);
      },
    };
  }

  it('takes connections in both, and counts them together', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const found = await danced.openAtEach(2);
    expect([...found.keys()].sort()).to.deep.equal([1, 2]);
    for (const secondary of found.values()) {
      for (let i = 0; i < 3; i++) expect((await secondary.request(soa)).rcode).to.equal(Rcode.NOERROR);
    }
    // The log comes a moment later.
    await sleep(500);
    const asked = danced.lines('query').length;
    const series = 'danced_xot_requests_total{kind="SOA",rcode="NOERROR"}';
    expect(await danced.metric(series)).to.equal(asked);
    expect(await danced.metric('danced_connections{gate="xot/gate"}')).to.equal(2);
    expect(await danced.metric('danced_workers{state="running"}')).to.equal(2);
    expect((await danced.admin('/readyz')).status).to.equal(200);
    // What those have counted that are gone stays.
    process.kill(danced.pids()[0]!, 'SIGKILL');
    await danced.waitForLines('worker ended', 1);
    expect(await danced.metric(series)).to.equal(asked);
    await until('it is replaced', () => danced.pids().length === 3, 60_000);
    await danced.openAtEach(2);
    await until(
      'all are counted',
      async () => (await danced.metric(series)) === danced.lines('query').length,
    );
    expect(await danced.metric('danced_worker_restarts_total')).to.equal(1);
  });

  it('gives a client together what its rule allows, within 10 %', async () => {
    const [rate, burst, forMs] = [50, 20, 4000];
    danced = await WorkerBed.start({ workers: 2, rule: `rate: ${rate}/s, burst: ${burst}` });
    const secondaries = [...(await danced.openAtEach(2)).values()];
    // What finding them took comes in again.
    await sleep((burst / rate) * 1000 + 500);
    const startMs = performance.now();
    const got = await Promise.all(
      secondaries.map(async (secondary) => {
        let granted = 0;
        while (performance.now() - startMs < forMs) {
          const results = await Promise.all(Array.from({ length: 10 }, () => secondary.request(soa)));
          granted += results.filter(({ rcode }) => rcode === Rcode.NOERROR).length;
          await sleep(5);
        }
        return granted;
      }),
    );
    const allowed = burst + (rate * (performance.now() - startMs)) / 1000;
    const all = got.reduce((sum, one) => sum + one, 0);
    console.log(`      ${got.join(' + ')} = ${all} of ${allowed.toFixed(0)} requests`);
    expect(all / allowed).to.be.within(0.9, 1.1);
    expect(Math.min(...got)).to.be.above(allowed / 10);
    expect(await danced.metric('danced_shared_budget_keys')).to.equal(1);
  });

  it('loses the connections of a worker that is killed under load, and no others', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const found = await danced.openAtEach(2);
    const running = load(20);
    await sleep(1000);
    const [pid = 0] = danced
      .lines('running')
      .flatMap((line) => (line['worker'] === 1 ? [Number(line['pid'])] : []));
    let untouched = 0;
    const killedMs = performance.now();
    process.kill(pid, 'SIGKILL');
    const closed = once(found.get(1)!.socket, 'close');
    while (performance.now() - killedMs < boundMs) {
      expect((await found.get(2)!.request(soa)).rcode).to.equal(Rcode.NOERROR);
      untouched++;
      await sleep(5);
    }
    await closed;
    await until('it is replaced', () => danced.pids().length === 3, 60_000);
    const answered = await running.end();
    expect(untouched).to.be.above(10);
    // At most one request of each client was under way there.
    expect(running.failures.length).to.be.within(1, 20);
    const lastMs = Math.max(...running.failures.map(({ atMs }) => atMs)) - killedMs;
    console.log(`      ${answered} answers, ${running.failures.length} lost within ${lastMs.toFixed(0)} ms`);
    expect(lastMs).to.be.below(boundMs);
    const [line] = danced.lines('worker ended');
    expect(line).to.include({ worker: 1, signal: 'SIGKILL' });
    expect(danced.lines('worker ended')).to.have.length(1);
  });

  it('replaces both on SIGHUP under load, and loses no request that was under way', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    danced.lab.primary.shape = { octets: 16_384, recordsPerMessage: 2 };
    const found = await danced.openAtEach(2);
    const running = load(20);
    await sleep(500);
    // Each takes longer than it takes until the new worker listens.
    danced.lab.primary.delayMs = 500;
    const transfers = [...found.values()].map((secondary) => secondary.request({ zone, timeoutMs: 60_000 }));
    await sleep(100);
    const before = danced.pids();
    await danced.hangUp(1);
    for (const { outcome, records } of await Promise.all(transfers)) {
      expect(outcome).to.equal('complete');
      expect(records).to.have.length(21);
    }
    await sleep(500);
    const answered = await running.end();
    console.log(`      ${answered} answers, ${running.failures.length} cut before they were read`);
    expect(before.map(isAlive)).to.deep.equal([false, false]);
    expect(danced.pids()).to.have.length(4);
    // What had not come to the worker when it closed the connection is not lost but asked again (RFC 7766 section 6.2.4): at most one of each.
    expect(running.failures.length).to.be.at.most(40);
    for (const { waitedMs } of running.failures) expect(waitedMs).to.be.below(boundMs);
    expect(danced.lines('worker ended')).to.deep.equal([]);
    expect(await danced.metric('danced_xot_transfers_total{form="whole",outcome="complete"}')).to.equal(2);
  });

  it('takes any change on SIGHUP, also of what one process needs a restart for', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const moved = { port: await freePort(), adminPort: await freePort() };
    danced.writeConfig(danced.configuration({ workers: 3, zones: `${zone}, example.net`, ...moved }));
    await danced.hangUp(1);
    expect(await isRefused(danced.open())).to.equal(true);
    danced.port = moved.port;
    danced.adminPort = moved.adminPort;
    expect([...(await danced.openAtEach(3)).keys()].sort()).to.deep.equal([1, 2, 3]);
    expect(await danced.metric('danced_workers{state="running"}')).to.equal(3);
    danced.writeConfig(danced.configuration({ workers: 1, ...moved }));
    await danced.hangUp(1);
    expect(danced.pids().filter(isAlive)).to.have.length(1);
    expect((await (await danced.open()).request(soa)).rcode).to.equal(Rcode.NOERROR);
  });

  it('keeps its workers when the configuration is broken, and reads the access list all the same', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const found = await danced.openAtEach(2);
    danced.writeConfig(`${danced.configuration({})}wrong: 1\n`);
    danced.writeAccess('rate: 1/s, not-before: 2100-01-01');
    danced.program.signal('SIGHUP');
    const [line] = await danced.waitForLines('configuration broken', 1);
    expect(line!['problem']).to.include('wrong');
    for (const secondary of found.values()) {
      await until(
        'the new list counts',
        async () => (await secondary.request(soa)).rcode === Rcode.REFUSED,
        20_000,
      );
      secondary.close();
    }
    expect(danced.pids().map(isAlive)).to.deep.equal([true, true]);
  });

  it('keeps its workers when a new one cannot start, and says why', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    danced.bed.write('access.yaml', 'version: 1\nclients: { wrong }\n');
    danced.program.signal('SIGHUP');
    const [line] = await danced.waitForLines('worker not replaced', 1);
    expect(line).to.include({ worker: 1 });
    expect(line!['problem']).to.match(/access\.yaml:2:/);
    await danced.waitForLines('configuration not reloaded', 1);
    expect((await (await danced.open()).request(soa)).rcode).to.equal(Rcode.NOERROR);
    // One that crashes is replaced as soon as that is possible again, by its like.
    danced.writeConfig(`${danced.configuration({})}wrong: 1\n`);
    process.kill(danced.pids()[0]!, 'SIGKILL');
    await danced.waitForLines('worker cannot start', 2);
    danced.writeAccess();
    await until('it is replaced', () => danced.pids().length === 3, 60_000);
  });

  it('ends when its parent does', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const pids = danced.pids();
    const secondary = await danced.open();
    process.kill(danced.program.pid, 'SIGKILL');
    await until('the workers end', () => !pids.some(isAlive), 60_000);
    expect(secondary.isClosed).to.equal(true);
    await danced.run();
    expect((await (await danced.open()).request(soa)).rcode).to.equal(Rcode.NOERROR);
  });

  for (const whom of ['the parent', 'all of them, as a terminal or a supervisor does,'] as const) {
    it(`ends all with SIGINT to ${whom} once what is under way is done`, async () => {
      danced = await WorkerBed.start({ workers: 2 });
      danced.lab.primary.shape = { octets: 16_384, recordsPerMessage: 10 };
      const found = await danced.openAtEach(2);
      danced.lab.primary.delayMs = 300;
      const transfers = [...found.values()].map((secondary) => secondary.request({ zone }));
      await sleep(200);
      process.kill(whom === 'the parent' ? danced.program.pid : -danced.program.pid, 'SIGINT');
      for (const { outcome } of await Promise.all(transfers)) expect(outcome).to.equal('complete');
      await until('it has ended', () => danced.program.hasEnded, 60_000);
      expect(danced.program.log).to.include('ended: status 0');
      expect(danced.lines('stopped')).to.have.length(3);
      expect(danced.lines('worker ended')).to.deep.equal([]);
      expect(danced.pids().some(isAlive)).to.equal(false);
    });
  }

  it('ends all at once with a second signal', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    danced.lab.primary.delayMs = 20_000;
    const { value: secondary } = (await danced.openAtEach(2)).values().next();
    const transfer = secondary!.request({ zone, timeoutMs: 60_000 });
    await sleep(200);
    danced.program.signal('SIGTERM');
    await danced.waitForLines('stopping', 1);
    danced.program.signal('SIGTERM');
    await until('it has ended', () => danced.program.hasEnded && !danced.pids().some(isAlive), 60_000);
    expect(danced.program.log).to.include('ended: status 1');
    expect((await transfer).outcome).to.equal('closed');
  });

  it('shows the decisions of both to whoever watches', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const found = await danced.openAtEach(2);
    const response = await danced.admin('/access/decisions');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const seen = (): unknown[] =>
      text
        .split('\n')
        .filter((line) => line.includes('"decision"'))
        .map((line) => JSON.parse(line) as { worker?: unknown; client?: unknown })
        .filter(({ client }) => client === clientName)
        .map(({ worker }) => worker);
    const until2 = performance.now() + 20_000;
    while (new Set(seen()).size < 2 && performance.now() < until2) {
      for (const secondary of found.values()) await secondary.request(soa);
      text += (await reader.read()).value ?? '';
    }
    expect([...new Set(seen())].sort()).to.deep.equal([1, 2]);
    await reader.cancel();
  });

  it('starts neither beside another danced, nor with an access list that is broken', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const run = () =>
      runProgram(process.execPath, [main, 'run', '-c', danced.configFile], { timeoutMs: 60_000 });
    const beside = await run();
    expect(beside.status).to.equal(2);
    expect(beside.stderr).to.match(
      /^danced: cannot listen on 127\.0\.0\.1:\d+: another program listens there/,
    );
    danced.writeConfig(danced.configuration({ port: await freePort(), adminPort: await freePort() }));
    danced.bed.write('access.yaml', 'version: 1\nclients: { wrong }\n');
    const broken = await run();
    expect(broken.status).to.equal(2);
    expect(broken.stderr).to.match(/^danced: \S+access\.yaml:2:\d+: /);
    expect(broken.stderr).to.not.include('    at ');
    danced.writeConfig(danced.configuration({ port: 0 }));
    expect((await run()).stderr).to.match(/plugins\[0\]\.listen\[0\]: port 0 means another port for each/);
  });

  it('has no workers that somebody else starts', async () => {
    danced = await WorkerBed.start({ workers: 2 });
    const env = ['DANCED_WORKER=1', process.execPath, main, 'run', '-c', danced.configFile];
    const { status, stderr } = await runProgram('env', env);
    expect(status).to.equal(2);
    expect(stderr).to.equal('danced: DANCED_WORKER is what danced sets for processes of its own; unset it\n');
  });
});

async function isRefused(opening: Promise<Secondary>): Promise<boolean> {
  return opening.then(
    (secondary) => {
      secondary.close();
      return false;
    },
    () => true,
  );
}
