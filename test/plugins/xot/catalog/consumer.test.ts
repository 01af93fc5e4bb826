import { expect } from 'chai';
import { Name } from '../../../../core/dns/name.ts';
import { readZonePattern } from '../../../../core/acl/patterns.ts';
import { ZoneSet } from '../../../../core/acl/zone-set.ts';
import type { ZoneVersion } from '../../../../core/xfr/zone-version.ts';
import {
  CatalogConsumer,
  type CatalogSettings,
  type ConsumedCache,
  type ConsumedZoneListener,
} from '../../../../plugins/xot/catalog/consumer.ts';
import { versionOfText } from '../../../core/xfr/checked-zones.ts';
import { memoryLog } from '../../../support/memory-log.ts';

/** What a consumer tells the cache, and how it hears of versions. */
class FakeCache implements ConsumedCache {
  zones: string[] = [];
  readonly resets: string[] = [];
  #listener: ConsumedZoneListener | undefined;

  onChange(listener: ConsumedZoneListener): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = undefined;
    };
  }

  setZones(names: readonly Name[]): void {
    this.zones = names.map((name) => name.toString());
  }

  reset(name: Name): void {
    this.resets.push(name.toString());
  }

  tell(name: string, version: ZoneVersion | undefined): void {
    this.#listener?.({ name: Name.parse(name) }, version);
  }
}

class Bed {
  readonly cache = new FakeCache();
  readonly log = memoryLog();
  readonly consumer: CatalogConsumer;

  constructor(settings: Partial<CatalogSettings> = {}) {
    this.consumer = new CatalogConsumer({ cache: this.cache, log: this.log, settings: settingsOf(settings) });
  }

  /** A new version of a catalog whose lines are given without its own name. */
  async update(catalog: string, ...lines: readonly string[]): Promise<void> {
    this.cache.tell(catalog, catalogOf(catalog, lines));
    await this.consumer.settled();
  }

  /** Those of catalogs, sorted. */
  get members(): string[] {
    return this.consumer.members.map(String).sort();
  }

  said(message: string): boolean {
    return this.log.of(message).length > 0;
  }
}

function settingsOf(settings: Partial<CatalogSettings>): CatalogSettings {
  return {
    catalogs: [Name.parse('one.cat'), Name.parse('two.cat')],
    zones: [Name.parse('own.example')],
    admitted: new ZoneSet([readZonePattern('*')]),
    limits: { 'catalog-members': 100 },
    ...settings,
  };
}

function catalogOf(name: string, lines: readonly string[]): ZoneVersion {
  const full = lines.map((line) => line.replace(' ', `.${name}. 0 IN `));
  return versionOfText(
    [
      `${name}. 0 IN SOA . . 1 1 1 1 1`,
      `${name}. 0 IN NS invalid.`,
      `version.${name}. 0 IN TXT "2"`,
      ...full,
    ].join('\n'),
  );
}

