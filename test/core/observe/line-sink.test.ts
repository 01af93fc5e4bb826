import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { LineSink } from '../../../core/observe/line-sink.ts';
import { createLog } from '../../../core/observe/log.ts';

/** Runs a script in a process whose standard error is what `shell` makes of it. */
function runScript(script: string, shell: string) {
  const module = new URL('../../../core/observe/log.ts', import.meta.url).href;
  const whole = `import { createLog } from '${module}';\nconst log = createLog({ level: 'info', format: 'text' });\n${script}`;
  const node = [process.execPath, '--input-type=module', '-e', whole];
  return spawnSync('sh', ['-c', shell, ...node], { encoding: 'utf8', timeout: 8000 });
}

const wait = 'await new Promise((resolve) => setTimeout(resolve, 50));';

describe('a log whose lines cannot be written', () => {
  it('neither stops nor fails the process when the disk is full', () => {
    const { stdout, status } = runScript(
      `log.info('first'); ${wait} log.info('second'); log.flush(); console.log('still here');`,
      'exec "$0" "$@" 2>/dev/full',
    );
    expect(stdout).to.equal('still here\n');
    expect(status).to.equal(0);
  });

  it('neither stops nor fails the process when its reader is gone', () => {
    const { stdout, status } = runScript(
      `${wait} log.info('first'); ${wait} log.info('second'); log.flush(); console.log('still here');`,
      '{ "$0" "$@" 2>&1 >&3 | true; } 3>&1',
    );
    expect(stdout).to.equal('still here\n');
    expect(status).to.equal(0);
  });

  it('loses lines and not memory when its reader stands still, and says how many', () => {
    const { stdout } = runScript(
      `for (let number = 0; number < 100_000; number++) log.info('a line', { pad: 'x'.repeat(200) });
       await new Promise((resolve) => setTimeout(resolve, 1500));
       log.info('later');`,
      '{ "$0" "$@" 2>&1 >/dev/null | { sleep 0.5; tail -n 2; }; }',
    );
    expect(stdout).to.match(/WARN {2}log lines lost lines=\d+ .*\n.* later\n$/);
  });
});

describe('a log that several processes write to one pipe', () => {
  it('has each line in one piece, also when its reader is slow', () => {
    const module = new URL('../../../core/observe/log.ts', import.meta.url).href;
    const script = `import { createLog } from '${module}';
      const log = createLog({ level: 'info', format: 'json', isShared: true });
      for (let number = 0; number < 3000; number++) {
        log.info('a line', { number, pad: 'x'.repeat(number % 300) });
        if (number % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }`;
    const reader = `const { readSync, writeSync } = require('node:fs');
      const octets = Buffer.alloc(3000);
      for (let count; (count = readSync(0, octets)) > 0; writeSync(1, octets, 0, count)) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }`;
    const shell =
      'writer() { "$0" --input-type=module -e "$1" 2>&1; }; { writer "$1" & writer "$1" & wait; } | "$0" -e "$2"';
    const { stdout } = spawnSync('sh', ['-c', shell, process.execPath, script, reader], {
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    // What the reader has not taken when the processes end is lost, but for what the pipe holds.
    const lines = stdout.trimEnd().split('\n');
    expect(lines).to.have.length.above(500);
    for (const line of lines) expect(() => JSON.parse(line) as unknown, line).to.not.throw();
  });
});

/** Real writes, and a clock that stands still but for the ticks of the test. */
describe('a log of many lines', () => {
  let folder: string;
  let fd: number;
  let sink: LineSink;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    folder = mkdtempSync(join(tmpdir(), 'danced-log-'));
    fd = openSync(join(folder, 'log'), 'a');
    sink = new LineSink(fd, (lost) => `lost ${String(lost)}\n`);
  });

  afterEach(() => {
    mock.timers.reset();
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const written = (): string => readFileSync(join(folder, 'log'), 'utf8');

  /** What comes later is not waited for here: a write that is made at once is seen in time or the test hangs. */
  async function untilWritten(text: string): Promise<void> {
    while (written().length < text.length) await nextTurn();
    expect(written()).to.equal(text);
  }

  /** Real time: enough for the end of a write that was begun, and for one that should not have been. */
  async function aWhile(): Promise<void> {
    const begunMs = performance.now();
    while (performance.now() < begunMs + 50) await nextTurn();
  }

  it('writes the first at once, and those that come soon after it together', async () => {
    sink.write('first\n');
    await untilWritten('first\n');
    await aWhile();
    sink.write('second\n');
    sink.write('third\n');
    await aWhile();
    expect(written()).to.equal('first\n');
    mock.timers.tick(10);
    await untilWritten('first\nsecond\nthird\n');
  });

  it('writes the next at once when nothing was gathered', async () => {
    sink.write('first\n');
    await untilWritten('first\n');
    await aWhile();
    mock.timers.tick(10);
    sink.write('second\n');
    await untilWritten('first\nsecond\n');
  });

  it('gathers no more than a bounded number of octets', async () => {
    sink.write('first\n');
    await untilWritten('first\n');
    await aWhile();
    const lines = `${'x'.repeat(999)}\n`.repeat(66);
    for (let number = 0; number < 66; number++) sink.write(`${'x'.repeat(999)}\n`);
    await untilWritten(`first\n${lines}`);
  });

  it('keeps them in their order, however many there are', async () => {
    let expected = '';
    for (let number = 0; number < 3000; number++) {
      const line = `${String(number)} ${'x'.repeat(number % 100)}\n`;
      expected += line;
      sink.write(line);
      if (number % 100 === 0) await nextTurn();
      if (number % 300 === 0) mock.timers.tick(10);
    }
    while (written().length < expected.length) {
      mock.timers.tick(10);
      await nextTurn();
    }
    expect(written()).to.equal(expected);
  });

  it('writes what was gathered when the process ends, once', async () => {
    sink.write('first\n');
    await untilWritten('first\n');
    await aWhile();
    sink.write('second\n');
    sink.flush();
    expect(written()).to.equal('first\nsecond\n');
    mock.timers.tick(10);
    await aWhile();
    expect(written()).to.equal('first\nsecond\n');
  });

  it('does not gather what is told to hurry, also while a write is under way', async () => {
    sink.write('first\n');
    sink.write('second\n');
    sink.hurry();
    await untilWritten('first\nsecond\n');
    await aWhile();
    sink.write('third\n');
    sink.hurry();
    await untilWritten('first\nsecond\nthird\n');
  });

  it('has an error at once', async () => {
    const log = createLog({ level: 'info', format: 'text', destination: fd });
    log.info('first');
    log.info('second');
    log.error('third');
    while (!written().endsWith(' third\n')) await nextTurn();
  });
});
