/**
 * Installs what the interop tests run against: the name servers and tools of others, from Debian's packages; and the
 * other line of Node that danced runs on. With the compiler that is among those packages it builds the TLS addon, if
 * that was not built when danced was installed.
 *
 * Says in plain words what it does. Works as root, or through sudo when that asks for no password; otherwise it prints
 * the command to run, and ends with exit code 1.
 *
 * Limitations: Debian and its derivatives only. Services of the packages are kept from starting by a policy-rc.d that
 * stands only while apt-get runs; one that is there already is left as it is.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  buildAddonFor,
  findOtherNode,
  installOtherNode,
  otherNodeVersion,
} from '../test/support/peers/other-node.ts';
import { missingPackages } from '../test/support/peers/programs.ts';
import { findResolved, resolvedPackages, unpackResolved } from '../test/support/peers/systemd-resolved.ts';

const policyFile = '/usr/sbin/policy-rc.d';
// invoke-rc.d(8): 101 is "action forbidden by policy".
const policy = '#!/bin/sh\nexit 101\n';

/** How this calls itself through sudo. */
const packagesOnly = '--packages-only';
const isForPackagesOnly = process.argv.includes(packagesOnly);

const packages = missingPackages();
if (packages.length > 0) process.exitCode = provide(packages);
// As the user who runs the tests, also where the packages came through sudo.
if (!process.exitCode && !isForPackagesOnly) process.exitCode = provideResolved() || provideNodes();

/** Unpacked, since an installed one takes over the name resolution of the machine. */
function provideResolved(): number {
  if (findResolved() !== undefined) return 0;
  say('Unpacking systemd-resolved below node_modules; it is not installed.');
  if (unpackResolved()) return 0;
  // Perhaps the package lists are missing, or too old.
  const update = ['apt-get', 'update', '-qq'];
  const [command = '', ...args] = process.getuid?.() === 0 ? update : ['sudo', '-n', ...update];
  if (run(command, args, 'inherit') === 0 && unpackResolved()) return 0;
  say(`Could not fetch ${resolvedPackages.join(', ')} with "apt-get download".`);
  return 1;
}

function provideNodes(): number {
  if (!buildAddonFor(process.execPath)) return 1;
  const other = findOtherNode();
  if (other !== undefined) return buildAddonFor(other) ? 0 : 1;
  say(`The tests run on Node ${otherNodeVersion} too; installing it below node_modules.`);
  if (installOtherNode()) return 0;
  say(`Could not install Node ${otherNodeVersion}; npm says why above.`);
  return 1;
}

function provide(wanted: readonly string[]): number {
  const byHand = `sudo apt-get install ${wanted.join(' ')}`;
  say(`The tests run against real name servers. Missing Debian packages: ${wanted.join(', ')}.`);
  if (run('apt-get', ['--version'], 'ignore') !== 0) {
    say('There is no apt-get here, so install these programs by the means of your system.');
    return 1;
  }
  if (process.getuid?.() !== 0) {
    if (run('sudo', ['-n', 'true'], 'ignore') !== 0) {
      say(`Not root, and sudo would ask for a password. Run this, then try again:\n  ${byHand}`);
      return 1;
    }
    say('Installing them through sudo.');
    return run('sudo', ['-n', process.execPath, fileURLToPath(import.meta.url), packagesOnly], 'inherit');
  }
  say('Installing them with apt-get; their services are not started.');
  installAsRoot(wanted);
  const missing = missingPackages();
  if (missing.length === 0) {
    say('Installed.');
    return 0;
  }
  say(`Could not install ${missing.join(', ')}; apt-get says why above. By hand:\n  ${byHand}`);
  return 1;
}

function installAsRoot(wanted: readonly string[]): void {
  // Without a handler an interrupt would end us before the policy file is gone; apt-get gets the same signal and ends.
  const wait = (): void => say('Interrupted; cleaning up.');
  process.once('SIGINT', wait).once('SIGTERM', wait);
  const placed = placePolicy();
  try {
    if (run('apt-get', ['update', '-qq'], 'inherit') !== 0)
      say('Package lists are not fresh; going on with what is there.');
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], 'inherit');
  } finally {
    if (placed) rmSync(policyFile, { force: true });
  }
}

/** Forbids the start of services; false when a policy of the machine's owner is there, which then counts. */
function placePolicy(): boolean {
  try {
    writeFileSync(policyFile, policy, { flag: 'wx', mode: 0o755 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function run(command: string, args: readonly string[], stdio: 'inherit' | 'ignore'): number {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return (
    spawnSync(command, args, { stdio: stdio === 'ignore' ? 'ignore' : ['ignore', 'inherit', 'inherit'], env })
      .status ?? 1
  );
}

function say(words: string): void {
  process.stdout.write(`${words}\n`);
}
