/** Certificates that a stranger makes to hurt: the gate is a process of its own here, since the worst ended it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, getCurves } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import { expect } from 'chai';
import { pathLimits } from '../../core/pki/path-limits.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { craftCertificate, dnsNameEntry, subjectAltName } from '../support/crafted-certificate.ts';

const gateScript = `
import { TestGate } from '${new URL('../support/gate.ts', import.meta.url).href}';
const gate = await TestGate.start({ lab: { transferZone: { name: 'example.com', records: 10 } } });
process.stdout.write(String(gate.endpoint.port) + '\\n');
process.stdin.once('end', () => void gate.close());
process.stdin.resume();
`;

/** A key of the curve in a certificate whose signature is nonsense. */
function crafted(curve: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  const certificate = craftCertificate({
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [subjectAltName(dnsNameEntry('_xfr.stranger.example'))],
  });
  return {
    certificate: encodePem(certificate, 'CERTIFICATE'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

describe('a gate and certificates made to end it', () => {
  let gate: ChildProcess;
  let port: number;

  before(async () => {
    gate = spawn(process.execPath, ['--input-type=module', '-e', gateScript], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(gate.stdout!, 'data')) as [Buffer];
    port = Number(line.toString());
  });

  after(async () => {
    if (gate.exitCode === null && gate.signalCode === null) {
      gate.stdin!.end();
      await once(gate, 'exit');
    }
  });

  /** Resolves when the gate has closed the connection, and the process has had time to die of it. */
  async function connect(cert: string, key: string): Promise<void> {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      cert,
      key,
      rejectUnauthorized: false,
      // The client's own library would not send some of these.
      ciphers: 'DEFAULT@SECLEVEL=0',
      ALPNProtocols: ['dot'],
    });
    // The alert is an error here, and what is looked for comes after it.
    socket.on('error', () => undefined);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }

  async function expectAlive(): Promise<void> {
    const again = crafted('prime256v1');
    await connect(again.certificate, again.key);
    expect([gate.exitCode, gate.signalCode]).to.deep.equal([null, null]);
  }

  it('survives a key on a curve that has no NIST name', async () => {
    for (const curve of ['brainpoolP256r1', 'brainpoolP384r1']) {
      const { certificate, key } = crafted(curve);
      await connect(certificate, key);
      await expectAlive();
    }
  });

  it('survives such a key further up in the chain', async () => {
    const leaf = crafted('prime256v1');
    const issuer = crafted('brainpoolP256r1');
    await connect(leaf.certificate + issuer.certificate, leaf.key);
    await expectAlive();
  });

  it('survives a key on every curve that there is in one chain', async function () {
    this.timeout(60_000);
    const leaf = crafted('prime256v1');
    const curves = getCurves().filter((curve) => !curve.startsWith('Oakley'));
    const length = pathLimits['chain-certificates'].default;
    for (let first = 0; first < curves.length; first += length) {
      const chain = curves.slice(first, first + length).map((curve) => crafted(curve).certificate);
      await connect(leaf.certificate + chain.join(''), leaf.key);
      await expectAlive();
    }
  });
});
