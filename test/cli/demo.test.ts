import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { registerDemo, type DemoResult } from '../../cli/commands/demo.ts';
import { startGate, type StartGate } from '../../cli/demo/gate.ts';
import { runCommand } from '../support/run-command.ts';

const program = new URL('../../bin/danced.js', import.meta.url).pathname;
/** Milliseconds. Enough for a machine that has other things to do; the promise is 60 seconds. */
const patience = 50_000;

const acts = [
  { act: 'stranger', title: 'A stranger', outcome: 'refused', reason: 'not-admitted' },
  { act: 'wrong-key', title: 'The right name, the wrong key', outcome: 'refused', reason: 'key-mismatch' },
  { act: 'right-key', title: 'The right name, the right key', outcome: 'allowed', reason: undefined },
  {
    act: 'withdrawn',
    title: 'The same client, after its TLSA record is withdrawn',
    outcome: 'refused',
    reason: 'no-tlsa',
  },
] as const;

describe('danced demo', function () {
  this.timeout(patience);
  let temporary: string;
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'danced-demo-test-'));
  });
  afterEach(() => {
    rmSync(temporary, { recursive: true, force: true });
  });

  /** Runs the demo as a process of its own, with a directory for temporary files of its own. */
  function run(args: readonly string[] = [], directory = temporary) {
    const env = { ...process.env, TMPDIR: directory, FORCE_COLOR: undefined };
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'demo', ...args], {
      encoding: 'utf8',
      timeout: patience,
      env,
    });
    return { status, stdout, stderr };
  }

  it('tells the four outcomes in plain text, ends with 0 and leaves no file', () => {
    const { status, stdout, stderr } = run();
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    for (const [index, { title, outcome, reason }] of acts.entries()) {
      expect(stdout).to.contain(`${String(index + 1)}. ${title}: ${outcome}\n`);
      if (reason !== undefined) expect(stdout).to.contain(`connection refused: ${reason}`);
    }
    expect(stdout).to.match(/_xfr\.ns2\.example\. 2 IN TLSA 3 1 1 [0-9a-f]{64}\n/);
    expect(stdout).to.contain('All 4 outcomes are as they should be');
    expect(stdout, 'no colours in a pipe').to.equal(stripVTControlCharacters(stdout));
    expect(stdout.split('\n').length).to.be.at.most(70);
    expect(readdirSync(temporary)).to.deep.equal([]);
  });

  it('gives the same facts as one JSON document', () => {
    const { status, stdout } = run(['--json']);
    expect(status).to.equal(0);
    const result = JSON.parse(stdout) as DemoResult;
    expect(result.ok).to.be.true;
    expect(result.outcomes.map(({ act, outcome, reason }) => ({ act, outcome, reason }))).to.deep.equal(
      acts.map(({ act, outcome, reason }) => ({ act, outcome, reason })),
    );
    const [stranger, wrongKey, rightKey, withdrawn] = result.outcomes;
    expect(stranger?.dnsQueries, 'a stranger costs no DNS query').to.deep.equal([]);
    // A busy machine may ask twice; what was asked for counts.
    const askedFor = (queries: readonly string[]): string[] => [...new Set(queries)].sort();
    expect(askedFor(wrongKey!.dnsQueries), 'the whole way from the trust anchor').to.deep.equal([
      '. DNSKEY',
      '_xfr.ns2.example TLSA',
      'example DNSKEY',
      'example DS',
      'ns2.example DNSKEY',
      'ns2.example DS',
    ]);
    expect(wrongKey?.keyShown).not.to.equal(wrongKey?.keyPublished);
    expect(withdrawn?.keyPublished).to.be.undefined;
    expect(askedFor(withdrawn!.dnsQueries), 'the keys are still known').to.deep.equal([
      '_xfr.ns2.example TLSA',
    ]);
    const [axfr, ixfr] = rightKey!.requests;
    expect(axfr).to.include({ type: 'AXFR', form: 'full', serial: 1, records: result.records + 1 });
    expect(axfr?.copy).to.deep.equal({ records: result.records, equalsPrimary: true });
    expect(ixfr).to.include({ type: 'IXFR', form: 'incremental', fromSerial: 1, serial: 2 });
    expect(ixfr?.copy).to.deep.equal({ records: result.records + 1, equalsPrimary: true });
    expect(readdirSync(temporary)).to.deep.equal([]);
  });

  it('says in words that it has no place for its files', () => {
    const { status, stderr } = run([], join(temporary, 'missing'));
    expect(status).to.equal(2);
    expect(stderr).to.contain('there is no such file or directory').and.not.contain('    at ');
  });

  describe('with a gate that fails', () => {
    it('ends with 1 when the gate lets everybody in', async () => {
      const { exitCode, outcomes } = await runWith(openGate);
      expect(exitCode).to.equal(1);
      expect(outcomes.map(({ outcome, asExpected }) => ({ outcome, asExpected }))).to.deep.equal([
        { outcome: 'allowed', asExpected: false },
        { outcome: 'allowed', asExpected: false },
        { outcome: 'allowed', asExpected: true },
        { outcome: 'allowed', asExpected: false },
      ]);
    });

    it('ends with 1 when the gate lets nobody in, and does not take its silence for the right reason', async () => {
      const { exitCode, outcomes } = await runWith(closedGate);
      expect(exitCode).to.equal(1);
      expect(outcomes.every(({ outcome, asExpected }) => outcome === 'refused' && !asExpected)).to.be.true;
    });

    it('tells what is not as it should be', async () => {
      const { exitCode, stdout } = await runCommand(
        (it, output) => registerDemo(it, output, openGate),
        ['demo'],
      );
      const text = stripVTControlCharacters(stdout);
      expect(exitCode).to.equal(1);
      expect(text).to.contain('1. A stranger: allowed; it should be refused\n');
      expect(text).to.contain('3 of 4 outcomes are not as they should be');
    });

    it('cleans up when the gate does not start', async () => {
      let directory = '';
      const start: StartGate = async (configFile, log) => {
        directory = dirname(configFile);
        await startGate(join(directory, 'other.yaml'), log);
        throw new Error('started without a configuration');
      };
      const failure = await runWith(start).catch((error: unknown) => error);
      expect(String(failure)).to.contain('other.yaml');
      expect(() => readdirSync(directory)).to.throw('ENOENT');
    });
  });
});

