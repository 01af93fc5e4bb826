/**
 * The resolver that a configuration asks for, put together: the one place where daemon, commands and other programs get
 * theirs.
 */
import { builtinAnchorsWord, type LocalValidation, type ResolverConfig } from '../config/resolver-config.ts';
import type { Name } from '../dns/name.ts';
import { builtinAnchors, TrustAnchors, type TrustAnchor } from '../dnssec/anchors.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Prefetcher } from '../resolver/prefetch.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { TrustAdResolver } from '../resolver/trust-ad.ts';
import type { UpstreamServer } from '../resolver/upstream/server.ts';
import { ValidatingResolver } from '../resolver/validating.ts';
import { readAnchorFile, readAuthorityFile } from './trust-files.ts';

/** A resolver that holds connections and memory until it is closed. */
export interface OpenResolver extends Resolver {
  /** Keeps the TLSA records of these names at hand, if the configuration wants that; until `close`. */
  keep(names: () => Iterable<Name>): void;
  close(): void;
}

export interface ResolutionMeans {
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly log?: Log;
  readonly metrics?: Metrics;
}

/** Reads the files that the configuration names and makes the resolver; asks nobody yet. Throws ConfigError. */
export function openResolver(config: ResolverConfig, means: ResolutionMeans): OpenResolver {
  if (config.validation === 'trust-ad') {
    const resolver = new TrustAdResolver(config);
    return {
      lookup: (name, type) => resolver.lookup(name, type),
      costOf: (name, type) => resolver.costOf(name, type),
      keep: () => undefined,
      close: () => undefined,
    };
  }
  const { timeoutMs, staleMaxMs, limits, prefetch } = config;
  const options = { timeoutMs, staleMaxMs, limits, validationLimits: limits, ...means };
  const servers = upstreamServers(config);
  const resolver = new ValidatingResolver({ ...options, servers, anchors: trustAnchors(config) });
  let prefetcher: Prefetcher | undefined;
  return {
    lookup: (name, type) => resolver.lookup(name, type),
    costOf: (name, type) => resolver.costOf(name, type),
    keep: (names) => {
      if (!prefetch || prefetcher !== undefined) return;
      prefetcher = new Prefetcher({ resolver, names, limits, ...means });
      prefetcher.start();
    },
    close: () => {
      prefetcher?.stop();
      resolver.close();
    },
  };
}

/** The trust anchors, positive and negative. Those that have ended are left out. Throws ConfigError. */
export function trustAnchors(config: LocalValidation): TrustAnchors {
  return new TrustAnchors(positiveAnchors(config), config.negativeTrustAnchors);
}

/** Throws ConfigError. */
export function positiveAnchors({ trustAnchors: from }: LocalValidation): readonly TrustAnchor[] {
  return from === builtinAnchorsWord ? builtinAnchors : readAnchorFile(from);
}

/** The servers, with the authorities that may vouch for them. Throws ConfigError. */
function upstreamServers({ servers, ca: file }: LocalValidation): readonly UpstreamServer[] {
  if (file === undefined) return servers;
  const ca = readAuthorityFile(file);
  return servers.map((server) =>
    server.tls === undefined ? server : { ...server, tls: { ...server.tls, ca } },
  );
}
