/**
 * A version of a zone as it is kept: its SOA record apart, all other records in messages that are ready to be sent. Types,
 * and nothing that changes: a new version shares with the old one what has not changed. Pure.
 *
 * A stored message is a whole DNS message without its length: ID 0, QR and AA set, one question <zone, AXFR, IN> with its name
 * at octet 12 or none, at least one answer, nothing in the other sections (no OPT, no TSIG), and never the SOA record of the
 * zone. Who serves it puts in ID and type of question, and adds OPT. It is never written to again.
 */
import type { ResourceRecord } from '../dns/message.ts';
import type { Name } from '../dns/name.ts';

/** Octets in memory, or where they stand in a file. */
export type StoredMessage = Buffer | FilePlace;

export interface FilePlace {
  readonly file: MessageFile;
  readonly at: number;
  readonly length: number;
}

/** Messages one after the other, each with its two octets of length before it; `at` is where the message itself begins. */
export interface MessageFile {
  /** Rejects with the error of the system. */
  read(at: number, length: number): Promise<Buffer>;
}

export interface ZoneVersion {
  readonly zone: Name;
  readonly soa: ResourceRecord;
  /** Of the SOA record. */
  readonly serial: number;
  /** With the SOA record, once. */
  readonly records: number;
  /** Of all stored messages. */
  readonly octets: number;
  /** In the order in which they are sent, between the first SOA record and the last. */
  readonly messages: readonly StoredMessage[];
}

/** One step between versions (RFC 1995 section 4), without the SOA records of the zone among the records. */
export interface Differences {
  readonly from: ResourceRecord;
  readonly to: ResourceRecord;
  readonly deleted: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** Keeps a message, in memory or in a file: it is not to be written to again. */
export type Store = (message: Buffer) => StoredMessage;

/** Lets others have their turn; long work awaits it every few milliseconds. */
export type Pause = () => Promise<void>;

/** The octets of a stored message. */
export function openMessage(message: StoredMessage): Buffer | Promise<Buffer> {
  return Buffer.isBuffer(message) ? message : message.file.read(message.at, message.length);
}
