import { expect } from 'chai';
import { checkConfig } from '../../../../core/config/config.ts';
import { YamlDocument } from '../../../../core/config/document.ts';
import { ConfigError } from '../../../../core/config/errors.ts';
import { Name } from '../../../../core/dns/name.ts';
import { xotAgent } from '../../../../plugins/xot/agent/agent.ts';
import type { XotAgentConfig } from '../../../../plugins/xot/agent/config.ts';
import { gatesOf } from '../../../../plugins/xot/agent/gate-lists.ts';
import { linkLimits } from '../../../../core/gates/limits.ts';

const pin = `${'A'.repeat(43)}=`;

function whole(agent: string): string {
  const lines = agent.split('\n').map((line) => `    ${line}`);
  return `version: 1
identity: { name: ns2.example, directory: identity }
resolver: { servers: [192.0.2.53] }
plugins:
  - use: xot/agent
${lines.join('\n')}
`;
}

function read(agent: string): XotAgentConfig {
  const plugins = new Map([[xotAgent.name, xotAgent]]);
  const { config } = checkConfig(YamlDocument.parse(whole(agent), 'danced.yaml'), plugins);
  return config.plugins[0]?.config as XotAgentConfig;
}

function problems(agent: string): string {
  try {
    read(agent);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

const gates = 'gates: ["192.0.2.1#xfr.example"]';
const zones = 'zones: [example.com]';

describe('the configuration of an xot agent', () => {
  it('needs gates and zones only: loopback alone may ask, and versions are kept and checked', () => {
    const config = read(`${gates}\n${zones}`);
    expect(config.listen).to.deep.equal([{ address: '127.0.0.1', port: 5353 }]);
    expect(config.allow.map(({ address }) => address)).to.deep.equal(['127.0.0.0', '::1']);
    expect(config.serve).to.equal('cached');
    expect([config.notify, config.write]).to.deep.equal([undefined, undefined]);
    expect(config.check).to.deep.equal({ zonemd: 'if-present', dnssec: 'off' });
    expect(linkLimits(config.limits)).to.include({ connections: 2, 'answer-time': 30_000 });
  });

  it('reads the port and the name of each gate [RFC9103-7.3]', () => {
    const { places } = read(
      `gates: ["192.0.2.1#xfr.example", "[2001:db8::1]:8853#a.example"]\n${zones}`,
    ).gates;
    expect(places.map(({ gate: { at, name } }) => [at.address, at.port, name?.toString()])).to.deep.equal([
      ['192.0.2.1', 853, 'xfr.example'],
      ['2001:db8::1', 8853, 'a.example'],
    ]);
  });

  it('has gates by zone, and those of all others', () => {
    const config = read(
      'gates: { "One.example": ["192.0.2.1#a.example"], default: ["192.0.2.2#b.example", "192.0.2.1#a.example"] }\nzones: [one.example, two.example]',
    );
    const of = (zone: string): unknown => gatesOf(config.gates, Name.parse(zone))?.map(({ text }) => text);
    expect(of('one.example')).to.deep.equal(['192.0.2.1#a.example']);
    expect(of('two.example')).to.deep.equal(['192.0.2.2#b.example', '192.0.2.1#a.example']);
  });

  it('takes a gate without a name by its pin alone', () => {
    const config = read(`gates: [192.0.2.1]\npins: ["${pin}"]\n${zones}`);
    expect(config.gates.places[0]?.gate).to.deep.include({
      at: { address: '192.0.2.1', port: 853 },
      name: undefined,
    });
  });

  const wrong: readonly (readonly [title: string, text: string, words: string])[] = [
    ['no gates', zones, 'plugins[0].gates: missing; for example: gates: ["192.0.2.1:853#xfr.example.net"]'],
    [
      'gates that are a text',
      `gates: "192.0.2.1#a.example"\n${zones}`,
      'plugins[0].gates: is no list of gates;',
    ],
    [
      'an empty list of gates',
      `gates: []\n${zones}`,
      'plugins[0].gates: is an empty list; write at least 1 gate',
    ],
    ['an empty map of gates', `gates: {}\n${zones}`, 'plugins[0].gates: is an empty map;'],
    [
      'a gate that is a name',
      `gates: [xfr.example]\n${zones}`,
      'plugins[0].gates[0]: "xfr.example" is not an IP address',
    ],
    ['a gate that is a number', `gates: [5]\n${zones}`, 'plugins[0].gates[0]: is no text;'],
    [
      'no name of a server',
      `gates: ["192.0.2.1#-"]\n${zones}`,
      'plugins[0].gates[0]: "192.0.2.1#-" has after # what is not the name of a server',
    ],
    [
      'port 0',
      `gates: ["192.0.2.1:0#a.example"]\n${zones}`,
      'plugins[0].gates[0]: "192.0.2.1:0#a.example" has port 0',
    ],
    [
      'a gate twice',
      `gates: ["192.0.2.1#a.example", "192.0.2.1#a.example"]\n${zones}`,
      'plugins[0].gates[1]: is there already; take it out',
    ],
    [
      'a zone twice among gates',
      `gates: { a.example: ["192.0.2.1#a.example"], A.example: ["192.0.2.1#a.example"] }\nzones: [a.example]`,
      'is there already, written otherwise',
    ],
    [
      'a list by what is no zone',
      `gates: { "a..b": ["192.0.2.1#a.example"] }\n${zones}`,
      '"a..b" is not a domain name',
    ],
    [
      'a gate that nothing proves',
      `gates: [192.0.2.1]\n${zones}`,
      'plugins[0].gates[0]: has no name after #, and there are no pins',
    ],
    [
      'dane off without anything else',
      `${gates}\ndane: off\n${zones}`,
      'plugins[0].dane: is off, and neither roots nor pins',
    ],
    ['no zones', gates, 'plugins[0].zones: names no zone; for example: zones: [example.com]'],
    [
      'a zone twice',
      `${gates}\nzones: [a.example, A.example]`,
      'plugins[0].zones[1]: A.example is there already; take it out',
    ],
    [
      'a zone without gates',
      'gates: { a.example: ["192.0.2.1#a.example"] }\nzones: [b.example]',
      'plugins[0].zones[0]: b.example has no list in gates, and gates has no default',
    ],
    [
      'catalogs without a default',
      'gates: { c.example: ["192.0.2.1#a.example"] }\ncatalogs: [c.example]',
      'plugins[0].gates: has no default, and nobody knows which members a catalog will have',
    ],
    [
      'catalogs that are relayed',
      `${gates}\ncatalogs: [c.example]\nserve: relayed`,
      'plugins[0].catalogs: needs zones that are kept, and serve is relayed; write serve: cached',
    ],
    [
      'writing what is relayed',
      `${gates}\n${zones}\nserve: relayed\nwrite: { directory: /zones }`,
      'plugins[0].write: needs zones that are kept',
    ],
    [
      'listening everywhere',
      `${gates}\n${zones}\nlisten: ["0.0.0.0:53"]`,
      'is every address of this machine',
    ],
    ['nobody who may ask', `${gates}\n${zones}\nallow: []`, 'plugins[0].allow: is an empty list'],
    [
      'an address that is none',
      `${gates}\n${zones}\nallow: [localhost]`,
      'plugins[0].allow[0]: "localhost" is not an IP address',
    ],
    [
      'NOTIFY over TLS to nobody in particular',
      `${gates}\n${zones}\nnotify: { to: ["192.0.2.1#-"] }`,
      'plugins[0].notify.to[0]: "192.0.2.1#-" has after #',
    ],
    ['a key that is not there', `${gates}\n${zones}\nprimary: 127.0.0.1`, 'unknown key'],
  ];
  for (const [title, text, words] of wrong) {
    it(`says what is wrong: ${title}`, () => {
      expect(problems(text)).to.include(words);
    });
  }

  it('tells where it listens, TLS for NOTIFY among it, so that it can be tried', () => {
    const config = read(`${gates}\n${zones}\nlisten: ["127.0.0.1:5301"]\nnotify: { listen: ["192.0.2.9"] }`);
    expect(xotAgent.endpoints(config).listens).to.deep.equal([
      { at: { address: '127.0.0.1', port: 5301 }, path: ['listen', 0] },
      { at: { address: '192.0.2.9', port: 853 }, path: ['notify', 'listen', 0] },
    ]);
  });
});
