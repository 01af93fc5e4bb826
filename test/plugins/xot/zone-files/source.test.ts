import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Name, parseMessage, parseSoa, type Store, type ZoneVersion } from '../../../../core/index.ts';
import { presentRecord } from '../../../../core/dns/present.ts';
import type { Fetched } from '../../../../plugins/xot/cache/source.ts';
import { FileSource } from '../../../../plugins/xot/zone-files/source.ts';
import { memoryLog } from '../../../support/memory-log.ts';

const zone = Name.parse('corp.example');
const { signal } = new AbortController();
const store: Store = (message) => message;

const text = (serial: number, more = ''): string =>
  `$TTL 60\n@ SOA ns host ${serial} 2 3 4 5\n NS ns\nns A 192.0.2.1\n${more}`;

const rejection = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
  return 'no error';
};

const versionOf = (fetched: Fetched): ZoneVersion => {
  if (fetched.form !== 'whole') throw new Error(`it is ${fetched.form}`);
  return fetched.version;
};

const linesOf = (version: ZoneVersion): string[] =>
  version.messages.flatMap((message) => parseMessage(message as Buffer).answers.map(presentRecord));

describe('FileSource', () => {
  let folder: string;
  let outside: string;
  let log: ReturnType<typeof memoryLog>;
  let source: FileSource;
  /** Long after the files were written. */
  let nowMs: number;
  let limits: { 'zone-octets': number; 'zone-records': number };
  const file = (name: string): string => join(folder, name);
  const write = (name: string, content: string): void => {
    // In one step, as it should be done.
    writeFileSync(file('.new'), content);
    renameSync(file('.new'), file(name));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-zones-'));
    outside = mkdtempSync(join(tmpdir(), 'danced-other-'));
    log = memoryLog();
    nowMs = Date.now() + 60_000;
    limits = { 'zone-octets': 1 << 20, 'zone-records': 1_000 };
    source = new FileSource({ folder, limits: () => limits, log, nowMs: () => nowMs });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    rmSync(outside, { recursive: true });
  });

  const fetch = (have?: ZoneVersion): Promise<Fetched> => source.fetch(zone, have, store, signal);

  it('makes a version of a zone out of its file [RFC1035-5.1]', async () => {
    write('corp.example.zone', text(7));
    const version = versionOf(await fetch());
    expect(linesOf(version)).to.deep.equal([
      'corp.example. 60 IN NS ns.corp.example.',
      'ns.corp.example. 60 IN A 192.0.2.1',
    ]);
    expect([version.serial, version.records, version.zone.toString()]).to.deep.equal([7, 3, 'corp.example']);
    expect(version.octets).to.equal((version.messages[0] as Buffer).length);
    expect(presentRecord(version.soa)).to.equal(
      'corp.example. 60 IN SOA ns.corp.example. host.corp.example. 7 2 3 4 5',
    );
  });

  it('says that nothing is new while the files are as they were', async () => {
    write('corp.example.zone', text(7));
    const version = versionOf(await fetch());
    expect((await source.look()).changed).to.deep.equal([]);
    expect(parseSoa((await source.check(zone, signal)).soa.rdata).serial).to.equal(7);
    expect(await fetch(version)).to.deep.equal({ form: 'up-to-date' });
  });

  it('takes a new state with a newer serial, also over the end of the numbers [RFC1982-3.2]', async () => {
    write('corp.example.zone', text(0xffff_ffff));
    const version = versionOf(await fetch());
    write('corp.example.zone', text(3, 'a A 192.0.2.2\n'));
    expect((await source.look()).changed.map(String)).to.deep.equal(['corp.example']);
    expect(parseSoa((await source.check(zone, signal)).soa.rdata).serial).to.equal(3);
    expect(linesOf(versionOf(await fetch(version)))).to.include('a.corp.example. 60 IN A 192.0.2.2');
    expect((await source.look()).changed).to.deep.equal([]);
  });

  it('does not take other records with the same serial, nor an older serial, and says so [RFC1982-3.2]', async () => {
    write('corp.example.zone', text(7));
    const version = versionOf(await fetch());
    write('corp.example.zone', text(7, 'a A 192.0.2.2\n'));
    const same = /corp\.example\.zone: its serial 7 is that of what is served, but .* raise the serial/;
    expect(await rejection(source.check(zone, signal))).to.match(same);
    expect(await rejection(fetch(version))).to.match(same);
    write('corp.example.zone', text(6, 'a A 192.0.2.2\n'));
    expect(await rejection(fetch(version))).to.match(/its serial 6 is not newer than 7, which is served/);
    write('corp.example.zone', text(7 + 0x8000_0000, 'a A 192.0.2.2\n'));
    expect(await rejection(fetch(version))).to.match(/is not newer than 7/);
  });

  it('tells nothing of a file that says the same in other words', async () => {
    write('corp.example.zone', text(7));
    const version = versionOf(await fetch());
    write('corp.example.zone', `; a comment\n${text(7)}`);
    expect((await source.look()).changed).to.have.length(1);
    await source.check(zone, signal);
    expect(await fetch(version)).to.deep.equal({ form: 'up-to-date' });
    expect((await source.look()).changed).to.deep.equal([]);
  });

  it('leaves a file alone for a moment after it was written', async () => {
    write('corp.example.zone', text(7));
    const version = versionOf(await fetch());
    write('corp.example.zone', text(8).slice(0, 60));
    utimesSync(file('corp.example.zone'), nowMs / 1000 - 0.5, nowMs / 1000 - 0.5);
    expect((await source.look()).changed).to.deep.equal([]);
    expect(await fetch(version)).to.deep.equal({ form: 'up-to-date' });
    write('corp.example.zone', text(8));
    utimesSync(file('corp.example.zone'), nowMs / 1000 - 0.5, nowMs / 1000 - 0.5);
    nowMs += 2_000;
    expect(versionOf(await fetch(version)).serial).to.equal(8);
  });

  it('says where a file is wrong', async () => {
    write('corp.example.zone', text(7, 'a A 192.0.2\n'));
    expect(await rejection(fetch())).to.equal(
      `${file('corp.example.zone')}:5:5: not an IPv4 address; correct this entry`,
    );
    write('corp.example.zone', text(7, 'a A 192.0.2.3\n'));
    expect(versionOf(await fetch()).records).to.equal(4);
  });

  it('bounds octets and records', async () => {
    write('corp.example.zone', text(7, '$GENERATE 1-1000 a$ A 192.0.2.1\n'));
    expect(await rejection(fetch())).to.match(/:5:1: .*more than 1000 records; raise the limit/);
    limits = { 'zone-octets': 50, 'zone-records': 1_000 };
    expect(await rejection(fetch())).to.match(
      /octets, more than the 50 that are left of the limit zone-octets/,
    );
  });

  it('rejects as soon as nobody wants it any more', async () => {
    write('corp.example.zone', text(7));
    const reason = new Error('closing');
    expect(await rejection(source.fetch(zone, undefined, store, AbortSignal.abort(reason)))).to.equal(
      'closing',
    );
  });

  it('lets the event loop turn while it reads', async () => {
    limits = { 'zone-octets': 1 << 26, 'zone-records': 1_000_000 };
    write('corp.example.zone', text(7, '$GENERATE 1-60000 a$ A 192.0.2.1\n'));
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await fetch();
    clearInterval(timer);
    expect(turns).to.be.greaterThan(10);
  });

  describe('$INCLUDE', () => {
    it('reads files in the folder and below, from the folder of the including file', async () => {
      mkdirSync(file('parts'));
      write('parts/hosts', '$INCLUDE more\na A 192.0.2.2\n');
      write('parts/more', 'b A 192.0.2.3\n');
      write('corp.example.zone', text(7, '$INCLUDE parts/hosts\n'));
      const version = versionOf(await fetch());
      expect(version.records).to.equal(5);
      write('parts/more', 'b A 192.0.2.4\n');
      expect((await source.look()).changed.map(String)).to.deep.equal(['corp.example']);
      expect(await rejection(fetch(version))).to.match(/its serial 7 is that of what is served/);
    });

    const ways: [what: string, path: () => string][] = [
      ['with ..', () => `../${outside.split('/').at(-1) ?? ''}/secret`],
      ['with an absolute path', () => join(outside, 'secret')],
      [
        'through a symbolic link to a file',
        () => {
          symlinkSync(join(outside, 'secret'), file('link'));
          return 'link';
        },
      ],
      [
        'through a symbolic link to a folder',
        () => {
          symlinkSync(outside, file('link'));
          return 'link/secret';
        },
      ],
    ];
    for (const [what, path] of ways) {
      it(`does not leave the folder ${what}`, async () => {
        writeFileSync(join(outside, 'secret'), 'a A 192.0.2.2\n');
        write('corp.example.zone', text(7, `$INCLUDE ${path()}\n`));
        const words = await rejection(fetch());
        expect(words).to.match(
          /corp\.example\.zone:5:10: the file to include cannot be used: .*: it is not in .*; zone files/,
        );
        expect(words).not.to.contain('192.0.2.2');
      });
    }

    it('takes a symbolic link that stays in the folder', async () => {
      write('real', 'a A 192.0.2.2\n');
      symlinkSync('real', file('link'));
      write('corp.example.zone', text(7, '$INCLUDE link\n'));
      expect(versionOf(await fetch()).records).to.equal(4);
    });

    it('takes regular files only, and waits for nobody', async () => {
      execFileSync('mkfifo', [file('fifo')]);
      mkdirSync(file('sub'));
      for (const path of ['fifo', 'sub']) {
        write('corp.example.zone', text(7, `$INCLUDE ${path}\n`));
        expect(await rejection(fetch()), path).to.match(
          /:5:10: the file to include cannot be used: .*not a regular file/,
        );
      }
      write('corp.example.zone', text(7, '$INCLUDE nothing\n'));
      expect(await rejection(fetch())).to.match(/there is no such file; create it/);
    });

    it('bounds how much is included, in all', async () => {
      limits = { 'zone-octets': 1_000, 'zone-records': 1_000 };
      write('part', `; ${'x'.repeat(600)}\n`);
      write('corp.example.zone', text(7, '$INCLUDE part\n$INCLUDE part\n'));
      expect(await rejection(fetch())).to.match(
        /:6:10: .*more than the \d+ that are left of the limit zone-octets/,
      );
    });
  });

  describe('look', () => {
    const names = async (): Promise<string[]> => (await source.look()).zones.map(String).sort();

    it('finds zones by the names of files, and tells once what it leaves alone', async () => {
      for (const name of [
        'corp.example.zone',
        'b.example',
        'tld.zone',
        '@.zone',
        'A.Example.zone',
        '0%2f25.2.0.192.in-addr.arpa.zone',
      ]) {
        write(name, text(1));
      }
      for (const name of [
        'README',
        'corp.example.zone~',
        '#b.example#',
        'c.example.bak',
        '.hidden.zone',
        'db.d.example',
        'x..y.zone',
      ]) {
        write(name, text(1));
      }
      mkdirSync(file('sub.zone'));
      const expected = ['.', '0/25.2.0.192.in-addr.arpa', 'a.example', 'b.example', 'corp.example', 'tld'];
      expect((await names()).map((name) => name.toLowerCase())).to.deep.equal(expected);
      expect(log.of('file left alone')).to.have.length(7);
      await source.look();
      expect(log.of('file left alone')).to.have.length(7);
    });

    it('uses none of two new files for one zone, and the one before if there is one', async () => {
      write('corp.example', text(1));
      write('corp.example.zone', text(2));
      expect(await names()).to.deep.equal([]);
      expect(log.of('two files for one zone')[0]?.fields['problem']).to.match(
        /none of them is used; leave one of them/,
      );
      unlinkSync(file('corp.example.zone'));
      expect(await names()).to.deep.equal(['corp.example']);
      write('corp.example.zone', text(2));
      expect(await names()).to.deep.equal(['corp.example']);
      expect(versionOf(await fetch()).serial).to.equal(1);
    });

    it('keeps a zone whose file is gone for one look, since it may be replaced', async () => {
      write('corp.example.zone', text(1));
      expect(await names()).to.deep.equal(['corp.example']);
      unlinkSync(file('corp.example.zone'));
      expect(await names()).to.deep.equal(['corp.example']);
      expect(await names()).to.deep.equal([]);
      expect(await rejection(fetch())).to.match(
        /there is no file of the zone corp\.example, as corp\.example\.zone/,
      );
    });

    it('keeps what it had when the folder cannot be read', async () => {
      write('corp.example.zone', text(1));
      await source.look();
      const elsewhere = `${folder}-moved`;
      renameSync(folder, elsewhere);
      try {
        expect(await rejection(source.look())).to.match(/there is no such file/);
      } finally {
        renameSync(elsewhere, folder);
      }
      expect(versionOf(await fetch()).serial).to.equal(1);
    });
  });
});