async function runWith(start: StartGate): Promise<{ exitCode: number; outcomes: DemoResult['outcomes'] }> {
  const { exitCode, stdout } = await runCommand(
    (it, output) => registerDemo(it, output, start),
    ['demo', '--json'],
  );
  const { ok, outcomes } = JSON.parse(stdout) as DemoResult;
  expect(ok).to.equal(exitCode === 0);
  return { exitCode, outcomes };
}

/** A gate that asks for no name and connects everybody to the primary. */
const openGate: StartGate = (configFile, log) => {
  const primaryPort = Number(/primary: 127\.0\.0\.1:(\d+)/.exec(readFileSync(configFile, 'utf8'))?.[1]);
  return badGate(configFile, log, (client) => {
    const primary = connect(primaryPort, '127.0.0.1');
    primary.on('error', () => client.destroy());
    client.on('close', () => primary.destroy());
    client.pipe(primary).pipe(client);
  });
};

/** A gate that closes every connection and says nothing. */
const closedGate: StartGate = (configFile, log) =>
  badGate(configFile, log, (client) => {
    client.on('data', () => client.destroy());
  });

async function badGate(
  configFile: string,
  log: Parameters<StartGate>[1],
  onClient: (client: TLSSocket) => void,
): ReturnType<StartGate> {
  const identity = join(dirname(configFile), 'gate');
  const server = createServer({
    cert: readFileSync(join(identity, 'certificate.pem')),
    key: readFileSync(join(identity, 'key.pem')),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['dot'],
    minVersion: 'TLSv1.3',
  });
  server.on('secureConnection', (client) => {
    client.on('error', () => client.destroy());
    onClient(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  log.write(`${JSON.stringify({ event: 'listening', addresses: `127.0.0.1:${String(port)}` })}\n`);
  return {
    stop: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
