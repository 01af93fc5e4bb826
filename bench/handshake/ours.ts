/**
 * Our side: `danced run` with one xot gate before the primary, proof and access list on. The client's TLSA record is in
 * the lab's signed DNS, which runs in this process, on the CPU of the load.
 */
import { fileURLToPath } from 'node:url';
import { Name } from '../../core/dns/name.ts';
import { issueIdentity, type IssuedIdentity } from '../../core/pki/issue.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import type { Lab } from '../../lab/lab.ts';
import { freePort, type TestBed } from '../../test/support/peers/test-bed.ts';
import { pinned, serverCpu } from '../processes.ts';
import { zoneName, type Credentials, type Server } from './peers.ts';

export const clientName = '_xfr.ns2.example';
const hourMs = 3_600_000;
/** The record is looked up before the first round, and stays cached through all of them. */
const tlsaTtlSeconds = 86_400;
const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));

/** Makes a P-256 key with a certificate for the name. */
export function makeIdentity(name: string): Promise<IssuedIdentity> {
  const nowMs = Date.now();
  const validity = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + 24 * hourMs };
  return issueIdentity({ name: Name.parse(name), algorithm: 'p256', ...validity });
}

/** Puts the client's TLSA record into the DNS. */
export function publishClient(lab: Lab, client: IssuedIdentity): void {
  const record = tlsaFor(client, { usage: 3, selector: 1, matchingType: 1 });
  lab.publishTlsa(clientName, [encodeTlsa(record)], tlsaTtlSeconds);
}

/** Starts the daemon; its log goes to a file, at the level that it has by default. */
export async function startOurs(bed: TestBed, lab: Lab, own: Credentials, primary: Server): Promise<Server> {
  const port = await freePort();
  bed.write('ours/gate/certificate.pem', own.certificatePem);
  bed.write('ours/gate/key.pem', own.privateKeyPem, 0o600);
  bed.write('ours/root.key', `${lab.rootAnchor()}\n`);
  bed.write(
    'ours/access.yaml',
    `version: 1
clients:
  ${clientName}: { roles: [secondary], allow: [{ action: transfer, zones: [${zoneName}] }] }
`,
  );
  const config = bed.write(
    'ours/danced.yaml',
    `version: 1
identity: { name: gate.example, directory: gate }
resolver:
  servers: ["127.0.0.1:${lab.resolver.port}"]
  trust-anchors: root.key
access: { store: file, file: access.yaml }
plugins:
  - use: xot/gate
    listen: ["127.0.0.1:${port}"]
    primary: 127.0.0.1:${primary.port}
    zones: [${zoneName}]
    limits: { queries-per-client: 40 } # one client is all the load here
`,
  );
  const log = bed.write('ours/log', '');
  const run = pinned(serverCpu, process.execPath, [main, 'run', '-c', config]).flat();
  // The shell opens the file, and becomes the program.
  const program = bed.start('sh', ['-c', 'exec "$@" 2>"$0"', log, ...run], log);
  await program.waitForPort(port);
  return { port, programs: [program, ...primary.programs] };
}
