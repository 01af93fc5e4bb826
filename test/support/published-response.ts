/**
 * The example responses of RFC 4035 and RFC 5155 (appendices A and B) as the vector files have them, and the same
 * signed again with other keys.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rcode, RrType, rrTypeFromName, rrTypeName } from '../../core/dns/constants.ts';
import { makeQuery, makeResponse } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { keyTag, parseDnskey, parseRrsig } from '../../core/dns/rdata.ts';
import { parseRecords } from '../../core/dns/record-text.ts';
import { SigningKey, signRrset } from './signing-key.ts';
import type { SigningAlgorithm } from './signing-key.ts';
import { groupRecords } from './zone-signer.ts';

const folder = join(import.meta.dirname, '../vectors');

/** The records of a zone file among the vectors. */
export function readZone(path: string): ResourceRecord[] {
  return parseRecords(readFileSync(join(folder, path), 'latin1'));
}

/** A response as the RFC prints it: its header's response code, its question and its three sections. */
export function readResponse(path: string): Message {
  const [head = '', question = '', answer = '', authority = '', additional = ''] = readFileSync(
    join(folder, path),
    'latin1',
  ).split(/^;; (?:Question|Answer|Authority|Additional)$/m);
  const [owner = '', , type = ''] = question.trim().split(/\s+/);
  const rcode = Number(/RCODE=(\d+)/.exec(head)?.[1]);
  return response({ name: Name.parse(owner), type: rrTypeFromName(type) ?? NaN }, rcode, {
    answers: parseRecords(answer),
    authorities: parseRecords(authority),
    additionals: parseRecords(additional),
  });
}

/** A response to a question. */
export function response(
  question: { readonly name: Name; readonly type: number },
  rcode: number,
  sections: Partial<Pick<Message, 'answers' | 'authorities' | 'additionals'>>,
): Message {
  const query = makeQuery({ id: 1, ...question, rd: true, cd: true });
  return makeResponse(query, { ra: true, rcode, ...sections });
}

/** The answer for the DNSKEY records of a zone. */
export function dnskeyResponse(apex: Name, zone: readonly ResourceRecord[]): Message {
  const answers = zone.filter(
    (record) => record.name.equals(apex) && (covered(record) ?? record.type) === RrType.DNSKEY,
  );
  return response({ name: apex, type: RrType.DNSKEY }, Rcode.NOERROR, { answers });
}

/** New keys in the place of those of a zone, one for each. */
export class KeyReplacement {
  readonly #byTag = new Map<number, SigningKey>();
  readonly #byDnskey = new Map<string, SigningKey>();

  constructor(zone: readonly ResourceRecord[], algorithm: SigningAlgorithm) {
    for (const { type, rdata } of zone) {
      if (type !== RrType.DNSKEY) continue;
      const key = new SigningKey(algorithm, { flags: parseDnskey(rdata).flags });
      this.#byDnskey.set(rdata.toString('hex'), key);
      this.#byTag.set(keyTag(rdata), key);
    }
  }

  /** The same records with DNSKEY records and signatures of the new keys; what is not signed stays unsigned. */
  sign(records: readonly ResourceRecord[]): ResourceRecord[] {
    const replaced = records.map((record) =>
      record.type === RrType.DNSKEY
        ? { ...record, rdata: this.#byDnskey.get(record.rdata.toString('hex'))?.dnskey ?? record.rdata }
        : record,
    );
    const rrsets = groupRecords(replaced);
    return replaced.map((record) => {
      if (record.type !== RrType.RRSIG) return record;
      const {
        typeCovered,
        labels,
        originalTtl,
        inception,
        expiration,
        signer,
        keyTag: tag,
      } = parseRrsig(record.rdata);
      const rrset = rrsets.find(({ name, type }) => type === typeCovered && name.equals(record.name));
      const key = this.#byTag.get(tag);
      if (rrset === undefined || key === undefined) throw new Error('a signature without its RRset or key');
      return signRrset(rrset, key, { labels, originalTtl, inception, expiration, signer });
    });
  }

  signMessage(message: Message): Message {
    return {
      ...message,
      answers: this.sign(message.answers),
      authorities: this.sign(message.authorities),
      additionals: this.sign(message.additionals),
    };
  }
}

/** What a test calls a record: "example SOA", "example RRSIG SOA"; with the key's tag where two keys sign. */
export function recordLabel(record: ResourceRecord): string {
  const type = covered(record);
  const owner = record.name.toString();
  if (type === undefined) return `${owner} ${rrTypeName(record.type)}`;
  const by = type === RrType.DNSKEY ? ` by ${String(parseRrsig(record.rdata).keyTag)}` : '';
  return `${owner} RRSIG ${rrTypeName(type)}${by}`;
}

function covered({ type, rdata }: ResourceRecord): number | undefined {
  return type === RrType.RRSIG ? parseRrsig(rdata).typeCovered : undefined;
}
