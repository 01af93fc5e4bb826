import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileAccessStore, type ReloadResult } from '../../../core/acl/file-store.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import type { ClientIdentity } from '../../../core/dane/identity.ts';
import { Name } from '../../../core/dns/name.ts';
import { memoryLog, type MemoryLog } from '../../support/memory-log.ts';

function listOf(...names: string[]): string {
  return `version: 1\nclients:\n${names.map((name) => `  ${name}: { allow: [] }\n`).join('')}`;
}

describe('the file store', () => {
  let folder: string;
  let file: string;
  let log: MemoryLog;
  let store: FileAccessStore | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-acl-'));
    file = join(folder, 'access.yaml');
    log = memoryLog();
    writeFileSync(file, listOf('a.example'));
  });
  afterEach(() => {
    store?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function open(onReload?: (result: ReloadResult) => void): FileAccessStore {
    store = FileAccessStore.open(file, { log, ...(onReload === undefined ? {} : { onReload }) });
    return store;
  }

  it('does not take the names of servers for clients below a name', async () => {
    writeFileSync(file, listOf('"*.partner.example"', '_853._tcp.ns1.partner.example'));
    const opened = open();
    const admitted = async (name: string): Promise<boolean> =>
      (await opened.admit(Name.parse(name))).admitted;
    for (const name of [
      '_25._tcp.mail.partner.example',
      '_443._TCP.partner.example',
      '_1._udp.a.b.partner.example',
    ]) {
      expect(await admitted(name), name).to.equal(false);
    }
    for (const name of [
      '_853._tcp.ns1.partner.example',
      '_xfr.ns2.partner.example',
      '_25.mail.partner.example',
    ]) {
      expect(await admitted(name), name).to.equal(true);
    }
  });

  it('admits the names of the list and no others', async () => {
    const opened = open();
    expect((await opened.admit(Name.parse('A.example'))).admitted).to.equal(true);
    expect((await opened.admit(Name.parse('b.example'))).admitted).to.equal(false);
  });

  it('gives the exact names of the list in force, in their order, and no patterns', () => {
    writeFileSync(file, listOf('b.example', '"*.c.example"', 'A\\.b.example'));
    const opened = open();
    const names = (): string[] => [...opened.exactNames()].map((name) => name.toString());
    expect(names()).to.deep.equal(['b.example', 'A\\.b.example']);
    writeFileSync(file, listOf('d.example'));
    opened.reload();
    expect(names()).to.deep.equal(['d.example']);
  });

  it('rejects an identity that nobody has proved', async () => {
    const forged = { name: Name.parse('a.example') } as unknown as ClientIdentity;
    const decision = open().decide(forged, { action: 'transfer', zone: Name.root });
    expect(await decision.catch((error: unknown) => error)).to.be.instanceOf(TypeError);
  });

  it('does not open a broken file', () => {
    writeFileSync(file, 'version: 1\n');
    expect(() => open()).to.throw(ConfigError);
  });

  it('takes new rules when told to', async () => {
    const opened = open();
    writeFileSync(file, listOf('b.example', 'c.example'));
    expect(opened.reload()).to.deep.equal({ ok: true, clients: 2 });
    expect((await opened.admit(Name.parse('a.example'))).admitted).to.equal(false);
    expect((await opened.admit(Name.parse('c.example'))).admitted).to.equal(true);
    expect(log.of('access list loaded')[0]?.fields).to.deep.equal({ file, clients: 2 });
  });

  const broken: [what: string, write: () => void, says: string][] = [
    [
      'is broken',
      () => {
        writeFileSync(file, 'version: 1\nclients:\n  b.example: { alow: [] }\n');
      },
      ':3:16: clients["b.example"].alow: unknown key; did you mean allow?',
    ],
    [
      'is gone',
      () => {
        rmSync(file);
      },
      ':1:1: there is no such file; create it, or correct the path',
    ],
  ];
  for (const [what, write, says] of broken) {
    it(`keeps the old rules when the new file ${what}, and says so`, async () => {
      const opened = open();
      write();
      expect(opened.reload().ok).to.equal(false);
      expect((await opened.admit(Name.parse('a.example'))).admitted).to.equal(true);
      expect(
        log.of('access list broken').map(({ level, fields }) => [level, fields['problem']]),
      ).to.deep.include(['error', `${file}${says}`]);
      expect(log.of('access list kept')[0]?.fields).to.deep.include({ clients: 1 });
    });
  }

  const changes: [what: string, change: () => void][] = [
    [
      'is written to',
      () => {
        writeFileSync(file, listOf('b.example'));
      },
    ],
    [
      'is replaced, as editors do',
      () => {
        writeFileSync(join(folder, '.access.yaml.new'), listOf('b.example'));
        renameSync(join(folder, '.access.yaml.new'), file);
      },
    ],
    [
      'becomes a link to another, as deployments do',
      () => {
        writeFileSync(join(folder, 'other.yaml'), listOf('b.example'));
        symlinkSync('other.yaml', join(folder, 'link'));
        renameSync(join(folder, 'link'), file);
      },
    ],
  ];
  for (const [what, change] of changes) {
    it(`sees that the watched file ${what}`, async () => {
      const reloaded = new Promise<ReloadResult>((resolve) => {
        open(resolve).watch();
      });
      change();
      expect(await reloaded).to.deep.equal({ ok: true, clients: 1 });
      expect((await store?.admit(Name.parse('b.example')))?.admitted).to.equal(true);
    });
  }

  it('goes on watching after a broken file, until the rules are right again', async () => {
    const results: boolean[] = [];
    const done = new Promise<void>((resolve) => {
      open((result) => {
        results.push(result.ok);
        if (result.ok) resolve();
        else writeFileSync(file, listOf('b.example', 'c.example'));
      }).watch();
    });
    writeFileSync(file, 'broken: [');
    await done;
    expect(results).to.deep.equal([false, true]);
  });

  it('says what to do when the folder cannot be watched', () => {
    const opened = open();
    rmSync(folder, { recursive: true });
    opened.watch();
    expect(log.of('access list not watched')[0]?.fields).to.deep.include({
      advice: 'after a change send SIGHUP',
    });
  });
});
