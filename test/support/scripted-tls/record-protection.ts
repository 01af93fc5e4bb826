/**
 * Records of TLS 1.3, bare and under AES-128-GCM (RFC 8446 sections 5.1, 5.2 and 5.3).
 *
 * Limitations: it takes padding off, and puts none on.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { trafficKeys } from './key-schedule.ts';
import { ContentType, tls12 } from './numbers.ts';
import { ScriptedTlsError, uint } from './octets.ts';

const tagOctets = 16;

/** A record as it came: the header's five octets apart, for they are authenticated too. */
export interface WireRecord {
  readonly type: number;
  readonly header: Buffer;
  readonly fragment: Buffer;
}

/** What is in a record. */
export interface RecordContent {
  readonly type: number;
  readonly content: Buffer;
}

export function plainRecord(type: number, content: Buffer): Buffer {
  return Buffer.concat([recordHeader(type, content.length), content]);
}

/** The keys of one direction, with the number of its next record. */
export class RecordKeys {
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(trafficSecret: Buffer) {
    const { key, iv } = trafficKeys(trafficSecret);
    this.#key = key;
    this.#iv = iv;
  }

  seal(type: number, content: Buffer): Buffer {
    const inner = Buffer.concat([content, uint(1, type)]);
    const header = recordHeader(ContentType.applicationData, inner.length + tagOctets);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce());
    cipher.setAAD(header);
    const sealed = Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
    this.#sequence += 1;
    return sealed;
  }

  /** undefined if these are not the record's keys; the next record is then still expected with the same number. */
  open({ header, fragment }: WireRecord): RecordContent | undefined {
    if (fragment.length < tagOctets) return undefined;
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce());
    decipher.setAAD(header).setAuthTag(fragment.subarray(-tagOctets));
    const inner = decipher.update(fragment.subarray(0, -tagOctets));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    this.#sequence += 1;
    return withoutPadding(inner);
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    // No connection of a test comes near 2^32 records.
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence) >>> 0, 8);
    return nonce;
  }
}

function recordHeader(type: number, length: number): Buffer {
  return Buffer.concat([uint(1, type), uint(2, tls12), uint(2, length)]);
}

/** RFC 8446 section 5.4: the type is the last octet that is not zero. */
function withoutPadding(inner: Buffer): RecordContent {
  let at = inner.length - 1;
  while (at >= 0 && inner[at] === 0) at -= 1;
  const type = inner[at];
  if (type === undefined)
    throw new ScriptedTlsError('the server sent a protected record of nothing but padding');
  return { type, content: inner.subarray(0, at) };
}