describe('CatalogConsumer', () => {
  it('has configured zones and catalogs kept from the start', () => {
    expect(new Bed().cache.zones).to.deep.equal(['own.example', 'one.cat', 'two.cat']);
  });

  it('adds what a catalog lists, and removes what it lists no more [RFC9432-5.3]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.', 'b.zones PTR b.example.');
    expect(bed.cache.zones).to.deep.equal(['own.example', 'one.cat', 'two.cat', 'a.example', 'b.example']);
    await bed.update('one.cat', 'b.zones PTR b.example.', 'c.zones PTR c.example.');
    expect(bed.members).to.deep.equal(['b.example', 'c.example']);
    expect(bed.cache.zones).to.include('c.example').and.not.include('a.example');
    expect(bed.cache.resets).to.deep.equal([]);
  });

  it('changes nothing for a broken catalog until it is mended, and says why [RFC9432-5.1]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.');
    await bed.update('one.cat', 'version TXT "3"', 'b.zones PTR b.example.');
    expect(bed.members).to.deep.equal(['a.example']);
    const line = bed.log.of('catalog not processed')[0];
    expect(line?.fields['problem']).to.match(/one\.cat is broken: its version is "3"/);
    await bed.update('one.cat', 'b.zones PTR b.example.');
    expect(bed.members).to.deep.equal(['b.example']);
  });

  it('changes nothing when a catalog expires [RFC9432-5.1]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.');
    bed.cache.tell('one.cat', undefined);
    await bed.consumer.settled();
    expect(bed.members).to.deep.equal(['a.example']);
    expect(bed.said('catalog expired')).to.be.true;
  });

  it('processes nothing of a catalog that is too large', async () => {
    const bed = new Bed({ limits: { 'catalog-members': 1 } });
    await bed.update('one.cat', 'a.zones PTR a.example.', 'b.zones PTR b.example.');
    expect(bed.members).to.deep.equal([]);
    expect(bed.said('catalog not processed')).to.be.true;
  });

  it('passes over what is configured, a catalog, or of another catalog [RFC9432-5.2]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.');
    await bed.update(
      'two.cat',
      ...[
        'a.zones PTR A.example.',
        'b.zones PTR own.example.',
        'c.zones PTR one.cat.',
        'd.zones PTR d.example.',
      ],
    );
    expect(bed.members).to.deep.equal(['a.example', 'd.example']);
    const line = bed.log.of('zones of a catalog passed over')[0];
    expect(line?.fields['count']).to.equal(3);
    await bed.update('two.cat');
    expect(bed.members).to.deep.equal(['a.example']);
  });

  it('takes a zone from the catalog that still has it, once the other one lets it go [RFC9432-5.5]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.');
    await bed.update('two.cat', 'a.zones PTR a.example.');
    await bed.update('one.cat');
    expect(bed.members).to.deep.equal(['a.example']);
    await bed.update('one.cat', 'a.zones PTR a.example.');
    await bed.update('one.cat');
    expect(bed.members).to.deep.equal(['a.example']);
  });

  it('forgets the state of a zone whose label changes [RFC9432-5.4]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.', 'b.zones PTR b.example.');
    await bed.update('one.cat', 'A.zones PTR a.example.', 'x.zones PTR b.example.');
    expect(bed.cache.resets).to.deep.equal(['b.example']);
    await bed.update('one.cat', 'x.zones PTR b.example.', 'A.zones PTR a.example.');
    expect(bed.cache.resets).to.deep.equal(['b.example']);
  });

  it('hands a zone over only by coo, with its state if the label is the same [RFC9432-4.3.1]', async () => {
    const bed = new Bed();
    const coo = ['coo.a PTR two.cat.', 'coo.b PTR two.cat.', 'coo.c PTR third.cat.'].map((line) =>
      line.replace(' ', '.zones '),
    );
    const members = ['a.zones PTR a.example.', 'b.zones PTR b.example.', 'c.zones PTR c.example.'];
    await bed.update('one.cat', ...members, ...coo);
    const taken = ['a.zones PTR a.example.', 'x.zones PTR b.example.', 'c.zones PTR c.example.'];
    await bed.update('two.cat', ...taken);
    expect(bed.cache.resets).to.deep.equal(['b.example']);
    await bed.update('one.cat');
    expect(bed.members).to.deep.equal(['a.example', 'b.example', 'c.example']);
    await bed.update('two.cat');
    expect(bed.members).to.deep.equal([]);
  });

  it('waits with handing over for the new catalog, and asks the old one only while it is good [RFC9432-4.3.1]', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.');
    await bed.update('two.cat', 'x.zones PTR a.example.');
    await bed.update('one.cat', 'a.zones PTR a.example.', 'coo.a.zones PTR two.cat.');
    expect(bed.cache.resets).to.deep.equal([]);
    await bed.update('one.cat', 'version TXT "1"');
    await bed.update('two.cat', 'x.zones PTR a.example.');
    expect(bed.cache.resets).to.deep.equal([]);
    await bed.update('one.cat', 'a.zones PTR a.example.', 'coo.a.zones PTR two.cat.');
    await bed.update('two.cat', 'x.zones PTR a.example.');
    expect(bed.cache.resets).to.deep.equal(['a.example']);
  });

  it('admits the zones only that the configuration names [RFC9432-7]', async () => {
    const admitted = new ZoneSet([readZonePattern('*.customers.example'), readZonePattern('one.example')]);
    const bed = new Bed({ admitted });
    const names = [
      'a.customers.example',
      'b.a.customers.example',
      'customers.example',
      'one.example',
      'two.example',
    ];
    await bed.update('one.cat', ...names.map((name, index) => `n${index}.zones PTR ${name}.`));
    expect(bed.members).to.deep.equal(['a.customers.example', 'b.a.customers.example', 'one.example']);
  });

  it('goes on with the next version when the cache does not take what it is told', async () => {
    const bed = new Bed();
    const setZones = bed.cache.setZones.bind(bed.cache);
    bed.cache.setZones = () => {
      throw new Error('broken');
    };
    await bed.update('one.cat', 'a.zones PTR a.example.');
    expect(bed.said('defect')).to.equal(true);
    bed.cache.setZones = setZones;
    await bed.update('one.cat', 'a.zones PTR a.example.', 'b.zones PTR b.example.');
    expect(bed.cache.zones).to.include.members(['a.example', 'b.example']);
  });

  it('takes a new configuration', async () => {
    const bed = new Bed();
    await bed.update('one.cat', 'a.zones PTR a.example.', 'b.zones PTR b.example.');
    await bed.update('two.cat', 'c.zones PTR c.example.');
    const zones = [Name.parse('own.example'), Name.parse('b.example')];
    bed.consumer.setSettings(settingsOf({ catalogs: [Name.parse('one.cat')], zones }));
    expect(bed.cache.zones).to.deep.equal(['own.example', 'b.example', 'one.cat', 'a.example']);
    bed.consumer.setSettings(settingsOf({ catalogs: [Name.parse('one.cat')] }));
    expect(bed.members).to.deep.equal(['a.example', 'b.example']);
    bed.consumer.close();
    await bed.update('one.cat');
    expect(bed.members).to.deep.equal(['a.example', 'b.example']);
  });
});
