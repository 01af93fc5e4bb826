import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { RrType } from '../../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../../core/dns/message.ts';
import { encodeSoa, parseSoa } from '../../../../core/dns/rdata.ts';
import type { Differences, ZoneVersion } from '../../../../core/xfr/zone-version.ts';
import { modelZone, recordsOf, rr, textsOf, versionOf } from '../../../support/zone-model.ts';
import { cacheBed, type CacheBed } from './scripted-source.ts';

const signal = new AbortController().signal;
const second = 1_000;

function host(index: number) {
  return rr(`h${String(index)}.example.com`, 1, Buffer.from([192, 0, 2, index % 256]));
}

/** Expires after an hour. */
function soaOf(serial: number): ResourceRecord {
  const rdata = encodeSoa({
    ...{ mname: modelZone, rname: modelZone, serial },
    ...{ refresh: 600, retry: 60, expire: 3600, minimum: 60 },
  });
  return rr('example.com', RrType.SOA, rdata);
}

/** Version `serial` has the hosts 0 up to its serial. */
function versionWith(serial: number): ZoneVersion {
  const records = Array.from({ length: serial }, (_, index) => host(index));
  return { ...versionOf(records, { serial }), soa: soaOf(serial) };
}

function step(from: number): Differences {
  return { from: soaOf(from), to: soaOf(from + 1), deleted: [], added: [host(from)] };
}

async function hosts(version: ZoneVersion | undefined): Promise<number> {
  return version === undefined ? -1 : (await recordsOf(version)).length;
}

