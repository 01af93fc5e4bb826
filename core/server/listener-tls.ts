/**
 * The TLS of one listener: how it is asked for (the plugin contract), what of that can be had, and the context made of it.
 *
 * A context belongs to one listener and one identity of ours, and is made once for both, not for each connection.
 */
import type { SecureContext } from 'node:tls';
import type { ListenerTls } from '../plugin/contract.ts';
import { gateContext } from '../tls/context.ts';
import type { TlsFeatures } from '../tls/native/native.ts';
import type { LoadedIdentity } from '../tls/identity.ts';

/** What the listeners of a daemon share. */
export interface ListenerTlsMeans {
  /** Our own, as it is now: after a reload another. */
  readonly identity: () => LoadedIdentity;
  /** Number of the extension dane_clientid (`dane.extension-type`). */
  readonly extensionType: number;
  /** What TLS can do here. */
  readonly features: Pick<TlsFeatures, 'extension' | 'rawPublicKeys'>;
}

/** The TLS of one listener, in force. */
export class ListenerTlsState {
  readonly #means: ListenerTlsMeans;
  #tls: ListenerTls;
  #made: { readonly identity: LoadedIdentity; readonly context: SecureContext };

  /** Throws as gateContext does. */
  constructor(tls: ListenerTls, means: ListenerTlsMeans) {
    this.#means = means;
    this.#tls = possibleTls(tls, means.features);
    this.#made = this.#make(this.#tls);
  }

  get tls(): ListenerTls {
    return this.#tls;
  }

  /** For connections that are to come. Throws as gateContext does, and then all stays as it was. */
  set(tls: ListenerTls): void {
    const possible = possibleTls(tls, this.#means.features);
    this.#made = this.#make(possible);
    this.#tls = possible;
  }

  context(): SecureContext {
    if (this.#made.identity !== this.#means.identity()) this.#made = this.#make(this.#tls);
    return this.#made.context;
  }

  #make(tls: ListenerTls): { identity: LoadedIdentity; context: SecureContext } {
    const identity = this.#means.identity();
    const asksForName = tls.claims.includes('extension');
    const context = gateContext(identity, {
      asksForName,
      dialect: tls.dialect,
      extensionType: this.#means.extensionType,
      // Draft section 9: who shows a raw public key can say its name in the extension only. RFC 7250 section 4.2: what the
      // server picks is shown, so one that has a certificate too must not be led to the key.
      rawPublicKeys: tls.rawPublicKeys && asksForName,
      recordPadding: tls.recordPadding,
      allowsTls12: tls.allowsTls12 === true && tls.dialect === 'draft-09',
    });
    return { identity, context };
  }
}

/** Without what is merely preferred and cannot be had here; what is left and cannot be had either is refused later. */
function possibleTls(tls: ListenerTls, features: ListenerTlsMeans['features']): ListenerTls {
  const claims = features.extension ? tls.claims : tls.claims.filter((source) => source !== 'extension');
  return {
    ...tls,
    claims: claims.length > 0 ? claims : tls.claims,
    rawPublicKeys: tls.rawPublicKeys && features.rawPublicKeys,
  };
}
