/** `danced run` with one plugin of the test's choice, and `danced agent`, as processes of their own. */
import { fileURLToPath } from 'node:url';
import { makeIdentity, type IdentityFiles } from './identity-files.ts';
import { freePort, type RunningProgram, type TestBed } from './peers/test-bed.ts';

export interface DancedOptions {
  /** Name of its identity; a key is made for it, unless it has one. */
  readonly name: string;
  readonly identity?: IdentityFiles;
  readonly resolver: { readonly address: string; readonly port: number };
  /** The only trust anchor, as a line of a zone file. */
  readonly anchor: string;
  /** The access list below `version: 1`; agents need none. */
  readonly access?: string;
  /** The plugin's name, and the lines of its configuration below `listen`; files named there are in `folder`. */
  readonly use: string;
  readonly plugin: string;
  /** Where it listens; a free port of 127.0.0.1 if not said. */
  readonly at?: { readonly address: string; readonly port: number };
  /** Files beside the configuration: their names and texts. */
  readonly files?: Readonly<Record<string, string>>;
}

/** It under way. */
export interface DancedProcess {
  readonly program: RunningProgram;
  readonly address: string;
  readonly port: number;
  /** Its own certificate, the name that stands in it, and the TLSA record to publish. */
  readonly certificateFile: string;
  readonly name: string;
  readonly tlsa: Buffer;
  /** Folder of the configuration. */
  readonly folder: string;
  /** The text of its metrics. */
  metrics(): Promise<string>;
}

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));
const loopback = '127.0.0.1';

/** Writes the configuration, starts danced and waits until it listens. */
export async function startDanced(bed: TestBed, options: DancedOptions): Promise<DancedProcess> {
  const { resolver, access, use, plugin, files = {} } = options;
  const identity = options.identity ?? (await makeIdentity(bed, options.name));
  const { address, port } = options.at ?? { address: loopback, port: await freePort() };
  const adminPort = await freePort();
  const name = `danced-${String(port)}`;
  for (const [file, text] of Object.entries({ ...files, 'root.key': `${options.anchor}\n` })) {
    bed.write(`${name}/${file}`, text);
  }
  if (access !== undefined) bed.write(`${name}/access.yaml`, `version: 1\n${access}`);
  const config = bed.write(
    `${name}/danced.yaml`,
    `version: 1
identity: { name: ${identity.name}, directory: ${identity.directory} }
resolver: { servers: ["${resolver.address}:${String(resolver.port)}"], trust-anchors: root.key }
${access === undefined ? '' : 'access: { store: file, file: access.yaml }\n'}observe: { listen: "${loopback}:${String(adminPort)}", level: debug, format: text }
plugins:
  - use: ${use}
    listen: ["${address}:${String(port)}"]
${plugin}`,
  );
  const program = bed.start(process.execPath, [main, 'run', '-c', config]);
  if (options.at === undefined) await program.waitForPort(port);
  else await program.waitFor('running', () => program.log.includes('INFO  running'));
  const { certificateFile, tlsa } = identity;
  const at = { program, address, port };
  return {
    ...at,
    ...{ certificateFile, name: identity.name, tlsa, folder: bed.folder(name) },
    metrics: async () => (await fetch(`http://${loopback}:${String(adminPort)}/metrics`)).text(),
  };
}

/** `danced agent` with these words, listening for plain DNS on a port of loopback. */
export async function startQuickAgent(
  bed: TestBed,
  words: readonly string[],
): Promise<Pick<DancedProcess, 'program' | 'address' | 'port'>> {
  const [address, port] = [loopback, await freePort()];
  const args = ['agent', '--listen', `${address}:${String(port)}`, ...words];
  const program = bed.start(process.execPath, [main, ...args]);
  await program.waitForPort(port);
  return { program, address, port };
}
