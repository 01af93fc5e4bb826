import { expect } from 'chai';
import { accessYaml } from '../../../cli/from-config/access-yaml.ts';
import type { FoundPeer, OldConfig } from '../../../cli/from-config/old-config.ts';
import { normalOld, planAccess, type Plan } from '../../../cli/from-config/plan.ts';
import { isComplete, planInWords } from '../../../cli/from-config/report.ts';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import { Name } from '../../../core/dns/name.ts';

const at = { file: 'named.conf', line: 7 };

function peer(found: Partial<FoundPeer>): FoundPeer {
  return { zones: ['example.com'], actions: ['transfer'], at, ...found };
}

function config(peers: readonly FoundPeer[], more: Partial<OldConfig> = {}): OldConfig {
  return { kind: 'bind', zones: ['example.com'], peers, open: [], unknown: [], ...more };
}

function plan(old: OldConfig, names: Record<string, string> = {}, without: string[] = []): Plan {
  return planAccess(old, {
    names: new Map(Object.entries(names).map(([key, name]) => [normalOld(key), name])),
    without: new Set(without.map(normalOld)),
  });
}

function names(made: Plan): string[] {
  return made.clients.map(({ name }) => name);
}

describe('planAccess', () => {
  describe('takes the name of a key', () => {
    const keys: Record<string, string | undefined> = {
      'ns2.example.net': '_xfr.ns2.example.net',
      '_xfr.ns2.example.net': '_xfr.ns2.example.net',
      'a.b': '_xfr.a.b',
      'transfer-key': undefined,
      'host one.example': undefined,
      'weird\\032key.example': undefined,
      '.': undefined,
      [`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`]: undefined,
    };
    for (const [keyName, name] of Object.entries(keys)) {
      it(`${keyName.slice(0, 30)} for ${name ?? 'none'}`, () => {
        const made = plan(config([peer({ keyName })]));
        expect(names(made)).to.deep.equal(name === undefined ? [] : [name]);
        expect(made.needsName.map(({ pass }) => pass)).to.deep.equal(
          name === undefined ? [`--name ${/[ \\]/.test(keyName) ? `'${keyName}'` : keyName}=NAME`] : [],
        );
      });
    }
  });

  const both = peer({ keyName: 'k.example', address: '192.0.2.2', label: 'partners' });

  it('asks for the name of an address, and of the addresses in a prefix or range', () => {
    const addresses = ['192.0.2.2', '2001:db8::/48', '10.0.0.0&255.0.0.0', '192.0.2.8-192.0.2.9'];
    const made = plan(config(addresses.map((address) => peer({ address }))));
    expect(made.needsName.map(({ pass }) => pass)).to.deep.equal([
      '--name 192.0.2.2=NAME',
      '--name 2001:db8::/48="*.NAME"',
      `--name '10.0.0.0&255.0.0.0'="*.NAME"`,
      '--name 192.0.2.8-192.0.2.9="*.NAME"',
    ]);
    expect(made.clients).to.deep.equal([]);
  });

  it('takes a name by address first, then by key, then by acl, then from the key', () => {
    const all = { '192.0.2.2': 'a.example', 'K.example.': 'b.example', partners: 'c.example' };
    expect(names(plan(config([both]), all))).to.deep.equal(['a.example']);
    expect(names(plan(config([both]), { 'K.example.': 'b.example', partners: 'c.example' }))).to.deep.equal([
      'b.example',
    ]);
    expect(names(plan(config([both]), { partners: 'c.example' }))).to.deep.equal(['c.example']);
    expect(names(plan(config([both])))).to.deep.equal(['_xfr.k.example']);
  });

  it('leaves out who is to be left out, by any of the three', () => {
    for (const old of ['192.0.2.2/32', 'k.Example', 'partners']) {
      const made = plan(config([both]), {}, [old]);
      expect([made.clients, made.needsName, made.unused]).to.deep.equal([[], [], []]);
    }
  });

  it('makes one client of two that have one name, with all that both may', () => {
    const old = config([
      peer({ keyName: 'k', actions: ['update'] }),
      peer({ address: '2001:DB8::1', zones: ['example.com', 'b.example'] }),
    ]);
    const made = plan(old, { k: 'n.example', '2001:db8:0::1': 'n.example' });
    expect(made.clients.map(({ name, allow, comment }) => ({ name, allow, comment }))).to.deep.equal([
      {
        name: 'n.example',
        allow: [
          { action: 'transfer', zones: ['example.com', 'b.example'] },
          { action: 'update', zones: ['example.com'] },
        ],
        comment: 'was key k (named.conf:7), 2001:DB8::1 (named.conf:7)',
      },
    ]);
  });

  it('says which names fit nothing', () => {
    expect(plan(config([both]), { nobody: 'n.example' }, ['192.0.2.99']).unused).to.deep.equal([
      'nobody',
      '192.0.2.99',
    ]);
  });

  it('takes a key apart that several machines share, where one of them is named', () => {
    const told = (address: string) => ({ address, keyName: 'k.example', zones: ['example.com'], at });
    const old = config([peer({ keyName: 'k.example' })], {
      notified: [told('192.0.2.2'), told('192.0.2.3')],
    });
    const unsaid = plan(old);
    expect(unsaid.clients.map(({ sharedBy }) => sharedBy)).to.deep.equal([['192.0.2.2', '192.0.2.3']]);
    expect(isComplete(old, unsaid)).to.equal(false);
    const said = { '192.0.2.2': 'two.example', '192.0.2.3': 'three.example' };
    const made = plan(old, said);
    expect(names(made)).to.deep.equal(['two.example', 'three.example']);
    expect([isComplete(old, made), made.unused]).to.deep.equal([true, []]);
    expect(names(plan(old, { '192.0.2.2': 'two.example' }))).to.deep.equal(['two.example', '_xfr.k.example']);
  });

  it('proposes the name of the key that an address is told of changes with', () => {
    const notified = [{ address: '192.0.2.2', keyName: 'ns2.example', zones: [], at }];
    const made = plan(config([peer({ address: '192.0.2.2' })], { notified }));
    expect(made.needsName[0]?.pass).to.equal('--name 192.0.2.2=_xfr.ns2.example');
  });

  it('makes a role of what several clients share, once, and of nothing else', () => {
    const zones = ['a.example', 'b.example'];
    const made = plan(
      config([
        peer({ keyName: 'one.example', zones }),
        peer({ keyName: 'two.example', zones }),
        peer({ keyName: 'three.example', zones: ['c.example'] }),
        peer({ keyName: 'four.example', zones: ['c.example'] }),
        peer({ keyName: 'five.example', zones: ['d.example'] }),
        peer({ keyName: 'six.example', actions: ['update'] }),
        peer({ keyName: 'seven.example', actions: ['update'] }),
        peer({ keyName: 'eight.example', actions: ['notify'] }),
        peer({ keyName: 'nine.example', actions: ['notify'] }),
      ]),
    );
    expect([...made.roles.keys()]).to.deep.equal(['secondary', 'secondary-2', 'updater', 'primary']);
    expect(made.clients.map(({ role }) => role)).to.deep.equal([
      ...['secondary', 'secondary', 'secondary-2', 'secondary-2'],
      ...[undefined, 'updater', 'updater', 'primary', 'primary'],
    ]);
  });

  it('tells each secondary what to do, and the primary', () => {
    const made = plan(config([both], { steps: ['something special'] }));
    expect(made.secondaries.map(({ name }) => name)).to.deep.equal(['_xfr.k.example']);
    const steps = made.secondaries[0]?.steps.join('\n');
    for (const words of [
      'danced keygen _xfr.k.example',
      'TLSA',
      'DNSSEC',
      'port 853',
      'key k.example',
      'docs/interop.md',
    ]) {
      expect(steps).to.include(words);
    }
    expect(made.primary.join('\n')).to.include('127.0.0.1').and.to.include('something special');
    const updates = plan(config([peer({ keyName: 'u.example', actions: ['update'] })]));
    expect([updates.secondaries, updates.primary]).to.deep.equal([[], []]);
  });

  it('tells machines with names below one that each has its own', () => {
    const made = plan(config([peer({ address: '192.0.2.0/24' })]), { '192.0.2.0/24': '*.site.example' });
    expect(made.secondaries[0]?.steps.join('\n')).to.include('danced keygen NAME.site.example');
  });
});

