import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { registerFromConfig } from '../../../cli/access/from-config.ts';
import { decideByRights } from '../../../core/acl/decide.ts';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import type { Action } from '../../../core/acl/model.ts';
import { Name } from '../../../core/dns/name.ts';
import { runCommand, type CommandRun } from '../../support/run-command.ts';

const folder = import.meta.dirname;
/** What stands as the secret of every key of the fixtures. */
const secret = 'bm90IGEgc2VjcmV0';

interface Facts {
  readonly kind: string;
  readonly clients: readonly {
    name: string;
    allow: readonly { action: string; zones: readonly string[] }[];
  }[];
  readonly needsName: readonly { pass: string }[];
  readonly secondaries: readonly { name: string; steps: readonly string[] }[];
  readonly open: readonly { zone: string; line: number }[];
  readonly unknown: readonly { file: string; line: number; statement: string; why: string }[];
}

describe('danced access from-config', () => {
  let scratch: string;

  before(() => {
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'danced-from-config-'));
  });

  after(() => {
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  function run(file: string, ...args: string[]): Promise<CommandRun> {
    return runCommand(registerFromConfig, ['from-config', path.join(folder, file), ...args]);
  }

  async function factsOf(file: string, ...args: string[]): Promise<Facts> {
    return JSON.parse((await run(file, '--json', ...args)).stdout) as Facts;
  }

  /** Whether the list that was made lets a client do that. */
  function may(yaml: string, client: string, action: Action, zone: string): boolean {
    const list = parseAccessList(yaml, 'made.yaml');
    const entry = list.entryFor(Name.parse(client));
    if (entry === undefined) return false;
    const request = { action, zone: Name.parse(zone) };
    return decideByRights(entry.rights, list.roles, entry.pattern, request, 0).allowed;
  }

  function scratchFile(name: string, text: string | Buffer): string {
    const file = path.join(scratch, name);
    fs.writeFileSync(file, text);
    return path.relative(folder, file);
  }

  it('makes a list that lets the same do the same by their names', async () => {
    const names = [
      'office=_xfr.office.example',
      '192.0.2.1=_xfr.one.example',
      '203.0.113.1=_xfr.one.example',
    ];
    const { stdout } = await run('bind/acl-logic.conf', ...names.flatMap((name) => ['--name', name]));
    const asked: [string, string, boolean][] = [
      ['_xfr.office.example', 'one.example', true],
      ['_xfr.office.example', 'seven.example', true],
      ['_xfr.office.example', 'five.example', false],
      ['_xfr.one.example', 'one.example', true],
      ['_xfr.one.example', 'five.example', true],
      ['_xfr.b.example.net', 'one.example', true],
      ['_xfr.b.example.net', 'two.example', false],
      ['_xfr.a.example.net', 'three.example', true],
      ['_xfr.a.example.net', 'one.example', false],
      ['stranger.example', 'two.example', false],
    ];
    for (const [client, zone, expected] of asked) {
      expect(may(stdout, client, 'transfer', zone), `${client} ${zone}`).to.equal(expected);
    }
    expect(may(stdout, '_xfr.a.example.net', 'update', 'three.example')).to.equal(false);
  });

  it('ends with 0 when nothing is left, and says what to do', async () => {
    const names = ['--name', '192.0.2.2=_xfr.ns2.example.net', '--name', '2001:db8::2=_xfr.ns3.example.net'];
    const { exitCode, stdout, stderr } = await run('bind/hidden-primary.conf', ...names);
    expect(exitCode).to.equal(0);
    for (const client of ['_xfr.ns2.example.net', '_xfr.ns3.example.net']) {
      expect(may(stdout, client, 'transfer', 'example.org')).to.equal(true);
      expect(may(stdout, client, 'transfer', 'internal.example')).to.equal(false);
      expect(stderr).to.include(`${client} still needs its TLSA record`);
    }
    expect(stderr).to.include('On the primary:').and.to.include('allow-transfer { 127.0.0.1; }');
  });

  it('ends with 1 while peers have no name, or zones are open, or something is unknown', async () => {
    const nameless = await run('bind/old-style.conf');
    expect([nameless.exitCode, nameless.stderr]).to.satisfy(
      ([code, words]: [number, string]) => code === 1 && words.includes('--name 192.0.2.12=NAME'),
    );
    const named = await run('bind/old-style.conf', '--name', 'slaves=_xfr.ns.old.example');
    expect(named.exitCode).to.equal(0);
    const open = await run('bind/open.conf');
    expect(open.exitCode).to.equal(1);
    expect(open.stderr).to.include('OPEN TO ANYBODY TODAY').and.to.include('default.example');
    const unknown = await run('bind/catalog.conf');
    expect(unknown.exitCode).to.equal(1);
    expect(unknown.stderr).to.include('catalog.conf:10: allow-everything yes: not a statement');
    const unused = await run(
      'bind/old-style.conf',
      '--name',
      'slaves=_xfr.ns.old.example',
      '--without',
      'typo',
    );
    expect(unused.exitCode).to.equal(1);
    expect(unused.stderr).to.include('Named on the command line, and not in these files:\n  typo');
  });

  it('shows facts as JSON', async () => {
    const facts = await factsOf(
      'bind/dynamic.conf',
      '--name',
      'dhcp=dhcp.lan.example',
      '--without',
      '192.0.2.67',
    );
    expect(facts.kind).to.equal('bind');
    expect(facts.clients.map(({ name, allow }) => ({ name, allow }))).to.deep.equal([
      {
        name: 'dhcp.lan.example',
        allow: [
          { action: 'update', zones: ['lan.example'] },
          {
            action: 'update',
            zones: ['acme.example'],
            names: ['_acme-challenge.acme.example'],
            types: ['TXT'],
          },
        ],
      },
      { name: '_xfr.acme.web.example', allow: [{ action: 'update', zones: ['acme.example'] }] },
    ]);
    expect([facts.needsName, facts.secondaries]).to.deep.equal([[], []]);
    expect(facts.open).to.deep.equal([]);
    expect(facts.unknown.map(({ line, statement }) => `${String(line)} ${statement}`)).to.include(
      '17 deny dhcp name www.denied.example.;',
    );
  });

  it('finds absolute paths below --root', async () => {
    const root = path.join(folder, 'bind/debian');
    const args = ['--root', root, '--name', '198.51.100.7=_xfr.ns.example', '--without', '203.0.113.0/28'];
    const { exitCode, stdout } = await run('bind/debian/etc/bind/named.conf', ...args);
    expect(exitCode).to.equal(0);
    expect(may(stdout, '_xfr.ns.example', 'transfer', 'example.info')).to.equal(true);
  });

  it('includes what patterns fit, and says what it could not read', async () => {
    const { stdout, stderr } = await run('bind/split/named.conf');
    expect(may(stdout, '_xfr.ns1.hoster.example', 'transfer', 'a.example')).to.equal(true);
    expect(may(stdout, '_xfr.ns1.hoster.example', 'transfer', 'b.example')).to.equal(true);
    expect(stderr).to.include('generated.conf: there is no such file');
  });

  it('writes to a file, and replaces none but by force', async () => {
    const out = path.join(scratch, 'access.yaml');
    const args = ['--name', 'slaves=_xfr.ns.old.example', '--out', out];
    const first = await run('bind/old-style.conf', ...args);
    expect([first.exitCode, first.stdout]).to.deep.equal([0, '']);
    expect(may(fs.readFileSync(out, 'utf8'), '_xfr.ns.old.example', 'transfer', 'old.example')).to.equal(
      true,
    );
    fs.writeFileSync(out, 'mine');
    const second = await run('bind/old-style.conf', ...args);
    expect([second.exitCode, fs.readFileSync(out, 'utf8')]).to.deep.equal([2, 'mine']);
    expect(second.stderr).to.include('exists already; --force');
    expect((await run('bind/old-style.conf', ...args, '--force')).exitCode).to.equal(0);
    expect(fs.readFileSync(out, 'utf8')).to.include('_xfr.ns.old.example');
  });

  it('never shows a secret, of whatever kind of file', async () => {
    const secrets = new RegExp(`${secret}|c2VjcmV0`, 'i');
    for (const kind of ['bind', 'nsd', 'knot']) {
      const files = fs.readdirSync(path.join(folder, kind)).filter((name) => name.endsWith('.conf'));
      expect(files).to.have.length.greaterThan(4);
      for (const file of files) {
        for (const args of [[], ['--json']]) {
          const { stdout, stderr } = await run(path.join(kind, file), '--kind', kind, ...args);
          expect(stdout + stderr, file).not.to.match(secrets);
        }
      }
    }
  });

  it('makes a list that can be read of every file', async () => {
    let files = 0;
    for (const kind of ['bind', 'nsd', 'knot']) {
      for (const file of fs.readdirSync(path.join(folder, kind)).filter((name) => name.endsWith('.conf'))) {
        const { exitCode, stdout } = await run(path.join(kind, file), '--kind', kind);
        expect(exitCode, file).to.be.lessThan(2);
        parseAccessList(stdout, file);
        files += 1;
      }
    }
    expect(files).to.be.at.least(15);
  });

  describe('tells by the text whose configuration it is:', () => {
    const texts: Record<string, [name: string, text: string]> = {
      bind: ['a.conf', '// x\nzone "a.example" {\n type primary;\n};\n'],
      nsd: ['b.conf', 'zone:\n  name: a.example\n  provide-xfr: 192.0.2.1 NOKEY\n'],
      knot: ['c.conf', 'zone:\n  - domain: a.example\n'],
    };
    for (const [kind, [name, text]] of Object.entries(texts)) {
      it(kind, async () => {
        expect((await factsOf(scratchFile(name, text))).kind).to.equal(kind);
      });
    }

    it('by the name of the file where the text does not say', async () => {
      expect((await factsOf(scratchFile('named.conf', '// nothing\n'))).kind).to.equal('bind');
      const unsaid = await run(scratchFile('x.conf', '# nothing\n'));
      expect(unsaid.exitCode).to.equal(2);
      expect(unsaid.stderr).to.include('say --kind bind, nsd or knot');
    });
  });

  describe('says what is wrong with', () => {
    const cases: Record<string, { make: () => string[]; words: string }> = {
      'a file that is not there': {
        make: () => ['nothing.conf'],
        words: 'nothing.conf: there is no such file',
      },
      'a folder': { make: () => ['bind'], words: 'it is not a file' },
      'broken syntax': {
        make: () => [scratchFile('broken.conf', 'options {\n recursion no\n};\n')],
        words: 'broken.conf:3: a ; is missing',
      },
      'a file without end': {
        make: () => [scratchFile('long.conf', Buffer.alloc(16 * 1024 * 1024 + 1, '#'))],
        words: 'more than 16777216 octets',
      },
      'a name that is none': {
        make: () => ['bind/open.conf', '--name', '192.0.2.1=a..b'],
        words: 'The name after = is not a domain name',
      },
      'no name': { make: () => ['bind/open.conf', '--name', '192.0.2.1'], words: 'OLD=NAME would be right' },
      'two names for one': {
        make: () => ['bind/open.conf', '--name', '192.0.2.1=a.example', '--name', '192.0.2.1/32=b.example'],
        words: '192.0.2.1 has two names',
      },
      'an unknown kind': { make: () => ['bind/open.conf', '--kind', 'djbdns'], words: 'bind, nsd, knot' },
      'a view of what has none': {
        make: () => ['nsd/many-servers.conf', '--view', 'a'],
        words: '--view is about BIND',
      },
      'a view that is not there': {
        make: () => ['bind/views.conf', '--view', 'a'],
        words: 'there is no view a',
      },
      'an output that cannot be written': {
        make: () => ['bind/open.conf', '--out', path.join(scratch, 'no/such/folder')],
        words: 'there is no such file or directory',
      },
    };
    for (const [title, { make, words }] of Object.entries(cases)) {
      it(title, async () => {
        const [file = '', ...args] = make();
        const { exitCode, stdout, stderr } = await run(file, ...args);
        expect([exitCode, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.include(words);
      });
    }
  });
});
