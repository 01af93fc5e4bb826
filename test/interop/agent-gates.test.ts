/**
 * The agent and its gates as processes: which gate is asked, what happens when one dies and comes back, that nothing is asked
 * of one that is not proved, the quick form of the command, and what `danced check` says. Programs of others before the agent are
 * in dot-resolver-agent.test.ts.
 */
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { ask } from '../../lab/ask.ts';
import type { Lab } from '../../lab/lab.ts';
import { startDanced, type DancedProcess } from '../support/danced-process.ts';
import { makeIdentity } from '../support/identity-files.ts';
import { startUnboundOf } from '../support/peers/recursive.ts';
import { memberZone, startQuestionsLab } from '../support/peers/recursive-questions.ts';
import { freePort, runProgram, TestBed, type RunningProgram } from '../support/peers/test-bed.ts';
import type { Resolver } from '../support/peers/unbound.ts';

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const timeoutMs = 8_000;
const names = { first: 'gate1.example', second: 'gate2.example' };

describe('an agent and its gates', () => {
  const bed = new TestBed();
  let lab: Lab;
  let upstream: Resolver;
  let first: DancedProcess;
  let second: DancedProcess;
  let agent: DancedProcess;
  let questions = 0;

  before(async () => {
    lab = await startQuestionsLab();
    upstream = await startUnboundOf(bed, lab);
    first = await startGate(names.first);
    second = await startGate(names.second);
    agent = await startAgent('laptop', [
      `127.0.0.1:${String(first.port)}#${names.first}`,
      at(second, names.second),
    ]);
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  const at = ({ port }: { readonly port: number }, name: string): string =>
    `127.0.0.1:${String(port)}#${name}`;

  async function startGate(name: string): Promise<DancedProcess> {
    const gate = await startDanced(bed, {
      ...{ resolver: lab.resolver, anchor: lab.rootAnchor(), name },
      access: `clients:\n  "*.${memberZone}": { allow: [{ action: resolve }] }\n`,
      use: 'dot-resolver/gate',
      plugin: `    views: { default: { upstreams: ["${upstream.address}:${String(upstream.port)}"] } }\n`,
    });
    lab.publishTlsa(`_${String(gate.port)}._tcp.${name}`, [gate.tlsa]);
    return gate;
  }

  async function startAgent(label: string, servers: readonly string[], more = ''): Promise<DancedProcess> {
    const started = await startDanced(bed, {
      ...{ resolver: lab.resolver, anchor: lab.rootAnchor() },
      name: `${label}.${memberZone}`,
      use: 'dot-resolver/agent',
      plugin: `    servers: ${JSON.stringify(servers)}\n    limits: { gate-retry-max: 500ms, cache-entries: 0, failure-ttl: 1s }\n${more}`,
    });
    lab.publishTlsa(started.name, [started.tlsa]);
    return started;
  }

  /** Another name each time, so that no memory answers. */
  function askAgent(server: { readonly address: string; readonly port: number } = agent): Promise<Message> {
    questions += 1;
    const name = Name.parse(`q${String(questions)}.corp.example`);
    return ask(server, { name, type: RrType.A, rd: true, dnssecOk: true, timeoutMs });
  }

  async function rcodeOf(of: Promise<Message>): Promise<number> {
    return (await of).header.rcode;
  }

  async function answeredBy(gate: DancedProcess): Promise<number> {
    const lines = (await gate.metrics())
      .split('\n')
      .filter((line) => line.startsWith('danced_resolve_replies_total'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  it('asks the first of the list alone, and the answer is the resolver’s', async () => {
    expect(await rcodeOf(askAgent())).to.equal(Rcode.NXDOMAIN);
    expect(await answeredBy(first)).to.be.greaterThan(0);
    expect(await answeredBy(second)).to.equal(0);
  });

  it('asks the second when the first is killed, and loses no question', async () => {
    const before = await answeredBy(second);
    const rcodes = Array.from({ length: 20 }, () => rcodeOf(askAgent()));
    first.program.kill();
    expect(new Set(await Promise.all(rcodes))).to.deep.equal(new Set([Rcode.NXDOMAIN]));
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => rcodeOf(askAgent()))))).to.deep.equal(
      new Set([Rcode.NXDOMAIN]),
    );
    expect(await answeredBy(second)).to.be.greaterThan(before);
  });

  it('says why when both are away, and answers again when one is back', async () => {
    second.program.kill();
    const reply = await askAgent();
    expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
    const option = findOption(reply.edns, EdnsOptionCode.EXTENDED_ERROR);
    const error = option && parseExtendedError(option);
    expect(error?.code).to.equal(EdeCode.NO_REACHABLE_AUTHORITY);
    expect(error?.text).to.match(/^no gate can be reached: .*server 127\.0\.0\.1:\d+#gate1\.example/);
    expect(await agent.metrics()).to.match(
      /danced_agent_gate_up\{gate="127\.0\.0\.1:\d+#gate1\.example"\} 0/,
    );
    const again = bed.start(process.execPath, [main, 'run', '-c', `${first.folder}/danced.yaml`]);
    await again.waitForPort(first.port);
    await again.waitFor('answering again', async () => (await rcodeOf(askAgent())) === Rcode.NXDOMAIN);
    expect(await agent.metrics()).to.match(
      /danced_agent_gate_up\{gate="127\.0\.0\.1:\d+#gate1\.example"\} 1/,
    );
  });

  it('asks nothing of a gate with another key than the one published, and says so [RFC8310-5]', async () => {
    const wrong = await startGate('wrong.example');
    const other = await makeIdentity(bed, 'else.example');
    lab.publishTlsa(`_${String(wrong.port)}._tcp.wrong.example`, [other.tlsa]);
    const strict = await startAgent('strict', [at(wrong, 'wrong.example')]);
    const reply = await askAgent(strict);
    expect(reply.header.rcode).to.equal(Rcode.SERVFAIL);
    const option = findOption(reply.edns, EdnsOptionCode.EXTENDED_ERROR);
    expect(option && parseExtendedError(option).text).to.match(/the key of the server is not the one/);
    expect(await answeredBy(wrong)).to.equal(0);
    expect(strict.program.log).to.match(/server-key-mismatch/);

    const { status, stdout } = await runProgram(process.execPath, [
      main,
      'check',
      '-c',
      `${strict.folder}/danced.yaml`,
    ]);
    expect(stdout).to.match(
      /plugins\[0\]\.servers\[0\]: 127\.0\.0\.1:\d+#wrong\.example: server: the key of the server/,
    );
    expect(status).to.not.equal(0);
  });

  it('hands on that the gate refuses, with its reason', async () => {
    const stranger = await startDanced(bed, {
      ...{ resolver: lab.resolver, anchor: lab.rootAnchor(), name: 'gate3.example' },
      access: `clients:\n  "*.${memberZone}": { allow: [{ action: resolve, zones: [other.example] }] }\n`,
      use: 'dot-resolver/gate',
      plugin: `    views: { default: { upstreams: ["${upstream.address}:${String(upstream.port)}"] } }\n`,
    });
    lab.publishTlsa(`_${String(stranger.port)}._tcp.gate3.example`, [stranger.tlsa]);
    const refused = await startAgent('refused', [at(stranger, 'gate3.example')]);
    const reply = await askAgent(refused);
    expect(reply.header.rcode).to.equal(Rcode.REFUSED);
    const option = findOption(reply.edns, EdnsOptionCode.EXTENDED_ERROR);
    expect(option && parseExtendedError(option).code).to.equal(EdeCode.PROHIBITED);
  });

  it('runs from the command line alone, finds the address of its gate, and stops when told to', async () => {
    const fourth = await startGate('gate4.example');
    lab.publish('gate4.example', RrType.A, [Buffer.from([127, 0, 0, 1])]);
    const own = await makeIdentity(bed, `quick.${memberZone}`);
    lab.publishTlsa(own.name, [own.tlsa]);
    const port = await freePort();
    const program: RunningProgram = bed.start(process.execPath, [
      ...[main, 'agent', '--to', `gate4.example:${String(fourth.port)}`, '--identity', own.directory],
      ...['--listen', `127.0.0.1:${String(port)}`, '--resolver', `127.0.0.1:${String(lab.resolver.port)}`],
      ...['--anchor', bed.write('root.key', `${lab.rootAnchor()}\n`)],
    ]);
    await program.waitForPort(port);
    expect(await rcodeOf(askAgent({ address: '127.0.0.1', port }))).to.equal(Rcode.NXDOMAIN);
    program.signal('SIGHUP');
    await program.waitFor('reloading', () => program.log.includes('configuration reloaded'));
    expect(await rcodeOf(askAgent({ address: '127.0.0.1', port }))).to.equal(Rcode.NXDOMAIN);
    await program.stop();
    expect(program.log).to.match(/stopped/);
  });

  it('is found right by danced check, gates included', async () => {
    await agent.program.stop();
    const { stdout } = await runProgram(process.execPath, [
      main,
      'check',
      '-c',
      `${agent.folder}/danced.yaml`,
    ]);
    expect(stdout).to.match(
      /ok: plugins\[0\]\.servers\[0\]: 127\.0\.0\.1:\d+#gate1\.example is proved by DANE-EE.*takes us \(laptop\.member\.example\) and answers/,
    );
    expect(stdout).to.match(
      /plugins\[0\]\.servers\[1\]: 127\.0\.0\.1:\d+#gate2\.example: tcp: .*nobody listens there/,
    );
  });
});
