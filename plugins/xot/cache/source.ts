/** Where versions of zones come from: a server upstream, a folder of zone files, or what we make ourselves. Types. */
import type { Differences, Name, ResourceRecord, Store, ZoneVersion } from '../../../core/index.ts';

export interface ZoneSource {
  /** As errors and logs call it: `primary 127.0.0.1:53`. */
  readonly label: string;
  /**
   * The SOA record that is current there. Rejects with UpstreamError.
   *
   * @param have the version that is there, for who compares more than serials
   */
  check(zone: Name, signal: AbortSignal, have?: ZoneVersion): Promise<CheckedSoa>;
  /**
   * The current version, whole or as what has changed since `have`: checked for form, for nothing else. Messages are kept by
   * `store`. Rejects with UpstreamError, DnsFormatError or TransferFormatError.
   */
  fetch(zone: Name, have: ZoneVersion | undefined, store: Store, signal: AbortSignal): Promise<Fetched>;
}

export interface CheckedSoa {
  readonly soa: ResourceRecord;
  /** Seconds for which it may still be served (RFC 7314), where that was said. */
  readonly expireSeconds?: number | undefined;
}

export type Fetched =
  | { readonly form: 'up-to-date'; readonly expireSeconds?: number | undefined }
  | { readonly form: 'whole'; readonly version: ZoneVersion; readonly expireSeconds?: number | undefined }
  | {
      readonly form: 'incremental';
      /** Oldest first; they lead from the version that is there to the current one. */
      readonly steps: readonly Differences[];
      readonly expireSeconds?: number | undefined;
    };
