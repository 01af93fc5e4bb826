/**
 * Checks what trust begins with: trust anchors, negative ones, authorities for resolvers over TLS and for PKIX usages.
 */
import type { LoadedConfig } from '../../core/config/config.ts';
import { ConfigError, type ConfigPath } from '../../core/config/errors.ts';
import { builtinAnchorsWord, type LocalValidation } from '../../core/config/resolver-config.ts';
import { presentTime } from '../../core/config/time.ts';
import { parseDnskey, parseOrNothing } from '../../core/dns/rdata.ts';
import { isSupportedAlgorithm } from '../../core/dnssec/algorithms.ts';
import type { TrustAnchor } from '../../core/dnssec/anchors.ts';
import { usableDs } from '../../core/dnssec/zone-keys.ts';
import { positiveAnchors } from '../../core/embed/resolution.ts';
import { readAuthorityFile, readRootsFile } from '../../core/embed/trust-files.ts';
import { FindingsAt, findingOf, type Finding } from './finding.ts';

const weekMs = 7 * 86_400_000;

/** Whether a resolver can be made, and what is to be said of the files. */
export function checkTrust(
  loaded: LoadedConfig,
  nowMs: number,
): { canResolve: boolean; findings: Finding[] } {
  const { resolver } = loaded.config;
  const forResolver = resolver.validation === 'local' ? checkLocal(loaded, resolver, nowMs) : [];
  return {
    canResolve: forResolver.every(({ severity }) => severity !== 'error'),
    findings: [...forResolver, ...checkRoots(loaded)],
  };
}

function checkLocal(loaded: LoadedConfig, resolver: LocalValidation, nowMs: number): Finding[] {
  const { trustAnchors: file, ca } = resolver;
  const anchors = inFindings(loaded, ['resolver', 'trust-anchors'], file, () => {
    const all = positiveAnchors(resolver);
    const useless = all.find((anchor) => !isOfUse(anchor));
    if (useless !== undefined) throw uselessAnchor(file, useless);
    const zones = all.map(({ zone }) => zone.toString());
    return file === builtinAnchorsWord
      ? 'validation begins at the keys of the root that danced brings'
      : `${file} has trust anchors for ${listed(zones)}`;
  });
  const authorities =
    ca === undefined
      ? []
      : inFindings(
          loaded,
          ['resolver', 'ca'],
          ca,
          () => `${ca} has ${certificates(readAuthorityFile(ca).length)}`,
        );
  return [...anchors, ...authorities, ...checkNegative(loaded, resolver, nowMs)];
}

/** RFC 6840 section 5.2: what begins with unknown algorithms or digests only is insecure, all of it. */
function isOfUse({ ds, dnskeys }: TrustAnchor): boolean {
  return (
    (ds.length > 0 && usableDs(ds).kind === 'usable') ||
    dnskeys.some((rdata) => isSupportedAlgorithm(parseOrNothing(rdata, parseDnskey)?.algorithm ?? 0))
  );
}

function uselessAnchor(file: string, { zone }: TrustAnchor): ConfigError {
  const wrong = `none of the trust anchors for ${zone.toString()} has an algorithm and a digest type that are supported, so every name below it is insecure`;
  const right = 'give a DS record of digest type 2 (SHA-256), or the DNSKEY record';
  return new ConfigError([{ file, line: 1, column: 1, path: [], wrong, right }]);
}

function checkNegative({ document }: LoadedConfig, resolver: LocalValidation, nowMs: number): Finding[] {
  return resolver.negativeTrustAnchors.map(({ name, untilMs }, index) => {
    const at = new FindingsAt(document, ['resolver', 'negative-trust-anchors', index]);
    const until = presentTime(untilMs);
    if (untilMs <= nowMs) {
      return at.warning({ wrong: `it ended on ${until} and has no effect`, right: 'take it out' });
    }
    // RFC 7646 section 2: a week should be enough for the zone's operator to mend it.
    if (untilMs > nowMs + weekMs) {
      return at.warning({
        wrong: `${name.toString()} is not validated for more than a week, until ${until}`,
        right: 'write an end within a week, and another one then if it is still needed (RFC 7646 section 2)',
      });
    }
    return at.ok(`${name.toString()} and all names below it are not validated until ${until}`);
  });
}

function checkRoots(loaded: LoadedConfig): Finding[] {
  const { roots: file } = loaded.config.dane;
  if (file === undefined) return [];
  return inFindings(loaded, ['dane', 'roots'], file, () => {
    const { roots, unreadable } = readRootsFile(file);
    const left =
      unreadable === 0 ? '' : `; ${certificates(unreadable)} more cannot be read and count for nothing`;
    return `${file} has ${certificates(roots.length)}${left}`;
  });
}

/** The fact, or what is wrong with the file: in it, at its place; with its path, at the line that names it. */
function inFindings(
  { document }: LoadedConfig,
  path: ConfigPath,
  file: string,
  read: () => string,
): Finding[] {
  const at = new FindingsAt(document, path);
  try {
    return [at.ok(read())];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === 'CFG_INVALID') return error.problems.map(findingOf);
    return error.problems.map(({ wrong, right }) => at.misconfigured({ wrong: `${file}: ${wrong}`, right }));
  }
}

function certificates(count: number): string {
  return `${String(count)} certificate${count === 1 ? '' : 's'}`;
}

function listed(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(', ');
  return items.length > 5 ? `${shown} and ${String(items.length - 5)} more` : shown;
}
