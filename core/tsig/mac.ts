/**
 * What is hashed for TSIG, and in which order (RFC 8945 section 4.3). Pure.
 */
import { createHmac, timingSafeEqual, type Hmac } from 'node:crypto';
import { RrClass } from '../dns/constants.ts';
import { uint16 } from '../dns/unsigned.ts';
import { tsigAlgorithms, type TsigKey } from './key.ts';
import type { TsigFields } from './record.ts';

/** RFC 8945 section 5.2.2.1. */
const leastMacOctets = 10;

/** One MAC in the making. */
export class TsigDigest {
  readonly #hmac: Hmac;

  /** @param priorMac the MAC of the request or of the message before, as it was sent (sections 4.3.1 and 5.3.1) */
  constructor(key: TsigKey, priorMac?: Buffer) {
    this.#hmac = createHmac(tsigAlgorithms[key.algorithm].hash, key.secret);
    if (priorMac !== undefined) this.#hmac.update(uint16(priorMac.length)).update(priorMac);
  }

  /** A message without TSIG, with the ID that it had when it was signed (section 4.3.2). */
  message(message: Buffer, originalId: number = message.readUInt16BE(0)): void {
    this.#hmac.update(uint16(originalId)).update(message.subarray(2));
  }

  /** The variables (section 4.3.3). */
  variables({ name, algorithm, timers, error, other }: Omit<TsigFields, 'mac' | 'originalId'>): void {
    this.#hmac
      .update(name.canonicalWire())
      .update(uint16(RrClass.ANY))
      .update(noTtl)
      .update(algorithm.canonicalWire())
      .update(timers)
      .update(uint16(error))
      .update(uint16(other.length))
      .update(other);
  }

  /** Time Signed and Fudge alone, from the second message of a stream on (section 5.3.1). */
  timers(timers: Buffer): void {
    this.#hmac.update(timers);
  }

  /** The whole MAC. */
  finish(): Buffer {
    return this.#hmac.digest();
  }
}

const noTtl = Buffer.alloc(4);

/** Compares as much as was sent, in a time that does not depend on where they differ. */
export function isSameMac(whole: Buffer, sent: Buffer): boolean {
  return (
    sent.length > 0 && sent.length <= whole.length && timingSafeEqual(whole.subarray(0, sent.length), sent)
  );
}

/** Whether a MAC of so many octets may be sent at all (section 5.2.2.1); whether it is enough is another question. */
export function isMacSize(octets: number, { algorithm }: TsigKey): boolean {
  const { hashOctets } = tsigAlgorithms[algorithm];
  return octets <= hashOctets && octets >= Math.max(leastMacOctets, hashOctets / 2);
}

/** So much of a MAC is sent: what the algorithm says, but not less than in the request (section 7). */
export function truncated(whole: Buffer, { algorithm }: TsigKey, requestMacOctets = 0): Buffer {
  return whole.subarray(0, Math.max(tsigAlgorithms[algorithm].macOctets, requestMacOctets));
}
