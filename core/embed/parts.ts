/** What both ends are made of (authenticator.ts, connector.ts): our identity, a resolver, roots and a log, put together. */
import type { Name } from '../dns/name.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { certificatesOnly, ExtensionTypeTaken, gateContext, takesExtensionType } from '../tls/context.ts';
import { defaultExtensionType } from '../tls/client-id.ts';
import { loadIdentity, type LoadedIdentity } from '../tls/identity.ts';
import { checkResolver, isResolver, OptionsError, type CommonOptions } from './options.ts';
import { programLog } from './program-log.ts';
import { openResolver } from './resolution.ts';
import { readRootsFile } from './trust-files.ts';

export interface CommonParts {
  readonly identity: () => LoadedIdentity | undefined;
  readonly resolver: Resolver;
  readonly roots: readonly Certificate[];
  readonly extensionType: number;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Keeps the TLSA records of these names at hand, if the resolver is ours to open and does that. */
  keep(names: () => Iterable<Name>): void;
  /** Reads the identity anew; a broken one changes nothing but the log. */
  reloadIdentity(): void;
  close(): void;
}

/** Throws OptionsError, ConfigError or IdentityError. */
export function openParts(options: CommonOptions, metrics: Metrics): CommonParts {
  const {
    identity: from,
    resolver: wanted,
    extensionType = defaultExtensionType,
    nowMs = Date.now,
  } = options;
  const log = programLog(options.log);
  let identity = readIdentity(from, log);
  const roots = readRoots(options.roots, log);
  // The last, since it is the one that must be closed.
  const own = isGiven(wanted) ? undefined : openResolver(checkResolver(wanted), { log, metrics, nowMs });
  return {
    identity: () => identity,
    resolver: own ?? (wanted as Resolver),
    roots,
    extensionType,
    log,
    nowMs,
    keep: (names) => own?.keep(names),
    reloadIdentity: () => {
      try {
        identity = readIdentity(from, log);
      } catch (error) {
        log.error('identity not reloaded', { error, kept: 'the old key and certificate' });
      }
    },
    close: () => own?.close(),
  };
}

/**
 * Tries the number of the extension on a context that nobody uses, so that it is refused at once and not when somebody connects.
 *
 * @throws OptionsError when the TLS library has an extension of that number itself
 */
export function checkExtensionType(extensionType = defaultExtensionType): void {
  if (takesExtensionType(extensionType)) return;
  const wrong = new ExtensionTypeTaken(extensionType).message;
  const right = `leave it out, for ${String(defaultExtensionType)}, or take another; the same at both ends`;
  throw new OptionsError([{ path: ['extensionType'], wrong, right }]);
}

function isGiven(wanted: CommonOptions['resolver']): wanted is Resolver {
  return wanted !== undefined && isResolver(wanted);
}

function readIdentity(from: string | LoadedIdentity | undefined, log: Log): LoadedIdentity | undefined {
  if (from === undefined) return undefined;
  const identity = typeof from === 'string' ? loadIdentity(from) : from;
  for (const warning of identity.warnings) log.warn('identity', { warning });
  // What TLS does not take is found here, while the one before is still in force, and not with the next connection.
  gateContext(identity, certificatesOnly);
  return identity;
}

function readRoots(file: string | undefined, log: Log): readonly Certificate[] {
  if (file === undefined) return [];
  const { roots, unreadable } = readRootsFile(file);
  if (unreadable > 0) log.warn('roots left out', { file, unreadable });
  return roots;
}
