import { createHash } from 'node:crypto';
import type net from 'node:net';
import { expect } from 'chai';
import { clientHelloExtensions, hollowAnswer, type HollowScript } from './hollow-server.ts';
import { CertificateType, ContentType, ExtensionType } from './numbers.ts';
import { ScriptedTlsError, extensionBody, type Extension } from './octets.ts';
import { scriptedHandshake, scriptedVerdict } from './scripted-client.ts';
import { RawServer } from './test-servers.ts';

const timeoutMs = 5_000;

describe('the scripted TLS client before a server that is none', () => {
  const hollow = (script: HollowScript): Promise<RawServer> =>
    RawServer.start((socket, clientHello) => socket.write(hollowAnswer(clientHello, script)));

  it('writes what the script says into the ClientHello', async () => {
    await using raw = await RawServer.start((socket) => socket.end());
    const dance: Extension = [0xff5b, Buffer.from([0])];
    const outcome = await scriptedHandshake({
      ...raw.target,
      alpn: ['dot', 'h2'],
      serverName: 'server.example',
      clientCertificateTypes: [CertificateType.rawPublicKey, CertificateType.x509],
      serverCertificateTypes: [CertificateType.rawPublicKey],
      extensions: [dance, dance],
    });
    expect(outcome).to.deep.equal({ kind: 'closed', code: '' });
    const extensions = clientHelloExtensions(Buffer.concat(raw.heard));
    expect(extensions.slice(-2)).to.deep.equal([dance, dance]);
    const body = (type: number): string | undefined => extensionBody(extensions, type)?.toString('latin1');
    expect(body(ExtensionType.serverName)).to.equal('\0\x11\0\0\x0eserver.example');
    expect(body(ExtensionType.applicationLayerProtocolNegotiation)).to.equal('\0\x07\x03dot\x02h2');
    expect(body(ExtensionType.clientCertificateType)).to.equal('\x02\x02\0');
    expect(body(ExtensionType.serverCertificateType)).to.equal('\x01\x02');
    expect(body(ExtensionType.signatureAlgorithms)?.length).to.equal(2 + 2 * 4);
  });

  it('connects from the address that the script says', async () => {
    const addresses: (string | undefined)[] = [];
    await using raw = await RawServer.start((socket) => {
      addresses.push(socket.remoteAddress);
      socket.end();
    });
    await scriptedHandshake({ ...raw.target, localAddress: '127.0.0.9' });
    expect(addresses).to.deep.equal(['127.0.0.9']);
  });

  it('cuts a message into records, and records into writes, as the script says', async () => {
    await using raw = await RawServer.start(() => undefined);
    await scriptedHandshake({ ...raw.target, recordOctets: 50, writeOctets: 60, timeoutMs: 50 });
    await waitUntil(() => raw.open.size === 0);
    const lengths = recordLengths(Buffer.concat(raw.heard));
    expect(lengths.slice(0, -1)).to.deep.equal(Array(lengths.length - 1).fill(50));
    expect(lengths).to.have.length.greaterThan(1);
    expect(raw.heard).to.have.length.greaterThan(1);
  });

  for (const [separateRecords, lengths] of [
    [false, [3 + 5 + 17]],
    [true, [3 + 17, 5 + 17]],
  ] as const) {
    it(`sends the flight in ${lengths.length} record(s) with separateRecords ${separateRecords}`, async () => {
      await using raw = await hollow({});
      const editFlight = (): Buffer[] => [Buffer.alloc(3), Buffer.alloc(5)];
      await scriptedVerdict({ ...raw.target, separateRecords, editFlight, firstData: Buffer.alloc(7) }, 50);
      await waitUntil(() => raw.open.size === 0);
      const [, ...after] = recordLengths(Buffer.concat(raw.heard));
      // Protection adds the type and a tag of 16 octets; the data comes last, under keys of its own.
      expect(after).to.deep.equal([...lengths, 7 + 17]);
    });
  }

  const alertRecord = Buffer.from('15030300020228', 'hex');
  const answers: [says: string, answer: (socket: net.Socket) => void, expected: object][] = [
    [
      'an alert in two pieces',
      (socket) => {
        socket.write(alertRecord.subarray(0, 3));
        setTimeout(() => socket.write(alertRecord.subarray(3)), 20);
      },
      { kind: 'alert', level: 2, description: 40, name: 'handshake_failure', protection: 'none' },
    ],
    ['an alert and the end', (socket) => socket.end(alertRecord), { kind: 'alert', description: 40 }],
    ['nothing', () => undefined, { kind: 'silence' }],
    ['goodbye', (socket) => socket.end(), { kind: 'closed', code: '' }],
    ['a reset', (socket) => socket.resetAndDestroy(), { kind: 'closed', code: 'ECONNRESET' }],
  ];
  for (const [says, answer, expected] of answers) {
    it(`understands ${says}, and leaves no socket open`, async () => {
      await using raw = await RawServer.start(answer);
      const limitMs = says === 'nothing' ? 50 : timeoutMs;
      expect(await scriptedHandshake({ ...raw.target, timeoutMs: limitMs })).to.include(expected);
      await waitUntil(() => raw.open.size === 0);
    });
  }

  const nonsense: [says: string, octets: Buffer, words: string][] = [
    ['a record too long', Buffer.from('160303ffff', 'hex'), 'record of 65535 octets'],
    ['a record of no type', Buffer.from('63030300021234', 'hex'), 'record of type 99'],
    ['a message too long', Buffer.from('160303000402ffffff', 'hex'), 'message of 16777219 octets'],
    ['no ServerHello first', Buffer.from('160303000408000000', 'hex'), 'began with encryptedExtensions'],
    ['data under unknown keys', Buffer.from('1703030011'.padEnd(44, '0'), 'hex'), 'under keys'],
  ];
  for (const [says, octets, words] of nonsense) {
    it(`throws at ${says}, and leaves no socket open`, async () => {
      await using raw = await RawServer.start((socket) => socket.write(octets));
      const error = await failure(scriptedHandshake({ ...raw.target, timeoutMs }));
      expect(error).to.be.instanceOf(ScriptedTlsError);
      expect(error?.message).to.include(words);
      await waitUntil(() => raw.open.size === 0);
    });
  }

  it('throws where nobody listens, for that is no refusal', async () => {
    const raw = await RawServer.start(() => undefined);
    await raw[Symbol.asyncDispose]();
    const error = await failure(scriptedVerdict(raw.target));
    expect(error?.message).to.include('ECONNREFUSED');
  });

  const refusal = Buffer.from([2, 40]);
  const { alert, applicationData } = ContentType;

  it('comes to the end of a handshake with a server that is only hollow', async () => {
    await using raw = await hollow({ afterwards: [['application', applicationData, Buffer.from('hello')]] });
    expect(await scriptedVerdict(raw.target)).to.deep.equal({ kind: 'data', octets: Buffer.from('hello') });
  });

  for (const protection of ['handshake', 'application'] as const) {
    it(`understands an alert under ${protection} keys after the server's Finished`, async () => {
      await using raw = await hollow({ afterwards: [[protection, alert, refusal]] });
      expect(await scriptedVerdict(raw.target)).to.deep.equal({
        kind: 'alert',
        level: 2,
        description: 40,
        name: 'handshake_failure',
        protection,
      });
    });
  }

  it('understands an alert under handshake keys in the middle of the flight', async () => {
    await using raw = await hollow({
      editFlight: ([first]) => [first!],
      afterwards: [['handshake', alert, refusal]],
    });
    const outcome = await scriptedHandshake(raw.target);
    expect(outcome).to.include({ kind: 'alert', description: 40, protection: 'handshake' });
  });

  const unsound: [says: string, script: HollowScript, words: string][] = [
    [
      'a Finished that does not fit',
      { editFinished: (data) => Buffer.from(data).reverse() },
      'Finished does not fit',
    ],
    ['a Finished cut short', { editFinished: (data) => data.subarray(1) }, 'Finished does not fit'],
    [
      'a HelloRetryRequest',
      { random: createHash('sha256').update('HelloRetryRequest').digest() },
      'HelloRetryRequest',
    ],
    ['a flight in the clear', { isOpen: true }, 'in the clear'],
    [
      'no end of messages',
      { editFlight: ([first]) => Array<Buffer>(9).fill(first!) },
      'never comes to Finished',
    ],
    [
      'data before its Finished',
      { editFlight: ([first]) => [first!], afterwards: [['handshake', applicationData, refusal]] },
      'before its Finished',
    ],
    ['a wrong alert', { afterwards: [['application', alert, Buffer.from([2])]] }, 'alert of 1 octets'],
    ['nothing but padding', { afterwards: [['application', 0, Buffer.alloc(9)]] }, 'nothing but padding'],
  ];
  for (const [says, script, words] of unsound) {
    it(`throws at ${says}, and leaves no socket open`, async () => {
      await using raw = await hollow(script);
      const error = await failure(scriptedVerdict({ ...raw.target, timeoutMs }));
      expect(error).to.be.instanceOf(ScriptedTlsError);
      expect(error?.message).to.include(words);
      await waitUntil(() => raw.open.size === 0);
    });
  }
});

/** How a promise failed; undefined if it did not. */
async function failure(promise: Promise<unknown>): Promise<Error | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
}

/** Of records that follow each other without a gap. */
function recordLengths(octets: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < octets.length; at += 5 + lengths.at(-1)!) lengths.push(octets.readUInt16BE(at + 3));
  return lengths;
}

async function waitUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
