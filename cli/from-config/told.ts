/** Which keys are used at which addresses, as far as it shows from whom changes are told to. */
import type { FoundPeer, OldConfig } from './old-config.ts';

export class ToldServers {
  readonly #addresses = new Map<string, Set<string>>();
  readonly #keys = new Map<string, string>();

  constructor({ notified = [] }: OldConfig) {
    for (const { address, keyName } of notified) {
      if (keyName === undefined) continue;
      const addresses = this.#addresses.get(keyName) ?? new Set();
      this.#addresses.set(keyName, addresses.add(address));
      if (!this.#keys.has(address)) this.#keys.set(address, keyName);
    }
  }

  /** Where the key of a peer is used that may come from anywhere. */
  addressesOf({ keyName, address }: Pick<FoundPeer, 'keyName' | 'address'>): readonly string[] {
    if (keyName === undefined || address !== undefined) return [];
    return [...(this.#addresses.get(keyName) ?? [])];
  }

  keyAt(address: string): string | undefined {
    return this.#keys.get(address);
  }
}
