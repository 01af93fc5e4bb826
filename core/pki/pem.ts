/**
 * PEM, the textual encoding of RFC 7468: labelled base64 between BEGIN and END lines.
 *
 * Text between the blocks is passed over, as RFC 7468 section 5.2 has it; inside a block nothing but base64 is taken.
 *
 * Limitations: the header lines of encrypted keys (RFC 1421 "Proc-Type") are refused, since danced reads none.
 */
import { CertificateFormatError } from './errors.ts';

/** One block of a PEM file. */
export interface PemBlock {
  /** As 'CERTIFICATE', 'PRIVATE KEY', 'PUBLIC KEY'. */
  readonly label: string;
  readonly der: Buffer;
}

/** A file with more text than this is no PEM file of ours; a chain of ten certificates has some 20,000 characters. */
export const maxPemLength = 1_048_576;

const beginLine = /^-----BEGIN ([A-Z0-9]+(?: [A-Z0-9]+)*)-----$/;
const lineOfBase64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Every block in the text, in order. Throws CertificateFormatError for a block that is not whole or not base64. */
export function parsePemBlocks(text: string): PemBlock[] {
  if (text.length > maxPemLength) throw new CertificateFormatError('too long for a PEM file');
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let base64: string[] = [];
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trimEnd();
    const begin = beginLine.exec(line)?.[1];
    if (label === undefined) {
      label = begin;
      base64 = [];
    } else if (line === `-----END ${label}-----`) {
      blocks.push({ label, der: decodeBase64(base64.join(''), label) });
      label = undefined;
    } else if (!lineOfBase64.test(line)) {
      throw new CertificateFormatError(`line ${String(index + 1)} of the ${label} block is not base64`);
    } else {
      base64.push(line);
    }
  }
  if (label !== undefined) throw new CertificateFormatError(`the ${label} block has no END line`);
  return blocks;
}

/** The content of every block with this label, in order. Throws CertificateFormatError as parsePemBlocks does. */
export function parsePem(text: string, label: string): Buffer[] {
  return parsePemBlocks(text)
    .filter((block) => block.label === label)
    .map((block) => block.der);
}

/** One PEM block, with lines of 64 characters (RFC 7468 section 2). */
export function encodePem(der: Buffer, label: string): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function decodeBase64(base64: string, label: string): Buffer {
  const der = Buffer.from(base64, 'base64');
  // Buffer.from skips what it does not understand; base64 that has one reading only comes out as it went in.
  if (der.length === 0 || der.toString('base64') !== base64) {
    throw new CertificateFormatError(`the ${label} block is not base64`);
  }
  return der;
}
