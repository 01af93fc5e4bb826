/**
 * TLSA records (RFC 6698 section 2.1) from a certificate or key, and the words for their fields (RFC 7218).
 *
 * Pure. The wire form of a record is core/dns/rdata.ts's.
 *
 * Limitations: the usages are only named here; what each demands of a path is not this file's matter.
 */
import { hash } from 'node:crypto';
import type { Tlsa } from '../dns/rdata.ts';

/** What a TLSA record can be about; `certificate` is absent for a raw public key (RFC 7250). */
export interface TlsaSubject {
  /** DER. */
  readonly certificate?: Buffer;
  /** DER. */
  readonly subjectPublicKeyInfo: Buffer;
}

/** The three numbers that a TLSA record starts with. */
export type TlsaParameters = Pick<Tlsa, 'usage' | 'selector' | 'matchingType'>;

const usageNames = ['PKIX-TA', 'PKIX-EE', 'DANE-TA', 'DANE-EE'] as const;
const selectorNames = ['Cert', 'SPKI'] as const;
const matchingNames = ['Full', 'SHA2-256', 'SHA2-512'] as const;
const privateUse = 255;

/** The hash of each matching type that is one, and its length in octets. */
const digests: ReadonlyMap<number, { readonly algorithm: string; readonly length: number }> = new Map([
  [1, { algorithm: 'sha256', length: 32 }],
  [2, { algorithm: 'sha512', length: 64 }],
]);

/** A TLSA record cannot be made as asked: unknown selector or matching type, or a certificate that is not there. */
export class TlsaParameterError extends Error {
  readonly code = 'TLSA_PARAMETER';
  readonly blame = 'us';

  constructor(message: string) {
    super(message);
    this.name = 'TlsaParameterError';
  }
}

/**
 * The certificate association data of RFC 6698 section 2.1.4 for a certificate or key.
 * Throws TlsaParameterError unless selector and matching type are known and the part they select is there.
 */
export function associationData(subject: TlsaSubject, selector: number, matchingType: number): Buffer {
  const selected = select(subject, selector);
  if (matchingType === 0) return selected;
  const digest = digests.get(matchingType);
  if (digest === undefined) throw new TlsaParameterError(`unknown matching type ${String(matchingType)}`);
  return hash(digest.algorithm, selected, 'buffer');
}

/** The TLSA record that publishes a certificate or key. Throws TlsaParameterError as associationData does. */
export function tlsaFor(subject: TlsaSubject, parameters: TlsaParameters): Tlsa {
  const { usage, selector, matchingType } = parameters;
  if (usageNames[usage] === undefined) throw new TlsaParameterError(`unknown usage ${String(usage)}`);
  return { usage, selector, matchingType, data: associationData(subject, selector, matchingType) };
}

/** Octets that the data of a record of this matching type must have; undefined for Full and unknown types. */
export function digestLength(matchingType: number): number | undefined {
  return digests.get(matchingType)?.length;
}

/** As 'DANE-EE'; the number in words if RFC 7218 section 2.1 has no name for it. */
export function usageName(usage: number): string {
  return wordFor(usage, usageNames, 'PrivCert');
}

/** As 'SPKI' (RFC 7218 section 2.2). */
export function selectorName(selector: number): string {
  return wordFor(selector, selectorNames, 'PrivSel');
}

/** As 'SHA2-256' (RFC 7218 section 2.3). */
export function matchingName(matchingType: number): string {
  return wordFor(matchingType, matchingNames, 'PrivMatch');
}

/** A usage from its number or its RFC 7218 name in any case; undefined if it is neither. */
export function usageFromText(text: string): number | undefined {
  return numberFor(text, usageNames);
}

/** As usageFromText, for selectors. */
export function selectorFromText(text: string): number | undefined {
  return numberFor(text, selectorNames);
}

/** As usageFromText, for matching types. */
export function matchingFromText(text: string): number | undefined {
  return numberFor(text, matchingNames);
}

/** What kind of record it is, as 'DANE-EE SPKI SHA2-256'. */
export function describeTlsa(parameters: TlsaParameters): string {
  const { usage, selector, matchingType } = parameters;
  return `${usageName(usage)} ${selectorName(selector)} ${matchingName(matchingType)}`;
}

function select(subject: TlsaSubject, selector: number): Buffer {
  if (selector === 1) return subject.subjectPublicKeyInfo;
  if (selector !== 0) throw new TlsaParameterError(`unknown selector ${String(selector)}`);
  if (subject.certificate === undefined) {
    throw new TlsaParameterError('selector Cert (0) needs a certificate, and this is a bare public key');
  }
  return subject.certificate;
}

function wordFor(value: number, names: readonly string[], privateName: string): string {
  return value === privateUse ? privateName : (names[value] ?? String(value));
}

function numberFor(text: string, names: readonly string[]): number | undefined {
  const wanted = text.toUpperCase();
  const value = names.findIndex((name, index) => name.toUpperCase() === wanted || String(index) === text);
  return value === -1 ? undefined : value;
}
