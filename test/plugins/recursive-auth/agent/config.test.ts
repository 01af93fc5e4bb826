import { expect } from 'chai';
import { checkConfig } from '../../../../core/config/config.ts';
import { YamlDocument } from '../../../../core/config/document.ts';
import { ConfigError } from '../../../../core/config/errors.ts';
import { linkLimits } from '../../../../core/gates/limits.ts';
import { policyOf } from '../../../../core/gates/proof.ts';
import type { Plugin } from '../../../../core/plugin/contract.ts';
import { recursiveAgent } from '../../../../plugins/recursive-auth/agent/agent.ts';
import type { RecursiveAgentConfig } from '../../../../plugins/recursive-auth/agent/config.ts';

const pin = `${'A'.repeat(43)}=`;

function whole(agent: string, resolver = '192.0.2.53'): string {
  const lines = agent.split('\n').map((line) => `    ${line}\n`);
  return `version: 1
identity: { name: resolver.example, directory: identity }
resolver: { servers: [${resolver}] }
plugins:
  - use: recursive-auth/agent
${lines.join('')}`;
}

function read(text: string): RecursiveAgentConfig {
  const plugins = new Map<string, Plugin<unknown>>([[recursiveAgent.name, recursiveAgent]]);
  const { config } = checkConfig(YamlDocument.parse(text, 'danced.yaml'), plugins);
  return config.plugins[0]?.config as RecursiveAgentConfig;
}

function problems(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const zone = 'zones: [{ zone: corp.example, gates: ["192.0.2.1#ns1.corp.example"] }]';

describe('the configuration of an agent of authoritative servers', () => {
  it('needs zones only: strict, on loopback, proved by DANE, for this machine alone [RFC8310-5]', () => {
    const config = read(whole('zones: [{ zone: corp.example }]'));
    expect(config.listen).to.deep.equal([{ address: '127.0.0.1', port: 5354 }]);
    expect(config.zones.map(({ mode, gates, servers }) => [mode, gates, servers])).to.deep.equal([
      ['strict', undefined, undefined],
    ]);
    expect(config.allow.map(({ address, prefix }) => `${address}/${String(prefix)}`)).to.deep.equal([
      '127.0.0.0/8',
      '::1/128',
    ]);
    expect(policyOf(config, config.zones[0]!.zone, []).dane).to.equal('required');
    expect(linkLimits(config.limits)).to.include({ connections: 2, 'idle-time': 60_000 });
  });

  it('takes zones of both kinds', () => {
    const config = read(
      whole(`zones:
  - { zone: corp.example, gates: ["192.0.2.1#ns1.corp.example", ns2.corp.example, "192.0.2.3:8853#ns3.corp.example"] }
  - { zone: partner.example }
  - { zone: example.org, mode: opportunistic }
  - { zone: example.net, mode: opportunistic, servers: [192.0.2.9, "2001:db8::9"] }
state-file: /var/lib/danced/probing.json`),
    );
    expect(config.zones.map(({ mode }) => mode)).to.deep.equal([
      'strict',
      'strict',
      'opportunistic',
      'opportunistic',
    ]);
    expect(config.zones[0]!.gates?.map(({ text }) => text)).to.have.length(3);
  });

  const wrong: readonly (readonly [title: string, agent: string, says: RegExp])[] = [
    ['no zone', 'zones: []', /zones: is an empty list/],
    [
      'a zone twice',
      'zones: [{ zone: corp.example }, { zone: CORP.example }]',
      /zones\[1\]\.zone: CORP\.example is there already/,
    ],
    [
      'a gate twice',
      'zones: [{ zone: corp.example, gates: [a.example, a.example] }]',
      /zones\[0\]\.gates\[1\]: is there already/,
    ],
    [
      'gates of an opportunistic zone',
      'zones: [{ zone: corp.example, mode: opportunistic, gates: [a.example] }]',
      /zones\[0\]\.gates: are servers that prove themselves, and the mode of the zone is opportunistic/,
    ],
    [
      'addresses of a strict zone',
      'zones: [{ zone: corp.example, servers: [192.0.2.1] }]',
      /zones\[0\]\.servers: is for opportunistic zones: an address alone proves nothing/,
    ],
    [
      'a server by its name',
      'zones: [{ zone: corp.example, mode: opportunistic, servers: [ns1.corp.example] }]',
      /zones\[0\]\.servers\[0\]: "ns1\.corp\.example" is not an IP address/,
    ],
    [
      'a state file that nothing would be in',
      `${zone}\nstate-file: /var/lib/danced/probing.json`,
      /state-file: is for opportunistic zones, and there is none/,
    ],
    [
      'a gate that anybody could be',
      'zones: [{ zone: corp.example, gates: [192.0.2.1] }]',
      /zones\[0\]\.gates\[0\]: has no name after #, and there are no pins/,
    ],
    ['DANE off with nothing in its place', `${zone}\ndane: off`, /dane: is off, and neither roots nor pins/],
    [
      'DANE where no gate has a name',
      `zones: [{ zone: corp.example, gates: [192.0.2.1] }]\npins: ["${pin}"]\ndane: required`,
      /dane: needs names of gates/,
    ],
    [
      'pins where nobody proves anything',
      `zones: [{ zone: corp.example, mode: opportunistic }]\npins: ["${pin}"]`,
      /pins: is for strict zones, and there is none/,
    ],
    ['every address of the machine', `${zone}\nlisten: ["0.0.0.0:53"]`, /is every address of this machine/],
    ['nobody who may ask', `${zone}\nallow: []`, /allow: is an empty list/],
    ['an unknown key', `${zone}\nforward-only: true`, /forward-only: unknown key/],
    [
      'an unknown mode',
      'zones: [{ zone: corp.example, mode: lax }]',
      /zones\[0\]\.mode: .*strict.*opportunistic/,
    ],
  ];
  for (const [title, agent, says] of wrong) {
    it(`says what is wrong with ${title}`, () => {
      const said = problems(whole(agent));
      expect(said).to.have.length(1);
      expect(said[0]).to.match(says);
    });
  }

  it('says that its resolver is itself', () => {
    expect(problems(whole(zone, '"127.0.0.1:5354"')).join('\n')).to.match(
      /resolver\.servers\[0\]: is .*, where danced itself listens/,
    );
  });
});
