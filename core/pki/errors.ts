/** Errors of core/pki: one for bytes that are no certificate, one for a name that no certificate can carry. */

/** Octets or PEM text that are not what they should be. Any input, however hostile, gives at worst this error. */
export class CertificateFormatError extends Error {
  readonly code = 'PKI_FORMAT';
  readonly blame = 'peer';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CertificateFormatError';
  }
}

/** A name that cannot stand in a certificate as a dNSName, so that no identity can be issued for it. */
export class IdentityNameError extends Error {
  readonly code = 'PKI_NAME';
  readonly blame = 'us';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'IdentityNameError';
  }
}
