/**
 * systemd-resolved as the stub resolver of a machine, without systemd and without D-Bus: in a folder of its own that it
 * takes for the whole file system (chroot), with a listener on a port of loopback.
 *
 * The Debian package is unpacked and not installed, because installing it makes it the resolver of the machine.
 *
 * Limitations: changing the root takes root, or sudo that asks for no password. resolvectl and NSS, which want D-Bus or the
 * machine's own resolv.conf, are not tried: questions come by DNS, as from programs that read resolv.conf.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type RunningProgram, type TestBed } from './test-bed.ts';

/** With the libraries that others on the list do not bring. */
export const resolvedPackages = ['systemd-resolved', 'libsystemd-shared', 'libip4tc2', 'libkmod2'] as const;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, 'node_modules', '.cache', 'systemd-resolved');
const places = ['usr/lib/systemd', 'lib/systemd'] as const;

/** The full path of its binary, or undefined when it is not there. */
export function findResolved(): string | undefined {
  return places.map((place) => join(folder, place, 'systemd-resolved')).find((path) => existsSync(path));
}

/** Fetches the packages with apt-get and unpacks them below node_modules. Returns whether it is there. */
export function unpackResolved(): boolean {
  const downloads = mkdtempSync(join(tmpdir(), 'danced-packages-'));
  try {
    const fetching = ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...resolvedPackages];
    spawnSync('apt-get', fetching, { cwd: downloads, stdio: ['ignore', 'ignore', 'inherit'] });
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(downloads)) {
      spawnSync('dpkg-deb', ['-x', join(downloads, file), folder], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
  return findResolved() !== undefined;
}

/** It under way. */
export interface StubResolver {
  readonly program: RunningProgram;
  readonly address: string;
  /** Plain UDP and TCP. */
  readonly port: number;
}

/** Settings that have it ask one server for everything, and forget at once what it has heard. */
export function resolvedSettings(server: { readonly address: string; readonly port: number }): string {
  return `[Resolve]
DNS=${server.address}:${String(server.port)}
FallbackDNS=
Domains=~.
Cache=no
LLMNR=no
MulticastDNS=no
`;
}

/** Starts it with these settings: the text of a resolved.conf. */
export async function startResolved(bed: TestBed, settings: string): Promise<StubResolver> {
  const binary = findResolved();
  if (binary === undefined) throw new Error('systemd-resolved is not there: npm run peers');
  const port = await freePort();
  const name = `resolved-${String(port)}`;
  const system = bed.folder(name);
  for (const place of ['run/systemd/netif/links', 'run/systemd/resolve', 'tmp'])
    bed.folder(`${name}/${place}`);
  const ids = `${String(process.getuid?.() ?? 0)}:${String(process.getgid?.() ?? 0)}`;
  bed.write(`${name}/etc/passwd`, `systemd-resolve:x:${ids}::/:/bin/false\n`);
  bed.write(`${name}/etc/group`, `systemd-resolve:x:${ids.split(':')[1]!}:\n`);
  bed.write(
    `${name}/etc/systemd/resolved.conf`,
    `${settings}
[Resolve]
ReadEtcHosts=no
DNSStubListener=no
DNSStubListenerExtra=127.0.0.1:${String(port)}
`,
  );
  copyFileSync(binary, join(system, 'systemd-resolved'));
  const loader = copyLibraries(binary, system);
  const inside = [system, loader, '--library-path', '/libraries', '/systemd-resolved'];
  const program =
    process.getuid?.() === 0 ? bed.start('chroot', inside) : bed.start('sudo', ['-n', 'chroot', ...inside]);
  await program.waitForPort(port);
  return { program, address: '127.0.0.1', port };
}

/** Copies what the binary is linked with to the folder `libraries`; gives the path of the loader inside. */
function copyLibraries(binary: string, system: string): string {
  const unpacked = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => /\.so(\.|$)/.test(entry.name))
    .map((entry) => entry.parentPath);
  const { stdout } = spawnSync('ldd', [binary], {
    encoding: 'utf8',
    env: { ...process.env, LD_LIBRARY_PATH: [...new Set(unpacked)].join(':') },
  });
  const files = stdout.match(/\/\S+(?= \(0x)/g) ?? [];
  const loader = files.find((file) => basename(file).startsWith('ld-'));
  if (loader === undefined) throw new Error(`ldd does not name the loader of ${binary}:\n${stdout}`);
  for (const file of files) {
    const target = join(system, file === loader ? file : join('libraries', basename(file)));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  return loader;
}
