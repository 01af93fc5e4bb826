/** Real primaries that give their zone to nobody without TSIG: BIND, NSD and Knot DNS, with keys of several algorithms. */
import { freePort, pathOf, type RunningProgram, type TestBed } from './test-bed.ts';
import type { ZoneText } from './zone-text.ts';

export interface PeerKey {
  readonly name: string;
  /** As the configurations of all three call it. */
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

export interface TsigPrimary {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
}

export type StartTsigPrimary = (
  bed: TestBed,
  zone: ZoneText,
  keys: readonly PeerKey[],
) => Promise<TsigPrimary>;

const address = '127.0.0.1';

export const startBindWithKeys: StartTsigPrimary = (bed, zone, keys) =>
  start(bed, 'bind-tsig', zone, (port, folder, file) => ({
    text: `${keys.map(({ name, algorithm, secret }) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };\n`).join('')}
options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { ${address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
  allow-query { ${keys.map(({ name }) => `key "${name}"; `).join('')}};
  allow-transfer { ${keys.map(({ name }) => `key "${name}"; `).join('')}};
};
controls { };
zone "${zone.apex}" { type primary; file "${file}"; };
`,
    run: (config) => bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]),
  }));

export const startNsdWithKeys: StartTsigPrimary = (bed, zone, keys) =>
  start(bed, 'nsd-tsig', zone, (port, folder, file) => ({
    text: `server:
  server-count: 1
  ip-address: ${address}@${port}
  username: ""
  database: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/pid"
  logfile: "${folder}/log"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
remote-control:
  control-enable: no
${keys.map(({ name, algorithm, secret }) => `key:\n  name: "${name}"\n  algorithm: ${algorithm}\n  secret: "${secret}"\n`).join('')}zone:
  name: ${zone.apex}
  zonefile: "${file}"
${keys.map(({ name }) => `  provide-xfr: 127.0.0.0/8 "${name}"\n`).join('')}`,
    run: (config) => bed.start(pathOf('nsd'), ['-d', '-c', config], `${folder}/log`),
  }));

export const startKnotWithKeys: StartTsigPrimary = (bed, zone, keys) =>
  start(bed, 'knot-tsig', zone, (port, folder, file) => ({
    text: `server:
    rundir: "${folder}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
key:
${keys.map(({ name, algorithm, secret }) => `  - id: ${name}\n    algorithm: ${algorithm}\n    secret: ${secret}\n`).join('')}acl:
  - id: transfer
    key: [${keys.map(({ name }) => name).join(', ')}]
    action: transfer
zone:
  - domain: ${zone.apex}
    file: "${file}"
    acl: transfer
`,
    run: (config) => bed.start(pathOf('knotd'), ['-c', config]),
  }));

async function start(
  bed: TestBed,
  kind: string,
  zone: ZoneText,
  make: (
    port: number,
    folder: string,
    file: string,
  ) => { readonly text: string; readonly run: (config: string) => RunningProgram },
): Promise<TsigPrimary> {
  const port = await freePort();
  const name = `${kind}-${port}`;
  const file = bed.write(`${name}/zone`, zone.text);
  const { text, run } = make(port, bed.folder(name), file);
  const program = run(bed.write(`${name}/conf`, text));
  await program.waitForPort(port);
  return { program, address, port };
}
