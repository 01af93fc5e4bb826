import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { encodeSoa, Name, RrType, ZoneWriter, type ZoneVersion } from '../../../../core/index.ts';
import { fileNameOfZone, meaningOfFileName } from '../../../../plugins/xot/zone-files/file-name.ts';
import { ZoneFileWriter, ZoneWriteError } from '../../../../plugins/xot/zone-files/write.ts';
import { anyName } from '../../../core/dns/arbitraries.ts';

const versionOf = (zone: Name, serial: number, hosts = 1): ZoneVersion => {
  const messages: Buffer[] = [];
  const writer = new ZoneWriter(zone, (message) => messages.push(message));
  for (let host = 0; host < hosts; host += 1) {
    writer.add({
      name: zone.prepend(`h${host}`),
      type: RrType.A,
      class: 1,
      ttl: 60,
      rdata: Buffer.of(192, 0, 2, 1),
    });
  }
  writer.finish();
  const rdata = encodeSoa({ mname: zone, rname: zone, serial, refresh: 1, retry: 2, expire: 3, minimum: 4 });
  const soa = { name: zone, type: RrType.SOA, class: 1, ttl: 1, rdata };
  return { zone, soa, serial, records: hosts + 1, octets: 0, messages };
};

describe('ZoneFileWriter', () => {
  const zone = Name.parse('corp.example');
  let folder: string;
  let writer: ZoneFileWriter;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-write-'));
    writer = new ZoneFileWriter(folder);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('writes a zone, for other users to read, and leaves nothing else', async () => {
    const file = await writer.write(versionOf(zone, 7));
    expect(file).to.equal(join(folder, 'corp.example.zone'));
    expect(readFileSync(file, 'utf8')).to.equal(
      'corp.example. 1 IN SOA corp.example. corp.example. 7 1 2 3 4\nh0.corp.example. 60 IN A 192.0.2.1\n',
    );
    expect(statSync(file).mode & 0o777).to.equal(0o644);
    expect(readdirSync(folder)).to.deep.equal(['corp.example.zone']);
  });

  it('puts the new file in the place of the old one, and keeps its mode', async () => {
    const file = await writer.write(versionOf(zone, 7));
    chmodSync(file, 0o640);
    const { ino } = statSync(file);
    await writer.write(versionOf(zone, 8));
    expect(readFileSync(file, 'utf8')).to.contain(' 8 1 2 3 4');
    expect(statSync(file).mode & 0o777).to.equal(0o640);
    expect(statSync(file).ino).not.to.equal(ino);
  });

  it('does not write through symbolic links', async () => {
    writeFileSync(join(folder, 'other'), 'mine');
    symlinkSync('other', join(folder, 'corp.example.zone'));
    symlinkSync('other', join(folder, '.corp.example.zone.new'));
    const file = await writer.write(versionOf(zone, 7));
    expect(lstatSync(file).isFile()).to.equal(true);
    expect(readFileSync(join(folder, 'other'), 'utf8')).to.equal('mine');
  });

  it('writes one zone after the other, the last one last', async () => {
    await Promise.all([1, 2, 3, 4].map((serial) => writer.write(versionOf(zone, serial, serial * 500))));
    expect(readFileSync(writer.pathOf(zone), 'utf8').split('\n')).to.have.length(2_002);
    expect(readdirSync(folder)).to.have.length(1);
  });

  it('passes over versions that were replaced while they waited', async () => {
    const first = writer.write(versionOf(zone, 1, 500));
    const second = versionOf(zone, 2, 600);
    let isRead = false;
    const passedOver = {
      ...second,
      get messages() {
        isRead = true;
        return second.messages;
      },
    };
    const waiting = [writer.write(passedOver), writer.write(versionOf(zone, 3, 700))];
    await Promise.all([first, ...waiting]);
    expect(isRead).to.equal(false);
    expect(readFileSync(writer.pathOf(zone), 'utf8').split('\n')).to.have.length(702);
    await writer.write(versionOf(zone, 4, 10));
    expect(readFileSync(writer.pathOf(zone), 'utf8').split('\n')).to.have.length(12);
  });

  it('writes what comes after a writing that failed', async () => {
    rmSync(folder, { recursive: true });
    const failed = writer.write(versionOf(zone, 1));
    const next = writer.write(versionOf(zone, 2, 5)).catch((error: unknown) => error);
    expect(await failed.catch((error: unknown) => error)).to.be.instanceOf(ZoneWriteError);
    await next;
    mkdirSync(folder, { recursive: true });
    await writer.write(versionOf(zone, 3, 7));
    expect(readFileSync(writer.pathOf(zone), 'utf8').split('\n')).to.have.length(9);
  });

  it('goes on after a writing that was cut off', async () => {
    writeFileSync(join(folder, '.corp.example.zone.new'), 'half');
    await writer.write(versionOf(zone, 7));
    expect(readdirSync(folder)).to.deep.equal(['corp.example.zone']);
  });

  const failure = async (version: ZoneVersion): Promise<string> => {
    try {
      await writer.write(version);
    } catch (error) {
      if (error instanceof ZoneWriteError) return error.message;
      throw error;
    }
    return 'no error';
  };

  it('leaves the old file as it was when the new one cannot be made, and says why', async () => {
    const file = await writer.write(versionOf(zone, 7));
    const before = readFileSync(file, 'utf8');
    const broken = {
      ...versionOf(zone, 8),
      messages: [{ file: { read: () => Promise.reject(new Error('gone')) }, at: 0, length: 1 }],
    };
    expect(await failure(broken)).to.equal(
      `${file}: the zone cannot be written: gone; the file is as it was`,
    );
    expect(readFileSync(file, 'utf8')).to.equal(before);
    expect(readdirSync(folder)).to.deep.equal(['corp.example.zone']);
  });

  it('leaves the old file as it was on a full disk', async function () {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      this.skip();
    }
    try {
      const onDisk = new ZoneFileWriter(disk);
      const file = await onDisk.write(versionOf(zone, 7));
      const before = readFileSync(file, 'utf8');
      writer = onDisk;
      expect(await failure(versionOf(zone, 8, 5_000))).to.match(
        /no space is left on the disk; the file is as it was/,
      );
      expect(readFileSync(file, 'utf8')).to.equal(before);
      expect(readdirSync(disk)).to.deep.equal(['corp.example.zone']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('says that the folder is not there, or is in the way', async () => {
    mkdirSync(join(folder, 'corp.example.zone'));
    expect(await failure(versionOf(zone, 7))).to.match(/a folder has its name; remove it/);
    rmSync(folder, { recursive: true });
    expect(await failure(versionOf(zone, 7))).to.match(/there is no such folder; create it/);
    mkdirSync(folder);
  });

  it('writes no file outside of its folder, whatever the zone is called', async () => {
    const names = ['\\.\\.\\/danced-escaped', '\\.\\..etc', '/', '\\000', '.', 'A.B', 'a\\032b', '\\255'].map(
      (name) => Name.parse(name),
    );
    for (const name of names) {
      const file = await writer.write(versionOf(name, 1)).catch(() => writer.pathOf(name));
      expect(file.startsWith(`${folder}/`) && !file.slice(folder.length + 1).includes('/'), file).to.equal(
        true,
      );
    }
    expect(existsSync(join(folder, '..', 'danced-escaped'))).to.equal(false);
  });
});

describe('fileNameOfZone', () => {
  const cases: [zone: string, file: string][] = [
    ['example.com', 'example.com.zone'],
    ['Example.COM', 'example.com.zone'],
    ['.', '@.zone'],
    ['0/25.2.0.192.in-addr.arpa', '0%2f25.2.0.192.in-addr.arpa.zone'],
    ['\\..example', '%2e.example.zone'],
    ['a\\.b.example', 'a%2eb.example.zone'],
    ['\\000\\255.example', '%00%ff.example.zone'],
    ['_a-b.example', '_a-b.example.zone'],
    ['\\@.example', '%40.example.zone'],
  ];
  for (const [zone, file] of cases) {
    it(`is ${file} for ${zone}`, () => {
      expect(fileNameOfZone(Name.parse(zone))).to.equal(file);
    });
  }

  it('is short, without folders, not hidden, and read back as the zone if it is not cut', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const file = fileNameOfZone(name);
        expect(file.length).to.be.lessThan(245);
        expect(file).to.match(/^[a-z0-9_%@-][a-z0-9_%.-]*\.zone$/);
        const meaning = meaningOfFileName(file);
        if (!file.includes('%%')) expect('zone' in meaning && meaning.zone.equals(name)).to.equal(true);
        else expect('ignored' in meaning).to.equal(true);
      }),
    );
  });

  it('differs for long names that begin alike', () => {
    const long = (last: string): Name => Name.parse(`${'\\000'.repeat(60)}.${'\\000'.repeat(60)}.${last}`);
    expect(fileNameOfZone(long('a'))).not.to.equal(fileNameOfZone(long('b')));
  });
});
