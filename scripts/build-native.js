/**
 * Builds the addon of core/tls/native for the Node that runs this, into prebuilds/; `npm ci` and `npm install` run it.
 *
 * Plain JavaScript: in an installed package nothing strips types. Without a compiler danced
 * works all the same, with fewer abilities, so this says what is lost and fails only if it `must` be.
 *
 * Usage: node scripts/build-native.js [--if-missing] [--must] [--sanitize] [--to FOLDER]
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    'if-missing': { type: 'boolean', default: false },
    must: { type: 'boolean', default: false },
    sanitize: { type: 'boolean', default: false },
    to: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const abi = process.versions.modules;
const target = join(
  options.to ?? join(root, 'prebuilds', `${process.platform}-${process.arch}`),
  `danced-tls-abi${abi}.node`,
);

if (!options['if-missing'] || !isBuilt()) build();

function build() {
  // Built aside, so that builds for several versions of Node do not meet.
  const work = mkdtempSync(join(tmpdir(), 'danced-native-'));
  try {
    cpSync(join(root, 'core/tls/native/src'), join(work, 'src'), { recursive: true });
    copyFileSync(join(root, 'core/tls/native/binding.gyp'), join(work, 'binding.gyp'));
    const gyp = nodeGyp();
    if (gyp === undefined) return fail('node-gyp, a part of npm, was not found', '');
    const headers = headersForThisNode();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [gyp, 'rebuild', ...(headers === undefined ? [] : [`--nodedir=${headers}`])],
      { cwd: work, encoding: 'utf8', env: buildEnvironment() },
    );
    if (status !== 0) return fail('node-gyp could not build it', `${stdout}${stderr}`);
    mkdirSync(dirname(target), { recursive: true });
    // Not written over: a process that runs with the old build keeps it.
    rmSync(target, { force: true });
    copyFileSync(join(work, 'build/Release/danced_tls.node'), target);
    if (!options.sanitize && !loads(target)) return fail('it was built, but Node does not load it', '');
    say(`The TLS addon is built for Node ${process.versions.node}.`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whether a build is there that loads, and that no source has changed since. */
function isBuilt() {
  if (!loads(target)) return false;
  const builtMs = statSync(target).mtimeMs;
  const native = join(root, 'core/tls/native');
  const sources = readdirSync(join(native, 'src')).map((name) => join(native, 'src', name));
  return [join(native, 'binding.gyp'), ...sources].every((file) => statSync(file).mtimeMs <= builtMs);
}

function fail(why, output) {
  const tail = output.trimEnd().split('\n').slice(-15).join('\n');
  if (tail) say(tail);
  say(
    existsSync(target)
      ? `The TLS addon was not built: ${why}. The one that was built before is still there.`
      : `The TLS addon was not built: ${why}.\n` +
          'danced works without it, for clients that show a certificate with their name; the extension dane_clientid, raw\n' +
          'public keys and alerts are missing. To have them, install a C++ compiler, make and Python 3 (on Debian: apt-get\n' +
          'install g++ make python3), then run: npm run build:native',
  );
  if (options.must) process.exitCode = 1;
}

function loads(file) {
  try {
    createRequire(import.meta.url)(resolve(file));
    return true;
  } catch {
    return false;
  }
}

/** The npm that runs this has it; by hand, the npm beside a Node on the PATH. */
function nodeGyp() {
  const npm = process.env.npm_execpath;
  const candidates = [
    process.env.npm_config_node_gyp,
    npm && join(dirname(npm), '../node_modules/node-gyp/bin/node-gyp.js'),
    ...(process.env.PATH ?? '')
      .split(':')
      .map((folder) => join(folder, '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js')),
  ];
  return candidates.find((file) => file && existsSync(file));
}

/** Node's headers, beside the running Node or where npm's configuration says; node-gyp fetches them otherwise. */
function headersForThisNode() {
  const home = dirname(dirname(process.execPath));
  // The package "node" has its headers in the package for this platform, from which its bin/node was linked.
  const platformPackage = `node-${process.platform}-${process.arch}`;
  const configured = process.env.npm_config_nodedir;
  return [home, join(home, 'node_modules', platformPackage), ...(configured ? [configured] : [])].find(
    (folder) => {
      const file = join(folder, 'include/node/node_version.h');
      return (
        existsSync(file) && new RegExp(`NODE_MODULE_VERSION ${abi}\\b`).test(readFileSync(file, 'latin1'))
      );
    },
  );
}

function buildEnvironment() {
  const environment = { ...process.env };
  // For node-gyp it would count more than the option, and it may be of another version of Node.
  delete environment.npm_config_nodedir;
  if (options.sanitize) {
    environment.CXXFLAGS = '-fsanitize=address -fno-omit-frame-pointer -g -O1';
    environment.LDFLAGS = '-fsanitize=address';
  }
  return environment;
}

function say(words) {
  process.stderr.write(`${words}\n`);
}
