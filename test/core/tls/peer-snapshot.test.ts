import { expect } from 'chai';
import type { TLSSocket } from 'node:tls';
import { gateContext } from '../../../core/tls/context.ts';
import { encodePem } from '../../../core/pki/pem.ts';
import { pathLimits } from '../../../core/pki/path-limits.ts';
import { snapshotPeer, snapshotWithoutAddon } from '../../../core/tls/peer-snapshot.ts';
import { craftCertificate, dnsNameEntry, subjectAltName } from '../../support/crafted-certificate.ts';
import type { TestCertificate } from '../../support/certificate-factory.ts';
import { ca, leafOf, otherRoot, root } from '../../support/path-search.ts';
import { keyOf } from '../../support/gate-bed.ts';
import { everyAbility } from '../../support/gate-tls.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';
import { TlsMeetingPlace } from '../../support/tls-meeting.ts';

describe('snapshotPeer', () => {
  describe('of a real handshake', () => {
    let place: TlsMeetingPlace;

    before(async () => {
      place = await TlsMeetingPlace.open(
        gateContext(asLoaded(await issueTestIdentity('gate.example')), everyAbility),
      );
    });

    after(() => place.close());

    it('has the octets of certificate and key, and the names', async () => {
      const client = await issueTestIdentity('_xfr.ns2.example');
      const { result } = await place.meet(keyOf(client));
      const { credentials } = snapshotPeer(result.socket!);
      expect(credentials?.certificate?.equals(client.certificate)).to.equal(true);
      expect(credentials?.chain).to.deep.equal([]);
      expect(credentials?.subjectPublicKeyInfo.equals(client.subjectPublicKeyInfo)).to.equal(true);
      expect(credentials?.dnsNames.map(String)).to.deep.equal(['_xfr.ns2.example']);
    });

    for (const { title, sent } of [
      { title: 'in their order', sent: ['middle', 'root'] },
      { title: 'in another order, with others between', sent: ['root', 'stranger', 'middle', 'stranger'] },
      { title: 'that have nothing to do with the first', sent: ['stranger', 'root'] },
      { title: 'that are the first again', sent: ['leaf', 'middle', 'leaf'] },
    ] as const) {
      it(`has the certificates after the first ${title}`, async () => {
        const { result } = await place.meet(chainOf(sent.map((name) => cast[name])));
        const { credentials } = snapshotPeer(result.socket!);
        expect(namesOf(credentials!.chain)).to.deep.equal(sent);
      });
    }

    it('has the octets that core/pki can judge', async () => {
      const { result } = await place.meet(chainOf([cast.middle]));
      const { chain } = snapshotPeer(result.socket!).credentials!;
      expect(chain[0]!.equals(cast.middle.der)).to.equal(true);
    });

    it('has as many certificates as the limit and not one more', async () => {
      const limit = pathLimits['chain-certificates'].default;
      const { result } = await place.meet(chainOf(Array.from({ length: 40 }, () => cast.middle)));
      expect(snapshotPeer(result.socket!).credentials?.chain).to.have.length(limit);
    });

    it('says that there was no certificate', async () => {
      const { result } = await place.meet({});
      expect(snapshotPeer(result.socket!)).to.include({ reason: 'no-certificate' });
    });

    it('says so of a connection that is gone, too', async () => {
      const { result } = await place.meet({});
      result.socket!.destroy();
      expect(snapshotPeer(result.socket!)).to.include({ reason: 'no-certificate' });
    });
  });

  describe('without the addon, of what a socket might show', () => {
    const cases: [title: string, shown: object | null, expected: object][] = [
      ['nothing', null, { reason: 'no-certificate' }],
      ['an empty object', {}, { reason: 'no-certificate' }],
      ['names but no octets', { subjectaltname: 'DNS:ns2.example' }, { reason: 'no-certificate' }],
      [
        'octets that are no certificate',
        { raw: Buffer.from('3003020101', 'hex') },
        { reason: 'bad-certificate' },
      ],
      ['an empty certificate', { raw: Buffer.alloc(0) }, { reason: 'bad-certificate' }],
    ];
    for (const [title, shown, expected] of cases) {
      it(`takes ${title} for no credentials`, () => {
        expect(snapshotWithoutAddon(socketShowing(shown))).to.include(expected);
      });
    }

    it('keeps no more octets of the chain than the limit', () => {
      const limit = pathLimits['chain-octets'].default;
      let shown: object | undefined;
      for (let i = 0; i < 4; i++) shown = { raw: Buffer.alloc(limit / 3), issuerCertificate: shown };
      const { credentials } = snapshotWithoutAddon(
        socketShowing({ raw: craftCertificate(), issuerCertificate: shown }),
      );
      expect(credentials?.chain).to.have.length(3);
    });

    it("reads names from the certificate's octets and not from the text that node made of them", () => {
      const raw = craftCertificate({ extensions: [subjectAltName(dnsNameEntry('stranger.example'))] });
      const shown = { raw, subjectaltname: 'DNS:ns2.example', subject: { CN: 'ns2.example' } };
      const { credentials } = snapshotWithoutAddon(socketShowing(shown));
      expect(credentials?.dnsNames.map(String)).to.deep.equal(['stranger.example']);
    });

    it('claims no name by the subject [RFC8310-8.1]', () => {
      const { credentials } = snapshotWithoutAddon(socketShowing({ raw: craftCertificate() }));
      expect(credentials?.dnsNames).to.deep.equal([]);
    });

    it('leaves out names with a NUL or a dot too many in them', () => {
      const names = ['ns2.example\0.attacker.example', 'ns2..example', '', 'ns3.example'].map(dnsNameEntry);
      const raw = craftCertificate({ extensions: [subjectAltName(...names)] });
      const { credentials } = snapshotWithoutAddon(socketShowing({ raw }));
      expect(credentials?.dnsNames.map(String)).to.deep.equal(['ns3.example']);
    });
  });
});

const middle = ca('Middle');
const cast = {
  leaf: leafOf(middle),
  middle,
  root,
  stranger: ca('Stranger', { issuer: otherRoot }),
};

/** What a client with the end entity's key shows. */
function chainOf(after: readonly TestCertificate[]): { cert: string; key: string | Buffer } {
  const cert = [cast.leaf, ...after].map(({ der }) => encodePem(der, 'CERTIFICATE')).join('');
  return { cert, key: cast.leaf.key.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function namesOf(chain: readonly Buffer[]): (string | undefined)[] {
  return chain.map((octets) => Object.entries(cast).find(([, { der }]) => der.equals(octets))?.[0]);
}

/** As much of a socket as a snapshot looks at. */
function socketShowing(shown: object | null): TLSSocket {
  return { getPeerX509Certificate: () => shown } as unknown as TLSSocket;
}
