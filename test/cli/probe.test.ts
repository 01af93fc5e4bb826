import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { registerProbe } from '../../cli/commands/probe.ts';
import type { ProbeFacts } from '../../cli/probe-facts.ts';
import { probeServer } from '../../cli/probe-server.ts';
import { defaultClientLimits } from '../../core/client/limits.ts';
import { RrType } from '../../core/dns/constants.ts';
import { encodeA } from '../../core/dns/rdata.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import { makeIdentity, TestGate, tlsaRdata } from '../support/gate.ts';
import { runCommand, type CommandRun } from '../support/run-command.ts';

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const host = 'gate.example';
const client = '_xfr.ns2.example';

describe('danced probe', () => {
  let gate: TestGate;
  let folder: string;
  let identity: string;
  let stranger: string;
  let common: string[];

  before(async () => {
    gate = await TestGate.start({ clients: { [client]: ['example.com'] } });
    folder = mkdtempSync(join(tmpdir(), 'danced-probe-'));
    identity = directory('client', await gate.client(client));
    stranger = directory('stranger', await makeIdentity('_xfr.stranger.example'));
    const anchor = file('root.key', `${gate.lab.rootAnchor()}\n`);
    common = ['--resolver', `127.0.0.1:${String(gate.lab.resolver.port)}`, '--anchor', anchor];
    gate.lab.publish(host, RrType.A, [encodeA('127.0.0.1')]);
    gate.lab.publishTlsa(tlsaOwner(host), [tlsaRdata(gate.identity)]);
  });
  after(async () => {
    await gate.close();
    rmSync(folder, { recursive: true });
  });

  function tlsaOwner(name: string, port = gate.endpoint.port): string {
    return `_${String(port)}._tcp.${name}`;
  }

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  function directory(name: string, { certificatePem, privateKeyPem }: IssuedIdentity): string {
    mkdirSync(join(folder, name));
    file(`${name}/certificate.pem`, certificatePem);
    file(`${name}/key.pem`, privateKeyPem);
    return join(folder, name);
  }

  function probe(...args: string[]): Promise<CommandRun> {
    return runCommand(registerProbe, ['probe', ...args]);
  }

  async function facts(...args: string[]): Promise<ProbeFacts & { readonly exitCode: number }> {
    const { exitCode, stdout, stderr } = await probe(...args, ...common, '--json');
    expect(stderr).to.equal('');
    return { exitCode, ...(JSON.parse(stdout) as ProbeFacts) };
  }

  function pinOf({ subjectPublicKeyInfo }: IssuedIdentity): string {
    return createHash('sha256').update(subjectPublicKeyInfo).digest('base64');
  }

  function at(name = host): string {
    return `${name}:${String(gate.endpoint.port)}`;
  }

  function stepsOf({ steps }: ProbeFacts): string[] {
    return steps.map(({ step, ok }) => (ok ? step : `no ${step}`));
  }

  it('goes all the way to the whole zone, and says what each step found', async () => {
    const result = await facts(at(), '--identity', identity, '--zone', 'example.com');
    expect(stepsOf(result)).to.deep.equal([
      'address',
      'lookup',
      'tcp',
      'tls',
      'server',
      'client',
      'admitted',
      'soa',
      'transfer',
    ]);
    expect(result).to.deep.include({
      exitCode: 0,
      server: host,
      address: `127.0.0.1:${String(gate.endpoint.port)}`,
      ok: true,
      reason: 'transferred',
      version: 'TLSv1.3',
      alpn: 'dot',
      proof: 'DANE-EE SPKI SHA2-256',
      asksForCertificate: true,
      asksForName: true,
      shown: 'certificate',
      name: client,
    });
    expect(result.lookup).to.include({ status: 'secure', name: tlsaOwner(host) });
    expect(result.records).to.be.greaterThan(2000);
    expect(Date.parse(result.until!)).to.be.within(Date.now() + 30_000, Date.now() + 61_000);
  });

  it('says the same in words', async () => {
    const { stdout, exitCode } = await probe(
      at(),
      ...common,
      '--identity',
      identity,
      '--zone',
      'example.com',
    );
    expect(exitCode).to.equal(0);
    expect(stdout).to.contain(`${host}: it gives us the zone`);
    expect(stdout).to.match(
      /client +the server asked for a certificate and a name \(dane_clientid\); we showed/,
    );
    expect(stdout).to.match(/transfer +20\d\d records, serial \d+, in \d+ messages, \d+ octets/);
    expect(stdout).to.contain('(from --resolver); the proof of the server counts until ');
  });

  it('shows the bare key, with the name beside it [RFC7250-4.2]', async () => {
    const args = ['--identity', identity, '--zone', 'example.com', '--raw-public-key'];
    const result = await facts(at(), ...args);
    expect(result).to.include({ reason: 'transferred', shown: 'raw-public-key', name: client });
  });

  it('asks for no zone, and then any answer is one but REFUSED', async () => {
    const result = await facts(at(), '--identity', identity);
    expect(result).to.include({ exitCode: 1, ok: false, reason: 'answered-refused', serial: null });
    expect(stepsOf(result).slice(-2)).to.deep.equal(['admitted', 'no soa']);
    expect(result.steps.at(-2)!.detail).to.contain('as a known client or an anonymous one');
    expect(result.steps.at(-1)!.detail).to.match(/^of the root: REFUSED.*anonymous.*--zone.*the log/);

    const { certificatePem: cert, privateKeyPem: key } = gate.identity;
    const server = tls.createServer({ cert, key }, (socket) => {
      // The query as its own answer: two octets of length, the identifier, then the bit QR.
      socket.on('data', (query: Buffer) => {
        query[4]! |= 0x80;
        socket.end(query);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const other = await facts(`127.0.0.1:${String(port)}`, '--pin', pinOf(gate.identity));
    server.close();
    expect(other).to.include({ exitCode: 0, reason: 'answered', alpn: null, records: null });
    expect(other.steps.find(({ step }) => step === 'tls')!.detail).to.contain('no ALPN');
  });

  it('does not take an answer to an anonymous client for one to us', async () => {
    const open = await TestGate.start({
      clients: { [client]: ['example.com'] },
      listener: { 'on-failure': 'anonymous' },
    });
    try {
      const pin = ['--pin', pinOf(open.identity)];
      const address = `127.0.0.1:${String(open.endpoint.port)}`;
      const result = await facts(address, ...pin, '--identity', stranger, '--zone', 'example.com');
      expect(result).to.include({ exitCode: 1, reason: 'no-soa' });
      expect(result.steps.at(-1)!.detail).to.match(/^REFUSED.*; the server knows us .* or we are anonymous/);
    } finally {
      await open.close();
    }
  });

  it('asks whether the server has another extension, where it asks for no name', async () => {
    const result = await facts(at(), '--identity', stranger, '--extension-type', '0xff5c');
    expect(result).to.include({ asksForCertificate: true, asksForName: false, reason: 'refused-by-server' });
    expect(result.steps.at(-1)!.detail).to.contain('it may use another --extension-type or --dialect');
    const named = await facts(at(), '--identity', stranger);
    expect(named.steps.at(-1)!.detail).not.to.contain('--extension-type');
  });

  it('says what to look at where the trust anchor is another one', async () => {
    const wrong = file('wrong.key', `. DS 1 13 2 ${'00'.repeat(32)}\n`);
    const resolver = common.slice(0, 2);
    for (const args of [[at()], [`127.0.0.1:${String(gate.endpoint.port)}`, '--server-name', host]]) {
      const { exitCode, stdout } = await probe(...args, ...resolver, '--anchor', wrong);
      expect(exitCode).to.equal(1);
      expect(stdout).to.contain('(--anchor)');
    }
  });

  it('asks whether it is TLS where nothing comes', async () => {
    const silent = net.createServer().listen(0, '127.0.0.1');
    const sockets: net.Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const result = await probeServer({
      target: { host: { address: '127.0.0.1' }, port },
      policy: { name: undefined, dane: 'off', pins: [Buffer.alloc(32)] },
      credentials: undefined,
      tls: { dialect: 'draft-13', extensionType: defaultExtensionType, recordPadding: 0 },
      zone: undefined,
      resolver: { lookup: () => Promise.reject(new Error('nothing is to be looked up')) },
      limits: { ...defaultClientLimits, 'connect-time': 100 },
      nowMs: Date.now,
    });
    for (const socket of sockets) socket.destroy();
    silent.close();
    expect(result.reason).to.equal('timeout');
    expect(result.steps.at(-1)).to.include({ step: 'tls', ok: false });
    expect(result.steps.at(-1)!.detail).to.contain('does that port speak TLS?');
  });

  it('says that the server refused us, and what to check', async () => {
    const result = await facts(at(), '--identity', stranger, '--zone', 'example.com');
    expect(result).to.include({ exitCode: 1, ok: false, reason: 'refused-by-server' });
    expect(stepsOf(result).slice(-2)).to.deep.equal(['client', 'no admitted']);
    expect(result.steps.at(-1)!.detail).to.match(
      /^the server refused us: handshake_failure; see that _xfr\.stranger\.example has a TLSA record/,
    );
    const nobody = await facts(at());
    expect(nobody).to.include({ reason: 'refused-by-server', shown: 'nothing', name: null });
    expect(nobody.steps.at(-1)!.detail).to.contain('give one with --identity');
  });

  it('says no where the server gives no zone', async () => {
    const result = await facts(at(), '--identity', identity, '--zone', 'other.example');
    expect(result).to.include({ exitCode: 1, reason: 'no-soa' });
    expect(result.steps.at(-1)!.detail).to.match(/^(REFUSED|NOTAUTH)/);
  });

  it('shows nothing and asks nothing where the server is another one [RFC8310-5]', async () => {
    const other = 'other.example';
    gate.lab.publish(other, RrType.A, [encodeA('127.0.0.1')]);
    gate.lab.publishTlsa(tlsaOwner(other), [tlsaRdata(await makeIdentity(other))]);
    const result = await facts(at(other), '--identity', identity);
    expect(result).to.include({ exitCode: 1, reason: 'server-key-mismatch', proof: null, shown: null });
    expect(stepsOf(result)).to.deep.equal(['address', 'lookup', 'tcp', 'no server']);
  });

  it('connects to nobody whose record is missing, insecure or bogus [RFC6698-4.1]', async () => {
    const { port } = gate.endpoint;
    const address = `127.0.0.1:${String(port)}`;
    gate.lab.publishTlsa(tlsaOwner('unsigned.example'), [tlsaRdata(gate.identity)]);
    gate.lab.publishTlsa(tlsaOwner('stranger.example'), [tlsaRdata(gate.identity)]);
    gate.lab.setZoneState('stranger.example', 'broken');
    const reasonFor = async (name: string): Promise<[string, string[]]> => {
      const result = await facts(address, '--server-name', name);
      return [result.reason, stepsOf(result)];
    };
    const steps = ['address', 'no lookup'];
    expect(await reasonFor('nothing.example')).to.deep.equal(['server-no-tlsa', steps]);
    const nothing = await facts(address, '--server-name', 'nothing.example');
    expect(nothing.steps.at(-1)!.detail).to.contain(
      `publish ${tlsaOwner('nothing.example')}. TLSA 3 1 1 … (danced tlsa DIR --name ${tlsaOwner('nothing.example')})`,
    );
    expect(await reasonFor('unsigned.example')).to.deep.equal(['server-insecure', steps]);
    expect(await reasonFor('stranger.example')).to.deep.equal(['server-bogus', steps]);
  });

  it('takes an authority where the server has no TLSA record, and its name only [RFC8310-8.1]', async () => {
    const ca = file('ca.pem', gate.identity.certificatePem);
    const unpublished = 'unsigned.example';
    const address = `127.0.0.1:${String(gate.endpoint.port)}`;
    const wrong = await facts(address, '--server-name', unpublished, '--ca', ca);
    expect(wrong.reason).to.equal('server-name-mismatch');
    gate.lab.withdrawTlsa(tlsaOwner(host));
    try {
      const known = ['--identity', identity, '--zone', 'example.com'];
      const right = await facts(address, '--server-name', host, '--ca', ca, ...known);
      expect(right).to.include({ exitCode: 0, proof: 'PKIX' });
    } finally {
      gate.lab.publishTlsa(tlsaOwner(host), [tlsaRdata(gate.identity)]);
    }
  });

  it('takes a pin, of which the DNS need not know [RFC7858-4.2]', async () => {
    const pin = pinOf(gate.identity);
    const other = createHash('sha256').update('other').digest('base64');
    const address = `127.0.0.1:${String(gate.endpoint.port)}`;
    const queries = gate.lab.resolver.queries.length;
    const known = ['--identity', identity, '--zone', 'example.com'];
    const right = await facts(address, '--pin', other, '--pin', pin, ...known);
    expect(right).to.include({ exitCode: 0, server: null, proof: 'pin', until: null, lookup: null });
    expect(await facts(address, '--pin', other)).to.include({ reason: 'server-pin-mismatch' });
    expect(
      gate.lab.resolver.queries.slice(queries).filter(({ name }) => String(name).includes('_tcp')),
    ).to.deep.equal([]);
    const named = await facts(at(), '--pin', pin, ...known);
    expect(named, 'the name is said, not proved').to.include({ exitCode: 0, server: null, proof: 'pin' });
    const inWords = async (target: string): Promise<string> =>
      (await probe(target, ...common, '--pin', other)).stdout;
    expect(await inWords(address), 'nothing was looked up').not.to.contain('asked ');
    expect(await inWords(at())).to.contain('(from --resolver)');
    expect(await inWords('nowhere.example')).to.match(/^nowhere\.example: no-address/);
    const both = await facts(address, '--server-name', host, '--pin', other);
    expect(both, 'a name and a pin: both count [RFC8310-6.4]').to.include({ reason: 'server-pin-mismatch' });
  });

  it('says where nobody listens, and where somebody says nothing of TLS', async () => {
    const silent = net.createServer((socket) => socket.resume().end('220 hello\r\n')).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    gate.lab.publishTlsa(tlsaOwner(host, port), [tlsaRdata(gate.identity)]);
    const plain = await facts(`${host}:${String(port)}`);
    expect(plain).to.include({ exitCode: 1, reason: 'tls-failed' });
    expect(stepsOf(plain)).to.deep.equal(['address', 'lookup', 'tcp', 'no tls']);
    silent.close();
    await once(silent, 'close');
    const gone = await facts(`${host}:${String(port)}`);
    expect(gone).to.include({ exitCode: 1, reason: 'connect-failed' });
    expect(stepsOf(gone)).to.deep.equal(['address', 'lookup', 'no tcp']);
  });

  it('says that a name has no address', async () => {
    const result = await facts('nowhere.example');
    expect(result).to.include({ exitCode: 1, reason: 'no-address', address: null });
  });

  it('says what is missing where the TLS addon is not built', () => {
    const pin = Buffer.alloc(32).toString('base64');
    const { status, stderr } = spawnSync(
      process.execPath,
      [main, 'probe', '127.0.0.1:1', '--pin', pin, ...common],
      { encoding: 'utf8', env: { ...process.env, DANCED_WITHOUT_ADDON: '1' } },
    );
    expect(status).to.equal(2);
    expect(stderr).to.match(/^danced: dialling a server, which must be proved first, needs the TLS addon: /);
  });

  it('refuses what it cannot do', async () => {
    const address = `127.0.0.1:${String(gate.endpoint.port)}`;
    const cases: [string[], RegExp][] = [
      [['1.2.3.4.5:x'], /neither the name of a server nor an address/],
      [['host.example:0'], /no such port/],
      [[address, ...common], /--server-name, or the digest of its key with --pin/],
      [[address, ...common, '--pin', 'abc='], /is not a SHA-256 digest in base64/],
      [[at(), ...common, '--raw-public-key'], /--raw-public-key needs a key/],
      [[at(), ...common, '--name', client], /--name needs a key/],
      [[at(), ...common, '--identity', join(folder, 'none')], /no such file/],
      [[at(), ...common, '--dialect', 'draft-12'], /draft-13, draft-09/],
      [[at(), ...common, '--identity', identity, '--extension-type', '43'], /extension 43/],
      [[at(), ...common, '--identity', identity, '--extension-type', '0x2b'], /extension 43/],
      [[at(), ...common, '--extension-type', '0'], /from 1 to 65535/],
      [[at(), ...common, '--extension-type', '0x'], /from 1 to 65535/],
      [[at(), ...common, '--extension-type', '65536'], /from 1 to 65535/],
      [[at(), ...common, '--identity', identity, '--name', `${'a.'.repeat(20)}${'\\000'.repeat(60)}`], /255/],
    ];
    for (const [args, words] of cases) {
      const { exitCode, stderr, stdout } = await probe(...args);
      expect(exitCode, args.join(' ')).to.equal(2);
      expect(stderr + stdout).to.match(words);
    }
  });
});
