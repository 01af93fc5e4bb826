/** What examples/xfr prints and holds, tried with the programs of others: each command and each file as it stands. */
import { expect } from 'chai';
import { ports } from '../../examples/xfr/commands.ts';
import { exampleFolder, startExample, startInExample } from '../support/example-xfr.ts';
import { pathOf, runProgram, type RunningProgram } from '../support/peers/test-bed.ts';

/** Records of the zone, and the SOA once more at the end of an AXFR. */
const wholeZone = 5002;

describe('examples/xfr with the programs of others', function () {
  this.timeout(60_000);
  let example: RunningProgram;
  let stop: () => Promise<void>;

  before(async () => {
    ({ program: example, stop } = startExample());
    await example.waitFor('its commands', () => example.log.includes('Ctrl-C ends everything'));
  });
  after(async () => {
    await stop();
  });

  /** The commands that it printed and that contain these words, run in the folder of the example. */
  async function runPrinted(...words: string[]): Promise<string> {
    const printed = example.log.split('\n').filter((line) => /^ {2}(?:k?dig|npx danced) /.test(line));
    const commands = printed.filter((line) => words.every((word) => line.includes(word)));
    expect(commands, words.join(' ')).to.have.length(1);
    const { stdout } = await runProgram('sh', ['-c', commands[0]!], { cwd: exampleFolder });
    return stdout;
  }

  it('prints a kdig command that transfers the zone', async () => {
    expect(await runPrinted('kdig', 'run/ns2/')).to.contain(`${wholeZone} records)`);
  });

  it('prints dig commands that transfer the zone and the difference', async () => {
    expect(await runPrinted('  dig', 'run/ns2/', 'AXFR')).to.contain(`XFR size: ${wholeZone} records`);
    expect(await runPrinted('  dig', 'run/ns2/', 'IXFR=1')).to.contain('XFR size: 5 records');
  });

  it('prints commands that are refused, for the reasons that it gives', async () => {
    expect(await runPrinted('kdig', 'run/stranger/')).not.to.contain('SOA');
    expect(await runPrinted('kdig', 'run/impostor/')).not.to.contain('SOA');
    for (const reason of ['not-admitted', 'key-mismatch']) {
      await example.waitFor(reason, () => example.log.includes(`reason=${reason}`));
    }
  });

  it('prints commands that explain what the gate finds in the DNS, and what it would say', async () => {
    expect(await runPrinted('lookup')).to.match(/^_xfr\.ns2\.example TLSA is secure: /);
    expect(await runPrinted('verify', 'run/ns2/')).to.match(/: a gate would let it in$/m);
    expect(await runPrinted('verify', 'run/impostor/')).to.match(/: a gate would refuse it: key-mismatch$/m);
  });

  const secondaries = [
    { program: 'named', args: ['-g', '-c', 'named.conf'], port: ports.bind },
    { program: 'nsd', args: ['-d', '-c', 'nsd.conf'], port: ports.nsd },
  ] as const;
  for (const { program, args, port } of secondaries) {
    it(`has a configuration with which ${program} gets the zone`, async () => {
      const secondary = startInExample(pathOf(program), args);
      try {
        await secondary.waitFor('serial 2', async () =>
          (await runPrinted(`-p ${port} `)).includes('hostmaster.ns1.example.com. 2 '),
        );
      } finally {
        await secondary.stop();
      }
    });
  }

  it('has an agent that gets the zone, and a configuration with which knotd gets it from there', async () => {
    const agent = startInExample(process.execPath, ['../../bin/danced.js', 'run', '-c', 'agent.yaml']);
    const knot = startInExample(pathOf('knotd'), ['-c', 'knot.conf']);
    try {
      for (const port of [ports.agent, ports.knot]) {
        await knot.waitFor(`serial 2 on port ${port}`, async () =>
          (await runPrinted(`-p ${port} `)).includes('hostmaster.ns1.example.com. 2 '),
        );
      }
    } finally {
      await knot.stop();
      await agent.stop();
    }
  });

  const checks = [
    ['named-checkconf', 'named.conf'],
    ['named-checkconf', 'primary-bind.conf'],
    ['nsd-checkconf', 'nsd.conf'],
    ['nsd-checkconf', 'primary-nsd.conf'],
    ['knotc', '-c', 'primary-knot.conf', 'conf-check'],
    ['knotc', '-c', 'knot.conf', 'conf-check'],
  ] as const;
  for (const [checker, ...args] of checks) {
    it(`has files that pass ${[checker, ...args].join(' ')}`, async () => {
      // They are where the servers are, in folders that a plain user's PATH leaves out.
      const command = ['-c', 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; exec "$@"', 'sh', checker, ...args];
      const { status, stdout, stderr } = await runProgram('sh', command, { cwd: exampleFolder });
      expect(status, stdout + stderr).to.equal(0);
    });
  }
});
