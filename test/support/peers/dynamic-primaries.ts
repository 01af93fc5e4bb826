/** Real primaries whose zone can be changed by UPDATE (RFC 2136), by who has a key: BIND and Knot DNS. NSD knows no UPDATE. */
import { freePort, pathOf, type RunningProgram, type TestBed } from './test-bed.ts';
import type { PeerKey } from './tsig-primaries.ts';
import type { ZoneText } from './zone-text.ts';

export interface DynamicPrimary {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
}

export type StartDynamicPrimary = (bed: TestBed, zone: ZoneText, key: PeerKey) => Promise<DynamicPrimary>;

const address = '127.0.0.1';

export const startDynamicBind: StartDynamicPrimary = async (bed, zone, key) => {
  const { port, folder, file } = await prepare(bed, 'bind-dynamic', zone);
  const config = bed.write(
    `${folder.name}/named.conf`,
    `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };
options {
  directory "${folder.path}"; pid-file none; session-keyfile none;
  listen-on port ${port} { ${address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { ${address}; };
};
controls { };
zone "${zone.apex}" { type primary; file "${file}"; allow-update { key "${key.name}"; }; };
`,
  );
  return started(bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]), port);
};

export const startDynamicKnot: StartDynamicPrimary = async (bed, zone, key) => {
  const { port, folder, file } = await prepare(bed, 'knot-dynamic', zone);
  const config = bed.write(
    `${folder.name}/knot.conf`,
    `server:
    rundir: "${folder.path}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder.path}"
key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
acl:
  - id: transfer
    address: ${address}
    action: transfer
  - id: update
    key: ${key.name}
    action: update
zone:
  - domain: ${zone.apex}
    file: "${file}"
    acl: [transfer, update]
`,
  );
  return started(bed.start(pathOf('knotd'), ['-c', config]), port);
};

async function prepare(bed: TestBed, kind: string, zone: ZoneText) {
  const port = await freePort();
  const name = `${kind}-${port}`;
  return {
    port,
    folder: { name, path: bed.folder(name) },
    file: bed.write(`${name}/${zone.apex}.zone`, zone.text),
  };
}

async function started(program: RunningProgram, port: number): Promise<DynamicPrimary> {
  await program.waitForPort(port);
  return { program, address, port };
}
