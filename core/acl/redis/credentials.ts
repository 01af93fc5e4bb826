/**
 * From the configuration of Redis to what a connection needs: passwords, certificates and keys are read from the files that it
 * names. Whatever is wrong with one is a ConfigError with its place.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import type { RedisAccessConfig } from '../../config/access-config.ts';
import { ConfigError } from '../../config/errors.ts';
import { readTextFile } from '../../config/text-file.ts';
import type { RedisOptions, RedisTls } from './options.ts';

export interface ReadCredentials {
  readonly options: RedisOptions;
  /** What is not wrong but dangerous, with how to mend it. */
  readonly warnings: readonly string[];
}

const maxPasswordOctets = 4096;
const maxPemOctets = 1_048_576;

/** Reads the files. Throws ConfigError. */
export function readCredentials({ redis, limits }: RedisAccessConfig): ReadCredentials {
  const { mode, servers, master, username, database, passwordFile, sentinelPasswordFile, tls } = redis;
  const secretFiles = [passwordFile, sentinelPasswordFile, tls?.key].filter((file) => file !== undefined);
  return {
    options: {
      mode,
      servers,
      master,
      username,
      database,
      ...(passwordFile !== undefined && { password: readPassword(passwordFile) }),
      ...(sentinelPasswordFile !== undefined && { sentinelPassword: readPassword(sentinelPasswordFile) }),
      ...(tls !== undefined && { tls: readTls(tls) }),
      timeoutMs: limits['answer-time'],
    },
    warnings: [...secretFiles.flatMap(openToOthers), ...readByAnybody(redis)],
  };
}

/** The first line. Throws ConfigError. */
function readPassword(file: string): string {
  const [first = ''] = readTextFile(file, maxPasswordOctets).split(/\r?\n/);
  if (first !== '') return first;
  throw broken(file, 'its first line is empty', 'write the password there');
}

function readTls({ ca, certificate, key, name }: NonNullable<RedisAccessConfig['redis']['tls']>): RedisTls {
  return {
    ...(ca !== undefined && { ca: readPem(ca, checkCertificate) }),
    ...(certificate !== undefined && { certificate: readPem(certificate, checkCertificate) }),
    ...(key !== undefined && { key: readPem(key, createPrivateKey) }),
    ...(name !== undefined && { name }),
  };
}

/** The TLS library would say what is wrong with it on each try to connect, and not where it stands. */
function readPem(file: string, check: (pem: string) => unknown): string {
  const pem = readTextFile(file, maxPemOctets);
  try {
    check(pem);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw broken(
      file,
      `the TLS library cannot read it: ${why}`,
      'give a PEM file, without a passphrase',
      error,
    );
  }
  return pem;
}

function checkCertificate(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

function openToOthers(file: string): string[] {
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  return [
    `${file} has mode ${mode.toString(8)}, so other users may read the secret; mend it with: chmod 600 ${file}`,
  ];
}

function readByAnybody({ servers, tls }: RedisAccessConfig['redis']): string[] {
  const remote = servers.find((server) => 'host' in server && !isThisMachine(server.host));
  if (tls !== undefined || remote === undefined || 'path' in remote) return [];
  return [
    `the way to Redis at ${remote.host} is in clear: whoever is on it can give himself rights; mend it with tls under access.redis`,
  ];
}

function isThisMachine(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function broken(file: string, wrong: string, right: string, cause?: unknown): ConfigError {
  return new ConfigError([{ file, line: 1, column: 1, path: [], wrong, right }], { cause });
}
