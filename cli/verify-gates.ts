/**
 * What each gate of a configuration makes of a client: whether it takes the client's name from where the client shows it, and
 * what it gives it, in the words of its plugin (core/plugin/contract.ts, `explain`).
 *
 * Limitations: whether a client says its name by dane_clientid is not seen from here; without the addon none is heard.
 */
import { decideAnonymousBy, decideByEntry } from '../core/acl/access-control.ts';
import type { AccessEntry } from '../core/acl/model.ts';
import { formatEndpoint } from '../core/config/endpoint.ts';
import { hasListenerKeys, type ListenerConfig } from '../core/config/listener.ts';
import type { ClaimSource } from '../core/dane/claims.ts';
import type { PeerCredentials } from '../core/dane/types.ts';
import type { Name } from '../core/dns/name.ts';
import type { JudgedClient } from '../core/plugin/contract.ts';
import type { LoadedWithPlugins } from './plugins.ts';
import type { JudgedList } from './verify-list.ts';

/** The client as far as it has been judged. */
export interface ClientAtGates {
  readonly name: Name;
  /** Undefined: what it would show is not known. */
  readonly peer: PeerCredentials | undefined;
  /** Undefined: it is not identified, or not in the list. */
  readonly entry: AccessEntry | undefined;
  readonly nowMs: number;
}

/** What one gate makes of it. */
export interface GateSays {
  /** The word after `use:`. */
  readonly use: string;
  /** Addresses, as text. */
  readonly listens: readonly string[];
  /** By which ways the client can be known there. */
  readonly nameFrom: readonly ClaimSource[];
  /** Whether it gets anything there; undefined if the plugin does not say. */
  readonly ok: boolean | undefined;
  /** Of its name first, then of what it gets. */
  readonly words: readonly string[];
}

/** Asks every gate of the configuration. */
export function askGates(
  { config, plugins }: LoadedWithPlugins,
  list: Pick<JudgedList, 'roles' | 'anonymous'>,
  client: ClientAtGates,
): readonly GateSays[] {
  return config.plugins.flatMap(({ use, config: own }) => {
    const plugin = plugins.get(use);
    if (plugin === undefined || !hasListenerKeys(plugin.schema)) return [];
    const listener = own as ListenerConfig;
    const listens = plugin.endpoints(own).listens.map(({ at }) => formatEndpoint(at));
    const { nameFrom, words } = nameAt(listener, client);
    const isKnown = client.entry !== undefined && nameFrom.length > 0;
    if (!isKnown && listener['on-failure'] === 'alert') {
      const refused = 'gets the TLS alert handshake_failure (on-failure: alert)';
      return [{ use, listens, nameFrom, ok: false, words: [...words, refused] }];
    }
    const anonymous = isKnown ? [] : ['is let in as an anonymous client (on-failure: anonymous)'];
    const judged = judgedClient(list, { ...client, entry: isKnown ? client.entry : undefined });
    const said = plugin.explain?.(own, judged);
    return [
      { use, listens, nameFrom, ok: said?.ok, words: [...words, ...anonymous, ...(said?.words ?? [])] },
    ];
  });
}

function judgedClient(
  { roles, anonymous }: Pick<JudgedList, 'roles' | 'anonymous'>,
  { name, entry, nowMs }: ClientAtGates,
): JudgedClient {
  const decideAnonymous: JudgedClient['decideAnonymous'] = (request) =>
    decideAnonymousBy(anonymous, roles, request, nowMs);
  if (entry === undefined) return { name: undefined, decide: decideAnonymous, decideAnonymous };
  return { name, decide: (request) => decideByEntry(entry, roles, request, nowMs), decideAnonymous };
}

/** How the client can be known at a listener: by which of its `claims`, and in words. */
function nameAt(
  { claims, 'raw-public-keys': takesKeys }: ListenerConfig,
  { name, peer, entry }: ClientAtGates,
): { readonly nameFrom: readonly ClaimSource[]; readonly words: readonly string[] } {
  const says = claims.includes('extension');
  const reads = claims.includes('certificate-name');
  const listed = `claims: [${claims.join(', ')}]`;
  if (entry === undefined) return { nameFrom: claims, words: [] };
  if (peer === undefined) {
    const ways = [
      ...(says ? ['from the TLS extension dane_clientid'] : []),
      ...(reads ? ['from a dNSName of the certificate, so that it needs no danced'] : []),
    ];
    return { nameFrom: claims, words: [`takes its name ${ways.join(', or ')} (${listed})`] };
  }
  if (peer.certificate === undefined) {
    if (says && takesKeys)
      return { nameFrom: ['extension'], words: [`takes the raw public key (${listed})`] };
    const why = says ? 'raw-public-keys: false' : `${listed}: it has no other way to say its name`;
    return { nameFrom: [], words: [`does not take a raw public key (${why})`] };
  }
  if (!peer.dnsNames.some((other) => other.equals(name))) {
    const words = says
      ? 'takes its name from the TLS extension dane_clientid alone'
      : 'cannot learn its name';
    return {
      nameFrom: says ? ['extension'] : [],
      words: [`${words}: the certificate has another (${listed})`],
    };
  }
  if (!reads) {
    const wrong = 'takes no name from a certificate: it is known only if it says its name by dane_clientid';
    const mend = 'for one without danced write claims: [extension, certificate-name]';
    return { nameFrom: ['extension'], words: [`${wrong} (${listed}); ${mend}`] };
  }
  const unless = says ? ', unless it says one by dane_clientid, which decides then' : '';
  return {
    nameFrom: claims,
    words: [`takes its name from the certificate, also without danced${unless} (${listed})`],
  };
}
