/**
 * The addon, built with AddressSanitizer, does handshakes of every kind in a process of its own: no read or write beyond
 * what is its, nothing used after it was freed, nothing lost.
 *
 * Limitations: Node itself is not built so: what OpenSSL does with memory of its own is watched only where it asks for it
 * and gives it back. Of leaks only those count that have the addon's functions in their stack; Node frees little at its end.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { theAddon } from '../../../support/native-bed.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const rounds = 3;

describe('the addon under AddressSanitizer', function () {
  this.timeout(240_000);
  let workbench: string;

  before(function () {
    theAddon();
    // Where LD_PRELOAD puts a sanitizer before Node.
    if (process.platform !== 'linux') this.skip();
    // A package beside this one, with the same sources and another build: an addon is found in its package.
    workbench = mkdtempSync(join(tmpdir(), 'danced-sanitizer-'));
    for (const part of ['package.json', 'core', 'test/support']) {
      cpSync(join(root, part), join(workbench, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(workbench, 'node_modules'));
    mkdirSync(join(workbench, 'reports'));
    const prebuilds = join(workbench, 'prebuilds', `${process.platform}-${process.arch}`);
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(root, 'scripts/build-native.js'), '--must', '--sanitize', '--to', prebuilds],
      { encoding: 'utf8' },
    );
    expect(status, stderr).to.equal(0);
  });

  after(() => {
    if (workbench) rmSync(workbench, { recursive: true, force: true });
  });

  it('makes no error and loses nothing in handshakes of every kind', () => {
    const run = spawnSync(
      process.execPath,
      [join(workbench, 'test/support/native-exercise.ts'), String(rounds)],
      {
        encoding: 'utf8',
        timeout: 200_000,
        env: {
          ...process.env,
          LD_PRELOAD: libraryOfSanitizer(),
          ASAN_OPTIONS: [
            `log_path=${join(workbench, 'reports/report')}`,
            'detect_leaks=1',
            // Leaks are Node's too: the reports are read, the status says nothing of them.
            'halt_on_error=1',
            // OpenSSL's functions keep no frame pointers.
            'fast_unwind_on_malloc=0',
            'malloc_context_size=12',
          ].join(':'),
          LSAN_OPTIONS: 'exitcode=0',
        },
      },
    );
    const reports = readdirSync(join(workbench, 'reports'))
      .map((file) => readFileSync(join(workbench, 'reports', file), 'utf8'))
      .join('\n');
    expect(reports).to.not.match(/ERROR: AddressSanitizer/);
    expect(leaksOfOurs(reports), 'leaks').to.deep.equal([]);
    expect(run.stdout, run.stderr).to.match(/^\d{3} handshakes, nothing kept\n$/);
    expect(run.status, run.stderr).to.equal(0);
  });
});

/** gcc's own, which has to be in the process before Node. */
function libraryOfSanitizer(): string {
  const { stdout } = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  return stdout.trim();
}

/** Those of a report's stacks that have the addon in them. */
function leaksOfOurs(report: string): string[] {
  return report.split('\n\n').filter((part) => part.includes('leak of') && /danced(::|-tls-abi)/.test(part));
}
