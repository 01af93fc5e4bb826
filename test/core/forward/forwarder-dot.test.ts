import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import type { Forwarder } from '../../../core/forward/forwarder.ts';
import type { ForwardLimits } from '../../../core/forward/limits.ts';
import { authority, sharedKey } from '../../support/certificate-factory.ts';
import { dotAuthority, DotServer, pemOf, type DotServerOptions } from '../../support/dot-server.ts';
import { answerTo, ask, ForwardBed, numberIn, plainEdns, queryOf } from '../../support/forward-bed.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n + 1}.example`);

describe('Forwarder over TLS', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  async function serve(options: DotServerOptions = {}): Promise<DotServer> {
    return bed.keep(await DotServer.start(({ message, reply }) => reply(answerTo(message)), options));
  }

  function forwarderTo(
    { address, port }: { address: string; port: number },
    tls: { name?: string; ca?: readonly string[] } = {},
    limits: Partial<ForwardLimits> = {},
  ): Forwarder {
    const full = { name: 'resolver.example', ca: [pemOf(dotAuthority)], ...tls };
    return bed.forwarder([{ address, port, transport: 'tls', tls: full }], limits);
  }

  it('asks a server that proves its name, many questions on one connection [RFC7858-3.4]', async () => {
    const server = await serve();
    const forwarder = forwarderTo(server);
    const answers = await Promise.all(names(200).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(Array.from({ length: 200 }, (_, n) => n + 1));
    await ask(forwarder, '1.example');
    expect(server.connections).to.equal(1);
  });

  it('pads queries that have an OPT record to 128 octets, and no others [RFC8467-4.1]', async () => {
    const server = await serve();
    const forwarder = forwarderTo(server);
    for (const name of [
      '1.example',
      `2.${'x'.repeat(60)}.example`,
      `3.${'x'.repeat(60)}.${'y'.repeat(50)}.example`,
    ]) {
      await ask(forwarder, queryOf(name, 1, plainEdns));
    }
    const plain = queryOf('4.example');
    await ask(forwarder, plain);
    expect(server.heard.map(({ octets }) => octets.length)).to.deep.equal([128, 128, 256, plain.length]);
  });

  const strangers: Readonly<Record<string, DotServerOptions>> = {
    'of another name': { certificate: { names: ['other.example'] } },
    'with the name in the subject alone': { certificate: { names: [], subject: 'resolver.example' } },
    'of an authority that is not known': {
      certificate: { issuer: authority({ key: sharedKey('stranger'), subject: 'Strangers CA' }) },
    },
    'that has expired': { certificate: { notAfterMs: Date.now() - 60_000 } },
  };
  for (const [what, options] of Object.entries(strangers)) {
    it(`sends not one query to a server with a certificate ${what} [RFC8310-5]`, async () => {
      const server = await serve(options);
      const forwarder = forwarderTo(server);
      const outcomes = await Promise.all(names(10).map((name) => ask(forwarder, name)));
      for (const outcome of outcomes) {
        expect(outcome).to.have.property('failure').that.includes('cannot be reached by TLS');
        expect(outcome).to.have.property('failure').that.includes('#resolver.example');
      }
      await pause(50);
      expect(server.heard).to.deep.equal([]);
      expect(forwarder.isDown).to.be.true;
    });
  }

  it('gives up a handshake that does not end', async () => {
    const { createServer } = await import('node:net');
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    bed.keep({ close: () => mute.close() });
    await new Promise((resolve) => mute.once('listening', resolve));
    const { port } = mute.address() as { port: number };
    const forwarder = forwarderTo({ address: '127.0.0.1', port }, {}, { 'upstream-connect': 80 });
    const outcome = await ask(forwarder, '1.example');
    expect(outcome).to.have.property('failure').that.includes('did not complete the TLS connection in time');
  });

  it('refuses a CA that is none', () => {
    expect(() => forwarderTo({ address: '127.0.0.1', port: 853 }, { ca: ['nonsense'] })).to.throw();
  });

  it('asks again what a connection left that died [RFC7766-6.2.4]', async () => {
    const server = bed.keep(
      await DotServer.start(({ message, reply, socket, connection }) => {
        if (connection === 1) socket.destroy();
        else reply(answerTo(message));
      }),
    );
    const forwarder = forwarderTo(server);
    const answers = await Promise.all(names(50).map((name) => ask(forwarder, name)));
    expect(answers.map(numberIn)).to.deep.equal(Array.from({ length: 50 }, (_, n) => n + 1));
  });
});
