/**
 * Zones written to make a validator work: many keys with one tag and signatures that fit none of them (KeyTrap,
 * CVE-2023-50387), NSEC3 records that cost the most hashing (CVE-2023-50868), chains of zones and of aliases, and
 * answers as large as they can be. All of it is signed, down from an honest root, as an attacker with a domain can.
 */
import { RrType } from '../../core/dns/constants.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeDnskey, encodeDs, keyTag } from '../../core/dns/rdata.ts';
import { ordinaryPeriod, SignedInternet } from '../support/signed-internet.ts';
import type { ZoneSpec } from '../support/signed-internet.ts';
import { SigningKey, signRrset } from '../support/signing-key.ts';
import type { SigningAlgorithm } from '../support/signing-key.ts';
import { recordOf } from '../support/zone-signer.ts';
import type { Random } from './random.ts';

export const tlsa = `TLSA 3 1 1 ${'ab'.repeat(32)}`;

/** An attack: what is asked, and what is answered. */
export interface Attack {
  readonly title: string;
  readonly question: string;
  readonly internet: SignedInternet;
  readonly answer: (name: Name, type: number) => Message;
}

/** Answers of an Internet, with those to one question or type changed. */
function answering(
  title: string,
  question: string,
  internet: SignedInternet,
  change?: (truth: Message, name: Name, type: number) => Message,
): Attack {
  return {
    title,
    question,
    internet,
    answer: (name, type) => {
      const truth = internet.answer(name, type);
      return change?.(truth, name, type) ?? truth;
    },
  };
}

/** RDATAs of keys that share the tag of a true one; nobody has their private halves. */
export function keysWithTag(key: SigningKey, count: number, random: Random): Buffer[] {
  return Array.from({ length: count }, () => {
    if (key.algorithm !== 14 && key.algorithm !== 13) return tuned(key, random);
    // A point cannot be chosen freely, but the unassigned bits of the flags can.
    for (;;) {
      const other = new SigningKey(key.algorithm);
      const flags = (((257 + key.tag - other.tag) % 0xffff) + 0xffff) % 0xffff;
      const rdata = encodeDnskey({
        flags,
        protocol: 3,
        algorithm: key.algorithm,
        publicKey: other.dnskey.subarray(4),
      });
      if ((flags & 0x100) !== 0 && (flags & 0x80) === 0 && keyTag(rdata) === key.tag) return rdata;
    }
  });
}

/** Random octets in place of the key, and the last two such that the tag is the same. */
function tuned(key: SigningKey, random: Random): Buffer {
  const { dnskey } = key;
  const start = key.algorithm === 8 || key.algorithm === 10 ? 4 + 1 + (dnskey[4] ?? 0) : 4;
  for (;;) {
    const rdata = Buffer.concat([dnskey.subarray(0, start), random.octets(dnskey.length - start)]);
    rdata[start] = (rdata[start] ?? 0) | 0x80;
    rdata.writeUInt16BE(0, rdata.length - 2);
    const word = (((key.tag - keyTag(rdata)) % 0xffff) + 0xffff) % 0xffff;
    if (rdata.length % 2 === 0) rdata.writeUInt16BE(word, rdata.length - 2);
    else rdata.writeUInt16BE(((word & 0xff) << 8) | (word >> 8), rdata.length - 2);
    const isOdd = ((rdata.at(-1) ?? 0) & 1) === 1;
    if (keyTag(rdata) === key.tag && (isOdd || start === 4)) return rdata;
  }
}

/** How KeyTrap is laid out. */
export interface TrapPlan {
  readonly algorithm: SigningAlgorithm;
  /** Keys that share the tag of the true one. */
  readonly keys: number;
  /** Signatures over each RRset that fit no key. */
  readonly signatures: number;
  /** Whether the zone's keys can be had, so that only its records are the trap. */
  readonly entry: 'open' | 'trapped';
}

/** KeyTrap: the true DS record, key and signature are there, but they come after the others. */
export function keyTrap({ algorithm, keys, signatures, entry }: TrapPlan, random: Random): Attack {
  const key = new SigningKey(algorithm, { bits: 2048 });
  const zone = Name.parse('trap');
  const others = keysWithTag(key, keys, random);
  const trueDs = [key.ds(zone), key.ds(zone, 4)];
  const falseDs = others.map((rdata) => dsOf(key.algorithm, rdata, random));
  const ds = entry === 'open' ? [...trueDs, ...falseDs] : [...falseDs, ...trueDs];
  const internet = new SignedInternet({ '.': {}, trap: { keys: [key], ds, records: `_xfr ${tlsa}` } });
  const rdatas = entry === 'open' ? [key.dnskey, ...others] : [...others, key.dnskey];
  const dnskeys = { name: zone, type: RrType.DNSKEY, ttl: 3600, rdatas };
  const keyAnswer = [
    ...rdatas.map((rdata) => recordOf(zone, RrType.DNSKEY, rdata)),
    signRrset(dnskeys, key, { ...ordinaryPeriod, signer: zone }),
  ];
  const title = `${keys} keys of one tag (algorithm ${algorithm}), ${signatures} signatures over each RRset, ${entry}`;
  return answering(title, 'TLSA _xfr.trap', internet, (truth, name, type) => {
    if (!name.isAtOrBelow(zone) || type === RrType.DS) return truth;
    const isOpen = type === RrType.DNSKEY && entry === 'open';
    const message = type === RrType.DNSKEY ? { ...truth, answers: keyAnswer } : truth;
    const junk = isOpen ? [] : junkSignatures(message, key, signatures, random);
    return { ...message, answers: [...junk, ...message.answers] };
  });
}

function dsOf(algorithm: number, rdata: Buffer, random: Random): Buffer {
  return encodeDs({ keyTag: keyTag(rdata), algorithm, digestType: 2, digest: random.octets(32) });
}

