import { expect } from 'chai';
import { checkConfig } from '../../../../core/config/config.ts';
import { YamlDocument } from '../../../../core/config/document.ts';
import { ConfigError } from '../../../../core/config/errors.ts';
import { linkLimits } from '../../../../core/gates/limits.ts';
import { policyOf } from '../../../../core/gates/proof.ts';
import type { Plugin } from '../../../../core/plugin/contract.ts';
import { dotAgent } from '../../../../plugins/dot-resolver/agent/agent.ts';
import { captiveNames, type AgentConfig } from '../../../../plugins/dot-resolver/agent/config.ts';
import { xotGate } from '../../../../plugins/xot/gate/gate.ts';

const pin = `${'A'.repeat(43)}=`;

function whole(agent: string, { resolver = '192.0.2.53', more = '' } = {}): string {
  return `version: 1
identity: { name: laptop.example, directory: identity }
resolver: { servers: [${resolver}] }
plugins:
  - use: dot-resolver/agent
${agent
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
${more}`;
}

function read(text: string): AgentConfig {
  const plugins = new Map<string, Plugin<unknown>>([
    [dotAgent.name, dotAgent],
    [xotGate.name, xotGate],
  ]);
  const { config } = checkConfig(YamlDocument.parse(text, 'danced.yaml'), plugins);
  return config.plugins[0]?.config as AgentConfig;
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

const gate = 'servers: ["192.0.2.1#resolver.example"]';

describe('the configuration of an agent', () => {
  it('needs gates only: it listens on loopback, DANE is required, and nothing goes in clear', () => {
    const config = read(whole(gate));
    expect(config.listen).to.deep.equal([{ address: '127.0.0.1', port: 53 }]);
    expect(policyOf(config, config.servers[0]!.name, [])).to.include({ dane: 'required' });
    expect(config.captive).to.equal(undefined);
    expect(linkLimits(config.limits)).to.include({ connections: 1, 'connect-time': 3000 });
  });

  it('takes pins for DANE unless both are said [RFC8310-6.4]', () => {
    const pinned = read(whole(`servers: ["192.0.2.1#resolver.example", 192.0.2.2]\npins: ["${pin}"]`));
    expect(pinned.servers.map((server) => policyOf(pinned, server.name, []).dane)).to.deep.equal([
      'off',
      'off',
    ]);
    const both = read(whole(`${gate}\npins: ["${pin}"]\ndane: required`));
    expect(policyOf(both, both.servers[0]!.name, []).dane).to.equal('required');
  });

  it('knows the names of connectivity checks by one word', () => {
    const config = read(
      whole(`${gate}\ncaptive: { resolvers: /run/resolv.conf, names: [well-known, login.example] }`),
    );
    const names = [...captiveNames(config).values()].map(String);
    expect(names).to.include.members(['captive.apple.com', 'detectportal.firefox.com', 'login.example']);
    expect(config.captive?.resolvers).to.deep.equal([{ file: '/run/resolv.conf' }]);
  });

  it('needs no access list, but a gate in the same file does', () => {
    const xot = '  - { use: xot/gate, listen: ["127.0.0.1:8853"], primary: 127.0.0.1, zones: [example] }';
    expect(problems(whole(gate, { more: xot }))).to.deep.equal([
      'danced.yaml:1:1: access: missing, and xot/gate serves whom it names; for example: access: { store: file, file: access.yaml }',
    ]);
  });

  const wrong: readonly (readonly [title: string, agent: string, says: RegExp])[] = [
    ['no gate', 'servers: []', /servers: is an empty list/],
    ['a gate twice', 'servers: [a.example, a.example]', /servers\[1\]: is there already/],
    [
      'a gate that anybody could be',
      'servers: [192.0.2.1]',
      /servers\[0\]: has no name after #, and there are no pins.*write 192\.0\.2\.1#NAME/,
    ],
    ['DANE off with nothing in its place', `${gate}\ndane: off`, /dane: is off, and neither roots nor pins/],
    [
      'DANE that may be missing, with nothing in its place',
      `${gate}\ndane: if-published`,
      /dane: is if-published/,
    ],
    [
      'DANE without names',
      `servers: [192.0.2.1]\npins: ["${pin}"]\ndane: required`,
      /dane: needs names of gates/,
    ],
    ['a pin that is none', `${gate}\npins: [abc]`, /pins\[0\]: "abc" is not a SHA-256 digest/],
    ['every address of the machine', `${gate}\nlisten: ["0.0.0.0:53"]`, /is every address of this machine/],
    [
      'a path that is none',
      `${gate}\ncaptive: { resolvers: resolv.conf, names: [well-known] }`,
      /captive\.resolvers\[0\]: "resolv\.conf" is neither an IP address nor a path/,
    ],
    ['captive without names', `${gate}\ncaptive: { resolvers: 192.0.2.1 }`, /captive\.names: missing/],
    ['an unknown key', `${gate}\nfallback: true`, /fallback: unknown key/],
  ];
  for (const [title, agent, says] of wrong) {
    it(`says what is wrong with ${title}`, () => {
      const said = problems(whole(agent));
      expect(said).to.have.length(1);
      expect(said[0]).to.match(says);
    });
  }

  const itself: readonly (readonly [resolver: string, listen: string])[] = [
    ['127.0.0.1', '127.0.0.1:53'],
    ['"127.0.0.1:5353"', '127.0.0.1:5353'],
    ['"[::1]"', '[::1]'],
  ];
  for (const [resolver, listen] of itself) {
    it(`says that its resolver ${resolver} is itself`, () => {
      const said = problems(whole(`${gate}\nlisten: ["${listen}"]`, { resolver }));
      expect(said).to.have.length(1);
      expect(said[0]).to.match(
        /resolver\.servers\[0\]: is .*, where danced itself listens \(plugins\[0\]\.listen\[0\]\): it would ask itself.*; write another resolver/,
      );
    });
  }

  it('takes a resolver on another port or address of loopback', () => {
    expect(problems(whole(gate, { resolver: '"127.0.0.1:5353", 127.0.0.53' }))).to.deep.equal([]);
  });
});
