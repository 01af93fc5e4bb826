import { expect } from 'chai';
import type { Explanation } from '../../../cli/access/explanation.ts';
import { AccessCommand } from '../../support/access-command.ts';

const text = `version: 1
roles:
  secondary:
    allow: [{ action: transfer, zones: ["*"], rate: 10/s, burst: 50, transfers-at-once: 2 }]
    deny: [{ action: transfer, zones: [hr.example.com] }]
anonymous: { allow: [{ action: query }] }
clients:
  ns2.example: { roles: [secondary, gold], allow: [{ action: notify, zones: [example.com], not-before: 2099-01-01 }] }
  ns3.example: { allow: [{ action: transfer, zones: [example.com, b.example, c.example, d.example, e.example] }], comment: "ask\u00a0Ann" }
  "*.device.example": { roles: [device], allow: [{ action: resolve, view: internal, not-after: 2020-01-01 }] }
  nothing.example: { allow: [] }
`;

describe('danced access list and show', () => {
  const access = new AccessCommand();
  before(() => {
    access.write(text);
  });
  after(() => {
    access.close();
  });

  /** First words of the rows. */
  async function listed(...args: string[]): Promise<string[]> {
    const { exitCode, stdout } = await access.run('list', ...args);
    expect(exitCode).to.equal(0);
    return stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(' ', 1)[0] ?? '');
  }

  describe('list', () => {
    it('prints a row for each client, and what it may do in short', async () => {
      const { exitCode, stdout, stderr } = await access.run('list');
      expect(exitCode).to.equal(0);
      expect(stdout.split('\n')).to.deep.equal([
        'NAME              ROLES           RULES                                             COMMENT',
        '(anonymous)                       query every zone',
        'ns2.example       secondary,gold  notify example.com',
        'ns3.example                       transfer example.com, b.example, c.example and 2 more  ask\u00a0Ann',
        'nothing.example',
        '*.device.example  device          resolve every zone (view internal)',
        '',
      ]);
      expect(stderr).to.equal(`4 clients in ${access.file}\n`);
    });

    const filters: Record<string, { args: string[]; finds: string[] }> = {
      'text in the name': { args: ['NS'], finds: ['ns2.example', 'ns3.example'] },
      'a text with a star': {
        args: ['*.example'],
        finds: ['ns2.example', 'ns3.example', 'nothing.example', '*.device.example'],
      },
      'a dot, which is no sign of its own': { args: ['n.2'], finds: [] },
      'names below one': { args: ['--below', 'device.example'], finds: ['*.device.example'] },
      'a role': { args: ['--role', 'gold'], finds: ['ns2.example'] },
      'an action, by a role too': { args: ['--action', 'transfer'], finds: ['ns2.example', 'ns3.example'] },
      'a zone, now': { args: ['--zone', 'hr.example.com'], finds: ['(anonymous)'] },
      'a zone and an action': {
        args: ['--zone', 'example.com', '--action', 'transfer'],
        finds: ['ns2.example', 'ns3.example'],
      },
      'a rule that is over': { args: ['--zone', 'x.example', '--action', 'resolve'], finds: [] },
    };
    for (const [title, { args, finds }] of Object.entries(filters)) {
      it(`finds by ${title}`, async () => {
        expect(await listed(...args)).to.deep.equal(finds);
      });
    }

    it('prints one JSON document', async () => {
      const { stdout } = await access.run('list', '--json', '--role', 'gold');
      const facts = JSON.parse(stdout) as {
        clients: unknown[];
        roles: Record<string, unknown>;
        anonymous: unknown;
      };
      expect(facts.clients).to.deep.equal([
        {
          pattern: 'ns2.example',
          line: 8,
          roles: ['secondary', 'gold'],
          allow: [{ action: 'notify', zones: ['example.com'], 'not-before': '2099-01-01T00:00:00Z' }],
        },
      ]);
      expect([Object.keys(facts.roles), facts.anonymous]).to.deep.equal([['secondary'], null]);
      const none = await access.run('list', '--json', 'nobody');
      expect((JSON.parse(none.stdout) as { clients: unknown[] }).clients).to.deep.equal([]);
    });

    it('says where the file is wrong', async () => {
      const file = access.write(
        'version: 1\nclients:\n  a.example: { allow: [{ action: transfer }] }\n',
        'wrong.yaml',
      );
      const { exitCode, stderr } = await access.raw('list', '--file', file);
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(
        /wrong\.yaml:3:\d+: clients\["a\.example"\]\.allow\[0\]\.zones: missing; write the zones/,
      );
      expect((await access.raw('list', '--file', `${file}x`)).stderr).to.include('there is no such file');
    });

    it('takes a file or a configuration, not both', async () => {
      const { exitCode, stderr } = await access.run('list', '-c', 'x.yaml');
      expect(exitCode).to.equal(2);
      expect(stderr).to.include(
        "option '--file <access.yaml>' cannot be used with option '-c, --config <file>'",
      );
    });
  });

  describe('show', () => {
    async function shown(name: string): Promise<{ exitCode: number; facts: Explanation; words: string }> {
      const { exitCode, stdout } = await access.run('show', name, '--json');
      return {
        exitCode,
        facts: JSON.parse(stdout) as Explanation,
        words: (await access.run('show', name)).stdout,
      };
    }

    it('has every rule in the order in which they decide, those of roles too', async () => {
      const { exitCode, facts, words } = await shown('NS2.example');
      expect(exitCode).to.equal(0);
      expect(facts.rules.map(({ rule, when }) => [rule, when])).to.deep.equal([
        ['role secondary: deny 1', 'now'],
        ['allow 1', 'not-yet'],
        ['role secondary: allow 1', 'now'],
      ]);
      expect(facts.rules[2]?.written).to.deep.equal({
        action: 'transfer',
        zones: ['*'],
        rate: '10/s',
        burst: 50,
        'transfers-at-once': 2,
      });
      expect(facts.roles).to.deep.equal([
        { role: 'secondary', defined: true },
        { role: 'gold', defined: false },
      ]);
      expect(words).to.include(`ns2.example has an entry of its own in ${access.file} (line 8)`);
      expect(words).to.include('words for plugins and logs alone: gold');
      expect(words).to.match(/allow 1 +notify example\.com +not in force yet \(from 2099-01-01T00:00:00Z\)/);
      expect(words).to.match(
        /role secondary: allow 1 +transfer every zone +rate 10\/s, burst 50, transfers-at-once 2 +in force/,
      );
    });

    it('says which patterns were tried', async () => {
      const { exitCode, facts, words } = await shown('a.b.device.example');
      expect(exitCode).to.equal(0);
      expect(facts.tried).to.deep.equal([
        { pattern: 'a.b.device.example', found: false },
        { pattern: '*.b.device.example', found: false },
        { pattern: '*.device.example', found: true },
        { pattern: '*.example', found: false },
      ]);
      expect(words).to.include('*.device.example decides for a.b.device.example');
      expect(words).to.match(/allow 1 .*over \(until 2020-01-01T23:59:59\.999Z\)/);
    });

    it('does not say of *.name without an entry that those below it are turned away', async () => {
      const { exitCode, facts, words } = await shown('*.x.device.example');
      expect([exitCode, facts.known]).to.deep.equal([1, false]);
      expect(words).to.include('danced access show x.x.device.example').and.not.to.include('turned away');
    });

    it('ends with 1 for a name that the list does not know', async () => {
      const { exitCode, facts, words } = await shown('x.y.example');
      expect([exitCode, facts.known, facts.entry]).to.deep.equal([1, false, null]);
      expect(words)
        .to.include('is turned away')
        .and.to.include('looked for: x.y.example, *.y.example, *.example');
    });

    it('takes no *.name for the name of a server’s records [RFC6698-3]', async () => {
      const { exitCode, words } = await shown('_25._tcp.device.example');
      expect(exitCode).to.equal(1);
      expect(words).to.include('for which no *.name counts');
    });

    it('knows patterns, roles and anonymous', async () => {
      expect((await shown('*.device.example')).facts.entry?.['pattern']).to.equal('*.device.example');
      expect((await shown('*.b.device.example')).exitCode).to.equal(1);
      expect((await shown('role:secondary')).facts.rules).to.have.length(2);
      expect((await shown('role:gold')).exitCode).to.equal(1);
      expect((await shown('anonymous')).words).to.include('query every zone');
      expect((await shown('anonymous.')).exitCode).to.equal(1);
    });

    it('says that nothing is allowed', async () => {
      expect((await shown('nothing.example')).words).to.include('It may do nothing.');
    });

    for (const [name, words] of [
      ['a..b', 'not a domain name'],
      ['*', 'has a * that is not the whole first label'],
      ['*.', 'would be every name there is'],
      ['a.*.example', 'has a * that is not the whole first label'],
      ['role:A', 'is not a word of a-z'],
      ['bücher.example', 'xn--bcher-kva.example'],
    ] as const) {
      it(`says what is wrong with ${name}`, async () => {
        const { exitCode, stderr } = await access.run('show', name);
        expect(exitCode).to.equal(2);
        expect(stderr).to.include(words);
      });
    }
  });
});
