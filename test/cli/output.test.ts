import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect } from 'chai';
import { CommandError, exitCode, fileErrorWords, formatTable } from '../../cli/output.ts';
import { runCommand } from '../support/run-command.ts';

describe('runProgram', () => {
  function run(action: () => void | Promise<void>) {
    return runCommand((program: Command) => program.command('act').option('-x').action(action), ['act']);
  }

  const outcomes = [
    { title: '0 when the command is done', action: () => undefined, code: exitCode.done, stderr: '' },
    {
      title: '1 when the verdict is no',
      action: () => {
        process.exitCode = exitCode.no;
      },
      code: exitCode.no,
      stderr: '',
    },
    {
      title: '2, with the reason, when the command cannot do it',
      action: () => Promise.reject(new CommandError('no such zone\x1b[2J')),
      code: exitCode.usage,
      stderr: 'danced: no such zone\\x1b[2J\n',
    },
  ];
  for (const { title, action, code, stderr } of outcomes) {
    it(`ends with ${title}`, async () => {
      expect(await run(action)).to.deep.equal({ exitCode: code, stdout: '', stderr });
    });
  }

  it('ends with 2 for an option that does not exist, and with 0 for --help', async () => {
    const register = (program: Command) => program.command('act').action(() => undefined);
    expect((await runCommand(register, ['act', '--no-such'])).exitCode).to.equal(2);
    expect((await runCommand(register, ['nothing'])).exitCode).to.equal(2);
    const help = await runCommand(register, ['act', '--help']);
    expect([help.exitCode, help.stdout.slice(0, 6)]).to.deep.equal([0, 'Usage:']);
  });

  it('does not mind a reader that has read enough', () => {
    const danced = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
    const shell = '{ "$0" "$@"; echo "exit $?" >&2; } | true';
    const { stderr } = spawnSync('sh', ['-c', shell, process.execPath, danced, '--help'], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('exit 0\n');
  });

  it('lets a bug be seen', async () => {
    const failure = await run(() => Promise.reject(new TypeError('bug'))).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(TypeError);
  });
});

describe('formatTable', () => {
  it('aligns columns and shows control characters', () => {
    const rows = [
      ['name', 'status'],
      ['_xfr.ns2.example', 'allowed'],
      ['x\n', ''],
    ];
    expect(formatTable(rows)).to.equal('name              status\n_xfr.ns2.example  allowed\nx\\x0a');
  });
});

describe('fileErrorWords', () => {
  it('has words for errors of the system and for no others', () => {
    expect(fileErrorWords(Object.assign(new Error('x'), { code: 'EACCES' }))).to.equal('permission denied');
    expect(
      fileErrorWords(Object.assign(new Error('EMFILE: x'), { code: 'EMFILE', errno: -24, syscall: 'open' })),
    ).to.equal('EMFILE: x');
    expect(fileErrorWords(Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }))).to.equal(
      undefined,
    );
    expect(fileErrorWords('ENOENT')).to.equal(undefined);
  });
});
