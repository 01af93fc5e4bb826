/**
 * Debian 13 (trixie) in a folder of its own: BIND 9.20, nginx 1.26, dnsdist 1.9, NSD 4.12 and OpenSSL 3.5, whatever Debian
 * this machine has, so that the peers stand on the same generation of OpenSSL as our Node does.
 *
 * It is laid out once by debootstrap, from the archive that this machine's apt uses, and kept for the next run: in
 * DANCED_BENCH_CACHE, or in the folder for temporary files. What an older one lacks is installed into it. Remove the folder
 * to have it made again.
 *
 * Limitations: Debian and its derivatives, as root. Nothing outside of the folder changes but that debootstrap itself is
 * installed when it is missing; what is mounted is mounted in a mount namespace of the command that needs it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

const suite = 'trixie';
const packages = [
  'bind9',
  'dnsdist',
  'gcc',
  'libc6-dev',
  'libnginx-mod-stream',
  'libssl-dev',
  'nginx',
  'nsd',
];
/** What is there when all packages are. */
const marks = [
  'usr/bin/dnsdist',
  'usr/bin/gcc',
  'usr/include/openssl/ssl.h',
  'usr/sbin/named',
  'usr/sbin/nginx',
  'usr/sbin/nsd',
];
const install = ['install', '-y', '-q', '--no-install-recommends'];
/** Milliseconds for one step of the set-up. */
const stepTimeMs = 15 * 60_000;
// invoke-rc.d(8): 101 is "action forbidden by policy"; the packages must not start their services.
const policy = '#!/bin/sh\nexit 101\n';

/** A command with its arguments. */
export type CommandLine = [command: string, args: string[]];

/** This machine does not have what the benchmark needs; the message says what, and how to mend it. */
export class MeansMissing extends Error {
  override readonly name = 'MeansMissing';
}

/** The newer Debian, and a folder in it for one run. */
export class Trixie {
  readonly #root: string;
  readonly #folder: string;
  readonly #onExit = (): void => {
    rmSync(this.#folder, { recursive: true, force: true });
  };

  private constructor(root: string) {
    this.#root = root;
    this.#folder = mkdtempSync(join(root, 'tmp', 'bench-'));
    process.once('exit', this.#onExit);
  }

  /** Lays it out when it is not there yet; `say` takes words about that. Throws with what is needed. */
  static open(say: (words: string) => void): Trixie {
    if (process.getuid?.() !== 0)
      throw new MeansMissing(
        'this benchmark needs root: its peers come from Debian 13, laid out by debootstrap and run by chroot',
      );
    const root = resolve(process.env['DANCED_BENCH_CACHE'] ?? join(tmpdir(), 'danced-bench-trixie'));
    if (!existsSync(root)) layOut(root, say);
    checkOwner(root);
    if (missingIn(root).length > 0) installInto(root, say);
    const missing = missingIn(root);
    if (missing.length > 0)
      throw new MeansMissing(`${root} lacks ${missing.join(', ')}; remove it, then it is made again`);
    return new Trixie(root);
  }

  /** Writes a file for programs inside; gives its path as they see it. */
  write(name: string, text: string): string {
    writeFileSync(join(this.#folder, name), text, { mode: 0o600 });
    return this.path(name);
  }

  /** Path of a file or folder of this run, as programs inside see it. */
  path(name: string): string {
    return join('/tmp', basename(this.#folder), name);
  }

  /** The same as this machine sees it. */
  outerPath(name: string): string {
    return join(this.#folder, name);
  }

  /** The command line that runs a program inside. */
  inside(command: string, args: readonly string[]): CommandLine {
    return ['chroot', [this.#root, command, ...args]];
  }

  /** Removes the folder of this run; the Debian stays. */
  close(): void {
    process.removeListener('exit', this.#onExit);
    this.#onExit();
  }
}

/** What is run as root must be root's: the folder for temporary files is everybody's. */
function checkOwner(root: string): void {
  const { uid, mode } = lstatSync(root);
  if (uid !== 0 || (mode & 0o022) !== 0)
    throw new MeansMissing(`${root} can be written by others than root; remove it, then try again`);
}

function missingIn(root: string): string[] {
  return marks.filter((mark) => !existsSync(join(root, mark)));
}

/** Makes it beside its place and moves it there when it is whole, so that half of one is never taken for one. */
function layOut(root: string, say: (words: string) => void): void {
  const partial = `${root}-partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(root), { recursive: true });
  mkdirSync(partial, { mode: 0o755 });
  if (spawnSync('debootstrap', ['--version'], { env }).status !== 0) {
    say('installing debootstrap');
    mustRun('apt-get', [...install, 'debootstrap']);
  }
  say(`laying out Debian's ${suite} in ${root}; this is done once and takes minutes`);
  mustRun('debootstrap', ['--variant=minbase', suite, partial, archive()]);
  writeFileSync(join(partial, 'usr/sbin/policy-rc.d'), policy, { mode: 0o755 });
  installInto(partial, say);
  renameSync(partial, root);
}

/** Installs the packages; those that are there stay as they are. */
function installInto(root: string, say: (words: string) => void): void {
  say(`installing ${packages.join(', ')} in ${root}`);
  const script = `mount -t proc proc "$0/proc" && chroot "$0" apt-get update -q && exec chroot "$0" apt-get "$@"`;
  mustRun('unshare', ['--mount', 'sh', '-c', script, root, ...install, '--no-upgrade', ...packages]);
}

/** The archive that this machine's packages come from. */
function archive(): string {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  const [found] = stdout.split('\n').filter((uri) => uri !== '' && !uri.includes('security'));
  if (found === undefined)
    throw new MeansMissing(
      'apt-get names no archive (apt-get indextargets); is this a Debian, and has it sources?',
    );
  return found;
}

const env = {
  ...process.env,
  DEBIAN_FRONTEND: 'noninteractive',
  LC_ALL: 'C.UTF-8',
  // debootstrap lives in sbin, which some shells leave out.
  PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
};

function mustRun(command: string, args: readonly string[]): void {
  const options = { env, encoding: 'utf8', timeout: stepTimeMs, maxBuffer: 64 * 1024 * 1024 } as const;
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, options);
  if (status === 0) return;
  const why = error?.message ?? `ended with ${String(status ?? signal)}`;
  const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-20).join('\n');
  throw new MeansMissing(`${command} ${args.join(' ')}: ${why}\n${tail}`);
}