/** A zone at every label of a long name; all is signed well, so that every signature must be verified. */
export function delegationChain(labels: number, algorithm: SigningAlgorithm, bits = 2048): Attack {
  const names = Array.from({ length: labels }, (_, index) => 'x.'.repeat(index + 1).slice(0, -1));
  const specs: Record<string, ZoneSpec> = { '.': {} };
  const keys = [new SigningKey(algorithm, { bits })];
  for (const name of names) specs[name] = { keys };
  const last = names.at(-1) ?? '.';
  specs[last] = { ...specs[last], records: `_xfr ${tlsa}` };
  const internet = new SignedInternet(specs);
  return answering(
    `${labels} zones, one below the other (algorithm ${algorithm})`,
    `TLSA _xfr.${last}`,
    internet,
  );
}

/** As the chain, but the record is unsigned, so that the zones are found from the top down. */
export function delegationWalk(labels: number, algorithm: SigningAlgorithm): Attack {
  const { question, internet } = delegationChain(labels, algorithm);
  const title = `${labels} zones (algorithm ${algorithm}) down to an unsigned record`;
  return answering(title, question, internet, (truth, _, type) =>
    type === RrType.TLSA ? withoutSignatures(truth) : truth,
  );
}

/** As many labels as fit above `trap`. */
const deepLabels = 120;

/** A denial whose closest encloser is as far up as can be, at so many iterations. */
export function nsec3Exhaustion(iterations: number): Attack {
  const internet = new SignedInternet({ '.': {}, trap: { denial: { iterations, salt: longSalt } } });
  const name = 'x.'.repeat(deepLabels);
  const title = `NSEC3 with ${iterations} iterations and a name of ${deepLabels} labels`;
  return answering(title, `TLSA ${name}trap`, internet);
}

/** Empty non-terminals down to an unsigned record: each is asked for a zone cut, and denied by another NSEC3 record. */
export function nsec3Walk(iterations: number): Attack {
  const name = 'x.'.repeat(deepLabels);
  const internet = new SignedInternet({
    '.': {},
    trap: { denial: { iterations, salt: longSalt }, records: `${name.slice(0, -1)} ${tlsa}` },
  });
  const title = `NSEC3 with ${iterations} iterations, asked at each of ${deepLabels} labels`;
  return answering(title, `TLSA ${name}trap`, internet, (truth, _, type) =>
    type === RrType.TLSA ? withoutSignatures(truth) : truth,
  );
}

/** The longest that RFC 5155 section 3.1.5 allows: it makes each round of the hash five times as long. */
const longSalt = Buffer.alloc(255, 7);

/** Aliases from zone to zone, each some labels down, and as many as there may be and more. */
export function aliasChain(aliases: number, algorithm: SigningAlgorithm): Attack {
  const specs: Record<string, ZoneSpec> = { '.': {} };
  for (let index = 0; index <= aliases; index += 1) {
    specs[`z${index}`] = { algorithm };
    specs[`y.z${index}`] = { algorithm, records: `_xfr CNAME _xfr.y.z${index + 1}.` };
  }
  return answering(
    `${aliases} aliases from zone to zone (algorithm ${algorithm})`,
    'TLSA _xfr.y.z0',
    new SignedInternet(specs),
  );
}

/** A DNAME that leads below itself: the name grows with each step. */
export function dnameSpiral(): Attack {
  const internet = new SignedInternet({ '.': {}, trap: { records: 'd DNAME d.d' } });
  return answering('a DNAME that leads below itself', 'TLSA _xfr.d.trap', internet);
}

/** An RRset with as many records as an answer has room for, and signatures of which the last one fits. */
export function hugeRrset(records: number, signatures: number, random: Random): Attack {
  const text = Array.from(
    { length: records },
    (_, index) => `_xfr TLSA 3 1 1 ${index.toString(16).padStart(4, '0')}`,
  );
  const internet = new SignedInternet({ '.': {}, trap: { records: text.join('\n') } });
  const key = internet.keys.get('trap')?.[0] ?? new SigningKey(13);
  return answering(
    `an RRset of ${records} records with ${signatures} signatures`,
    'TLSA _xfr.trap',
    internet,
    (truth, _, type) =>
      type === RrType.TLSA
        ? { ...truth, answers: [...junkSignatures(truth, key, signatures, random), ...truth.answers] }
        : truth,
  );
}

/** An attack whose every answer is filled up with records that nobody asked for. */
export function stuffed(attack: Attack, section: 'answers' | 'additionals', count: number): Attack {
  const stuffing = Array.from({ length: count }, (_, index) =>
    recordOf(`n${index}.trap`, RrType.A, Buffer.of(192, 0, 2, index & 255)),
  );
  return {
    ...attack,
    title: `${attack.title}, each answer with ${count} ${section} more`,
    answer: (name, type) => {
      const truth = attack.answer(name, type);
      return { ...truth, [section]: [...stuffing, ...truth[section]] };
    },
  };
}

function withoutSignatures(message: Message): Message {
  return { ...message, answers: message.answers.filter(({ type }) => type !== RrType.RRSIG) };
}

/** Signatures by the zone's key over the first RRset of an answer that do not fit it. */
function junkSignatures(
  { answers }: Message,
  key: SigningKey,
  count: number,
  random: Random,
): ResourceRecord[] {
  const [first] = answers;
  if (first === undefined) return [];
  const signer = Name.parse('trap');
  const octets = key.signature(Buffer.of(1)).length;
  const rrset = { ...first, rdatas: [first.rdata] };
  return Array.from({ length: count }, () =>
    signRrset(rrset, key, { ...ordinaryPeriod, signer, signature: random.octets(octets) }),
  );
}
