import { expect } from 'chai';
import { defaultClientLimits } from '../../../core/client/limits.ts';
import { RrType } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, makeResponse } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { createHost, type HostParts } from '../../../core/plugin/host.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import { dotAuthority, DotServer } from '../../support/dot-server.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { asLoaded, issueTestIdentity } from '../../support/test-identity.ts';

const query = encodeMessage(makeQuery({ id: 7, name: Name.parse('www.example'), type: RrType.A, rd: true }));

describe('a link that the host gives to an agent', () => {
  it('shows the identity that is ours when it connects, and speaks what it was told to', async () => {
    const shown: Buffer[] = [];
    const server = await DotServer.start(
      ({ message, socket, reply }) => {
        shown.push(socket.getPeerCertificate().raw);
        reply(makeResponse(message, {}));
      },
      { requestCert: true, rejectUnauthorized: false },
    );
    const [before, after] = [
      asLoaded(await issueTestIdentity('laptop.example')),
      asLoaded(await issueTestIdentity('laptop.example')),
    ];
    let own = before;
    const host = createHost('agent', {
      identity: () => own,
      ownName: Name.parse('laptop.example'),
      folder: '/etc/danced',
      extensionType: defaultExtensionType,
      resolver: new ScriptedResolver(),
      log: memoryLog(),
      nowMs: Date.now,
      access: {},
    } as unknown as HostParts);
    const link = host.connect({
      endpoint: server,
      policy: {
        name: Name.parse('resolver.example'),
        dane: 'off',
        roots: [parseCertificate(dotAuthority.der)],
      },
      alpn: 'dot',
      limits: defaultClientLimits,
    });
    try {
      await link.ask(query);
      own = after;
      await link.ask(query);
      link.reset('a new key');
      await link.ask(query);
      expect(shown.map((der) => der.equals(before.certificate))).to.deep.equal([true, true, false]);
      expect(shown[2]?.equals(after.certificate)).to.equal(true);
      expect(host.absolutePath('roots.pem')).to.equal('/etc/danced/roots.pem');
      expect(host.absolutePath('/tmp/roots.pem')).to.equal('/tmp/roots.pem');
    } finally {
      link.close();
      await server.close();
    }
  });
});
