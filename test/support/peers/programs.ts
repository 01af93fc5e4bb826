/**
 * The programs of others that the tests run and the headers that they compile against, the Debian package that each is
 * in, and where they are on this machine.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's package for each program. */
export const packageOf = {
  named: 'bind9',
  dig: 'bind9-dnsutils',
  delv: 'bind9-dnsutils',
  nsupdate: 'bind9-dnsutils',
  'dnssec-keygen': 'bind9-utils',
  'dnssec-signzone': 'bind9-utils',
  nsd: 'nsd',
  knotd: 'knot',
  keymgr: 'knot',
  kzonesign: 'knot-dnssecutils',
  kdig: 'knot-dnsutils',
  unbound: 'unbound',
  kresd: 'knot-resolver',
  pdns_recursor: 'pdns-recursor',
  pdns_server: 'pdns-server',
  stubby: 'stubby',
  dnsperf: 'dnsperf',
  'ldns-keygen': 'ldnsutils',
  'ldns-signzone': 'ldnsutils',
  'ldns-compare-zones': 'ldnsutils',
  'ldns-verify-zone': 'ldnsutils',
  faketime: 'faketime',
  openssl: 'openssl',
  gcc: 'gcc',
  'g++': 'g++',
  make: 'make',
  python3: 'python3',
  'gnutls-cli': 'gnutls-bin',
  'gnutls-serv': 'gnutls-bin',
  certtool: 'gnutls-bin',
  tshark: 'tshark',
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
} as const;

/** Debian's package for each C header that the tests compile against. */
const packageOfHeader = {
  'stdio.h': 'libc6-dev',
  'openssl/ssl.h': 'libssl-dev',
} as const;

/** Debian's package for each other file that a program of the tests needs. */
const packageOfFile = {
  '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql': 'pdns-backend-sqlite3',
} as const;

export type Header = keyof typeof packageOfHeader;

const headers = Object.keys(packageOfHeader) as readonly Header[];

export type Program = keyof typeof packageOf;

export const programs = Object.keys(packageOf) as readonly Program[];

// Servers live in sbin, which a plain user's PATH leaves out.
const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
// Where gcc looks for headers without being told.
const include = ['/usr/local/include', '/usr/include'];

/** The full path of a program, or undefined when it is not installed. */
export function findProgram(program: Program): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...sbin]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((path) => allows(path, constants.X_OK));
}

/** The full path of a header, or undefined when it is not installed. */
export function findHeader(header: Header): string | undefined {
  return include.map((folder) => join(folder, header)).find((path) => allows(path, constants.R_OK));
}

/** The packages to install so that every program and every header is there. */
export function missingPackages(
  findOne: (program: Program) => string | undefined = findProgram,
  findHeaderFile: (header: Header) => string | undefined = findHeader,
): string[] {
  const missing = [
    ...programs.filter((program) => findOne(program) === undefined).map((program) => packageOf[program]),
    ...headers
      .filter((header) => findHeaderFile(header) === undefined)
      .map((header) => packageOfHeader[header]),
    ...Object.entries(packageOfFile)
      .filter(([file]) => !allows(file, constants.R_OK))
      .map(([, name]) => name),
  ];
  return [...new Set(missing)].sort();
}

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
