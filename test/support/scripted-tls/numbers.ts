/**
 * The numbers of TLS 1.3 that the scripted client speaks of (RFC 8446 sections 4, 5.1, 6 and appendix B, RFC 7250).
 *
 * Limitations: only what it sends or reads; a script may send any other number.
 */

export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

export const HandshakeType = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  certificateRequest: 13,
  certificateVerify: 15,
  finished: 20,
  keyUpdate: 24,
} as const;

export const ExtensionType = {
  serverName: 0,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  applicationLayerProtocolNegotiation: 16,
  clientCertificateType: 19,
  serverCertificateType: 20,
  supportedVersions: 43,
  keyShare: 51,
} as const;

/** RFC 7250 section 3. */
export const CertificateType = { x509: 0, rawPublicKey: 2 } as const;

export const SignatureScheme = {
  ecdsaSecp256r1Sha256: 0x0403,
  ecdsaSecp384r1Sha384: 0x0503,
  rsaPssRsaeSha256: 0x0804,
  ed25519: 0x0807,
} as const;

export const tls12 = 0x0303;
export const tls13 = 0x0304;
export const x25519Group = 29;
/** TLS_AES_128_GCM_SHA256. */
export const cipherSuite = 0x1301;

/** RFC 8446 section 5.1: the longest content of a record; protection adds at most 256 octets. */
export const maxContentOctets = 2 ** 14;
export const maxRecordOctets = maxContentOctets + 256;

const alertNames: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/** The alert's name in RFC 8446 section 6, or `alert_N`. */
export function alertName(description: number): string {
  return alertNames[description] ?? `alert_${description}`;
}

const handshakeNames = new Map<number, string>(
  Object.entries(HandshakeType).map(([name, type]) => [type, name]),
);

/** As `newSessionTicket`, or `handshake_N`. */
export function handshakeName(type: number): string {
  return handshakeNames.get(type) ?? `handshake_${type}`;
}
