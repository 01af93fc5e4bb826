/** Our resolver with Unbound before it, over every transport that it has; Unbound's own verdict is not asked for. */
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeName } from '../../core/dns/rdata.ts';
import { parseAnchors, TrustAnchors } from '../../core/dnssec/anchors.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { ValidatingResolver, type UpstreamServer } from '../../core/resolver/validating.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { endEntity, sharedKey } from '../support/certificate-factory.ts';
import { dotAuthority, pemOf } from '../support/dot-server.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { startUnbound, type Resolver } from '../support/peers/unbound.ts';

const tlsa = Buffer.from('030101'.padEnd(70, 'ab'), 'hex');
/** So many that no datagram holds them. */
const many = Array.from({ length: 40 }, (_, n) => Buffer.concat([tlsa.subarray(0, 34), Buffer.from([n])]));

describe('our resolver behind Unbound', function () {
  this.timeout(60_000);
  const bed = new TestBed();
  let lab: Lab;
  let unbound: Resolver;

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 3 } });
    lab.publishTlsa('_xfr.ns2.example', [tlsa]);
    lab.publishTlsa('many.ns2.example', many);
    lab.publishTlsa('_xfr.unsigned.example', [tlsa]);
    lab.publish('alias.ns2.example', RrType.CNAME, [encodeName(Name.parse('_xfr.ns2.example'))]);
    lab.publishTlsa('_xfr.stranger.example', [tlsa]);
    lab.setZoneState('stranger.example', 'broken');
    const { address, port } = lab.authoritative;
    const zones = lab.zoneNames().map((name) => ({ name: name.toString(), address, port }));
    const key = sharedKey('unbound');
    const certificate = pemOf(endEntity({ key, issuer: dotAuthority, names: ['unbound.example'] }));
    const tls = { certificate, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
    unbound = await startUnbound(bed, { anchor: lab.rootAnchor(), zones, tls });
  });
  after(async () => {
    await bed.close();
    await lab.close();
  });

  const transports: [title: string, server: () => UpstreamServer, used: RegExp][] = [
    ['UDP, and TCP for what is long', () => unbound, /transport="tcp",outcome="NOERROR"/],
    [
      'TLS',
      () => ({
        address: unbound.address,
        port: unbound.tlsPort,
        tls: { name: 'unbound.example', ca: [pemOf(dotAuthority)] },
      }),
      /transport="tls",outcome="NOERROR"/,
    ],
  ];
  for (const [title, server, used] of transports) {
    it(`comes to the right results over ${title}`, async () => {
      const metrics = new Metrics();
      const anchors = new TrustAnchors(parseAnchors(lab.rootAnchor()));
      const resolver = new ValidatingResolver({ servers: [server()], anchors, timeoutMs: 8000, metrics });
      const look = async (name: string): Promise<string> => {
        const { status, records } = await resolver.lookup(Name.parse(name), RrType.TLSA);
        return `${status}, ${records.length} records`;
      };
      // All at once: questions share the connection, and answers come in any order.
      expect(
        await Promise.all(
          [
            '_xfr.ns2.example',
            'many.ns2.example',
            'alias.ns2.example',
            'nope.ns2.example',
            'ns2.example',
            '_xfr.unsigned.example',
            '_xfr.stranger.example',
          ].map(look),
        ),
      ).to.deep.equal([
        'secure, 1 records',
        'secure, 40 records',
        'secure, 1 records',
        'secure, 0 records',
        'secure, 0 records',
        'insecure, 1 records',
        'bogus, 0 records',
      ]);
      resolver.close();
      expect(await metrics.text()).to.match(used);
    });
  }
});
