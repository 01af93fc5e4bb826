import { spawnSync } from 'node:child_process';
import { expect } from 'chai';

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
