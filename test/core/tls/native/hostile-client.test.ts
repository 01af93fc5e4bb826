import { expect } from 'chai';
import { defaultExtensionType } from '../../../../core/tls/client-id.ts';
import { nameBody, NativeBed, serverContext, type End, theAddon } from '../../../support/native-bed.ts';
import { certificateOf } from '../../../support/native-shows.ts';
import type { Extension } from '../../../support/scripted-tls/octets.ts';
import { scriptedVerdict, type ClientScript } from '../../../support/scripted-tls/scripted-client.ts';
import type { CertificateEntry } from '../../../support/scripted-tls/server-flight.ts';

const { der, spki, key } = certificateOf('p256', 'client');
const own: Extension = [defaultExtensionType, nameBody('_xfr.ns2.example')];
const certificateVerify = { key: key.privateKey };
const either = Buffer.from([2, 0]);

describe('dane_clientid from a client that breaks the rules', function () {
  before(() => {
    theAddon();
  });

  let bed: NativeBed;
  afterEach(() => bed.close());

  async function play(script: Omit<ClientScript, 'host' | 'port'>): Promise<{ server: End; alert: string }> {
    const end = bed.next();
    const verdict = await scriptedVerdict({ host: '127.0.0.1', port: bed.port, ...script });
    return { server: await end, alert: verdict.kind === 'alert' ? verdict.name : verdict.kind };
  }

  const sends = (...certificate: CertificateEntry[]) => ({ certificate, certificateVerify });
  const rawKey = { clientCertificateTypes: [2] };
  const ours = { library: 'dane_clientid' };

  const cases: [title: string, script: Omit<ClientScript, 'host' | 'port'>, alert: string, error: object][] =
    [
      [
        'in the second entry [RFC8446-4.4.2]',
        sends({ data: der, extensions: [] }, { data: der, extensions: [own] }),
        'illegal_parameter',
        ours,
      ],
      [
        'in the first entry and the second [RFC8446-4.4.2]',
        sends({ data: der, extensions: [own] }, { data: der, extensions: [own] }),
        'illegal_parameter',
        ours,
      ],
      [
        'twice in one entry [RFC8446-4.2]',
        sends({ data: der, extensions: [own, own] }),
        'illegal_parameter',
        { library: 'SSL routines', reason: 'bad extension' },
      ],
      [
        'of 20,000 octets [DANCE-7]',
        sends({ data: der, extensions: [[defaultExtensionType, Buffer.alloc(20_000, 255)]] }),
        'decode_error',
        ours,
      ],
      [
        'without octets, beside a raw public key [DANCE-7]',
        { ...rawKey, ...sends({ data: spki, extensions: [[defaultExtensionType, Buffer.alloc(0)]] }) },
        'decode_error',
        ours,
      ],
      [
        'with an empty name, beside a raw public key [DANCE-8.2]',
        { ...rawKey, ...sends({ data: spki, extensions: [[defaultExtensionType, Buffer.from([0])]] }) },
        'handshake_failure',
        ours,
      ],
    ];
  for (const [title, script, alert, error] of cases) {
    it(`is refused ${title}`, async () => {
      bed = await NativeBed.open(serverContext({ clientCertificateTypes: either }));
      const played = await play(script);
      expect(played.alert).to.equal(alert);
      expect(played.server.error).to.include(error);
    });
  }

  it('is refused unasked, by a server that never asks [RFC8446-4.2]', async () => {
    bed = await NativeBed.open(serverContext({ isSilent: true }));
    const { server, alert } = await play(sends({ data: der, extensions: [own] }));
    expect(alert).to.equal('unsupported_extension');
    expect(server.error).to.include(ours);
  });

  it('is taken from the scripted client otherwise, in records of one octet', async () => {
    bed = await NativeBed.open(serverContext({ clientCertificateTypes: either }));
    const end = bed.next();
    const script = { ...rawKey, ...sends({ data: spki, extensions: [own] }), recordOctets: 1 };
    const verdict = scriptedVerdict({ host: '127.0.0.1', port: bed.port, ...script });
    const { socket, shown } = await end;
    expect(shown).to.include({ certificateType: 2 });
    expect(shown?.claim).to.deep.equal(own[1]);
    socket!.end();
    await verdict;
  });
});
