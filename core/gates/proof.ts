/**
 * By what servers prove that they are those of their names (RFC 9103 section 7.5, RFC 8310): the keys of the configuration, what
 * is wrong with them, and the policy for one server.
 */
import { parsePin, type ServerPolicy } from '../client/server-policy.ts';
import { configFault, type ConfigFault } from '../config/fault.ts';
import * as schema from '../config/schema.ts';
import type { Name } from '../dns/name.ts';
import { readRootsFile, systemRoots } from '../embed/trust-files.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { PluginHost } from '../plugin/contract.ts';

export interface ProofConfig {
  /** Undefined: `required`, but `off` where there are pins. */
  readonly dane?: ServerPolicy['dane'] | undefined;
  /** `system`, or a path as written. */
  readonly roots?: string | undefined;
  readonly pins: readonly Buffer[];
}

/** Stands for the authorities that the system trusts. */
export const systemWord = 'system';
const maxPins = 16;
const { z } = schema;

/**
 * The keys; a plugin spreads them in its own `z.strictObject`.
 *
 * @param servers what they are called there: many, and one of them
 */
export function proofKeys(servers: string, server = 'server') {
  return {
    dane: schema
      .choice(['required', 'if-published', 'off'])
      .optional()
      .meta({
        description: `Whether ${servers} prove their names by TLSA records of \`_PORT._tcp.NAME\`. \`required\`: by these alone. \`if-published\`: by a certificate of one of the \`roots\` where the DNS proves that there is no such record. \`off\`: by \`roots\` or \`pins\` alone. The default is \`required\`, but \`off\` where there are \`pins\`.`,
      }),
    roots: schema
      .textBlock({ what: `a path, or ${systemWord}`, example: systemWord }, (text) => {
        if (text === '' || text.includes('\0')) throw new RangeError('is not a path');
        return text;
      })
      .optional()
      .meta({
        description: `Certification authorities that may vouch for ${servers}: a PEM file, or those that the system trusts. Read at the start and on SIGHUP.`,
      }),
    pins: z
      .array(schema.textBlock({ what: 'a SHA-256 digest in base64', example: '…=' }, parsePin))
      .max(maxPins)
      .default([])
      .meta({
        what: 'a list of digests',
        example: '[…=]',
        description: `SHA-256 of the public keys of ${servers}, in base64 (RFC 7858 section 4.2); one of them must be the ${server}’s. With a name as well both must hold.`,
      }),
  };
}

/**
 * What is wrong with keys that are right each by itself.
 *
 * @param servers each server that is to prove itself, and its place in the configuration; `name` undefined: by its key
 * @param called what one of them is called there
 */
export function proofFaults(
  { dane, roots, pins }: ProofConfig,
  servers: readonly {
    readonly path: (string | number)[];
    readonly text: string;
    readonly name: Name | undefined;
  }[],
  called = 'server',
): ConfigFault[] {
  const found: ConfigFault[] = [];
  const add = (path: (string | number)[], wrong: string, right: string): void => {
    found.push(configFault(path, wrong, right));
  };
  for (const { path, text, name } of servers) {
    if (name !== undefined || pins.length > 0) continue;
    add(
      path,
      'has no name after #, and there are no pins: anybody could answer there',
      `write ${text}#NAME with the name of the ${called}`,
    );
  }
  if (dane === 'off' && roots === undefined && pins.length === 0) {
    const right = 'write dane: required, or give roots: system';
    add(['dane'], `is off, and neither roots nor pins could prove a ${called}`, right);
  }
  if (dane === 'if-published' && roots === undefined) {
    const right = 'give roots: system, or write dane: required';
    add(['dane'], `is if-published, and there are no roots for ${called}s without a TLSA record`, right);
  }
  if (dane !== undefined && dane !== 'off' && servers.every(({ name }) => name === undefined)) {
    add(
      ['dane'],
      `needs names of ${called}s, and there is none`,
      'write them as ADDRESS#NAME, or take dane out',
    );
  }
  return found;
}

/** What a server must prove; without a name its key alone. */
export function policyOf(
  { dane, pins }: ProofConfig,
  name: Name | undefined,
  roots: readonly Certificate[],
): ServerPolicy {
  if (name === undefined) return { dane: 'off', pins };
  return { name, dane: dane ?? (pins.length > 0 ? 'off' : 'required'), roots, pins };
}

/** Reads the certification authorities. Throws ConfigError for a file that cannot be used. */
export function readRoots(
  { roots: from }: ProofConfig,
  host: Pick<PluginHost, 'absolutePath' | 'log'>,
): readonly Certificate[] {
  if (from === undefined) return [];
  if (from === systemWord) return systemRoots().roots;
  const file = host.absolutePath(from);
  const { roots, unreadable } = readRootsFile(file);
  if (unreadable > 0) host.log.warn('roots left out', { file, unreadable });
  return roots;
}
