import { expect } from 'chai';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  noteEstablished,
  noteFailed,
  noteInitiated,
  noteResponse,
  unknownState,
  type ProbeState,
} from '../../../../../plugins/recursive-auth/agent/opportunistic/probe-state.ts';
import { ProbeStates } from '../../../../../plugins/recursive-auth/agent/opportunistic/probe-states.ts';
import { memoryLog, type MemoryLog } from '../../../../support/memory-log.ts';

const t0 = Date.UTC(2026, 10, 23, 10);
const good: ProbeState = noteResponse(noteEstablished(noteInitiated(unknownState, t0), t0 + 30), t0 + 45);
const bad: ProbeState = noteFailed(noteInitiated(unknownState, t0), t0 + 4000, 'timeout');
const notRead = 'state of opportunistic servers not read, begun anew';
const notWritten = 'state of opportunistic servers not written';

describe('the states of all servers', () => {
  let folder: string;
  let file: string;
  let log: MemoryLog;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'danced-probing-'));
    file = join(folder, 'probing.json');
    log = memoryLog();
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (path: string | undefined = file, saveMs = 60_000, most = 10_000): Promise<ProbeStates> =>
    ProbeStates.open({ file: path, limits: { 'probe-states': most, 'probe-save': saveMs }, log });

  it('survive a restart, for each pair of addresses [RFC9539-4.5] [RFC9539-4.5.1]', async () => {
    const before = await open();
    before.set('192.0.2.7', '198.51.100.1', good);
    before.set('2001:db8::7', '2001:db8:1::1', bad);
    await before.close();
    const after = await open();
    expect(after.get('192.0.2.7', '198.51.100.1')).to.deep.equal(good);
    expect(after.get('2001:db8::7', '2001:db8:1::1')).to.include(bad);
    // Asked from another address of ours, or another server: nothing is known.
    expect(after.get('192.0.2.8', '198.51.100.1')).to.deep.equal(unknownState);
    expect(after.get('192.0.2.7', '198.51.100.2')).to.deep.equal(unknownState);
    expect(log.lines).to.deep.equal([]);
  });

  it('tell the file nothing but addresses, statuses and times, and nobody else anything', async () => {
    const states = await open();
    states.set('192.0.2.7', '198.51.100.1', good);
    await states.close();
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    const { servers } = JSON.parse(await readFile(file, 'utf8')) as { servers: object[] };
    expect(servers).to.deep.equal([
      {
        ...{ own: '192.0.2.7', server: '198.51.100.1', transport: 'dot', status: 'success' },
        initiated: '2026-11-23T10:00:00.000Z',
        completed: '2026-11-23T10:00:00.030Z',
        'last-response': '2026-11-23T10:00:00.045Z',
        'last-activity': '2026-11-23T10:00:00.045Z',
      },
    ]);
    expect(await readdir(folder)).to.deep.equal(['probing.json']);
  });

  const broken: Readonly<Record<string, string>> = {
    empty: '',
    'not JSON': 'danced',
    'cut off': '{"version":1,"servers":[{"own":"192.0.2.7",',
    'of another version': '{"version":2,"servers":[]}',
    'without a version': '{"servers":[]}',
    'with a version of many words': JSON.stringify({ version: '\u001b[31m'.repeat(100_000) }),
    'with a version of many numbers': JSON.stringify({ version: new Array(100_000).fill(1) }),
    'a list': '[]',
    'without servers': '{"version":1}',
  };
  for (const [what, text] of Object.entries(broken)) {
    it(`begin anew with a file that is ${what}, and say so`, async () => {
      await writeFile(file, text);
      const states = await open();
      expect(states.size).to.equal(0);
      const [line, ...more] = log.of(notRead);
      expect(more).to.deep.equal([]);
      // Whatever stands in it: a line of words.
      expect(line?.fields['detail']).to.match(/^[ -~]{1,400}$/);
      states.set('192.0.2.7', '198.51.100.1', good);
      await states.close();
      expect((await open()).size).to.equal(1);
    });
  }

  it('pass over entries that are none', async () => {
    const entry = { own: '192.0.2.7', server: '198.51.100.1', transport: 'dot', status: 'fail' };
    const entries = [
      { ...entry, server: '198.51.100.2', completed: '2026-11-23T10:00:00.000Z' },
      { ...entry, server: 'ns1.example' },
      { ...entry, own: 7 },
      { ...entry, transport: 'doq' },
      { ...entry, status: 'splendid' },
      { ...entry, completed: 'yesterday' },
      { ...entry, completed: 5 },
      null,
      'text',
      [],
    ];
    await writeFile(file, JSON.stringify({ version: 1, servers: entries }));
    const states = await open();
    expect(states.size).to.equal(1);
    expect(states.get('192.0.2.7', '198.51.100.2').completedMs).to.equal(t0);
    expect(log.lines).to.deep.equal([]);
  });

  it('say nothing of a file that is not there yet', async () => {
    expect((await open()).size).to.equal(0);
    expect(log.lines).to.deep.equal([]);
  });

  it('do not hang on a pipe, a folder or a device in the place of the file', async () => {
    for (const path of [folder, '/dev/zero']) expect((await open(path)).size).to.equal(0);
    expect(log.of(notRead)).to.have.length(2);
  });

  it('go on where the file cannot be written, say so once, and again when it can', async () => {
    const inside = join(folder, 'later', 'probing.json');
    const states = await open(inside);
    for (let n = 1; n <= 3; n++) {
      states.set('192.0.2.7', `198.51.100.${String(n)}`, good);
      await states.save();
    }
    expect(log.of(notWritten)).to.have.length(1);
    await mkdir(join(folder, 'later'));
    await states.save();
    expect(log.of('state of opportunistic servers written again')).to.have.length(1);
    expect((await open(inside)).size).to.equal(3);
  });

  it('leave the old file as it is when the new one cannot be made', async () => {
    const states = await open();
    states.set('192.0.2.7', '198.51.100.1', good);
    await states.save();
    const old = await readFile(file, 'utf8');
    // Where it would be made stands a folder with something in it.
    await mkdir(join(folder, '.probing.json.new', 'x'), { recursive: true });
    states.set('192.0.2.7', '198.51.100.2', good);
    await states.close();
    expect(log.of(notWritten)).to.have.length(1);
    expect(await readFile(file, 'utf8')).to.equal(old);
  });

  it('do not replace a device by a file', async () => {
    const device = join(folder, 'link');
    await symlink('/dev/full', device);
    for (const path of [device, folder]) {
      const states = await open(path);
      states.set('192.0.2.7', '198.51.100.1', good);
      await states.close();
    }
    expect(log.of(notWritten).map(({ fields }) => fields['detail'])).to.deep.equal([
      'it is not a file',
      'it is not a file',
    ]);
    expect((await stat('/dev/full')).isCharacterDevice()).to.be.true;
  });

  it('write over what a crash has left, and follow no link that somebody has put there', async () => {
    const victim = join(folder, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, join(folder, '.probing.json.new'));
    const states = await open();
    states.set('192.0.2.7', '198.51.100.1', good);
    await states.close();
    expect(await readFile(victim, 'utf8')).to.equal('precious');
    expect((await open()).size).to.equal(1);
  });

  it('make the file private though it was not', async () => {
    await writeFile(file, '{"version":1,"servers":[]}');
    await chmod(file, 0o644);
    const states = await open();
    states.set('192.0.2.7', '198.51.100.1', good);
    await states.close();
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
  });

  it('are bounded: the server that was asked longest ago makes room [RFC9539-4.6.10]', async () => {
    const states = await open(file, 60_000, 3);
    for (const n of [1, 2, 3]) states.set('192.0.2.7', `198.51.100.${String(n)}`, good);
    states.set('192.0.2.7', '198.51.100.1', bad);
    states.set('192.0.2.7', '198.51.100.4', good);
    expect(states.size).to.equal(3);
    expect(states.get('192.0.2.7', '198.51.100.2')).to.deep.equal(unknownState);
    expect(states.get('192.0.2.7', '198.51.100.1')).to.deep.equal(bad);
    await states.close();
    // Read with room for fewer, those that were asked last stay.
    const after = await open(file, 60_000, 2);
    expect(after.size).to.equal(2);
  });

  it('are written by themselves some time after a change, all changes at once', async () => {
    const states = await open(file, 30);
    states.set('192.0.2.7', '198.51.100.1', good);
    states.set('192.0.2.7', '198.51.100.2', bad);
    while (!(await readdir(folder)).includes('probing.json'))
      await new Promise((done) => setTimeout(done, 10));
    expect((await open()).size).to.equal(2);
    expect(states.count('success')).to.equal(1);
    expect(states.count('timeout')).to.equal(1);
    expect(states.count('fail')).to.equal(0);
  });

  it('write nothing when nothing has changed, nor without a file', async () => {
    const states = await open();
    states.set('192.0.2.7', '198.51.100.1', good, false);
    await states.close();
    const limits = { 'probe-states': 10, 'probe-save': 60_000 };
    const inMemory = await ProbeStates.open({ file: undefined, limits, log });
    inMemory.set('192.0.2.7', '198.51.100.1', good);
    await inMemory.close();
    expect(inMemory.size).to.equal(1);
    expect(await readdir(folder)).to.deep.equal([]);
    expect(log.lines).to.deep.equal([]);
  });
});
