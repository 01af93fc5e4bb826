import { expect } from 'chai';
import { ConfigError } from '../../../../core/config/errors.ts';
import { EdeCode, Rcode } from '../../../../core/dns/constants.ts';
import { answersOf, authoritiesOf, messageOf, openView, type ViewBed } from './view-bed.ts';

const soa = '$TTL 300\n@ SOA ns host 1 3600 600 86400 60\n';
const upstreams = ['127.0.0.1:5300'];

describe('the lists of a view', () => {
  const lists = (config: Record<string, unknown>, files: Record<string, string>): ViewBed =>
    openView({ upstreams, ...config }, files);
  const isForwarded = (bed: ViewBed, name: string): boolean => bed.ask(name) === undefined;

  it('block a name and all below it, with EDE 15 [RFC8914-4.16]', () => {
    const bed = lists({ blocked: 'b.txt' }, { 'b.txt': 'ads.example' });
    for (const asked of ['ads.example', 'x.ADS.example']) {
      const outcome = bed.ask(asked);
      expect(messageOf(outcome).header).to.include({ rcode: Rcode.NXDOMAIN, ra: true, aa: false });
      expect(outcome).to.include({ infoCode: EdeCode.BLOCKED });
      // A SOA record, so that the answer can be kept.
      expect(authoritiesOf(outcome)[0]).to.match(/^ads\.example\. 300 IN SOA .* 300$/i);
    }
    expect(isForwarded(bed, 'example')).to.equal(true);
  });

  for (const [how, rcode, authorities] of [
    ['nodata', Rcode.NOERROR, 1],
    ['refused', Rcode.REFUSED, 0],
  ] as const) {
    it(`block with ${how} where the configuration says so`, () => {
      const bed = lists({ blocked: 'b.txt', 'block-answer': how }, { 'b.txt': 'ads.example' });
      const outcome = bed.ask('ads.example');
      expect(messageOf(outcome).header.rcode).to.equal(rcode);
      expect(authoritiesOf(outcome)).to.have.length(authorities);
      expect(outcome).to.include({ infoCode: EdeCode.BLOCKED });
    });
  }

  it('refuse what is not allowed, with EDE 18 [RFC8914-4.19]', () => {
    const bed = lists({ allowed: 'a.txt' }, { 'a.txt': 'good.example' });
    const outcome = bed.ask('other.example');
    expect(messageOf(outcome).header.rcode).to.equal(Rcode.REFUSED);
    expect(outcome).to.include({ infoCode: EdeCode.PROHIBITED });
    expect(isForwarded(bed, 'www.good.example')).to.equal(true);
  });

  it('allow nothing with an empty list of allowed names', () => {
    const bed = lists({ allowed: 'a.txt' }, { 'a.txt': '# none\n' });
    expect(messageOf(bed.ask('other.example')).header.rcode).to.equal(Rcode.REFUSED);
  });

  it('let the longer name decide, and of equal ones the blocked', () => {
    const bed = lists(
      { blocked: ['b.txt', 'c.txt'], allowed: 'a.txt' },
      {
        'a.txt': 'example\ngood.ads.example\nsame.example',
        'b.txt': 'ads.example\nsame.example',
        'c.txt': 'bad.good.ads.example',
      },
    );
    expect(isForwarded(bed, 'www.example')).to.equal(true);
    expect(isForwarded(bed, 'x.ads.example')).to.equal(false);
    expect(isForwarded(bed, 'x.good.ads.example')).to.equal(true);
    expect(isForwarded(bed, 'x.bad.good.ads.example')).to.equal(false);
    expect(isForwarded(bed, 'same.example')).to.equal(false);
  });

  it('come before the local zones, and before where their aliases lead', () => {
    const bed = openView(
      { upstreams, zones: { 'corp.example': 'corp.zone' }, blocked: 'b.txt' },
      {
        'corp.zone': `${soa}bad A 192.0.2.1\na CNAME www.ads.example.`,
        'b.txt': 'bad.corp.example\nads.example',
      },
    );
    expect(messageOf(bed.ask('bad.corp.example')).header.rcode).to.equal(Rcode.NXDOMAIN);
    const alias = bed.ask('a.corp.example');
    expect(messageOf(alias).header.rcode).to.equal(Rcode.NXDOMAIN);
    expect(answersOf(alias)).to.deep.equal(['a.corp.example. 300 IN CNAME www.ads.example.']);
    expect(alias).to.include({ infoCode: EdeCode.BLOCKED });
    expect(bed.forwarded).to.deep.equal([]);
  });

  it('are counted', async () => {
    const bed = openView(
      { upstreams, zones: { 'corp.example': 'corp.zone' }, blocked: 'b.txt' },
      { 'corp.zone': soa, 'b.txt': 'ads.example' },
    );
    for (const asked of ['ads.example', 'x.corp.example', 'www.example', 'www.example']) bed.ask(asked);
    const text = await bed.metrics.text();
    for (const [from, count] of [
      ['list', 1],
      ['zone', 1],
      ['upstream', 2],
    ] as const) {
      expect(text).to.include(
        `danced_dot_view_answers_total{view="internal",from="${from}"} ${String(count)}\n`,
      );
    }
  });
});

