/** What examples/dot-resolver prints and holds, tried with the programs of others: each command and each file as it stands. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ports } from '../../examples/dot-resolver/commands.ts';
import { exampleOf } from '../support/example.ts';
import { startResolved } from '../support/peers/systemd-resolved.ts';
import { pathOf, runProgram, TestBed, type RunningProgram } from '../support/peers/test-bed.ts';

const { folder, start, startIn } = exampleOf('dot-resolver');

describe('examples/dot-resolver with the programs of others', () => {
  const bed = new TestBed();
  let example: RunningProgram;
  let stop: () => Promise<void>;

  before(async () => {
    ({ program: example, stop } = start());
    await example.waitFor('its commands', () => example.log.includes('Ctrl-C ends everything'));
  });
  after(async () => {
    await bed.close();
    await stop();
  });

  /** The commands that it printed and that contain these words, run in the folder of the example. */
  async function runPrinted(...words: string[]): Promise<string> {
    const printed = example.log.split('\n').filter((line) => /^ {2}(?:k?dig|npx danced) /.test(line));
    const commands = printed.filter((line) => words.every((word) => line.includes(word)));
    expect(commands, words.join(' ')).to.have.length(1);
    const { stdout } = await runProgram('sh', ['-c', commands[0]!], { cwd: folder });
    return stdout;
  }

  it('prints a kdig command with which the laptop sees the inside', async () => {
    expect(await runPrinted('kdig', 'run/laptop/')).to.match(
      /wiki\.corp\.example\.\s+\d+\s+IN\s+A\s+10\.0\.0\.10/,
    );
  });

  it('prints dig commands with which a guest sees what the world sees', async () => {
    expect(await runPrinted('  dig', 'run/phone/', 'www')).to.contain('192.0.2.80');
    expect(await runPrinted('  dig', 'run/phone/', 'intranet')).to.contain('status: NXDOMAIN');
  });

  it('prints commands that are refused, for the reasons that it gives', async () => {
    expect(await runPrinted('kdig', 'run/stranger/')).not.to.contain('status');
    expect(await runPrinted('kdig', 'run/impostor/')).not.to.contain('status');
    for (const reason of ['not-admitted', 'key-mismatch']) {
      await example.waitFor(reason, () => example.log.includes(`reason=${reason}`));
    }
  });

  it('prints a dig command that goes through the agent', async () => {
    expect(await runPrinted(`-p ${String(ports.agent)} `)).to.contain('10.0.0.10');
  });

  it('prints commands that explain what the gate would say', async () => {
    expect(await runPrinted('verify', 'run/laptop/')).to.match(/: a gate would let it in$/m);
    expect(await runPrinted('verify', 'run/impostor/')).to.match(/: a gate would refuse it: key-mismatch$/m);
  });

  it('has a configuration with which Stubby asks the agent', async () => {
    const stubby = startIn(pathOf('stubby'), ['-C', 'stubby.yml']);
    try {
      await stubby.waitForPort(ports.stubby);
      expect(await runPrinted(`-p ${String(ports.stubby)} `)).to.contain('10.0.0.10');
    } finally {
      await stubby.stop();
    }
  });

  it('has a configuration with which Unbound asks the agent, and validates', async () => {
    const branch = startIn(pathOf('unbound'), ['-d', '-c', 'branch.conf']);
    try {
      await branch.waitForPort(ports.branch);
      expect(await runPrinted(`-p ${String(ports.branch)} `, 'shop')).to.match(
        /flags: qr rd ra ad;[^]*192\.0\.2\.90/,
      );
      expect(await runPrinted(`-p ${String(ports.branch)} `, 'corp')).to.contain('10.0.0.80');
    } finally {
      await branch.stop();
    }
  });

  it('has settings with which systemd-resolved asks the agent', async () => {
    const resolved = await startResolved(bed, readFileSync(`${folder}/resolved.conf`, 'utf8'));
    const at = ['@127.0.0.1', '-p', String(resolved.port), '+time=5', '+tries=1'];
    const { stdout } = await runProgram(pathOf('dig'), [...at, 'intranet.corp.example', 'A']);
    expect(stdout).to.contain('status: NOERROR').and.contain('10.0.0.10');
  });

  for (const file of ['unbound.conf', 'branch.conf']) {
    it(`has a file ${file} that unbound-checkconf passes`, async () => {
      // It is where the servers are, in folders that a plain user's PATH leaves out.
      const command = [
        '-c',
        'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; exec "$@"',
        'sh',
        'unbound-checkconf',
        file,
      ];
      const { status, stdout, stderr } = await runProgram('sh', command, { cwd: folder });
      expect(status, stdout + stderr).to.equal(0);
    });
  }
});
