import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { FileList } from '../../../core/acl/file-list.ts';
import { FileAccessStore } from '../../../core/acl/file-store.ts';
import { loadAccessList, parseAccessList } from '../../../core/acl/list-file.ts';
import { ListChangedError, makeEntry, type ListChange } from '../../../core/acl/list-store.ts';
import type { AccessRights } from '../../../core/acl/model.ts';
import { readClientPattern } from '../../../core/acl/patterns.ts';
import { rightsSchema, roleSchema } from '../../../core/acl/schema.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { anyAccessList, modelOf, textOf } from '../../support/access-lists.ts';

describe('FileList', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'danced-file-list-'));
    file = path.join(folder, 'access.yaml');
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function rights(value: unknown = { roles: ['new'] }): AccessRights {
    return rightsSchema.parse(value);
  }

  const put = (pattern: string, value?: unknown): ListChange => ({
    put: makeEntry(readClientPattern(pattern), rights(value)),
  });
  const remove = (pattern: string): ListChange => ({ remove: readClientPattern(pattern) });

  /** Writes the text, makes the changes, and gives the text that there is then. */
  async function edited(text: string, ...changes: ListChange[]): Promise<string> {
    fs.writeFileSync(file, text);
    const list = await FileList.open(file);
    await list.apply(changes);
    return fs.readFileSync(file, 'utf8');
  }

  const commented = [
    '# our list',
    'version: 1 # first',
    '',
    'clients: # who',
    '    # the bank',
    '    a.example:   { allow: [ ] }   # ask Ann',
    '    "b.example":',
    '        # as agreed',
    '        roles: [ x ] # one',
    '        comment: >-',
    '            # no comment',
    '',
    '    # the last',
    "    'c.example': { roles: [x] }",
    '',
    '# end',
    '',
  ].join('\n');

  describe('of a file whose clients stand one after the other', () => {
    it('adds entries at the end, indented as those before', async () => {
      expect(await edited(commented, put('Z.example'), put('*.z.example'))).to.equal(
        `${commented}    z.example: { roles: [new] }\n    "*.z.example": { roles: [new] }\n`,
      );
    });

    it('removes an entry with the comments in it, and leaves every other octet', async () => {
      const [start, rest] = [commented.indexOf('    "b.example"'), commented.indexOf('\n    # the last')];
      expect(await edited(commented, remove('B.example.'))).to.equal(
        commented.slice(0, start) + commented.slice(rest),
      );
    });

    it('replaces an entry in its place and keeps the comments in it', async () => {
      const text = await edited(commented, put('a.example'), put('b.example'));
      expect(text.split('\n').slice(4, 13)).to.deep.equal([
        '    # the bank',
        '    a.example: { roles: [new] } # ask Ann',
        '        # as agreed'.slice(4),
        '    # one',
        '    b.example: { roles: [new] }',
        '',
        '    # the last',
        "    'c.example': { roles: [x] }",
        '',
      ]);
      expect(text.endsWith('\n# end\n')).to.equal(true);
    });

    it('writes {} where no client is left, and takes it away for the next', async () => {
      const text = 'version: 1\nclients: # none\n  # old friends\n  a.example: { allow: [] }\n';
      const empty = await edited(text, remove('a.example'));
      expect(empty).to.equal('version: 1\nclients: {} # none\n  # old friends\n');
      expect(await edited(empty, put('b.example'), put('c.example'))).to.equal(
        'version: 1\nclients: # none\n  b.example: { roles: [new] }\n  # old friends\n  c.example: { roles: [new] }\n',
      );
    });

    it('changes roles and anonymous and leaves the clients as they are', async () => {
      const role: ListChange = {
        role: 'new',
        rules: roleSchema('new').parse({ allow: [{ action: 'query' }] }),
      };
      const text = await edited(commented, role, { anonymous: rights({ allow: [] }) });
      const clients = commented.slice(commented.indexOf('    # the bank'));
      expect(text.endsWith(clients)).to.equal(true);
      expect(text).to.include('# our list\nversion: 1 # first\n');
      const list = parseAccessList(text, 'list');
      expect([[...list.roles.keys()], list.anonymous?.allow]).to.deep.equal([['new'], []]);
      const back = await edited(text, { role: 'new', rules: undefined }, { anonymous: undefined });
      expect(modelOf(parseAccessList(back, 'list'))).to.deep.equal(
        modelOf(parseAccessList(commented, 'list')),
      );
      expect(back).not.to.include('roles:\n');
    });

    it('keeps the line breaks of the file', async () => {
      const text = await edited(
        commented.replaceAll('\n', '\r\n'),
        put('a.example'),
        remove('b.example'),
        put('z.example'),
      );
      expect(text.replaceAll('\r\n', '')).not.to.match(/[\r\n]/);
      expect(parseAccessList(text, 'list').size).to.equal(3);
    });

    it('ends a last line that has no end', async () => {
      const text = 'version: 1\nclients:\n  a.example: { allow: [] }';
      expect(await edited(text, put('b.example'))).to.equal(`${text}\n  b.example: { roles: [new] }\n`);
    });
  });

  const otherForms: Record<string, string> = {
    'clients in brackets':
      'version: 1\nclients: { a.example: { allow: [] }, "*.B.example": { roles: [x] } } # who\n',
    'another key behind':
      '# top\nversion: 1\nclients:\n  # bank\n  a.example: { allow: [] }\n  "*.B.example": { roles: [x] }\nroles: {}\n',
    'no clients, and another key behind': 'version: 1\nclients: {}\nroles: {}\n',
    'the end of a document': '---\nversion: 1\nclients:\n  a.example: { allow: [] }\n...\n',
  };
  for (const [title, text] of Object.entries(otherForms)) {
    it(`changes a short file in another form: ${title}`, async () => {
      const after = await edited(text, put('z.example'), put('a.example'), remove('*.b.example'));
      const list = parseAccessList(after, 'list');
      expect(list.entryOf(readClientPattern('a.example'))?.rights.roles).to.deep.equal(['new']);
      expect(list.size).to.equal(2);
      for (const comment of text.match(/#.*/g) ?? []) expect(after).to.include(comment);
    });
  }

  it('comes to the same list as changes of the model, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyAccessList,
        anyAccessList,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        async (before, added, removed) => {
          const changes: ListChange[] = [];
          for (const [at, entry] of [...before.entries()].entries())
            if (removed[at] === true) changes.push(remove(entry.pattern));
          for (const entry of added.entries()) changes.push({ put: entry });
          for (const [role, rules] of added.roles) changes.push({ role, rules });
          if (removed[0] === true) changes.push({ anonymous: added.anonymous });
          // What comes out is checked against the model by FileList itself: it throws when that is not so.
          const text = await edited(await textOf(before), ...changes);
          const list = parseAccessList(text, 'list');
          for (const entry of added.entries())
            expect(list.entryOf(readClientPattern(entry.pattern))).to.not.equal(undefined);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('changes a list of 100,000 clients', async function () {
    this.timeout(60_000);
    const lines = Array.from(
      { length: 100_000 },
      (_, at) => `  c${String(at)}.example: { roles: [device] } # one of ours\n`,
    );
    const text = await edited(
      `version: 1\nclients:\n${lines.join('')}`,
      remove('c50000.example'),
      put('c99999.example'),
      put('z.example'),
    );
    lines.splice(50_000, 1);
    lines[99_998] = '  c99999.example: { roles: [new] } # one of ours\n';
    expect(text === `version: 1\nclients:\n${lines.join('')}  z.example: { roles: [new] }\n`).to.equal(true);
  });

  describe('puts the new file in the place of the old one', () => {
    const text = 'version: 1\nclients:\n  a.example: { allow: [] }\n';

    it('with its mode, and leaves nothing else', async () => {
      fs.writeFileSync(file, text);
      fs.chmodSync(file, 0o604);
      const before = fs.statSync(file).ino;
      await edited(text, put('b.example'));
      const { ino, mode } = fs.statSync(file);
      expect([(mode & 0o777).toString(8), ino === before]).to.deep.equal(['604', false]);
      expect(fs.readdirSync(folder)).to.deep.equal(['access.yaml']);
    });

    it('where a symbolic link leads', async () => {
      const real = path.join(folder, 'real.yaml');
      fs.writeFileSync(real, text);
      fs.symlinkSync('real.yaml', file);
      const list = await FileList.open(file);
      await list.apply([put('b.example')]);
      expect(fs.lstatSync(file).isSymbolicLink()).to.equal(true);
      expect(loadAccessList(real).size).to.equal(2);
    });

    it('only if nobody has changed it meanwhile', async () => {
      fs.writeFileSync(file, text);
      const list = await FileList.open(file);
      fs.writeFileSync(file, `${text}# mine\n`);
      const failure = await list.apply([put('b.example')]).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(ListChangedError);
      expect(fs.readFileSync(file, 'utf8')).to.equal(`${text}# mine\n`);
      expect(fs.readdirSync(folder)).to.deep.equal(['access.yaml']);
    });

    it('one after the other, so that no change is lost', async () => {
      fs.writeFileSync(file, text);
      const lists = await Promise.all(Array.from({ length: 6 }, () => FileList.open(file)));
      const outcomes = await Promise.allSettled(
        lists.map((list, at) => list.apply([put(`c${String(at)}.example`)])),
      );
      const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
      expect(done).to.be.at.least(1);
      expect(loadAccessList(file).size).to.equal(1 + done);
      expect(fs.readdirSync(folder)).to.deep.equal(['access.yaml']);
    });

    it('and says what stands in its way when a change was cut off', async () => {
      fs.writeFileSync(file, text);
      fs.writeFileSync(path.join(folder, '.access.yaml.new'), '');
      const list = await FileList.open(file);
      const failure = await list.apply([put('b.example')]).catch((error: unknown) => error);
      expect(String(failure)).to.include('.access.yaml.new: it is there already').and.to.include('remove it');
    }).timeout(60_000);

    it('and the daemon sees it', async () => {
      fs.writeFileSync(file, text);
      const list = await FileList.open(file);
      const store = FileAccessStore.open(file, { log: memoryLog() });
      store.watch();
      try {
        const changed = new Promise<void>((resolve) => {
          store.onChange(() => {
            if (store.clients === 2) resolve();
          });
        });
        await list.apply([put('b.example')]);
        await changed;
      } finally {
        store.close();
      }
    });

    it('and makes one where there was none, if that was asked for', async () => {
      const list = await FileList.open(file, { mayBeNew: true });
      expect(await list.state()).to.deep.include({ isThere: false });
      await list.apply([put('b.example')]);
      expect(fs.readFileSync(file, 'utf8')).to.equal('version: 1\nclients:\n  b.example: { roles: [new] }\n');
      expect((fs.statSync(file).mode & 0o777).toString(8)).to.equal('640');
    });
  });

  it('says what is wrong when the new file cannot be written', async () => {
    fs.writeFileSync(file, 'version: 1\nclients: {}\n');
    const list = await FileList.open(file);
    const moved = `${folder}-moved`;
    fs.renameSync(folder, moved);
    try {
      const failure = await list.apply([put('b.example')]).catch((error: unknown) => error);
      expect(String(failure)).to.match(/cannot be written: there is no such folder; it is as it was/);
      expect(fs.readFileSync(path.join(moved, 'access.yaml'), 'utf8')).to.equal('version: 1\nclients: {}\n');
    } finally {
      fs.renameSync(moved, folder);
    }
  });
});
