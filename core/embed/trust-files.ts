/**
 * Files that trust begins with: trust anchors of DNSSEC, certification authorities for PKIX usages, and those for
 * resolvers over TLS. Whatever is wrong with one is a ConfigError with its place.
 */
import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { ConfigError } from '../config/errors.ts';
import { readTextFile } from '../config/text-file.ts';
import { RrType } from '../dns/constants.ts';
import { DnsFormatError } from '../dns/errors.ts';
import { parseDs, parseOrNothing } from '../dns/rdata.ts';
import { parseRecordLines } from '../dns/record-text.ts';
import { parseAnchors, type TrustAnchor } from '../dnssec/anchors.ts';
import { parseCertificate, type Certificate } from '../pki/certificate.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import { maxPemLength, parsePem } from '../pki/pem.ts';

/** A file of trust anchors has some lines; one for each zone of a large organisation has some thousand. */
const maxAnchorOctets = 1_048_576;

/** Trust anchors from DS and DNSKEY records in the form of a zone file; at least one. Throws ConfigError. */
export function readAnchorFile(file: string): readonly TrustAnchor[] {
  // Editors of some systems begin UTF-8 with a byte order mark.
  const text = readTextFile(file, maxAnchorOctets).replace(/^\uFEFF/, '');
  let anchors: readonly TrustAnchor[];
  try {
    anchors = parseAnchors(text);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    const [, line, wrong = error.message] = /^line (\d+): (.*)$/s.exec(error.message) ?? [];
    throw broken(file, wrong, asZoneFile, { line: Number(line ?? 1), cause: error });
  }
  for (const { record, line } of parseRecordLines(text)) {
    const wrong = record.type === RrType.DS ? digestFault(record.rdata) : undefined;
    if (wrong !== undefined) throw broken(file, wrong, 'copy the whole record', { line });
  }
  if (anchors.length === 0) throw broken(file, 'there is no DS and no DNSKEY record in it', asZoneFile);
  return anchors;
}

/** Octets of the digests that DS records have (RFC 3658 section 2.4, RFC 4509 section 2.2, RFC 6605 section 2). */
const digestOctets: ReadonlyMap<number, number> = new Map([
  [1, 20],
  [2, 32],
  [4, 48],
]);

/** A digest that was cut off when it was copied would match nothing, and every name would be bogus. */
function digestFault(rdata: Buffer): string | undefined {
  const ds = parseOrNothing(rdata, parseDs);
  if (ds === undefined) return 'it is too short for a DS record';
  const { keyTag, digestType, digest } = ds;
  const octets = digestOctets.get(digestType);
  if (octets === undefined || digest.length === octets) return undefined;
  return `the digest of key ${String(keyTag)} has ${String(digest.length)} octets, and those of type ${String(digestType)} have ${String(octets)}`;
}

const asZoneFile = 'write DS or DNSKEY records as in a zone file, for example: . IN DS 20326 8 2 E06D44B8…';

/** DER of every certificate in a PEM file; at least one. Throws ConfigError. */
export function readCertificateFile(file: string): readonly Buffer[] {
  try {
    const certificates = parsePem(readTextFile(file, maxPemLength), 'CERTIFICATE');
    if (certificates.length > 0) return certificates;
  } catch (error) {
    if (!(error instanceof CertificateFormatError)) throw error;
    throw broken(file, error.message, asPem, { cause: error });
  }
  throw broken(file, 'there is no certificate in it', asPem);
}

const asPem = 'give a PEM file with the certificates of the authorities';

/** PEM of every certificate in a PEM file, without what stands between them, for the TLS library. Throws ConfigError. */
export function readAuthorityFile(file: string): readonly string[] {
  return readCertificateFile(file).map((der) => {
    try {
      return new X509Certificate(der).toString();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw broken(file, `the TLS library cannot read a certificate in it: ${why}`, asPem, { cause: error });
    }
  });
}

/** The authorities that a PEM file has; at least one. */
export interface Roots {
  readonly roots: readonly Certificate[];
  /** How many certificates of the file cannot be read, and are left out. */
  readonly unreadable: number;
}

/** Those that the operating system trusts; of Node's own if it has none. */
export function systemRoots(): Roots {
  const system = getCACertificates('system');
  const ders = (system.length > 0 ? system : getCACertificates('bundled')).flatMap((pem) =>
    parsePem(pem, 'CERTIFICATE'),
  );
  return readRoots(ders);
}

/** Certification authorities for PKIX-TA and PKIX-EE. Throws ConfigError. */
export function readRootsFile(file: string): Roots {
  const { roots, unreadable } = readRoots(readCertificateFile(file));
  if (roots.length === 0) throw broken(file, 'no certificate in it can be read', asPem);
  return { roots, unreadable };
}

function readRoots(ders: readonly Buffer[]): Roots {
  const roots: Certificate[] = [];
  let unreadable = 0;
  for (const der of ders) {
    try {
      roots.push(parseCertificate(der));
    } catch (error) {
      if (!(error instanceof CertificateFormatError)) throw error;
      unreadable += 1;
    }
  }
  return { roots, unreadable };
}

function broken(
  file: string,
  wrong: string,
  right: string,
  { line = 1, cause }: { readonly line?: number; readonly cause?: unknown } = {},
): ConfigError {
  return new ConfigError([{ file, line, column: 1, path: [], wrong, right }], { cause });
}
