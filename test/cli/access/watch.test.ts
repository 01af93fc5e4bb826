import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerWatch } from '../../../cli/access/watch.ts';
import { startAdminServer, type AdminServer } from '../../../core/observe/admin.ts';
import { Feed, type FeedEvent } from '../../../core/observe/feed.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import { runCommand, type CommandRun } from '../../support/run-command.ts';

const time = '2026-11-23T12:00:00.000Z';
const yes: FeedEvent = {
  event: 'decision',
  gate: 'xot/gate',
  remote: '192.0.2.1:5000',
  client: '_xfr.ns2.example',
  action: 'transfer',
  zone: 'example.com',
  transfer: true,
  allowed: true,
  reason: 'allowed',
  entry: '*.ns2.example',
  rule: 'role secondary: allow 1',
};
const no: FeedEvent = {
  ...yes,
  client: '_xfr.ns3.example',
  zone: 'hr.example.com',
  transfer: false,
  allowed: false,
  reason: 'denied',
  rule: 'deny 1',
};
const stranger: FeedEvent = {
  event: 'connection',
  remote: '192.0.2.9:5000',
  claims: 'evil.example, worse.example',
  allowed: false,
  reason: 'not-admitted',
  detail: 'a\u001b[2Jb',
};
const anonymous: FeedEvent = {
  event: 'connection',
  remote: '192.0.2.8:1',
  allowed: true,
  reason: 'no-claim',
};

const lineOf = {
  yes: `${time} yes _xfr.ns2.example  transfer example.com  *.ns2.example, role secondary: allow 1\n`,
  no: `${time} no  _xfr.ns3.example  transfer (SOA) hr.example.com  *.ns2.example, deny 1  a deny rule of the entry, or of one of its roles, forbids this\n`,
  stranger: `${time} no  (claims evil.example, worse.example)  connects from 192.0.2.9:5000  no name that the client claims is in the access list; no DNS query was sent (a\\x1b[2Jb)\n`,
  anonymous: `${time} yes (anonymous)  connects from 192.0.2.8:1  the client claims no name, by none of the ways that the listener takes one\n`,
};

