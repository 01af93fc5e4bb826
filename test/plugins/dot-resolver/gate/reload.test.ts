import { expect } from 'chai';
import { ConfigError } from '../../../../core/config/errors.ts';
import { RrType } from '../../../../core/dns/constants.ts';
import { until } from '../../../support/gate.ts';
import { query } from '../../../core/answer/wire.ts';
import { parseMessage } from '../../../../core/dns/message.ts';
import { codesOf, textsOf, type Visitor } from '../../../support/answer-gate-bed.ts';
import { GateBed, zoneOf } from './gate-bed.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';

const txt = { type: RrType.TXT };

describe('the gate of dot-resolver, given another configuration', () => {
  let one: HeldUpstream;
  let two: HeldUpstream;
  let bed: GateBed;
  let member: Visitor;

  beforeEach(async () => {
    [one, two] = [await HeldUpstream.start('one'), await HeldUpstream.start('two')];
    bed = new GateBed({
      config: config({}),
      access: `
clients:
  "*.member.example": { allow: [{ action: resolve }] }
  "*.inner.example": { allow: [{ action: resolve, view: inner }] }
  "*.guest.example": { roles: [guest], allow: [{ action: resolve }] }
`,
      files: { 'corp.zone': zoneOf('first'), 'blocked.txt': 'ads.example\n' },
    });
    member = bed.connect('a.member.example');
  });

  afterEach(async () => {
    await bed.close();
    await Promise.all([one.close(), two.close()]);
  });

  function config(
    inDefault: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, unknown>> = {},
  ): Readonly<Record<string, unknown>> {
    const view = {
      transport: 'tcp',
      upstreams: [one.at],
      zones: { 'corp.example': 'corp.zone' },
      blocked: 'blocked.txt',
    };
    return {
      views: { default: { ...view, ...inDefault }, inner: { upstreams: [two.at], transport: 'tcp' } },
      ...more,
    };
  }

  async function hears(visitor: Visitor, name: string): Promise<string> {
    const answer = await visitor.ask(name, txt);
    return [codesOf(answer), ...textsOf(answer)].join(' ');
  }

  /** After this long a connection asks the access list again, and sees what has changed. */
  function passMoment(): void {
    bed.nowMs += 1_000;
  }

  it('asks the new upstreams, and gives nothing that the old ones said', async () => {
    expect(await hears(member, 'www.example')).to.equal('0 one');
    bed.reload(config({ upstreams: [two.at] }));
    passMoment();
    expect(await hears(member, 'www.example')).to.equal('0 two');
    expect(await hears(bed.connect('b.member.example'), 'www.example')).to.equal('0 two');
  });

  it('keeps the memory of views that stay the same', async () => {
    const inner = bed.connect('a.inner.example');
    await hears(member, 'www.example');
    await hears(inner, 'www.example');
    bed.reload(config({ upstreams: [two.at] }));
    passMoment();
    expect(await hears(inner, 'www.example')).to.equal('0 two');
    await hears(member, 'www.example');
    expect(one.heard).to.have.length(1);
    // Once for the view that was there, once for the new one.
    expect(two.heard).to.have.length(2);
  });

  it('answers what is under way from the view that was asked', async () => {
    one.isHeld = true;
    await member.send(query('slow.example', { ...txt, id: 999, options: [] }));
    await until('the upstream has heard it', () => one.heard.length === 1, 20_000);
    bed.reload(config({ upstreams: [two.at] }));
    one.release();
    await until('an answer', () => member.replies.length === 1, 20_000);
    expect(textsOf(parseMessage(member.replies[0]!))).to.deep.equal(['one']);
    passMoment();
    expect(await hears(member, 'slow.example')).to.equal('0 two');
  });

  it('reads files again, and gives nothing of what was said before', async () => {
    expect(await hears(member, 'www.corp.example')).to.equal('0 first');
    expect(await hears(member, 'ads.example')).to.equal('3 15');
    expect(await hears(member, 'new.example')).to.equal('0 one');
    bed.write({ 'corp.zone': zoneOf('second'), 'blocked.txt': 'new.example\n' });
    expect(await hears(member, 'www.corp.example')).to.equal('0 first');
    bed.reload(config({}));
    expect(await hears(member, 'www.corp.example')).to.equal('0 second');
    expect(await hears(member, 'ads.example')).to.equal('0 one');
    expect(await hears(member, 'new.example')).to.equal('3 15');
  });

  it('keeps what it read before where a file is broken, and says so', async () => {
    await hears(member, 'www.example');
    for (const broken of [{ 'corp.zone': 'no zone file' }, { 'blocked.txt': 'a..b' }]) {
      bed.log.forget();
      bed.write(broken);
      bed.reload(config({}));
      expect(bed.log.of('view kept')[0]).to.deep.include({ level: 'error' });
      expect(await hears(member, 'www.corp.example')).to.equal('0 first');
      expect(await hears(member, 'ads.example')).to.equal('3 15');
      bed.write({ 'corp.zone': zoneOf('first'), 'blocked.txt': 'ads.example\n' });
    }
    await hears(member, 'www.example');
    expect(one.heard, 'memory is kept too').to.have.length(1);
  });

  it('stays as it was as a whole if a new view cannot be made', async () => {
    const broken = config(
      { upstreams: [two.at] },
      { 'log-queries': true, roles: { guest: { rate: '1/s', burst: 1 } } },
    );
    const views = { ...(broken['views'] as object), extra: { zones: { 'extra.example': 'missing.zone' } } };
    expect(() => {
      bed.reload({ ...broken, views });
    }).to.throw(ConfigError, 'missing.zone');
    passMoment();
    expect(await hears(member, 'www.example')).to.equal('0 one');
    const guest = bed.connect('a.guest.example');
    for (let index = 0; index < 5; index += 1) expect(await hears(guest, 'www.example')).to.equal('0 one');
    expect(bed.log.of('query')).to.deep.equal([]);
  });

  it('takes new limits of roles and of connections, and where questions go to the log', async () => {
    const guest = bed.connect('a.guest.example');
    const more = {
      'log-queries': true,
      roles: { guest: { rate: '1/s', burst: 1 } },
      limits: { 'idle-time': '7s' },
    };
    bed.reload(config({}, more));
    passMoment();
    expect(await hears(guest, 'www.example')).to.equal('0 one');
    expect(await hears(guest, 'www.example')).to.equal('2 0');
    expect(bed.log.of('query')).to.have.length(1);
    expect(bed.limits).to.include({ 'idle-time': 7_000 });
    expect(bed.tls).to.include({ onFailure: 'alert' });
  });

  it('forgets a view that is gone: its members are told that it is not set up', async () => {
    const inner = bed.connect('a.inner.example');
    expect(await hears(inner, 'www.example')).to.equal('0 two');
    const { default: view } = config({})['views'] as { default: object };
    bed.reload({ views: { default: view } });
    passMoment();
    expect(await hears(inner, 'www.example')).to.equal('2 14');
    bed.reload(config({}));
    passMoment();
    expect(await hears(inner, 'www.example')).to.equal('0 two');
    expect(two.heard, 'nothing of the view before').to.have.length(2);
  });
});
