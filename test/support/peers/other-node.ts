/**
 * The other line of Node that danced runs on, besides the one that `npm ci` brings: from the npm registry, into a folder
 * that belongs to node_modules.
 *
 * Limitations: for the platforms that the package "node" knows; elsewhere there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const otherNodeVersion = '24.21.0';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, 'node_modules', '.cache', `node-${otherNodeVersion}`);
const platformPackage = `node-${process.platform}-${process.arch}`;

/** The full path of its binary, or undefined when it is not installed. */
export function findOtherNode(): string | undefined {
  const binary = join(folder, 'node_modules', platformPackage, 'bin', 'node');
  return existsSync(binary) ? binary : undefined;
}

/** Installs it with the addon for it; its output is npm's own. Returns whether it is there. */
export function installOtherNode(): boolean {
  mkdirSync(folder, { recursive: true });
  const wanted = `${platformPackage}@${otherNodeVersion}`;
  spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--no-package-lock', wanted], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const binary = findOtherNode();
  return binary !== undefined && buildAddonFor(binary);
}

/** Whether the addon is built for this Node; builds it if not. */
export function buildAddonFor(node: string): boolean {
  const { status } = spawnSync(node, [join(root, 'scripts', 'build-native.js'), '--if-missing', '--must'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return status === 0;
}
