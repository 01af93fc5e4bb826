import { expect } from 'chai';
import { ConfigError } from '../../../../core/config/errors.ts';
import { checkConfig } from '../../../../core/config/config.ts';
import { YamlDocument } from '../../../../core/config/document.ts';
import type { RecursiveAuthGateConfig } from '../../../../plugins/recursive-auth/gate/config.ts';
import { recursiveAuthGate } from '../../../../plugins/recursive-auth/gate/gate.ts';

const plugins = new Map([[recursiveAuthGate.name, recursiveAuthGate as never]]);
const upstreams = ['127.0.0.1:5300'];

/** The configuration of a gate, as it is read from a file. */
function configOf(config: Readonly<Record<string, unknown>>): RecursiveAuthGateConfig {
  const plugin = { use: recursiveAuthGate.name, listen: ['127.0.0.1:8853'], upstreams, ...config };
  const text = `version: 1
identity: { name: gate.example, directory: identity }
resolver: { servers: [127.0.0.1] }
access: { store: file, file: access.yaml }
plugins: [${JSON.stringify(plugin)}]
`;
  const { config: read } = checkConfig(YamlDocument.parse(text, 'danced.yaml'), plugins);
  return read.plugins[0]!.config as RecursiveAuthGateConfig;
}

/** One class of it. */
function classOf(written: Readonly<Record<string, unknown>>, name = 'partner') {
  return configOf({ classes: { [name]: written } }).classes.get(name)!;
}

