import { expect } from 'chai';
import { ConfigError } from '../../../../core/config/errors.ts';
import { dotGate } from '../../../../plugins/dot-resolver/gate/gate.ts';
import { configOf, GateBed } from './gate-bed.ts';

const view = { upstreams: ['127.0.0.1:5300'] };
const views = { default: view };

describe('the configuration of the gate of dot-resolver', () => {
  it('needs only where to listen and whom to ask', () => {
    const config = configOf({ views });
    expect(config).to.deep.include({
      'default-view': 'default',
      roles: {},
      privacy: 'identity',
      'log-queries': false,
    });
    expect(config['on-failure']).to.equal('alert');
    expect(config.views['default']).to.deep.include({ transport: 'udp', 'client-subnet': 'strip' });
    expect(config.limits).to.include({ 'requests-at-once': 256, 'idle-time': 120_000, questions: 10_000 });
  });

  it('listens on port 853 unless it says otherwise [RFC7858-3.1]', () => {
    expect(configOf({ views, listen: ['192.0.2.1'] }).listen).to.deep.equal([
      { address: '192.0.2.1', port: 853 },
    ]);
    const { listens } = dotGate.endpoints(configOf({ views, listen: ['192.0.2.1', '192.0.2.1:8853'] }));
    expect(listens.map(({ path }) => path)).to.deep.equal([
      ['listen', 0],
      ['listen', 1],
    ]);
  });

  it('takes rates of roles and views, with the burst of one second if it says none', () => {
    const { roles, views: read } = configOf({
      views: { default: { ...view, rate: '600/m', class: 'low' } },
      roles: { guest: { rate: '100/s', burst: 500, 'requests-at-once': 7 } },
    });
    expect(roles['guest']).to.deep.include({ allowance: { perSecond: 100, burst: 500 }, requestsAtOnce: 7 });
    expect(read['default']!.totals).to.deep.include({
      allowance: { perSecond: 10, burst: 10 },
      class: 'low',
    });
  });

  const wrong: Readonly<Record<string, readonly [config: Readonly<Record<string, unknown>>, words: string]>> =
    {
      'no views': [{}, 'views'],
      'views that are none': [{ views: {} }, 'has no view'],
      'a default view that is not there': [{ views: { internal: view } }, 'default'],
      'a view without anything to answer from': [
        { views: { default: {} } },
        'missing, and there are no zones either',
      ],
      'a key that a view does not have': [{ views: { default: { ...view, upstream: 'x' } } }, 'upstream'],
      'a name of a view that is no word': [{ views: { ...views, 'a b': view } }, 'no word'],
      'a burst without a rate': [{ views, roles: { guest: { burst: 5 } } }, 'means nothing without a rate'],
      'a burst of a view without a rate': [
        { views: { default: { ...view, burst: 5 } } },
        'means nothing without a rate',
      ],
      'a rate that is none': [{ views, roles: { guest: { rate: 'fast' } } }, 'rate'],
      'a class that is none': [{ views, roles: { guest: { class: 'gold' } } }, 'class'],
      'a privacy that is none': [{ views, privacy: 'all' }, 'privacy'],
      'TLS and cleartext upstreams together [RFC8310-5.1]': [
        { views: { default: { upstreams: ['127.0.0.1:5300', '192.0.2.1:853#dns.example'] } } },
        'some with a name',
      ],
      'more memory than places in it have numbers': [
        { views, limits: { 'cache-octets': 9 * 2 ** 30 } },
        'cache-octets',
      ],
      'a limit that is none': [{ views, limits: { 'cache-entrys': 1 } }, 'cache-entrys'],
    };
  for (const [what, [config, words]] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => {
      expect(() => configOf(config)).to.throw(words);
    });
  }

  it('cannot be set up with a file that is not there, or is broken, and leaves nothing open', () => {
    const config = { views: { default: view, internal: { zones: { 'corp.example': 'corp.zone' } } } };
    const access = 'clients: {}\n';
    expect(() => new GateBed({ config, access })).to.throw(ConfigError, 'corp.zone');
    expect(() => new GateBed({ config, access, files: { 'corp.zone': '@ A 1.2.3' } })).to.throw(
      ConfigError,
      'corp.zone',
    );
  });
});
