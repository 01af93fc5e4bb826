import { expect } from 'chai';
import { Rcode } from '../../../core/dns/constants.ts';
import type { ForwardServer } from '../../../core/forward/server.ts';
import { endEntity, sharedKey } from '../../support/certificate-factory.ts';
import { dotAuthority, pemOf } from '../../support/dot-server.ts';
import { ask, ForwardBed, numberIn, plainEdns, queryOf, tcp, udp } from '../../support/forward-bed.ts';
import { freePort, pathOf, TestBed, type RunningProgram } from '../../support/peers/test-bed.ts';

const count = 200;
const names = Array.from({ length: count }, (_, n) => `${n + 1}.example`);

/** Unbound with addresses of its own, on UDP and TCP, on TLS, and behind the PROXY protocol. */
describe('Forwarder and Unbound', () => {
  const peers = new TestBed();
  let bed: ForwardBed;
  let plain = 0;
  let tls = 0;
  let proxied = 0;
  let program: RunningProgram;

  before(async () => {
    [plain, tls, proxied] = [await freePort(), await freePort(), await freePort()];
    const key = sharedKey('dot server');
    const certificate = endEntity({ key, issuer: dotAuthority, names: ['resolver.example'] });
    const folder = peers.folder('unbound');
    const pem = peers.write('unbound/certificate.pem', pemOf(certificate));
    const pkcs8 = key.privateKey.export({ type: 'pkcs8', format: 'pem' });
    const keyFile = peers.write('unbound/key.pem', pkcs8, 0o600);
    const data = names.map((name, n) => `  local-data: "${name}. 60 IN A 10.0.0.${n + 1}"\n`).join('');
    const big = Array.from({ length: 120 }, (_, n) => `  local-data: "999.example. 60 IN A 10.0.${n}.1"\n`);
    const config = peers.write(
      'unbound/unbound.conf',
      `server:
  interface: 127.0.0.1@${plain}
  interface: 127.0.0.1@${tls}
  interface: 127.0.0.1@${proxied}
  tls-port: ${tls}
  proxy-protocol-port: ${proxied}
  tls-service-pem: "${pem}"
  tls-service-key: "${keyFile}"
  access-control: 127.0.0.0/8 allow
  access-control: 192.0.2.0/24 allow
  access-control: 198.51.100.0/24 refuse
  num-threads: 1
  edns-tcp-keepalive: yes
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  log-queries: yes
  do-daemonize: no
  local-zone: "." static
${data}${big.join('')}remote-control:
  control-enable: no
`,
    );
    program = peers.start(pathOf('unbound'), ['-d', '-c', config]);
    await program.waitForPort(proxied);
  });

  after(() => peers.close());

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  const at = (port: number) => ({ address: '127.0.0.1', port });
  const ways: Readonly<Record<string, () => ForwardServer>> = {
    UDP: () => udp(at(plain)),
    TCP: () => tcp(at(plain)),
    TLS: () => ({
      ...at(tls),
      transport: 'tls',
      tls: { name: 'resolver.example', ca: [pemOf(dotAuthority)] },
    }),
  };
  for (const [word, server] of Object.entries(ways)) {
    it(`gets every answer over ${word}`, async () => {
      const forwarder = bed.forwarder([server()]);
      const answers = await Promise.all(names.map((name, n) => ask(forwarder, queryOf(name, n, plainEdns))));
      expect(answers.map(numberIn)).to.deep.equal(names.map((_, n) => n + 1));
      expect(answers.map((each) => 'header' in each && each.header.id)).to.deep.equal(names.map((_, n) => n));
      expect(await ask(forwarder, 'no.example')).to.have.nested.property('header.rcode', Rcode.NXDOMAIN);
      const big = await ask(forwarder, queryOf('999.example', 5, plainEdns));
      expect(big).to.have.property('answers').with.length(120);
    });
  }

  for (const way of [udp, tcp]) {
    const { transport } = way(at(0));
    it(`tells it who asks, over ${transport}`, async () => {
      const forwarder = bed.forwarder([way(at(proxied))], {}, { proxyProtocol: true });
      const local = { address: '192.0.2.1', port: 853 };
      const remote = { address: '192.0.2.77', port: transport === 'udp' ? 1111 : 2222 };
      const [member, stranger] = [
        { name: 'member.example', remote, local },
        { name: 'stranger.example', remote: { ...remote, address: '198.51.100.7' }, local },
      ];
      expect(numberIn(await ask(forwarder, '7.example', member))).to.equal(7);
      expect(await ask(forwarder, '7.example', stranger)).to.have.nested.property(
        'header.rcode',
        Rcode.REFUSED,
      );
      await program.waitFor('the query in its log', () =>
        /192\.0\.2\.77\S* 7\.example\. A IN/.test(program.log),
      );
    });
  }
});
