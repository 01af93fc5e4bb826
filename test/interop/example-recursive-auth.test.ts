/** What examples/recursive-auth prints and holds, tried with the programs of others: each command and each file as it stands. */
import { expect } from 'chai';
import { ports } from '../../examples/recursive-auth/commands.ts';
import { exampleOf } from '../support/example.ts';
import { pathOf, runProgram, type RunningProgram } from '../support/peers/test-bed.ts';

const { folder, start, startIn } = exampleOf('recursive-auth');

describe('examples/recursive-auth with the programs of others', () => {
  let example: RunningProgram;
  let stop: () => Promise<void>;

  before(async () => {
    ({ program: example, stop } = start());
    await example.waitFor('its commands', () => example.log.includes('Ctrl-C ends everything'));
  });
  after(async () => {
    await stop();
  });

  /** The commands that it printed and that contain these words, run in the folder of the example. */
  async function runPrinted(...words: string[]): Promise<string> {
    const printed = example.log.split('\n').filter((line) => /^ {2}(?:k?dig|curl|npx danced) /.test(line));
    const commands = printed.filter((line) => words.every((word) => line.includes(word)));
    expect(commands, words.join(' ')).to.have.length(1);
    const { stdout } = await runProgram('sh', ['-c', commands[0]!], { cwd: folder });
    return stdout;
  }

  it('prints a kdig command that gets the zone of the group with the key of the resolver', async () => {
    expect(await runPrinted('kdig', 'run/member/')).to.match(
      /Flags: qr aa;[^]*www\.group\.example\.\s+\d+\s+IN\s+A\s+192\.0\.2\.10/,
    );
  });

  it('prints kdig commands of strangers, who get what is public and no more [RFC8914-4.19]', async () => {
    expect(await runPrinted('kdig', '+tls +norec www.public')).to.contain('192.0.2.80');
    for (const words of ['+tls +norec www.group', 'run/impostor/']) {
      const answer = await runPrinted('kdig', words);
      expect(answer).to.contain('status: REFUSED').and.contain('EDE: 18 (Prohibited)');
      expect(answer).not.to.contain('192.0.2.10');
    }
  });

  it('prints a dig command that asks Unbound, which has validated the zone of the group', async () => {
    expect(await runPrinted(`-p ${String(ports.unbound)} `)).to.match(/flags: qr rd ra ad;[^]*192\.0\.2\.10/);
  });

  it('has a configuration with which BIND asks the agent, and validates', async () => {
    const bind = startIn(pathOf('named'), ['-g', '-c', 'named.conf']);
    try {
      await bind.waitForPort(ports.bind);
      expect(await runPrinted(`-p ${String(ports.bind)} `)).to.match(/flags: qr rd ra ad;[^]*192\.0\.2\.10/);
    } finally {
      await bind.stop();
    }
  });

  it('prints what other resolvers find: the public zone, and no way to the other', async () => {
    expect(await runPrinted(`-p ${String(ports.resolver)} `, 'public')).to.contain('192.0.2.80');
    expect(await runPrinted(`-p ${String(ports.resolver)} `, 'group')).to.contain('status: SERVFAIL');
  });

  it('prints commands that explain what the gate would say', async () => {
    expect(await runPrinted('verify', 'run/member/')).to.match(/: a gate would let it in$/m);
    expect(await runPrinted('verify', 'run/impostor/')).to.match(/: a gate would refuse it: key-mismatch$/m);
  });

  it('prints a command that tells how each class was served', async () => {
    const series = await runPrinted('curl');
    for (const name of ['group', 'strangers']) {
      expect(series).to.contain(
        `danced_authoritative_replies_total{class="${name}",from="asked",rcode="NOERROR"}`,
      );
    }
    expect(series).to.contain('danced_authoritative_refused_total{reason="too-fast"}');
  });

  for (const [checker, file] of [
    ['nsd-checkconf', 'nsd.conf'],
    ['unbound-checkconf', 'unbound.conf'],
    ['named-checkconf', 'named.conf'],
  ] as const) {
    it(`has a file ${file} that ${checker} passes`, async () => {
      // It is where the servers are, in folders that a plain user's PATH leaves out.
      const command = ['-c', 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; exec "$@"', 'sh', checker, file];
      const { status, stdout, stderr } = await runProgram('sh', command, { cwd: folder });
      expect(status, stdout + stderr).to.equal(0);
    });
  }
});
