/**
 * The one error of core/dns: octets or text that are not what the standard says.
 */

/** Octets or text that break the format of the DNS, or (blame 'us') a message that cannot be written in it. */
export class DnsFormatError extends Error {
  override readonly name = 'DnsFormatError';
  readonly code = 'DNS_FORMAT';
  readonly blame: 'peer' | 'us';
  /** Where in the octets or in the text the mistake was seen, where that is known. */
  readonly offset?: number;

  constructor(message: string, options: { offset?: number; blame?: 'peer' | 'us'; cause?: unknown } = {}) {
    const where = options.offset === undefined ? '' : ` (at octet ${String(options.offset)})`;
    super(message + where, options.cause === undefined ? undefined : { cause: options.cause });
    this.blame = options.blame ?? 'peer';
    if (options.offset !== undefined) this.offset = options.offset;
  }
}