describe('the files of a view', () => {
  const config = {
    upstreams,
    zones: { 'corp.example': 'corp.zone' },
    blocked: ['b.txt'],
    allowed: ['a.txt'],
  };
  const files = () => ({ 'corp.zone': `${soa}a A 192.0.2.1`, 'b.txt': 'ads.example', 'a.txt': 'example' });

  it('must be there and right when the view is made', () => {
    expect(() => openView(config, {})).to.throw(ConfigError, /^corp\.zone:1:1: there is no such file/);
    expect(() => openView(config, { ...files(), 'b.txt': 'a.example\nx x' })).to.throw(
      ConfigError,
      /^b\.txt:2:1: /,
    );
  });

  it('are read again, and raise the generation only if one has changed', () => {
    const bed = openView(config, files());
    const before = bed.view.generation;
    bed.view.reload();
    expect(bed.view.generation).to.equal(before);
    for (const [file, text, asked, rcode] of [
      ['corp.zone', `${soa}b A 192.0.2.1`, 'a.corp.example', Rcode.NXDOMAIN],
      ['b.txt', 'b.corp.example', 'b.corp.example', Rcode.NXDOMAIN],
      ['a.txt', 'other', 'x.corp.example', Rcode.REFUSED],
    ] as const) {
      const generation = bed.view.generation;
      bed.files[file] = text;
      bed.view.reload();
      expect(bed.view.generation, file).to.equal(generation + 1);
      expect(messageOf(bed.ask(asked)).header.rcode, file).to.equal(rcode);
    }
    expect(bed.log.of('view loaded')).to.have.length(3);
  });

  it('stay as they were, all of them, while one of them is wrong', () => {
    const bed = openView(config, files());
    const before = bed.view.generation;
    bed.files['corp.zone'] = `${soa}b A 192.0.2.1`;
    bed.files['b.txt'] = 'b.corp.example\nno name';
    bed.view.reload();
    expect(bed.view.generation).to.equal(before);
    expect(answersOf(bed.ask('a.corp.example'))).to.have.length(1);
    expect(bed.view.problem).to.match(
      /^view internal goes on with the files as they were before: b\.txt:2:1: /,
    );
    expect(bed.log.of('view kept')[0]!.fields).to.deep.include({ view: 'internal' });
    bed.files['b.txt'] = 'b.corp.example';
    bed.view.reload();
    expect(bed.view.problem).to.equal(undefined);
    expect(bed.view.generation).to.equal(before + 1);
    expect(messageOf(bed.ask('a.corp.example')).header.rcode).to.equal(Rcode.NXDOMAIN);
  });

  it('are what they were after a reload that changed nothing, a wrong one before it', () => {
    const bed = openView(config, files());
    const right = bed.files['b.txt']!;
    bed.files['b.txt'] = 'no name';
    bed.view.reload();
    bed.files['b.txt'] = right;
    bed.view.reload();
    expect(bed.view).to.include({ problem: undefined, generation: 1 });
  });

  it('are not larger than the limits, all lists of a kind together', () => {
    expect(() => openView(config, files(), { 'zone-octets': 20 })).to.throw(
      ConfigError,
      /corp\.zone:1:1: too large/,
    );
    expect(() => openView(config, files(), { 'zone-records': 1 })).to.throw(
      ConfigError,
      /corp\.zone:3:1: more than 1/,
    );
    const two = { ...config, blocked: ['b.txt', 'c.txt'] };
    const more = { ...files(), 'c.txt': 'c.example' };
    expect(() => openView(two, more, { 'list-octets': 15 })).to.throw(ConfigError, /c\.txt:1:1: too large/);
    expect(() => openView(two, more, { 'list-names': 1 })).to.throw(
      ConfigError,
      /c\.txt:1:1: more than 1 names/,
    );
  });
});
