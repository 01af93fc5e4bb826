import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TlsOptions, TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { EdeCode, Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { extendedError } from '../../core/dns/edns.ts';
import { FrameReader, frame } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, parseMessage } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import { issueIdentity } from '../../core/pki/issue.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { openSecondary, transfer } from '../../lab/secondary.ts';
import { Zone, recordsOf } from '../../lab/zone.ts';

const apex = Name.parse('example.com');
const [soa] = recordsOf(new Zone({ apex, nameServer: Name.parse('ns.example.com'), serial: 7 }).soa);
const address: ResourceRecord = {
  name: Name.parse('www.example.com'),
  type: RrType.A,
  class: RrClass.IN,
  ttl: 60,
  rdata: encodeA('192.0.2.1'),
};

/** What the server under the secondary does with a request: gives messages to send, or does as it likes. */
type Behaviour = (query: Message, socket: TLSSocket) => readonly Message[];

function identity(name: string): Promise<IssuedIdentity> {
  const nowMs = Date.now();
  return issueIdentity({
    name: Name.parse(name),
    algorithm: 'p256',
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 60_000,
  });
}

describe('lab/secondary', () => {
  let serverIdentity: IssuedIdentity;
  let ours: IssuedIdentity;
  const servers: Server[] = [];

  before(async () => {
    [serverIdentity, ours] = await Promise.all([identity('gate.example'), identity('_xfr.ns2.example')]);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function serve(
    behave: Behaviour,
    options: TlsOptions = {},
  ): Promise<{ address: string; port: number }> {
    const { certificatePem: cert, privateKeyPem: key } = serverIdentity;
    const server = createServer(
      { cert, key, ALPNProtocols: ['dot'], minVersion: 'TLSv1.3', ...options },
      (socket) => {
        const reader = new FrameReader();
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => {
          for (const octets of reader.push(chunk)) {
            for (const message of behave(parseMessage(octets), socket))
              socket.write(frame(encodeMessage(message)));
          }
        });
      },
    );
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  const whole: Behaviour = (query) => [makeResponse(query, { answers: [soa!, address, soa!] })];

  it('speaks TLS 1.3 with ALPN dot, and shows its certificate [RFC9103-7.1] [RFC9103-7.2]', async () => {
    let seen: unknown[] = [];
    const at = await serve(
      (query, socket) => {
        seen = [
          socket.getProtocol(),
          socket.alpnProtocol,
          socket.getPeerCertificate().raw.equals(ours.certificate),
        ];
        return whole(query, socket);
      },
      { requestCert: true, rejectUnauthorized: false },
    );
    const { certificatePem, privateKeyPem: keyPem } = ours;
    const result = await transfer({ ...at, certificatePem, keyPem, zone: apex });
    expect(result).to.include({ outcome: 'complete', form: 'full', rcode: 0, serial: 7, messageCount: 1 });
    expect(result.records).to.have.length(3);
    expect(seen).to.deep.equal(['TLSv1.3', 'dot', true]);
  });

  it('goes on only with the expected server', async () => {
    const at = await serve(whole);
    const expected = { ...at, zone: apex, expectedCertificate: serverIdentity.certificate };
    expect(await transfer(expected)).to.include({ outcome: 'complete' });
    expect(await transfer({ ...expected, expectedCertificate: ours.certificate })).to.include({
      outcome: 'closed',
      error: 'the server showed another certificate than the expected one',
    });
  });

  it('tells response code and Extended DNS Error [RFC8914-2]', async () => {
    const options = [extendedError(EdeCode.PROHIBITED, 'not for you')];
    const edns = { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk: false, options };
    const at = await serve((query) => [makeResponse(query, { rcode: Rcode.REFUSED, edns })]);
    const result = await transfer({ ...at, zone: apex });
    expect(result).to.deep.include({
      outcome: 'error-code',
      rcode: Rcode.REFUSED,
      ede: { code: 18, text: 'not for you' },
      records: [],
    });
  });

  it('tells apart intermingled answers by their IDs [RFC9103-6.2]', async () => {
    const queries: Message[] = [];
    const at = await serve((query) => {
      queries.push(query);
      if (queries.length < 2) return [];
      const [first, second] = queries as [Message, Message];
      return [
        makeResponse(second, { answers: [soa!] }),
        makeResponse(first, { answers: [soa!, address] }),
        makeResponse(second, { answers: [address, address] }),
        makeResponse(first, { answers: [soa!] }),
        makeResponse(second, { answers: [soa!] }),
      ];
    });
    const secondary = await openSecondary(at);
    const results = await Promise.all([secondary.request({ zone: apex }), secondary.request({ zone: apex })]);
    expect(results.map(({ records, messageCount }) => [records.length, messageCount])).to.deep.equal([
      [3, 2],
      [4, 3],
    ]);
    secondary.close();
  });

  it('says where its zone stands, in the request for what is new [RFC1995-3]', async () => {
    let query: Message | undefined;
    const at = await serve((received) => {
      query = received;
      return [makeResponse(received, { answers: [soa!] })];
    });
    expect(await transfer({ ...at, zone: apex, type: 'IXFR', serial: 7 })).to.include({ form: 'unchanged' });
    expect(query?.questions[0]?.type).to.equal(RrType.IXFR);
    expect(query?.authorities.map(({ type }) => type)).to.deep.equal([RrType.SOA]);
  });

  it('counts half a zone as none', async () => {
    const at = await serve((query, socket) => {
      setImmediate(() => socket.end());
      return [makeResponse(query, { answers: [soa!, address] })];
    });
    const result = await transfer({ ...at, zone: apex });
    expect(result).to.include({
      outcome: 'closed',
      form: undefined,
      error: 'the server closed the connection',
    });
  });

  it('waits no longer than it was told', async () => {
    const at = await serve(() => []);
    const result = await transfer({ ...at, zone: apex, timeoutMs: 30 });
    expect(result).to.include({ outcome: 'timeout', error: 'no whole answer within 30 ms' });
  });

  it('ends the connection over octets that are no message', async () => {
    const at = await serve((query, socket) => {
      socket.write(
        Buffer.from([0, 13, query.header.id >> 8, query.header.id & 255, ...Buffer.alloc(11, 0xff)]),
      );
      return [];
    });
    expect(await transfer({ ...at, zone: apex })).to.include({ outcome: 'malformed' });
  });

  it('tells the alert of a server that wants a certificate', async () => {
    const at = await serve(whole, { requestCert: true, rejectUnauthorized: true });
    const result = await transfer({ ...at, zone: apex });
    expect(result.outcome).to.equal('closed');
    expect(result.error).to.match(/certificate required/);
  });

  it('tells that nobody listens', async () => {
    const at = await serve(whole);
    servers.splice(0).forEach((server) => server.close());
    const result = await transfer({ ...at, zone: apex });
    expect(result.outcome).to.equal('closed');
    expect(result.error).to.match(/ECONNREFUSED/);
  });

  it('knows when the connection is closed', async () => {
    const at = await serve((_query, socket) => {
      socket.destroy();
      return [];
    });
    const secondary = await openSecondary(at);
    const [result, error] = await Promise.all([secondary.request({ zone: apex }), secondary.closed()]);
    expect(result.outcome).to.equal('closed');
    expect(error).to.be.a('string');
    expect(await secondary.request({ zone: apex })).to.include({ outcome: 'closed' });
  });
});
