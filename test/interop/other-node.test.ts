/**
 * The other line of Node that danced runs on: what TLS and the addon do is done once more there, and nothing is left out.
 *
 * Limitations: not the addon under AddressSanitizer, which is the same code; and of the rest of danced only what has a
 * handshake in it.
 */
import { expect } from 'chai';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOtherNode, otherNodeVersion } from '../support/peers/other-node.ts';
import { runProgram, type ProgramRun } from '../support/peers/test-bed.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
const timeoutMs = 300_000;

const files = [
  'test/scenario/client-id-matrix.test.ts',
  'test/scenario/identity.test.ts',
  ...readdirSync(join(root, 'test/core/tls'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.endsWith('sanitizer.test.ts'))
    .map((file) => join('test/core/tls', file))
    .sort(),
];

/** What mocha's reporter "json" writes, as far as it is looked at. */
interface Outcome {
  readonly stats: { readonly tests: number; readonly passes: number; readonly pending: number };
  readonly failures: readonly { readonly fullTitle: string; readonly err: { readonly message?: string } }[];
}

describe(`Node ${otherNodeVersion}`, function () {
  this.timeout(timeoutMs);
  const node = findOtherNode();
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-other-node-'));
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** Runs the files by a Node. */
  async function run(binary: string, ...options: readonly string[]): Promise<Outcome> {
    const file = join(folder, 'outcome.json');
    rmSync(file, { force: true });
    const args = [mocha, ...options, '--reporter', 'json', '--reporter-option', `output=${file}`, ...files];
    const ended = await runProgram(binary, args, { cwd: root, timeoutMs });
    return readOutcome(file, ended);
  }

  it('is installed', () => {
    expect(node, 'install it with: npm run peers').to.be.a('string');
    expect(files).to.have.length.above(5);
  });

  it('proves clients as this one does, and passes every test of TLS that there is', async () => {
    if (node === undefined) throw new Error('it is not installed: npm run peers');
    const { stdout } = await runProgram(node, ['--version']);
    expect(stdout.trim()).to.equal(`v${otherNodeVersion}`);
    // Here the tests are only counted.
    const { stats: counted } = await run(process.execPath, '--dry-run');
    expect(counted.tests).to.be.above(300);
    const { stats, failures } = await run(node);
    expect(failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message ?? ''}`)).to.deep.equal([]);
    expect(stats).to.include({ pending: 0, passes: counted.tests });
  });
});

function readOutcome(file: string, { stdout, stderr }: ProgramRun): Outcome {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Outcome;
  } catch (error) {
    throw new Error(`mocha wrote no outcome: ${stdout.slice(-2000)}${stderr.slice(-2000)}`, { cause: error });
  }
}
