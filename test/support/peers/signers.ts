/**
 * Real signers: BIND (inline-signing) and Knot DNS (dnssec-signing) that get an unsigned zone from a plain server beside them,
 * sign it, and serve it on.
 */
import { secondary, type Secondary } from './secondaries.ts';
import { freePort, pathOf, type TestBed } from './test-bed.ts';

export interface SignerOptions {
  readonly apex: string;
  /** Of 127.0.0.1: where the zone comes from. */
  readonly primaryPort: number;
  /** Its own, where somebody must know it beforehand. */
  readonly port?: number;
}

export type StartSigner = (bed: TestBed, options: SignerOptions) => Promise<Secondary>;

export const startBindSigner: StartSigner = async (bed, { apex, primaryPort, port: wanted }) => {
  const port = wanted ?? (await freePort());
  const name = `bind-signer-${port}`;
  const folder = bed.folder(name);
  const config = bed.write(
    `${name}/named.conf`,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.1; };
};
controls { };
zone "${apex}" {
  type secondary; file "zone"; primaries port ${primaryPort} { 127.0.0.1; };
  inline-signing yes; dnssec-policy default;
};
`,
  );
  const program = bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]);
  await program.waitForPort(port);
  return secondary(program, port, apex, /Transfer status: (?!success)/g);
};

export const startKnotSigner: StartSigner = async (bed, { apex, primaryPort, port: wanted }) => {
  const port = wanted ?? (await freePort());
  const name = `knot-signer-${port}`;
  const folder = bed.folder(name);
  const config = bed.write(
    `${name}/knot.conf`,
    `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
remote:
  - id: agent
    address: 127.0.0.1@${primaryPort}
acl:
  - id: notify
    address: 127.0.0.1
    action: notify
  - id: transfer
    address: 127.0.0.1
    action: transfer
zone:
  - domain: ${apex}
    master: agent
    acl: [notify, transfer]
    dnssec-signing: on
    storage: "${folder}"
`,
  );
  const program = bed.start(pathOf('knotd'), ['-c', config]);
  await program.waitForPort(port);
  return secondary(program, port, apex, /AXFR, incoming, .*(failed|error)/g);
};
