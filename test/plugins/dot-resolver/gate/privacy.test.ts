import { expect } from 'chai';
import { EdnsOptionCode, RrType } from '../../../../core/dns/constants.ts';
import { findOption } from '../../../../core/dns/edns.ts';
import { until } from '../../../support/gate.ts';
import { unusedPort } from '../../../support/dns-server.ts';
import { query } from '../../../core/answer/wire.ts';
import { codesOf, type Visitor } from '../../../support/answer-gate-bed.ts';
import { GateBed, zoneOf } from './gate-bed.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';

const txt = { type: RrType.TXT };
const subnet = { code: EdnsOptionCode.CLIENT_SUBNET, data: Buffer.from([0, 1, 24, 0, 198, 51, 100]) };

describe('what the gate of dot-resolver tells of its members', () => {
  let upstream: HeldUpstream;
  let bed: GateBed;

  async function open(config: Readonly<Record<string, unknown>>): Promise<void> {
    upstream = await HeldUpstream.start('here');
    const dead = `127.0.0.1:${String(await unusedPort())}`;
    bed = new GateBed({
      config: {
        views: {
          default: { upstreams: [upstream.at], zones: { 'corp.example': 'corp.zone' }, transport: 'tcp' },
          broken: { upstreams: [dead], transport: 'tcp' },
        },
        ...config,
      },
      access: `
clients:
  "*.member.example": { roles: [staff], allow: [{ action: resolve }] }
  "*.picky.example": { roles: [staff], allow: [{ action: resolve, zones: ["*"] }] }
  "*.broken.example": { roles: [staff], allow: [{ action: resolve, view: broken }] }
`,
      files: { 'corp.zone': zoneOf('corp') },
    });
  }

  afterEach(async () => {
    await bed.close();
    await upstream.close();
  });

  /** What members do in a day. */
  async function serve(): Promise<readonly Visitor[]> {
    const visitors = ['mary.member.example', 'paul.picky.example', 'bob.broken.example'].map((name) =>
      bed.connect(name),
    );
    for (const visitor of visitors) {
      for (const name of ['www.corp.example', 'elsewhere.example', 'elsewhere.example'])
        await visitor.ask(name, txt);
    }
    return visitors;
  }

  const logText = (): string =>
    bed.log.lines
      .map((line) => JSON.stringify(line))
      .join('\n')
      .toLowerCase();

  /** Neither a name nor an address, nor a part of them. */
  function expectNobody(told: string, visitors: readonly Visitor[]): void {
    expect(told).to.not.equal('');
    for (const { client, remote } of visitors) {
      expect(told, 'names').to.not.include(client()!.name.toString());
      expect(told, 'addresses').to.not.include(remote);
    }
    for (const word of ['mary', 'paul', 'member.example', 'picky.example']) expect(told).to.not.include(word);
  }

  it('is nothing but their roles with privacy: role for those who watch decisions', async () => {
    await open({ privacy: 'role' });
    const events: string[] = [];
    bed.feed.watch((event) => events.push(JSON.stringify(event)));
    const visitors = await serve();
    const told = events.join('\n').toLowerCase();
    expectNobody(told, visitors);
  });

  for (const logQueries of [false, true]) {
    it(`is nothing but their roles with privacy: role, ${logQueries ? 'each question in the log' : 'no questions in the log'}`, async () => {
      await open({ privacy: 'role', 'log-queries': logQueries });
      const visitors = await serve();
      bed.reload({
        privacy: 'role',
        views: { default: { upstreams: [upstream.at] } },
      });
      await visitors[0]!.ask('www.later.example', txt);
      expect(bed.listener?.whoIsServed).to.equal('hidden');
      expect(bed.log.of('query').length).to.equal(logQueries ? 9 : 0);
      expectNobody(logText(), visitors);
    });
  }

  it('with privacy: role has questions with roles, and nothing that puts those of one member together', async () => {
    await open({ privacy: 'role', 'log-queries': true });
    await serve();
    for (const { fields } of bed.log.of('query')) {
      expect(fields).to.include({ roles: 'staff' });
      expect(fields).to.not.have.any.keys('client', 'connection', 'remote');
    }
  });

  it('with privacy: identity has who asked what, what he saw of it, and where it came from', async () => {
    await open({ 'log-queries': true });
    await serve();
    expect(bed.listener?.whoIsServed).to.equal('told');
    const lines = bed.log.of('query').map(({ fields }) => fields);
    expect(lines).to.have.length(9);
    const mary = {
      client: 'mary.member.example',
      roles: 'staff',
      view: 'default',
      type: 'TXT',
      rcode: 'NOERROR',
    };
    expect(lines[0]).to.include({ ...mary, name: 'www.corp.example', from: 'asked' });
    expect(lines[2]).to.include({ ...mary, name: 'elsewhere.example', from: 'memory' });
    const bob = { client: 'bob.broken.example', view: 'broken', rcode: 'SERVFAIL', from: 'failed' };
    expect(lines[7]).to.include(bob);
  });

  it('has no line for a question unless log-queries says so', async () => {
    await open({});
    await serve();
    expect(bed.log.of('query')).to.deep.equal([]);
    expect(logText()).to.not.include('elsewhere');
  });

  it('tells the operator when a view has no upstream that answers, not for each question', async () => {
    await open({ privacy: 'role' });
    const visitor = bed.connect('bob.broken.example');
    for (let index = 0; index < 50; index += 1) await visitor.ask(`n${String(index)}.example`);
    const lines = bed.log.of('question failed');
    expect(lines).to.have.length(50);
    expect(lines.filter(({ level }) => level === 'warn')).to.have.length(10);
    expect(lines[0]!.fields['failure']).to.match(/127\.0\.0\.1/);
  });

  describe('upstream', () => {
    const views = (more: Readonly<Record<string, unknown>>) => ({
      views: { default: { upstreams: [upstream.at], transport: 'tcp', ...more } },
    });

    it('is nothing: no options of theirs but DO, no ID, no case of a stub’s spelling is kept apart', async () => {
      await open({});
      const cookie = { code: EdnsOptionCode.COOKIE, data: Buffer.from('whoisthis') };
      const nsid = { code: EdnsOptionCode.NSID, data: Buffer.alloc(0) };
      await bed
        .connect('a.member.example')
        .ask('cookie.example', { options: [cookie, nsid, subnet], dnssecOk: true });
      const { edns, header } = upstream.heard.at(-1)!;
      expect(edns).to.deep.include({ dnssecOk: true, version: 0 });
      const codes = edns!.options.map(({ code }) => code);
      // The gate asks for keepalive on its own account.
      expect(codes.filter((code) => code !== EdnsOptionCode.TCP_KEEPALIVE)).to.deep.equal([]);
      expect(header).to.include({ rd: true, cd: false });
    });

    it('is no client subnet, and its answers are for all [RFC7871-11.1]', async () => {
      await open({});
      const visitor = bed.connect('a.member.example');
      await visitor.ask('geo.example', { ...txt, options: [subnet] });
      await visitor.ask('geo.example', txt);
      expect(upstream.heard).to.have.length(1);
      expect(findOption(upstream.heard[0]!.edns, EdnsOptionCode.CLIENT_SUBNET)).to.equal(undefined);
    });

    it('is the client subnet where the view says pass, and such an answer is for nobody else [RFC7871-7.3]', async () => {
      await open({});
      bed.reload(views({ 'client-subnet': 'pass' }));
      const visitor = bed.connect('a.member.example');
      const other = { ...subnet, data: Buffer.from([0, 1, 24, 0, 203, 0, 113]) };
      for (const options of [[subnet], [other], [subnet], []]) {
        upstream.mark = `for ${options.map(({ data }) => data.toString('hex')).join()}`;
        const answer = await visitor.ask('geo.example', { ...txt, options });
        expect(codesOf(answer)).to.equal('0');
        expect(JSON.stringify(answer.answers.map(({ rdata }) => rdata.toString('latin1')))).to.include(
          upstream.mark,
        );
        const passed = findOption(upstream.heard.at(-1)!.edns, EdnsOptionCode.CLIENT_SUBNET)?.data;
        expect(passed?.toString('hex')).to.equal(options[0]?.data.toString('hex'));
      }
      expect(upstream.heard).to.have.length(4);
      // Who does not ask by a subnet shares the answer that was given to none.
      await visitor.ask('geo.example', txt);
      expect(upstream.heard).to.have.length(4);
    });
  });

  it('of a question whose client is gone is nothing, and nobody waits', async () => {
    await open({ 'log-queries': true });
    upstream.isHeld = true;
    const visitor = bed.connect('mary.member.example');
    await visitor.send(query('gone.example', { ...txt, options: [] }));
    visitor.leave();
    upstream.release();
    await until('it is over', async () => (await bed.metric('resolve_questions')) === 0, 20_000);
    expect(visitor.replies).to.deep.equal([]);
    expect(logText()).to.not.include('gone.example');
  });
});