describe('accessYaml', () => {
  it('writes a list that the gate reads, whatever the names are', () => {
    const zones = [
      '1.e5',
      'true',
      'a b.example'.replace(' ', '\\032'),
      '2.0.192.in-addr.arpa',
      '0/25.2.0.192.in-addr.arpa',
      '.',
      'xn--4ca.example',
      '1.2',
      'null.',
      '"q".example'.replaceAll('"', '\\"'),
    ];
    const made = plan(
      config([peer({ address: '192.0.2.1', zones }), peer({ keyName: 'k.example', zones })]),
      {
        '192.0.2.1': '*.1.e5',
      },
    );
    const list = parseAccessList(accessYaml(made, 'a title\nclients: {}'), 'made.yaml');
    expect([...list.entries()].map(({ pattern }) => pattern)).to.have.members(['*.1.e5', '_xfr.k.example']);
    const allow = list.roles.get('secondary')?.allow[0];
    expect(allow?.zones?.patterns).to.have.length(zones.length);
    for (const zone of zones) expect(allow?.zones?.has(Name.parse(zone)), zone).to.equal(true);
  });

  it('writes nobody', () => {
    const list = parseAccessList(accessYaml(plan(config([])), 't'), 'made.yaml');
    expect(list.size).to.equal(0);
  });

  it('writes more zones than one rule may have, and comments no longer than they may be', () => {
    const zones = Array.from({ length: 100_001 }, (_, n) => `z${String(n)}.example`);
    const peers = Array.from({ length: 50 }, (_, n) =>
      peer({
        address: `192.0.2.${String(n)}`,
        label: 'all',
        zones,
        at: { file: 'ä\n'.repeat(100), line: n },
      }),
    );
    const yaml = accessYaml(plan(config(peers), { all: 'n.example' }), 't');
    const list = parseAccessList(yaml, 'made.yaml');
    const entry = list.entryFor(Name.parse('n.example'));
    expect(entry?.rights.allow.map(({ zones: each }) => each?.patterns.length)).to.deep.equal([100_000, 1]);
    expect(entry?.rights.comment).to.match(/^was 192\.0\.2\.0 \(.*and 49 more$/);
  });
});

describe('planInWords', () => {
  it('says first what is open, and shows no character that a terminal obeys', () => {
    const evil = '\u001b[2J';
    const old = config([peer({ keyName: `k${evil}`, label: evil })], {
      open: [{ zone: evil, at: { file: evil, line: 1 }, what: `transfer: ${evil}` }],
      unknown: [{ at: { file: evil, line: 1 }, statement: evil, why: evil }],
      notified: [{ address: '192.0.2.9', zones: [evil], at }],
    });
    const lines = planInWords(`${evil}.conf`, old, plan(old, { [evil]: 'n.example', x: 'y.example' }));
    expect(lines.join('\n')).not.to.include('\u001b');
    expect(lines[2]).to.match(/^OPEN TO ANYBODY TODAY/);
    expect(lines[3]).to.include('changes are told to 192.0.2.9');
  });
});