describe('the configuration of the gate of recursive-auth', () => {
  it('needs only where to listen and whom to ask; strangers are a class then, and the only one', () => {
    const config = configOf({});
    expect(config).to.deep.include({
      transport: 'udp',
      'proxy-protocol': false,
      'log-queries': false,
      claims: ['extension', 'certificate-name'],
    });
    expect(config['upstream-rate']).to.equal(undefined);
    expect([...config.classes]).to.deep.equal([
      [
        'strangers',
        {
          weight: 1,
          allowance: undefined,
          total: undefined,
          requestsAtOnce: undefined,
          zones: undefined,
          except: [],
          shed: 'refuse',
        },
      ],
    ]);
  });

  it('lets strangers in unless it says otherwise', () => {
    expect(configOf({})['on-failure']).to.equal('anonymous');
    expect(configOf({ 'on-failure': 'alert' })['on-failure']).to.equal('alert');
  });

  it('has limits for resolvers, which keep connections and ask much at once', () => {
    expect(configOf({}).limits).to.include({
      connections: 20_000,
      'requests-at-once': 500,
      'idle-time': 60_000,
      anonymous: 1024,
      queue: 10_000,
      'queue-time': 1_500,
      'turn-requests': 32,
    });
  });

  it('listens on port 853 unless it says otherwise [RFC7858-3.1]', () => {
    expect(configOf({ listen: ['192.0.2.1'] }).listen).to.deep.equal([{ address: '192.0.2.1', port: 853 }]);
    const { listens } = recursiveAuthGate.endpoints(configOf({ listen: ['192.0.2.1', '192.0.2.1:8853'] }));
    expect(listens.map(({ path }) => path)).to.deep.equal([
      ['listen', 0],
      ['listen', 1],
    ]);
  });

  it('takes one server for a list of one, at port 53 unless it says otherwise', () => {
    const one = configOf({ upstreams: '127.0.0.1' }).upstreams;
    expect(one).to.deep.equal([{ address: '127.0.0.1', port: 53, transport: 'udp' }]);
    expect(configOf({ upstreams: ['127.0.0.1:5300', '[::1]:5301'] }).upstreams).to.have.length(2);
  });

  it('has the classes in the order of the file, and that of strangers last, wherever it stands', () => {
    const { classes } = configOf({
      classes: { partner: {}, strangers: { weight: 3 }, regular: { weight: 5 } },
    });
    expect([...classes].map(([name, { weight }]) => [name, weight])).to.deep.equal([
      ['partner', 20],
      ['regular', 5],
      ['strangers', 3],
    ]);
  });

  it('takes rates, with the burst of one second if it says none', () => {
    const read = classOf({ rate: '600/m', 'total-rate': '100/s', 'total-burst': 500, 'requests-at-once': 7 });
    expect(read).to.deep.include({
      allowance: { perSecond: 10, burst: 10 },
      total: { perSecond: 100, burst: 500 },
      requestsAtOnce: 7,
    });
    expect(configOf({ 'upstream-rate': '60/m' })['upstream-rate']).to.equal(1);
  });

  it('takes zones, exceptions, and what becomes of what there is no time for', () => {
    const { zones, except, shed } = classOf({
      zones: ['example.com'],
      except: ['corp.example.com'],
      shed: 'drop',
    });
    expect([zones?.map(String), except.map(String), shed]).to.deep.equal([
      ['example.com'],
      ['corp.example.com'],
      'drop',
    ]);
    // Nothing at all is something else than everything.
    expect(classOf({ zones: [] }).zones).to.deep.equal([]);
  });

  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`class${String(index)}`, {}]));

  it('takes 31 classes besides strangers', () => {
    expect(configOf({ classes: many(31) }).classes).to.have.property('size', 32);
  });

  const wrong: Readonly<Record<string, readonly [config: Readonly<Record<string, unknown>>, words: RegExp]>> =
    {
      'no servers': [{ upstreams: [] }, /plugins\[0\]\.upstreams/],
      'a server that is no address': [{ upstreams: ['ns1.example'] }, /upstreams\[0\]: .*ns1\.example/],
      'a server over TLS, which would be one elsewhere': [
        { upstreams: ['192.0.2.1:853#ns1.example'] },
        /upstreams\[0\]: .*is a server over TLS, and this is for one beside the gate/,
      ],
      'a transport that is none': [{ transport: 'tls' }, /transport: .*udp, tcp/],
      'a key that a class does not have': [
        { classes: { partner: { wieght: 3 } } },
        /wieght: unknown key.*weight/,
      ],
      'a word of a class that is none': [{ classes: { 'a b': {} } }, /classes\["a b"\]: /],
      'a weight of nothing': [{ classes: { partner: { weight: 0 } } }, /weight: .*too small.*from 1 to 1000/],
      'a weight that is no whole number': [
        { classes: { partner: { weight: 1.5 } } },
        /weight: .*whole number/,
      ],
      'a rate that is none': [{ classes: { partner: { rate: 'fast' } } }, /rate: .*"fast" is not a rate/],
      'a rate of nothing upstream': [{ 'upstream-rate': '0/s' }, /upstream-rate: .*is not from 1/],
      'a burst without a rate': [
        { classes: { partner: { burst: 5 } } },
        /classes\.partner\.burst: means nothing without rate; write both, or neither/,
      ],
      'a burst of all without a rate of all': [
        { classes: { partner: { rate: '5/s', 'total-burst': 5 } } },
        /classes\.partner\.total-burst: means nothing without total-rate/,
      ],
      'a name that is in zones and except': [
        { classes: { partner: { zones: ['example.com'], except: ['EXAMPLE.com'] } } },
        /classes\.partner\.except\[0\]: is one of zones too; take it out here, or there/,
      ],
      'a zone that is no name': [
        { classes: { partner: { zones: ['a..b'] } } },
        /zones\[0\]: .*is not a domain name/,
      ],
      'a way to shed that is none': [{ classes: { strangers: { shed: 'ignore' } } }, /shed: .*refuse, drop/],
      'more classes than there may be': [
        { classes: many(32) },
        /classes: has 32 classes or more; write fewer/,
      ],
      'a word for failures that is none': [{ 'on-failure': 'refuse' }, /on-failure: .*alert/],
      'a limit that is none': [{ limits: { 'cache-tme': '1s' } }, /cache-tme: unknown key.*cache-time/],
      'a time without its unit': [{ limits: { 'cache-time': 5 } }, /cache-time: .*time with its unit/],
      'more memory than places in it have numbers': [
        { limits: { 'cache-octets': 9 * 2 ** 30 } },
        /cache-octets: .*too large/,
      ],
      'a class whose word is none': [{ classes: { 'a b': {} } }, /classes.*: is no word of letters, digits/],
      'a key of another gate': [{ views: {} }, /views: unknown key/],
    };
  for (const [what, [config, words]] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => {
      expect(() => configOf(config)).to.throw(ConfigError, words);
    });
  }
});
