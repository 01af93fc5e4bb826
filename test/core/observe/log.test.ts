import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { Name } from '../../../core/dns/name.ts';
import { createLog } from '../../../core/observe/log.ts';
import type { Log, LogFormat, LogLevel } from '../../../core/observe/log.ts';
import { memoryLog } from '../../support/memory-log.ts';

function logToText(format: LogFormat, level: LogLevel = 'debug'): { log: Log; text: () => string } {
  let written = '';
  const destination = { write: (text: string) => (written += text) };
  return { log: createLog({ level, format, destination }), text: () => written };
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('the log as JSON', () => {
  it('is one object a line, with time, level, event and the fields', () => {
    const { log, text } = logToText('json');
    log.info('transfer', { client: Name.parse('_xfr.ns2.example.net'), octets: 12, why: undefined });
    expect(text()).to.match(/^[^\n]+\n$/);
    const { time, ...rest } = JSON.parse(text()) as Record<string, unknown>;
    expect(time).to.match(isoTime);
    expect(rest).to.deep.equal({
      level: 'info',
      event: 'transfer',
      client: '_xfr.ns2.example.net',
      octets: 12,
    });
  });

  it('has each key once, the innermost value winning', () => {
    const { log, text } = logToText('json');
    log
      .child({ plugin: 'xot/gate', connection: 1 })
      .child({ connection: 2 })
      .warn('closed', { connection: 3 });
    expect(text().match(/"connection"/g)).to.have.length(1);
    expect(JSON.parse(text())).to.include({ plugin: 'xot/gate', connection: 3, level: 'warn' });
  });

  it('keeps a field from passing for time, level or event', () => {
    const { log, text } = logToText('json');
    log.info('refused', { level: 'error', event: 'transfer', time: 'never' });
    expect(text().match(/"level":|"event":|"time":/g)).to.have.length(3);
    expect(JSON.parse(text())).to.include({
      level: 'info',
      event: 'refused',
      event_: 'transfer',
      level_: 'error',
    });
  });

  it('has an error as message and code', () => {
    const { log, text } = logToText('json');
    log.error('failed', { error: Object.assign(new Error('gone'), { code: 'EPIPE' }) });
    expect(JSON.parse(text())).to.deep.include({ error: { message: 'gone', code: 'EPIPE' } });
  });
});

describe('the log as text', () => {
  it('is a line that an operator can read', () => {
    const { log, text } = logToText('text');
    log.info('transfer', {
      client: Name.parse('_xfr.ns2.example.net'),
      zone: Name.root,
      octets: 12,
      whole: true,
    });
    const [time, ...rest] = text().trimEnd().split(' ');
    expect(time).to.match(isoTime);
    expect(rest.join(' ')).to.equal('INFO  transfer client=_xfr.ns2.example.net zone=. octets=12 whole=true');
  });

  it('puts values in quotes that would run into the next, and names the parts of a value', () => {
    const { log, text } = logToText('text');
    log.warn('closed', { why: 'took too long', empty: '', pair: 'a=b', list: ['a', 1], none: {} });
    log.error('failed', { error: new Error('no "way"') });
    expect(text()).to.include('WARN  closed why="took too long" empty="" pair="a=b" list=["a",1] none={}\n');
    expect(text()).to.include('ERROR failed error.message="no \\"way\\""\n');
  });
});

for (const format of ['json', 'text'] as const) {
  describe(`the log as ${format}, with values from the network`, () => {
    it('stays one line and has no character that a terminal obeys', () => {
      const { log, text } = logToText(format);
      const hostile = 'x\r\n2026-11-22T00:00:00.000Z INFO  allowed\x1b[2J\u2028\u202e\x9b';
      log.info('refused', {
        name: hostile,
        [hostile]: 1,
        nested: { [hostile]: [hostile] },
        error: new Error(hostile),
      });
      expect(text().split('\n')).to.have.length(2);
      expect(text().trimEnd()).not.to.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    });

    it('is bounded', () => {
      const { log, text } = logToText(format);
      log.info('refused', { name: 'x'.repeat(1_000_000), octets: Buffer.alloc(1_000_000) });
      expect(text().length).to.be.below(4096);
    });

    it('writes nothing below its level', () => {
      const { log, text } = logToText(format, 'warn');
      log.debug('a');
      log.child({ b: 1 }).info('c');
      expect(text()).to.equal('');
      log.warn('d');
      expect(text()).to.match(/\bd\b/);
    });
  });
}

describe('the log of a process', () => {
  function runScript(script: string) {
    const logModule = new URL('../../../core/observe/log.ts', import.meta.url).href;
    const whole = `import { createLog } from '${logModule}';\n${script}`;
    return spawnSync(process.execPath, ['--input-type=module', '-e', whole], { encoding: 'utf8' });
  }

  it('is JSON on standard error when that is no terminal, and whole when the process exits', () => {
    const { stderr, status } = runScript(`
      const log = createLog({ level: 'info' });
      for (let number = 0; number < 2000; number++) log.info('counted', { number });
      process.exit(0);
    `);
    const lines = stderr.trimEnd().split('\n');
    expect(status).to.equal(0);
    expect(lines).to.have.length(2000);
    expect(JSON.parse(lines.at(-1)!)).to.include({ event: 'counted', number: 1999 });
  });

  it('is whole when the process crashes', () => {
    const { stdout } = runScript(`
      createLog({ level: 'info', destination: 'stdout', format: 'text' }).error('last words');
      throw new Error('crash');
    `);
    expect(stdout).to.match(/ERROR last words\n$/);
  });
});

describe('memoryLog', () => {
  it('keeps the lines of children with their fields', () => {
    const log = memoryLog();
    log.child({ connection: 1 }).info('closed', { why: 'idle' });
    log.debug('other');
    expect(log.of('closed')).to.deep.equal([
      { level: 'info', event: 'closed', fields: { connection: 1, why: 'idle' } },
    ]);
    expect(log.lines).to.have.length(2);
  });
});
