import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Daemon } from '../../cli/daemon.ts';
import { builtinPlugins, loadConfigAndPlugins } from '../../cli/plugins.ts';
import { encodePem } from '../../core/pki/pem.ts';
import type { Plugin } from '../../core/plugin/contract.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { transfer } from '../../lab/secondary.ts';
import { craftCertificate } from '../support/crafted-certificate.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';
import { memoryLog } from '../support/memory-log.ts';

const client = '_xfr.ns2.example';
/** OpenSSL takes no RSA key of so few bits for TLS. */
const weakKey = generateKeyPairSync('rsa', { modulusLength: 512 });
const access = `version: 1
clients:
  ${client}: { allow: [{ action: transfer, zones: ["*"] }] }
`;

describe('a daemon that reloads its configuration', () => {
  let lab: Lab;
  let directory: string;
  let daemon: Daemon;
  let ports: string[];
  const log = memoryLog();
  let identity: Awaited<ReturnType<typeof makeIdentity>>;

  /** One gate for each list of zones; `listen` gives their addresses. */
  function configuration(
    zones: readonly string[],
    listen: readonly string[],
    accessFile = 'access.yaml',
    more = '',
  ): string {
    const gates = zones.map(
      (zone, index) =>
        `  - { use: xot/gate, listen: ["${listen[index] ?? ''}"], primary: "127.0.0.1:${lab.primary.port}", zones: [${zone}]${more} }\n`,
    );
    return `version: 1
identity: { name: gate.example, directory: . }
resolver: { validation: trust-ad, servers: ["127.0.0.1:${lab.resolver.port}"] }
access: { store: file, file: ${accessFile} }
plugins:
${gates.join('')}`;
  }

  async function load(text: string) {
    const file = join(directory, 'danced.yaml');
    writeFileSync(file, text);
    return loadConfigAndPlugins(file);
  }

  /** Response codes of an SOA query for example.com at each gate: 0 is yes, 9 is "not served here". */
  async function rcodes(): Promise<(number | undefined)[]> {
    const answers = ports.map((port) =>
      transfer({
        address: '127.0.0.1',
        port: Number(port),
        certificatePem: identity.certificatePem,
        keyPem: identity.privateKeyPem,
        zone: lab.primary.zone.apex,
        type: 'SOA',
      }),
    );
    return (await Promise.all(answers)).map(({ rcode }) => rcode);
  }

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 10 } });
    identity = await makeIdentity(client);
    lab.publishTlsa(client, [tlsaRdata(identity)]);
  });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'danced-daemon-'));
    mkdirSync(directory, { recursive: true });
    const own = await makeIdentity('gate.example');
    writeFileSync(join(directory, 'certificate.pem'), own.certificatePem);
    writeFileSync(join(directory, 'key.pem'), own.privateKeyPem, { mode: 0o600 });
    for (const file of ['access.yaml', 'other.yaml']) writeFileSync(join(directory, file), access);
    log.forget();
    const anyPort = ['127.0.0.1:0', '127.0.0.1:0'];
    daemon = await Daemon.start({
      loaded: await load(configuration(['example.com', 'example.net'], anyPort)),
      log,
    });
    ports = log.of('listening').map(({ fields }) => String(fields['addresses']).split(':')[1] ?? '');
  });

  afterEach(async () => {
    await daemon.stop(500);
    rmSync(directory, { recursive: true });
  });

  after(() => lab.close());

  const anyPort = ['127.0.0.1:0', '127.0.0.1:0'];

  it('takes new zones for each gate', async () => {
    expect(await rcodes()).to.deep.equal([0, 9]);
    daemon.reload(await load(configuration(['example.net', 'example.com'], anyPort)));
    expect(await rcodes()).to.deep.equal([9, 0]);
    expect(log.of('configuration reloaded')).to.have.length(1);
  });

  it('takes new ways of knowing clients, for new connections', async () => {
    const zones = ['example.com', 'example.net'];
    daemon.reload(await load(configuration(zones, anyPort, 'access.yaml', ', claims: [extension]')));
    expect(await rcodes()).to.deep.equal([undefined, undefined]);
    const anonymous = ', claims: [extension], on-failure: anonymous';
    daemon.reload(await load(configuration(zones, anyPort, 'access.yaml', anonymous)));
    expect(await rcodes()).to.deep.equal([5, 5]);
    daemon.reload(await load(configuration(zones, anyPort)));
    expect(await rcodes()).to.deep.equal([0, 9]);
  });

  it('keeps its key and certificate when TLS does not take the new ones', async () => {
    const weak = craftCertificate({ publicKey: weakKey.publicKey.export({ type: 'spki', format: 'der' }) });
    writeFileSync(join(directory, 'certificate.pem'), encodePem(weak, 'CERTIFICATE'));
    writeFileSync(join(directory, 'key.pem'), weakKey.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    daemon.reload(undefined);
    expect(log.of('identity not reloaded')).to.have.length(1);
    expect(await rcodes()).to.deep.equal([0, 9]);
  });

  it('takes nothing when a gate is to listen elsewhere: the entry may be another one', async () => {
    daemon.reload(await load(configuration(['example.net', 'example.com'], ['127.0.0.1:1', '127.0.0.1:0'])));
    expect(await rcodes()).to.deep.equal([0, 9]);
    const [line] = log.of('configuration needs a restart');
    expect(line?.fields['changed']).to.equal('plugins[0].listen');
  });

  it('takes nothing when a part that all share has changed, lest half of a change be in force', async () => {
    daemon.reload(await load(configuration(['example.com', 'example.com'], anyPort, 'other.yaml')));
    expect(await rcodes()).to.deep.equal([0, 9]);
    expect(log.of('configuration needs a restart')[0]?.fields['changed']).to.equal('access');
  });

  it('takes nothing when a gate is added', async () => {
    daemon.reload(
      await load(configuration(['example.com', 'example.com', 'example.org'], [...anyPort, '127.0.0.1:0'])),
    );
    expect(await rcodes()).to.deep.equal([0, 9]);
    expect(log.of('configuration needs a restart')[0]?.fields['changed']).to.equal('plugins');
  });

  it('survives a plugin that fails to reload', async () => {
    const loaded = await load(configuration(['example.com'], ['127.0.0.1:0']));
    const xot = builtinPlugins.get('xot/gate')!;
    const fragile: Plugin<unknown> = {
      name: xot.name,
      schema: xot.schema,
      endpoints: (config) => xot.endpoints(config),
      setup: () => ({
        start: () => Promise.resolve(),
        ready: () => ({ ready: true, waitingFor: [] }),
        reload: () => {
          throw new TypeError('a defect');
        },
        stop: () => Promise.resolve(),
      }),
    };
    const other = await Daemon.start({ loaded: { ...loaded, plugins: new Map([[xot.name, fragile]]) }, log });
    other.reload(loaded);
    await other.stop(0);
    expect(log.of('defect')[0]?.fields).to.include({ plugin: 'xot/gate', doing: 'reload' });
  });
});
