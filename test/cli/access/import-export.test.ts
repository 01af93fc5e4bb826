import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Progress } from '../../../cli/access/progress.ts';
import type { ImportResult } from '../../../cli/access/import.ts';
import { loadAccessList } from '../../../core/acl/list-file.ts';
import { AccessCommand } from '../../support/access-command.ts';
import { anyAccessList, modelOf, textOf } from '../../support/access-lists.ts';

const text = `version: 1
roles:
  old: { allow: [{ action: query }] }
clients:
  # kept
  a.example: { roles: [old] } # same
  B.example: { roles: [old] } # changes
  c.example: { roles: [old] } # goes
`;
const other = `version: 1
roles:
  new: { allow: [{ action: query }] }
anonymous: { allow: [] }
clients:
  "*.z.example": { roles: [new] }
  b.example: { roles: [new], comment: it's new }
  a.example: { roles: [old] }
`;

describe('danced access import, export and diff', () => {
  let access: AccessCommand;
  let source: string;
  beforeEach(() => {
    access = new AccessCommand();
    access.write(text);
    source = access.write(other, 'other.yaml');
  });
  afterEach(() => {
    access.close();
  });

  describe('import', () => {
    it('adds and overwrites, and leaves the rest', async () => {
      const { exitCode, stdout } = await access.run('import', source);
      expect(exitCode).to.equal(0);
      expect(stdout).to.include(
        `${source} into ${access.file}: 3 added, 1 changed, 1 unchanged, 0 removed, `,
      );
      expect(access.text).to.equal(
        'version: 1\nroles:\n  old: { allow: [ { action: query } ] }\n  new: { allow: [ { action: query } ] }\nanonymous: { allow: [] }\nclients:\n' +
          '  # kept\n  a.example: { roles: [old] } # same\n  b.example: { roles: [new], comment: "it\'s new" } # changes\n' +
          '  c.example: { roles: [old] } # goes\n  "*.z.example": { roles: [new] }\n',
      );
    });

    it('removes what the file has not with --replace', async () => {
      const { stdout } = await access.run('import', source, '--replace', '--json');
      const facts = JSON.parse(stdout) as ImportResult;
      expect(facts).to.include({
        done: true,
        added: 3,
        changed: 1,
        unchanged: 1,
        removed: 2,
        revision: null,
      });
      expect(modelOf(loadAccessList(access.file))).to.deep.equal(modelOf(loadAccessList(source)));
      expect(access.text).to.include('  # kept\n  a.example: { roles: [old] } # same\n');
      const again = await access.run('import', source, '--replace', '--json');
      expect(JSON.parse(again.stdout)).to.include({ added: 0, changed: 0, unchanged: 5, removed: 0 });
    });

    it('changes nothing with --dry-run', async () => {
      const { exitCode, stdout } = await access.run('import', source, '--replace', '--dry-run');
      expect([exitCode, access.text]).to.deep.equal([0, text]);
      expect(stdout).to.include('3 added, 1 changed, 1 unchanged, 2 removed; nothing was changed');
    });

    it('does not empty a list, or take most of it away, unless that is meant', async () => {
      const empty = access.write('version: 1\nclients: {}\n', 'empty.yaml');
      const { exitCode, stderr } = await access.run('import', empty, '--replace');
      expect([exitCode, access.text]).to.deep.equal([2, text]);
      expect(stderr).to.include('this would remove 3 of 3 entries').and.to.include('--yes');
      const lines = Array.from({ length: 10 }, (_, at) => `  c${String(at)}.example: { roles: [x] }\n`);
      access.write(`version: 1\nclients:\n${lines.join('')}`);
      const half = access.write(`version: 1\nclients:\n${lines.slice(0, 5).join('')}`, 'half.yaml');
      const less = access.write(`version: 1\nclients:\n${lines.slice(0, 4).join('')}`, 'less.yaml');
      expect((await access.run('import', less, '--replace')).exitCode).to.equal(2);
      expect((await access.run('import', half, '--replace')).exitCode).to.equal(0);
      expect((await access.run('import', empty, '--replace', '--yes')).exitCode).to.equal(0);
      expect(access.text).to.equal('version: 1\nclients: {}\n');
    });

    it('takes nothing from a file that is wrong', async () => {
      const wrong = access.write(`${other}  x.example: { allow: [{ action: transfer }] }\n`, 'wrong.yaml');
      const { exitCode, stderr } = await access.run('import', wrong);
      expect([exitCode, access.text]).to.deep.equal([2, text]);
      expect(stderr).to.include('wrong.yaml:9:');
    });

    it('makes the list only if told to', async () => {
      fs.rmSync(access.file);
      expect((await access.run('import', source)).exitCode).to.equal(2);
      expect((await access.run('import', source, '--create')).exitCode).to.equal(0);
      expect(modelOf(loadAccessList(access.file))).to.deep.equal(modelOf(loadAccessList(source)));
    });
  });

  describe('export', () => {
    it('prints the list sorted, whatever it looked like', async () => {
      const { exitCode, stdout } = await access.run('export');
      expect(exitCode).to.equal(0);
      expect(stdout).to.equal(
        'version: 1\nroles:\n  old: { allow: [{ action: query }] }\nclients:\n  a.example: { roles: [old] }\n  b.example: { roles: [old] }\n  c.example: { roles: [old] }\n',
      );
    });

    it('writes a file for owner and group, and none in the place of another unless told to', async () => {
      const file = path.join(access.folder, 'out.yaml');
      expect((await access.run('export', file)).exitCode).to.equal(0);
      expect((fs.statSync(file).mode & 0o777).toString(8)).to.equal('640');
      expect(fs.readFileSync(file, 'utf8')).to.equal((await access.run('export')).stdout);
      const { exitCode, stderr } = await access.run('export', file);
      expect(exitCode).to.equal(2);
      expect(stderr).to.include('exists already; --force replaces it');
      expect((await access.run('export', file, '--force')).exitCode).to.equal(0);
    });

    it('does not write over the list itself', async () => {
      const link = path.join(access.folder, 'link.yaml');
      fs.symlinkSync(access.file, link);
      const { exitCode, stderr } = await access.run('export', link, '--force');
      expect([exitCode, access.text]).to.deep.equal([2, text]);
      expect(stderr).to.include('is the list itself');
    });

    it('is the same again after an import, whatever is in the list', async function () {
      this.timeout(60_000);
      await fc.assert(
        fc.asyncProperty(anyAccessList, async (model) => {
          access.write(await textOf(model));
          const first = (await access.run('export')).stdout;
          const file = access.write(first, 'exported.yaml');
          access.write('version: 1\nclients: {}\n');
          expect((await access.run('import', file)).exitCode).to.equal(0);
          expect(modelOf(loadAccessList(access.file))).to.deep.equal(modelOf(model));
          expect((await access.run('export')).stdout).to.equal(first);
        }),
        { numRuns: 30 },
      );
    });
  });

  describe('diff', () => {
    it('says what the file would add, change and remove', async () => {
      const { exitCode, stdout } = await access.run('diff', source);
      expect(exitCode).to.equal(1);
      expect(stdout.split('\n')).to.deep.equal([
        '+ role new: { allow: [{ action: query }] }',
        '- role old: { allow: [{ action: query }] }',
        '+ anonymous: { allow: [] }',
        '~ b.example',
        '    - roles: [old]',
        '    + roles: [new]',
        '    + comment: "it\'s new"',
        '- c.example: { roles: [old] }',
        '+ *.z.example: { roles: [new] }',
        '',
      ]);
    });

    it('prints one JSON document', async () => {
      const { exitCode, stdout } = await access.run('diff', source, '--json');
      const facts = JSON.parse(stdout) as { same: boolean; differences: { change: string; name: string }[] };
      expect([exitCode, facts.same]).to.deep.equal([1, false]);
      expect(facts.differences.map(({ change, name }) => `${change} ${name}`)).to.deep.equal([
        ...['added new', 'removed old', 'added anonymous'],
        ...['changed b.example', 'removed c.example', 'added *.z.example'],
      ]);
    });

    it('ends with 0 where they say the same', async () => {
      const same = access.write((await access.run('export')).stdout, 'same.yaml');
      const { exitCode, stdout, stderr } = await access.run('diff', same);
      expect([exitCode, stdout, stderr]).to.deep.equal([0, '', `${same} says the same as ${access.file}\n`]);
      expect(JSON.parse((await access.run('diff', same, '--json')).stdout)).to.include({ same: true });
    });
  });

  describe('progress', () => {
    let nowMs = 0;
    const remarks: string[] = [];
    const output = { print: () => undefined, remark: (line: string) => remarks.push(line) };
    beforeEach(() => {
      nowMs = 0;
      remarks.length = 0;
    });

    it('is a line now and then', () => {
      const progress = new Progress('imported', 200, output, { line: undefined, nowMs: () => nowMs });
      for (nowMs = 0; nowMs <= 12_000; nowMs += 100) progress.note(nowMs / 100);
      progress.end();
      expect(remarks).to.deep.equal(['imported: 50 of 200 (25 %)', 'imported: 100 of 200 (50 %)']);
    });

    it('is one line that is written again on a terminal', () => {
      let written = '';
      const line = (words: string): void => void (written += words);
      const progress = new Progress('imported', 0, output, { line, nowMs: () => nowMs });
      progress.note(1);
      nowMs = 300;
      progress.note(2);
      progress.end();
      expect([written, remarks]).to.deep.equal(['\rimported: 2 of 0 (100 %)\u001b[K\r\u001b[K', []]);
    });
  });
});
