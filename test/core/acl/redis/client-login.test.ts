import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { RedisScript, type RedisTls } from '../../../../core/acl/redis/client.ts';
import { pemOf } from '../../../support/redis/certificates.ts';
import { alternativeNames, ipAddressEntry } from '../../../support/certificate-extensions.ts';
import { authority, endEntity, makeKey } from '../../../support/certificate-factory.ts';
import { TestBed } from '../../../support/peers/test-bed.ts';
import { until } from '../../../support/redis/cluster.ts';
import { failureOf, RecordedClient } from '../../../support/redis/recorded-client.ts';
import { TestRedis } from '../../../support/redis/redis-server.ts';

/** All that the client itself needs; what the access list does comes on top. */
const leastRights = '-@all +ping +select +client|setname +subscribe +eval +evalsha +multi +exec';

describe('core/acl/redis/client, who it is and who the server is', () => {
  const bed = new TestBed();
  const clients: RecordedClient[] = [];

  function connect(options: ConstructorParameters<typeof RecordedClient>[0]): RecordedClient {
    const recorded = new RecordedClient(options);
    clients.push(recorded);
    return recorded;
  }

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ client }) => client.close()));
  });
  after(() => bed.close());

  describe('by password', () => {
    const secret = 'not-to-be-seen-1';
    const setUser = `user danced on >${secret} resetkeys ~danced:v1:* resetchannels &danced:v1:changes ${leastRights} +get +set`;
    let server: TestRedis;
    let open: TestRedis;
    before(async () => {
      server = await TestRedis.start(bed, {
        settings: ['requirepass of-default', setUser],
        password: 'of-default',
      });
      open = await TestRedis.start(bed);
    });

    it('says that one is wanted', async () => {
      const recorded = connect({ servers: [{ path: server.path }] });
      expect(await recorded.isDownFor(/NOAUTH/)).to.contain('it wants a password: see password-file');
    });

    for (const username of ['danced', 'nobody', undefined]) {
      it(`says that the one of ${username ?? 'the default user'} is wrong, without showing it`, async () => {
        const recorded = connect({ servers: [{ path: server.path }], username, password: `${secret}-wrong` });
        expect(await recorded.isDownFor(/WRONGPASS/)).to.contain(
          'see username and password-file under access.redis',
        );
        const error = await failureOf(recorded.client.call('GET', 'danced:v1:revision'));
        expect(inspect(error, { depth: 10, showHidden: true })).not.to.contain(secret);
        expect(recorded.reasons.join()).not.to.contain(secret);
      });
    }

    it('needs few rights', async () => {
      await server.cli('ACL', 'LOG', 'RESET');
      const recorded = connect({ servers: [{ path: server.path }], username: 'danced', password: secret });
      await recorded.hears('up');
      const { client } = recorded;
      client.subscribe('danced:v1:changes');
      await recorded.hears('subscribed');
      const get = new RedisScript('get', 'return redis.call("GET", KEYS[1])');
      await server.cli('SCRIPT', 'FLUSH');
      expect(await client.run(get, ['danced:v1:revision'], [])).to.equal(null);
      expect(await client.transaction([['SET', 'danced:v1:revision', 1]])).to.deep.equal(['OK']);
      expect(recorded.reasons).to.deep.equal([]);
      expect(await server.cli('ACL', 'LOG'), 'nothing that it tried was refused').to.equal('');
    });

    const refused: [string, (recorded: RecordedClient) => Promise<unknown>, RegExp][] = [
      [
        'a command',
        ({ client }) => client.call('DEL', 'danced:v1:roles'),
        /DEL danced:v1:roles: NOPERM.* 'del' command/,
      ],
      ['a key', ({ client }) => client.call('GET', 'other'), /GET other: NOPERM.*keys/],
      [
        'a command of a transaction',
        ({ client }) => client.transaction([['INCR', 'danced:v1:revision']]),
        /MULTI INCR danced:v1:revision .*NOPERM.* 'incr' command/,
      ],
      [
        'a command of a script',
        ({ client }) =>
          client.run(new RedisScript('drop', 'return redis.call("DEL", KEYS[1])'), ['danced:v1:roles'], []),
        /drop of danced:v1:roles: .*script can't run this command|ACL failure/,
      ],
    ];
    for (const [what, ask, words] of refused) {
      it(`says what right is missing: ${what}`, async () => {
        const recorded = connect({ servers: [{ path: server.path }], username: 'danced', password: secret });
        await recorded.hears('up');
        const error = await failureOf(ask(recorded));
        expect(error.message).to.match(words).and.contain('ACL SETUSER');
        expect(error).to.include({ blame: 'config', isOutage: false });
        expect(recorded.client.isUp).to.equal(true);
      });
    }

    it('says that a channel may not be listened to, and tries again', async () => {
      const recorded = connect({ servers: [{ path: server.path }], username: 'danced', password: secret });
      recorded.client.subscribe('other');
      await recorded.hears('unsubscribed');
      expect(recorded.reasons[0])
        .to.match(/NOPERM.*channel/)
        .and.contain('ACL SETUSER');
      await recorded.hears('up');
      await server.cli('ACL', 'SETUSER', 'danced', '&other');
      await recorded.hears('subscribed');
      expect(recorded.events.filter((event) => event === 'unsubscribed')).to.have.length(1);
    });

    it('connects again when its user was cut off and let in again', async () => {
      const recorded = connect({ servers: [{ path: server.path }], username: 'danced', password: secret });
      await recorded.hears('up');
      await server.cli('ACL', 'SETUSER', 'danced', 'off');
      await server.cli('CLIENT', 'KILL', 'USER', 'danced');
      await recorded.isDownFor(/WRONGPASS/);
      await server.cli('ACL', 'SETUSER', 'danced', 'on');
      await recorded.hears('up', 2);
    });

    it('gives a password to a server that wants none without a stir', async () => {
      const recorded = connect({ servers: [{ path: open.path }], password: secret });
      await recorded.hears('up');
      expect(await recorded.client.call('PING')).to.equal('PONG');
    });

    it('speaks RESP2 with a server that knows nothing else', async () => {
      const old = await TestRedis.start(bed, {
        settings: ['rename-command HELLO ""', 'requirepass of-default'],
        password: 'of-default',
      });
      const recorded = connect({ servers: [{ path: old.path }], password: 'of-default' });
      recorded.client.subscribe('c');
      await recorded.hears('subscribed');
      await recorded.hears('up');
      await recorded.client.call('HSET', 'h', 'f', 'v');
      expect(await recorded.client.call('HGETALL', 'h')).to.deep.equal(['f', 'v']);
      await recorded.client.call('PUBLISH', 'c', 'm');
      await until('the message', () => recorded.messages.length === 1);
    });

    it('shows no secret that a server repeats', async () => {
      const odd = await TestRedis.start(bed, {
        settings: ['rename-command HELLO ""', 'rename-command AUTH ""'],
      });
      const recorded = connect({ servers: [{ path: odd.path }], username: 'danced', password: secret });
      const why = await recorded.isDownFor(/unknown command/);
      expect(why).not.to.contain(secret);
    });
  });

  describe('by certificate', () => {
    const caKey = makeKey();
    const ca = authority({ subject: 'Redis CA', key: caKey });
    const issuer = { subject: ca.subject, key: caKey };
    const key = makeKey();
    const named = endEntity({ key, issuer, names: ['redis.example'] });
    const addressed = endEntity({ key, issuer, more: [alternativeNames([ipAddressEntry([127, 0, 0, 1])])] });
    const expired = endEntity({ key, issuer, names: ['redis.example'], notAfterMs: Date.UTC(2021, 0, 1) });
    const others = authority({ subject: 'Another CA', key: makeKey() });
    const files = {
      ca: pemOf(ca),
      key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    let byName: TestRedis;
    let byAddress: TestRedis;
    let withClients: TestRedis;
    let late: TestRedis;
    before(async () => {
      byName = await TestRedis.start(bed, { tcp: true, tls: { certificate: pemOf(named), key: files.key } });
      byAddress = await TestRedis.start(bed, { tls: { certificate: pemOf(addressed), key: files.key } });
      withClients = await TestRedis.start(bed, {
        tls: { certificate: pemOf(named), key: files.key, clientCa: files.ca },
      });
      late = await TestRedis.start(bed, { tls: { certificate: pemOf(expired), key: files.key } });
    });

    const over = (port: number, tls?: RedisTls): RecordedClient =>
      connect({ servers: [{ host: '127.0.0.1', port }], tls });

    const accepted: [string, () => RecordedClient][] = [
      ['of the host', () => over(byAddress.tlsPort, { ca: files.ca })],
      ['of the name that it is told', () => over(byName.tlsPort, { ca: files.ca, name: 'redis.example' })],
      ['of the address that it is told', () => over(byAddress.tlsPort, { ca: files.ca, name: '127.0.0.1' })],
      [
        'with one of its own for the server',
        () =>
          over(withClients.tlsPort, {
            ca: files.ca,
            name: 'redis.example',
            certificate: pemOf(named),
            key: files.key,
          }),
      ],
    ];
    for (const [what, open] of accepted) {
      it(`takes a certificate ${what}`, async () => {
        const recorded = open();
        recorded.client.subscribe('c');
        await recorded.hears('up');
        await recorded.hears('subscribed');
        expect(await recorded.client.call('PING')).to.equal('PONG');
      });
    }

    it('asks sentinels over TLS, and connects to the primary so', async () => {
      const tls = { certificate: pemOf(addressed), key: files.key };
      const sentinel = await TestRedis.start(bed, {
        tls,
        settings: [
          'tls-replication yes',
          `tls-ca-cert-file ${bed.write('redis-ca.pem', files.ca)}`,
          `sentinel monitor danced-test 127.0.0.1 ${byAddress.tlsPort} 1`,
        ],
        flags: ['--sentinel'],
      });
      const options = { mode: 'sentinel', master: 'danced-test' } as const;
      const servers = [{ host: '127.0.0.1', port: sentinel.tlsPort }];
      const recorded = connect({ ...options, servers, tls: { ca: files.ca } });
      const distrustful = connect({ ...options, servers, tls: { ca: pemOf(others) } });
      recorded.client.subscribe('c');
      await recorded.hears('up');
      await recorded.hears('subscribed');
      expect(await recorded.client.call('PING')).to.equal('PONG');
      await distrustful.hears('down');
      expect(distrustful.reasons[0]).to.contain('set ca under access.redis.tls');
    });

    it('connects to the nodes of a cluster over TLS', async () => {
      const node = await TestRedis.start(bed, {
        tls: { certificate: pemOf(named), key: files.key },
        settings: [
          'cluster-enabled yes',
          'tls-cluster yes',
          'cluster-announce-ip 127.0.0.1',
          `tls-ca-cert-file ${bed.write('cluster-ca.pem', files.ca)}`,
        ],
      });
      await node.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      const servers = [{ host: 'localhost', port: node.tlsPort }];
      const recorded = connect({ mode: 'cluster', servers, tls: { ca: files.ca, name: 'redis.example' } });
      const distrustful = connect({ mode: 'cluster', servers, tls: { ca: files.ca } });
      await recorded.hears('up');
      expect(await recorded.client.call('SET', 'a', 'b')).to.equal('OK');
      await distrustful.hears('down');
      expect(distrustful.reasons[0]).to.contain('another name');
    });

    const refused: [string, () => RecordedClient, string][] = [
      ['of another name', () => over(byName.tlsPort, { ca: files.ca }), 'set name under access.redis.tls'],
      [
        'of another name than it is told',
        () => over(byName.tlsPort, { ca: files.ca, name: 'a.example' }),
        'another name',
      ],
      [
        'of another address than it is told',
        () => over(byAddress.tlsPort, { ca: files.ca, name: '127.0.0.2' }),
        'another name',
      ],
      [
        'of a CA that it does not know',
        () => over(byName.tlsPort, { ca: pemOf(others), name: 'redis.example' }),
        'set ca under access.redis.tls',
      ],
      [
        'of a CA that it is told of in no PEM',
        () => over(byName.tlsPort, { ca: 'no pem', name: 'redis.example' }),
        'set ca under access.redis.tls',
      ],
      [
        "of a CA that is not the system's",
        () => over(byName.tlsPort, { name: 'redis.example' }),
        'set ca under access.redis.tls',
      ],
      ['that has expired', () => over(late.tlsPort, { ca: files.ca, name: 'redis.example' }), 'has expired'],
    ];
    for (const [what, open, words] of refused) {
      it(`refuses a certificate ${what}`, async () => {
        const recorded = open();
        await recorded.hears('down');
        expect(recorded.reasons[0]).to.contain(words);
        expect(recorded.client.isUp).to.equal(false);
      });
    }

    it('does so also when the environment tells Node to check nothing', async () => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        const recorded = over(byName.tlsPort, { name: 'redis.example' });
        await recorded.hears('down');
        expect(recorded.reasons[0]).to.contain('set ca under access.redis.tls');
      } finally {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      }
    });

    it('can be closed at any moment of a handshake', async () => {
      // An error without a listener would end the process, and so this test run.
      for (let at = 0; at < 30; at += 1) {
        const recorded = over(byName.tlsPort, { ca: pemOf(others), name: 'redis.example' });
        recorded.client.subscribe('c');
        await sleep(at / 3);
        await recorded.client.close();
        expect(recorded.client.isUp).to.equal(false);
      }
    });

    const mistaken: [string, () => RecordedClient, RegExp][] = [
      [
        'the server wants one of ours',
        () => over(withClients.tlsPort, { ca: files.ca, name: 'redis.example' }),
        /certificate/,
      ],
      [
        'TLS to a port without',
        () => over(byName.port, { ca: files.ca, name: 'redis.example' }),
        /TLS to a port that speaks none|does not speak TLS/,
      ],
      ['none to a port with', () => over(byName.tlsPort), /TLS/],
    ];
    for (const [what, open, words] of mistaken) {
      it(`says what is wrong: ${what}`, async () => {
        const recorded = open();
        await recorded.hears('down');
        expect(recorded.reasons[0]).to.match(words);
      });
    }
  });
});