describe('KeptZone', () => {
  let bed: CacheBed;

  beforeEach(() => {
    bed = cacheBed();
  });

  afterEach(() => {
    bed.cache.close();
  });

  it('fetches a zone once for all who ask', async () => {
    bed.source.version = versionWith(3);
    const versions = await Promise.all(Array.from({ length: 20 }, () => bed.zone.fresh(signal)));
    expect(bed.source.fetches).to.deep.equal(['whole']);
    for (const version of versions) expect(await hosts(version)).to.equal(3);
  });

  it('gives who asks after a change the new version, though nobody told it', async () => {
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    bed.source.version = versionWith(4);
    expect((await bed.zone.fresh(signal))?.serial).to.equal(4);
  });

  it('looks again for who asks while a look is under way that may have asked before the change', async () => {
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    bed.source.before = () => promise.then();
    const first = bed.zone.fresh(signal);
    await new Promise((done) => setTimeout(done, 5));
    bed.source.version = versionWith(4);
    bed.nowMs += 1;
    const later = bed.zone.fresh(signal);
    resolve(undefined);
    await first;
    expect((await later)?.serial).to.equal(4);
  });

  it('does not look within fresh-time', async () => {
    bed = cacheBed({ 'fresh-time': 1_000 });
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    bed.nowMs += 999;
    await bed.zone.fresh(signal);
    expect(bed.source.checks).to.equal(0);
    bed.nowMs += 2;
    await bed.zone.fresh(signal);
    expect(bed.source.checks).to.equal(1);
  });

  it('does not let a request wait for a silent primary beyond fresh-wait', async () => {
    bed = cacheBed({ 'fresh-wait': 50 });
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    bed.source.before = () => new Promise(() => undefined);
    bed.nowMs += 1;
    expect((await bed.zone.fresh(signal))?.serial).to.equal(3);
  });

  it('applies differences, and keeps the steps for who has an older version [RFC1995-4]', async () => {
    bed.source.version = versionWith(1);
    await bed.zone.fresh(signal);
    for (const serial of [2, 3, 4]) {
      bed.nowMs += 1;
      bed.source.version = versionWith(serial);
      bed.source.steps = [step(serial - 1)];
      const version = await bed.zone.fresh(signal);
      expect(textsOf(await recordsOf(version!))).to.deep.equal(textsOf(await recordsOf(versionWith(serial))));
    }
    expect(bed.source.fetches).to.deep.equal(['whole', 'incremental', 'incremental', 'incremental']);
    expect(bed.zone.steps(2)?.map(({ to }) => parseSoa(to.rdata).serial)).to.deep.equal([3, 4]);
    expect(bed.zone.steps(9)).to.equal(undefined);
  });

  it('fetches the whole zone when differences do not fit it', async () => {
    bed.source.version = versionWith(1);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    bed.source.version = versionWith(2);
    // Deletes what is not there.
    bed.source.steps = [{ ...step(1), deleted: [host(200)] }];
    const before = bed.source.fetch.bind(bed.source);
    bed.source.fetch = (zone, have, store) => before(zone, have, store);
    const version = await bed.zone.fresh(signal);
    expect(await hosts(version)).to.equal(2);
    expect(bed.source.fetches).to.deep.equal(['whole', 'incremental', 'whole']);
    expect(bed.log.of('differences do not fit')).to.have.length(1);
  });

  it('makes the differences itself where the primary gives none', async () => {
    bed.source.version = versionWith(1);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    const [made] = bed.zone.steps(1) ?? [];
    expect(made && textsOf(made.added)).to.deep.equal(textsOf([host(1), host(2)]));
    expect(made?.deleted).to.deep.equal([]);
  });

  it('keeps what it has when a version fails the check', async () => {
    bed.source.version = versionWith(1);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    bed.fault = 'the digest is wrong';
    bed.source.version = versionWith(2);
    expect((await bed.zone.fresh(signal))?.serial).to.equal(1);
    expect(bed.zone.problem?.words).to.contain('the digest is wrong');
  });

  it('keeps a newer version than the primary has, and says so [RFC1982-3.2]', async () => {
    bed.source.version = versionWith(3);
    await bed.zone.fresh(signal);
    bed.nowMs += 1;
    bed.source.version = versionWith(2);
    expect((await bed.zone.fresh(signal))?.serial).to.equal(3);
    expect(bed.zone.problem?.words).to.contain('has serial 2').and.contain('older than ours, 3');
  });

  describe('when the primary is gone', () => {
    const expireMs = parseSoa(soaOf(1).rdata).expire * second;

    beforeEach(async () => {
      bed.source.version = versionWith(3);
      await bed.zone.fresh(signal);
      bed.source.version = undefined;
    });

    it('serves until the zone expires, and nothing after that [RFC1034-4.3.5]', async () => {
      const seen: (number | undefined)[] = [];
      bed.cache.onChange((_, version) => seen.push(version?.serial));
      bed.nowMs += expireMs - 1;
      expect((await bed.zone.fresh(signal))?.serial).to.equal(3);
      expect(bed.zone.expireSeconds).to.equal(0);
      bed.nowMs += 1;
      expect(bed.zone.version).to.equal(undefined);
      expect(await bed.zone.fresh(signal)).to.equal(undefined);
      expect(seen).to.deep.equal([undefined]);
      expect(bed.log.of('zone expired')).to.have.length(1);
    });

    it('serves again when it is back', async () => {
      bed.nowMs += expireMs;
      expect(bed.zone.version).to.equal(undefined);
      bed.nowMs += 10 * second;
      bed.source.version = versionWith(5);
      expect((await bed.zone.fresh(signal))?.serial).to.equal(5);
    });

    it('does not ask it again for each request', async () => {
      bed.nowMs += 1;
      await bed.zone.fresh(signal);
      const { checks } = bed.source;
      bed.nowMs += 100;
      await bed.zone.fresh(signal);
      expect(bed.source.checks).to.equal(checks);
    });
  });

  it('counts by the EXPIRE option, never for longer than the SOA record says [RFC7314-4]', async () => {
    bed.source.version = versionWith(3);
    bed.source.expireSeconds = 100;
    await bed.zone.fresh(signal);
    expect(bed.zone.expireSeconds).to.equal(100);
    bed.nowMs += 10 * second;
    // A server that has heard of its own primary longer ago than we: what we know is not shortened.
    bed.source.expireSeconds = 50;
    await bed.zone.fresh(signal);
    expect(bed.zone.expireSeconds).to.equal(90);
    bed.source.expireSeconds = 0xffff_ffff;
    bed.nowMs += 1;
    await bed.zone.fresh(signal);
    expect(bed.zone.expireSeconds).to.equal(parseSoa(soaOf(3).rdata).expire);
  });

  it('forgets the oldest differences, and all that are longer than the zone [RFC1995-5]', async () => {
    bed = cacheBed({ 'history-octets': 600 });
    bed.source.version = versionWith(40);
    await bed.zone.fresh(signal);
    for (let serial = 41; serial < 60; serial++) {
      bed.nowMs += 1;
      bed.source.version = versionWith(serial);
      bed.source.steps = [step(serial - 1)];
      await bed.zone.fresh(signal);
    }
    expect(bed.zone.steps(40)).to.equal(undefined);
    expect(bed.zone.steps(58)).to.have.length(1);
  });

  it('puts what does not fit into memory into files without a name, and reads it back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spill-'));
    bed = cacheBed({ 'memory-octets': 100 }, folder);
    const all = Array.from({ length: 4_000 }, (_, index) => host(index));
    bed.source.version = { ...versionOf(all, { serial: 7 }), soa: soaOf(7) };
    const version = await bed.zone.fresh(signal);
    expect(version?.messages.some((message) => Buffer.isBuffer(message))).to.equal(false);
    expect(textsOf(await recordsOf(version!))).to.deep.equal(textsOf(all));
    expect(readdirSync(folder)).to.deep.equal([]);
    rmSync(folder, { recursive: true });
  });

  it('says in words that there is no place for such a file, and keeps what it has', async () => {
    bed = cacheBed({ 'memory-octets': 100 });
    bed.source.version = versionWith(40);
    expect(await bed.zone.fresh(signal)).to.equal(undefined);
    expect(bed.zone.problem?.words).to.contain('/nonexistent').and.contain('memory-octets');
  });

  it('looks by the timers of the SOA record', async () => {
    bed = cacheBed({ 'refresh-min': 20, 'first-retry': 20 });
    const timers = { ...parseSoa(soaOf(1).rdata), refresh: 0, retry: 0 };
    bed.source.version = { ...versionWith(1), soa: { ...soaOf(1), rdata: encodeSoa(timers) } };
    bed.cache.start();
    while (bed.source.checks < 3) await new Promise((done) => setTimeout(done, 5));
    expect(bed.source.fetches).to.deep.equal(['whole']);
  });

  it('looks again when it is told while it looks', async () => {
    bed.source.version = versionWith(1);
    await bed.zone.fresh(signal);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    bed.source.before = () => promise.then();
    bed.zone.notify();
    bed.zone.notify();
    bed.zone.notify();
    resolve(undefined);
    while (bed.source.checks < 2) await new Promise((done) => setTimeout(done, 1));
    await new Promise((done) => setTimeout(done, 20));
    expect(bed.source.checks).to.equal(2);
  });
});
