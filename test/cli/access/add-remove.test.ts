import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { expect } from 'chai';
import type { AddResult } from '../../../cli/access/add.ts';
import type { RemoveResult } from '../../../cli/access/remove.ts';
import { AccessCommand } from '../../support/access-command.ts';

const text = `version: 1
clients:
  # the old one
  ns2.example: { allow: [{ action: transfer, zones: [example.com] }] } # Ann
  "*.device.example": { roles: [device] }
`;

/** A user who has no files. */
const nobody = 65_534;

describe('danced access add and remove', () => {
  let access: AccessCommand;
  beforeEach(() => {
    access = new AccessCommand();
    access.write(text);
  });
  afterEach(() => {
    access.close();
  });

  describe('add', () => {
    it('adds rules in the short form and in that of the list', async () => {
      const { exitCode, stdout } = await access.run(
        ...['add', 'NS3.example.', '--role', 'secondary', '--allow', 'transfer example.com,*.example.net'],
        ...[
          '--allow',
          '{ action: resolve, view: internal, rate: 600/m }',
          '--deny',
          'transfer hr.example.net',
          '--comment',
          'yes',
        ],
      );
      expect(exitCode).to.equal(0);
      expect(access.text).to.equal(
        `${text}  ns3.example:\n    roles: [secondary]\n    allow:\n` +
          '      - { action: transfer, zones: [example.com, "*.example.net"] }\n' +
          '      - { action: resolve, view: internal, rate: 10/s }\n' +
          '    deny: [{ action: transfer, zones: [hr.example.net] }]\n    comment: "yes"\n',
      );
      expect(stdout).to.include(`added to ${access.file}:\n  ns3.example:\n`).and.to.include('deny 1');
    });

    it('does not touch what is there unless told to', async () => {
      const { exitCode, stdout, stderr } = await access.run('add', 'ns2.example', '--role', 'x');
      expect([exitCode, stdout, access.text]).to.deep.equal([2, '', text]);
      expect(stderr).to.include('is in').and.to.include('"example.com"').and.to.include('--replace');
      const replaced = await access.run('add', 'ns2.example', '--role', 'x', '--replace', '--json');
      expect(JSON.parse(replaced.stdout)).to.deep.include({
        done: 'replaced',
        entry: { roles: ['x'] },
        revision: null,
      });
      expect(access.text).to.include('  # the old one\n  ns2.example: { roles: [x] } # Ann\n');
      const again = await access.run('add', 'ns2.example', '--role', 'x', '--replace', '--json');
      expect((JSON.parse(again.stdout) as AddResult).done).to.equal('nothing');
    });

    it('adds roles, anonymous and *.name', async () => {
      expect(
        (await access.run('add', 'role:device', '--allow', 'resolve', '--comment', 'ours')).exitCode,
      ).to.equal(0);
      expect((await access.run('add', 'anonymous', '--allow', 'query')).exitCode).to.equal(0);
      expect((await access.run('add', '*.b.example', '--role', 'device')).exitCode).to.equal(0);
      expect((await access.run('add', 'Anonymous', '--allow', 'query')).stderr).to.include('anonymous is in');
      expect((await access.run('add', 'Role:device', '--allow', 'query')).stderr).to.include(
        'role:device is in',
      );
      expect(access.text).to.match(
        /^roles:\n {2}device: \{ allow: \[ ?\{ action: resolve \} ?\], comment: ours \}\nanonymous: .*query.*\nclients:\n {2}# the old one\n/m,
      );
      expect(access.text.endsWith('  "*.b.example": { roles: [device] }\n')).to.equal(true);
    });

    it('prints the entry and changes nothing with --dry-run', async () => {
      const { exitCode, stdout, stderr } = await access.run('add', 'a.example', '--role', 'x', '--dry-run');
      expect([exitCode, stdout, stderr]).to.deep.equal([
        0,
        '  a.example: { roles: [x] }\n',
        'nothing was changed\n',
      ]);
      expect(access.text).to.equal(text);
    });

    it('says when a *.name decided until now', async () => {
      const { stderr } = await access.run('add', 'a.device.example', '--role', 'x');
      expect(stderr).to.include('until now *.device.example decided for a.device.example');
    });

    it('makes a file only if told to', async () => {
      fs.rmSync(access.file);
      const { exitCode, stderr } = await access.run('add', 'a.example', '--role', 'x');
      expect(exitCode).to.equal(2);
      expect(stderr).to.include('there is no such file');
      expect((await access.run('add', 'a.example', '--role', 'x', '--create')).exitCode).to.equal(0);
      expect(access.text).to.equal('version: 1\nclients:\n  a.example: { roles: [x] }\n');
    });

    const wrong: Record<string, { args: string[]; words: string }> = {
      'no rights': { args: [], words: 'say what it may do: --role or --allow' },
      'a transfer without zones': {
        args: ['--allow', 'transfer'],
        words: '--allow "transfer": zones: missing; write the zones, or ["*"] for every zone',
      },
      'an unknown action': {
        args: ['--allow', 'transfr example.com'],
        words: '--allow "transfr example.com": action: is the text "transfr"; did you mean transfer?',
      },
      'too many words': { args: ['--allow', 'transfer a b'], words: 'write an action and its zones' },
      'a zone that is none': {
        args: ['--deny', 'query a..b', '--role', 'x'],
        words: '--deny "query a..b": zones[0]: "a..b" is not a domain name',
      },
      'an alias': {
        args: ['--allow', '{ action: transfer, zones: [*.example.com] }'],
        words: 'put a name like "*.example" in quotes',
      },
      'broken YAML': {
        args: ['--allow', '{ action: transfer'],
        words: '--allow "{ action: transfer": not YAML',
      },
      'an unknown key': {
        args: ['--allow', '{ action: query, zonez: [a] }'],
        words: 'zonez: unknown key; did you mean zones?',
      },
      'a role that is no word': { args: ['--role', 'Ab'], words: '"Ab" is not a word of a-z' },
      'a comment of two lines': { args: ['--role', 'a', '--comment', 'a\nb'], words: 'has line breaks' },
    };
    for (const [title, { args, words }] of Object.entries(wrong)) {
      it(`says what is wrong with ${title}`, async () => {
        const { exitCode, stdout, stderr } = await access.run('add', 'a.example', ...args);
        expect([exitCode, stdout, access.text]).to.deep.equal([2, '', text]);
        expect(stderr).to.include(words);
      });
    }

    it('gives a role no roles', async () => {
      expect((await access.run('add', 'role:x', '--role', 'y', '--allow', 'query')).stderr).to.include(
        'a role has no roles',
      );
    });

    it('leaves the file as it was on a full disk', function () {
      this.timeout(60_000);
      const lines = Array.from({ length: 2000 }, (_, at) => `  c${String(at)}.example: { roles: [x] }\n`);
      access.write(`version: 1\nclients:\n${lines.join('')}`);
      const before = access.text;
      // A limit on the length of files stands for the end of the disk: writing fails half way.
      const limited = 'trap "" XFSZ; ulimit -f 16; exec "$0" "$@"';
      const args = ['cli/main.ts', 'access', 'add', 'a.example', '--role', 'x', '--file', access.file];
      const { status, stderr } = spawnSync('/bin/sh', ['-c', limited, process.execPath, ...args], {
        encoding: 'utf8',
      });
      expect([status, access.text === before]).to.deep.equal([2, true]);
      expect(stderr).to.include('it cannot be written: the file would be too large; it is as it was');
      expect(fs.readdirSync(access.folder)).to.deep.equal(['access.yaml']);
    });

    it('does not replace a file that its user may only read', async () => {
      fs.chmodSync(access.file, 0o400);
      // Root may write to any file, so that the test is somebody else meanwhile.
      const isRoot = process.geteuid?.() === 0;
      if (isRoot) {
        for (const place of [access.folder, access.file]) fs.chownSync(place, nobody, nobody);
        process.seteuid?.(nobody);
      }
      try {
        const { exitCode, stderr } = await access.run('add', 'a.example', '--role', 'x');
        expect([exitCode, access.text]).to.deep.equal([2, text]);
        expect(stderr).to.include('this user may only read it');
      } finally {
        if (isRoot) process.seteuid?.(0);
      }
    });
  });

  describe('remove', () => {
    it('takes entries out', async () => {
      const { exitCode, stdout } = await access.run('remove', 'NS2.example', '*.device.example');
      expect([exitCode, stdout]).to.deep.equal([
        0,
        `removed from ${access.file}: ns2.example, *.device.example\n`,
      ]);
      expect(access.text).to.equal('version: 1\nclients: {}\n  # the old one\n');
    });

    it('does all or nothing', async () => {
      const { exitCode, stdout, stderr } = await access.run('remove', 'ns2.example', 'a.example');
      expect([exitCode, stdout, access.text]).to.deep.equal([1, '', text]);
      expect(stderr).to.include('a.example; nothing was done. --if-there removes the others');
      const facts = await access.run('remove', 'ns2.example', 'a.example', '--if-there', '--json');
      expect(facts.exitCode).to.equal(0);
      expect(JSON.parse(facts.stdout)).to.deep.include({ removed: ['ns2.example'], notThere: ['a.example'] });
      expect(access.text).not.to.include('ns2.example');
    });

    it('warns when a *.name still lets the client in', async () => {
      await access.run('add', 'a.device.example', '--role', 'x');
      const { exitCode, stderr } = await access.run('remove', 'a.device.example');
      expect(exitCode).to.equal(0);
      expect(stderr).to.include('warning: a.device.example is still known, by *.device.example');
      await access.run('add', 'a.device.example', '--role', 'x');
      const { stdout } = await access.run('remove', 'a.device.example', '--json');
      expect((JSON.parse(stdout) as RemoveResult).stillKnown).to.deep.equal([
        { name: 'a.device.example', by: '*.device.example' },
      ]);
    });

    it('takes roles and anonymous out', async () => {
      await access.run('add', 'role:device', '--allow', 'resolve');
      await access.run('add', 'anonymous', '--allow', 'query');
      const { exitCode, stderr } = await access.run('remove', 'role:device', 'anonymous');
      expect([exitCode, access.text]).to.deep.equal([0, text]);
      expect(stderr).to.include('clients with role:device keep it as a word alone');
      expect((await access.run('remove', 'role:device')).exitCode).to.equal(1);
    });
  });
});
