/**
 * The programs of others that the tests run, the Debian package that each is in, and where they are on this machine.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's package for each program. */
export const packageOf = {
  named: 'bind9',
  dig: 'bind9-dnsutils',
  nsd: 'nsd',
  knotd: 'knot',
  kdig: 'knot-dnsutils',
  unbound: 'unbound',
  'ldns-keygen': 'ldnsutils',
  'ldns-signzone': 'ldnsutils',
  'ldns-compare-zones': 'ldnsutils',
  'ldns-verify-zone': 'ldnsutils',
  openssl: 'openssl',
} as const;

export type Program = keyof typeof packageOf;

export const programs = Object.keys(packageOf) as readonly Program[];

// Servers live in sbin, which a plain user's PATH leaves out.
const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program, or undefined when it is not installed. */
export function findProgram(program: Program): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...sbin]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

/** The packages to install so that every program is there. */
export function missingPackages(find: (program: Program) => string | undefined = findProgram): string[] {
  return [
    ...new Set(programs.filter((program) => find(program) === undefined).map((it) => packageOf[it])),
  ].sort();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
