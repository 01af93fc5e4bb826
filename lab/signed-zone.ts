/**
 * A zone with the signatures over it, made when they are asked for and kept until the zone changes.
 *
 * It can also sign wrongly, so that tests and the demo can show what a validator makes of it.
 *
 * Limitations: NSEC only, no NSEC3.
 */
import { RrType } from '../core/dns/constants.ts';
import type { Name } from '../core/dns/name.ts';
import { encodeRrsig, parseRrsig } from '../core/dns/rdata.ts';
import { NsecChain } from './nsec.ts';
import { ZoneKey } from './signer.ts';
import type { SignaturePeriod } from './signer.ts';
import type { RrSet, Zone } from './zone.ts';

/**
 * How a zone is signed: `broken`: no signature but those over the key fits its data; `expired`: all were good until
 * two days ago; `unsigned`: there are none.
 */
export type Signing = 'valid' | 'broken' | 'expired' | 'unsigned';

const hour = 3600;
const day = 24 * hour;

/** A zone, its key, and its signatures. */
export class SignedZone {
  readonly zone: Zone;
  readonly key: ZoneKey;
  #signing: Signing = 'valid';
  #validForSeconds: number;
  #nowMs: () => number;
  #revision = -1;
  #signatures = new Map<string, RrSet>();
  #chain: NsecChain | undefined;

  constructor(zone: Zone, { signing, validForSeconds, nowMs }: SignedZoneOptions) {
    this.zone = zone;
    this.key = new ZoneKey(zone.apex);
    this.#nowMs = nowMs;
    this.#validForSeconds = validForSeconds;
    this.sign(signing, validForSeconds);
  }

  get isSigned(): boolean {
    return this.#signing !== 'unsigned';
  }

  /** Signs everything anew, in this way from now on. */
  sign(signing: Signing, validForSeconds = this.#validForSeconds): void {
    const { apex, soa } = this.zone;
    this.#signing = signing;
    this.#validForSeconds = validForSeconds;
    const rdatas = this.isSigned ? [this.key.dnskey] : [];
    this.zone.replace({ name: apex, type: RrType.DNSKEY, ttl: soa.ttl, rdatas });
  }

  /** The RRSIG RRset over an RRset; undefined if the zone is unsigned. */
  signatureOver(rrset: RrSet): RrSet | undefined {
    if (!this.isSigned) return undefined;
    this.#forgetIfChanged();
    const key = `${String(rrset.type)} ${rrset.name.key}`;
    const known = this.#signatures.get(key);
    if (known !== undefined) return known;
    const good = this.key.sign(rrset, this.#period());
    const signature = this.#signing === 'broken' && rrset.type !== RrType.DNSKEY ? broken(good) : good;
    this.#signatures.set(key, signature);
    return signature;
  }

  /** The NSEC RRset at a name or over the gap in which the name would be; undefined if the zone is unsigned. */
  nsecFor(name: Name): RrSet | undefined {
    return this.isSigned ? this.#nsecChain().at(name) : undefined;
  }

  /** Every RRset as a signed zone file has it: the data, the NSEC chain, and all signatures. */
  *rrsets(): Iterable<RrSet> {
    const unsigned = this.isSigned ? [...this.zone.rrsets(), ...this.#nsecChain()] : this.zone.rrsets();
    for (const rrset of unsigned) {
      yield rrset;
      const signature = this.#isOwn(rrset) ? this.signatureOver(rrset) : undefined;
      if (signature !== undefined) yield signature;
    }
  }

  #nsecChain(): NsecChain {
    this.#forgetIfChanged();
    return (this.#chain ??= new NsecChain(this.zone));
  }

  #forgetIfChanged(): void {
    if (this.#revision === this.zone.revision) return;
    this.#revision = this.zone.revision;
    this.#signatures = new Map();
    this.#chain = undefined;
  }

  #period(): SignaturePeriod {
    const now = Math.floor(this.#nowMs() / 1000);
    // Long ago: Unbound forgives clocks that are up to a day wrong.
    if (this.#signing === 'expired') return { inception: now - 9 * day, expiration: now - 2 * day };
    // An hour back, for validators whose clock is behind.
    return { inception: now - hour, expiration: now + this.#validForSeconds };
  }

  /** RFC 4035 section 2.2: the NS RRset of a delegation and glue are not signed. */
  #isOwn({ name, type }: RrSet): boolean {
    const asked = type === RrType.NSEC ? RrType.DS : type;
    return this.zone.find(name, asked).kind !== 'referral';
  }
}

/** What a signed zone is made with. */
export interface SignedZoneOptions {
  readonly signing: Signing;
  /** How long signatures hold from the moment they are made. */
  readonly validForSeconds: number;
  readonly nowMs: () => number;
}

/** The same signature but for one bit. */
function broken(signatures: RrSet): RrSet {
  const rdatas = signatures.rdatas.map((rdata) => {
    const rrsig = parseRrsig(rdata);
    const signature = Buffer.from(rrsig.signature);
    signature.writeUInt8(signature.readUInt8(40) ^ 1, 40);
    return encodeRrsig({ ...rrsig, signature });
  });
  return { ...signatures, rdatas };
}