describe('danced access watch', () => {
  let feed: Feed;
  let daemon: AdminServer | undefined;
  let other: Server | undefined;
  let directory: string;

  beforeEach(() => {
    feed = new Feed(() => Date.parse(time));
    directory = mkdtempSync(join(tmpdir(), 'danced-watch-'));
  });

  afterEach(async () => {
    await daemon?.close();
    other?.closeAllConnections();
    other?.close();
    daemon = undefined;
    other = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  async function startDaemon(): Promise<string> {
    daemon = await startAdminServer({
      listen: { port: 0 },
      metrics: new Metrics(),
      ready: () => ({ ready: true, waitingFor: [] }),
      decisions: feed,
    });
    return `127.0.0.1:${daemon.port}`;
  }

  /** Something that answers as it is told. */
  async function startOther(status: number, body: string): Promise<string> {
    other = createServer((_request, response) => {
      response.writeHead(status);
      response.write(body);
      if (status !== 200) response.end();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    return `127.0.0.1:${(other.address() as AddressInfo).port}`;
  }

  /** Watches a daemon that decides these, and ends. */
  async function see(events: readonly FeedEvent[], ...args: string[]): Promise<CommandRun> {
    const at = await startDaemon();
    const run = runCommand(registerWatch, ['watch', '--at', at, ...args]);
    while (!feed.isWatched) await new Promise(setImmediate);
    for (const event of events) feed.say(event);
    // They are on their way when a later look at the server comes back.
    await (await fetch(`http://${at}/livez`)).text();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await daemon?.close();
    return run;
  }

  it('shows each decision on a line: when, yes or no, who, what, by which rule, and why not', async () => {
    const { stdout, stderr, exitCode } = await see([yes, no, stranger, anonymous]);
    expect(stdout).to.equal(lineOf.yes + lineOf.no + lineOf.stranger + lineOf.anonymous);
    expect(stderr).to.match(
      /^danced: the daemon at 127\.0\.0\.1:\d+ has ended, or has closed the connection\n$/,
    );
    expect(exitCode).to.equal(1);
  });

  it('shows what was not allowed only', async () => {
    expect((await see([yes, no, stranger, anonymous], '--no')).stdout).to.equal(lineOf.no + lineOf.stranger);
  });

  for (const [pattern, expected] of [
    ['_XFR.ns2.Example.', lineOf.yes],
    ['*.example', lineOf.yes + lineOf.no + lineOf.stranger],
    ['worse.example', lineOf.stranger],
    ['*.ns2.example', lineOf.yes],
    ['ns2.example', ''],
  ] as const) {
    it(`shows what is about ${pattern} [RFC4343-3]`, async () => {
      expect((await see([yes, no, stranger, anonymous], '--name', pattern)).stdout).to.equal(expected);
    });
  }

  it('prints lines of JSON', async () => {
    const { stdout } = await see([yes, no], '--json', '--no');
    expect(stdout.trimEnd().split('\n')).to.have.length(1);
    expect(JSON.parse(stdout)).to.deep.equal({ time, ...no });
  });

  it('lets nothing through to the terminal that it obeys, whoever answers', async () => {
    const lines = [
      { version: 1, feed: 'decisions' },
      { a: '\u009b2J\u202eb', '\u009b3J': ['\u007f'] },
    ];
    const at = await startOther(200, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const run = runCommand(registerWatch, ['watch', '--at', at, '--json']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    other?.closeAllConnections();
    expect((await run).stdout).to.equal('{"a":"\\\\x9b2J\\\\u{202e}b","\\\\x9b3J":["\\\\x7f"]}\n');
  });

  it('says how many it was too slow for, whatever is looked for', async () => {
    const at = await startOther(
      200,
      `${JSON.stringify({ version: 1, feed: 'decisions' })}\nnonsense\n[1]\n${JSON.stringify({ missed: 7 })}\n`,
    );
    const run = runCommand(registerWatch, ['watch', '--at', at, '--name', 'a.example', '--no']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    other?.closeAllConnections();
    expect((await run).stdout).to.equal('7 more were decided than could be shown\n');
  });

  describe('says plainly', () => {
    const run = (...args: string[]): Promise<CommandRun> => runCommand(registerWatch, ['watch', ...args]);

    it('that no daemon runs', async () => {
      const at = await startDaemon();
      await daemon?.close();
      const { stderr, exitCode } = await run('--at', at);
      expect([stderr, exitCode]).to.deep.equal([
        `danced: nobody listens at ${at}: the daemon does not run, or has another observe.listen\n`,
        1,
      ]);
    });

    it('what the daemon says when it does not let us', async () => {
      const at = await startOther(403, 'decisions are shown to this machine alone\u001b[2J\n');
      const { stderr, exitCode } = await run('--at', at);
      expect([stderr, exitCode]).to.deep.equal([
        `danced: ${at} does not show its decisions: decisions are shown to this machine alone\\x1b[2J\n`,
        1,
      ]);
    });

    it('that an older daemon, or something else, is there', async () => {
      const at = await startOther(404, '');
      expect((await run('--at', at)).stderr).to.equal(
        `danced: ${at} does not show its decisions: HTTP status 404; is that the daemon, and as new as this command?\n`,
      );
    });

    for (const [what, body, says] of [
      ['something else is there', '{"hello":1}\n', /is not danced$/],
      [
        'a newer daemon is there',
        '{"feed":"decisions","version":2}\n',
        /is of another version than this command; use its own$/,
      ],
      ['a line has no end', 'x'.repeat(300_000), /is not danced: a line has no end$/],
    ] as const) {
      it(`that ${what}`, async () => {
        const { stderr, exitCode, stdout } = await run('--at', await startOther(200, body));
        expect(stderr.trimEnd()).to.match(says);
        expect([exitCode, stdout]).to.deep.equal([1, '']);
      });
    }

    const config = (observe: string): string => {
      const file = join(directory, 'danced.yaml');
      writeFileSync(
        file,
        `version: 1
identity: { name: gate.example, directory: gate }
resolver: { servers: [127.0.0.1] }
access: { store: file, file: access.yaml }
${observe}plugins: [{ use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }]
`,
      );
      return file;
    };

    it('that the configuration serves nothing that could be asked', async () => {
      const file = config('');
      const { stderr, exitCode } = await run('-c', file);
      expect(stderr).to.equal(
        `danced: ${file} has no observe.listen, so the daemon cannot be asked; write observe: { listen: "127.0.0.1:9153" } and restart it\n`,
      );
      expect(exitCode).to.equal(2);
    });

    it('that the configuration does not say where', async () => {
      const { stderr, exitCode } = await run('-c', config('observe: { listen: "127.0.0.1:0" }\n'));
      expect(stderr).to.match(
        /lets the system choose the port of observe\.listen; say which it is with --at\n$/,
      );
      expect(exitCode).to.equal(2);
    });

    it('that there is no configuration', async () => {
      const { stderr, exitCode } = await run('-c', join(directory, 'none.yaml'));
      expect(stderr).to.match(/none\.yaml/);
      expect(exitCode).to.equal(2);
    });

    it('what is wrong with an argument', async () => {
      expect((await run('--at', 'localhost:1')).exitCode).to.equal(2);
      expect((await run('--name', 'a..b')).exitCode).to.equal(2);
    });

    it('nothing more than needed, when the configuration says where', async () => {
      const { port } = new URL(`http://${await startDaemon()}`);
      const file = config(`observe: { listen: "0.0.0.0:${port}" }\n`);
      const watching = run('-c', file);
      while (!feed.isWatched) await new Promise(setImmediate);
      await daemon?.close();
      expect((await watching).stderr).to.match(/has ended/);
    });
  });

  describe('as a process', () => {
    const script = `
      import { Command } from 'commander';
      import { registerWatch } from ${JSON.stringify(new URL('../../../cli/access/watch.ts', import.meta.url))};
      import { runProgram } from ${JSON.stringify(new URL('../../../cli/output.ts', import.meta.url))};
      const program = new Command('danced');
      registerWatch(program);
      process.exitCode = await runProgram(program, ['node', 'danced', 'watch', ...process.argv.slice(1)]);
    `;
    const nodeArguments = ['--input-type=module', '-e', script, '--', '--at'];

    it('ends with 0 by Ctrl-C', async () => {
      const at = await startDaemon();
      const child = spawn(process.execPath, [...nodeArguments, at], { stdio: ['ignore', 'pipe', 'inherit'] });
      while (!feed.isWatched) await new Promise((resolve) => setTimeout(resolve, 10));
      feed.say(yes);
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      expect(line.toString()).to.equal(lineOf.yes);
      child.kill('SIGINT');
      expect(await once(child, 'exit')).to.deep.equal([0, null]);
    });

    it('ends with 0 when nobody reads its output any more', async () => {
      const at = await startDaemon();
      const command = `"$0" "$@" | head -n 1; exit "\${PIPESTATUS[0]}"`;
      const ended = new Promise<string>((resolve) => {
        execFile('bash', ['-c', command, process.execPath, ...nodeArguments, at], (error, stdout) => {
          resolve(`${String(error?.code ?? 0)} ${stdout}`);
        });
      });
      while (!feed.isWatched) await new Promise((resolve) => setTimeout(resolve, 10));
      const saying = setInterval(() => {
        feed.say(yes);
      }, 20);
      expect(await ended).to.equal(`0 ${lineOf.yes}`);
      clearInterval(saying);
    });
  });
});
