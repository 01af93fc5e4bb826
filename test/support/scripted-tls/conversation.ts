/**
 * What the server says, in order: handshake messages, data and alerts, whatever records they came in and whatever keys
 * those were under; and our own messages as records.
 *
 * Limitations: a KeyUpdate of the server is shown but not followed.
 */
import { ContentType, alertName, handshakeName, maxContentOctets } from './numbers.ts';
import { ScriptedTlsError } from './octets.ts';
import { RecordKeys, plainRecord, type RecordContent, type WireRecord } from './record-protection.ts';
import type { Closed, Deadline, RecordStream, Silence } from './record-stream.ts';

/** Which keys a record was under. */
export type Protection = 'none' | 'handshake' | 'application';

export interface HandshakeMessage {
  readonly kind: 'handshake';
  readonly type: number;
  /** As `newSessionTicket`. */
  readonly name: string;
  readonly body: Buffer;
  /** The whole message, its header of four octets included. */
  readonly octets: Buffer;
}

export interface Alert {
  readonly kind: 'alert';
  /** 1 is warning, 2 is fatal. */
  readonly level: number;
  readonly description: number;
  /** RFC 8446 section 6, as `handshake_failure`. */
  readonly name: string;
  readonly protection: Protection;
}

export interface ApplicationData {
  readonly kind: 'data';
  readonly octets: Buffer;
}

export type ServerEvent = HandshakeMessage | ApplicationData | Alert | Closed | Silence;

/** How our messages are cut. */
export interface Delivery {
  /** Each handshake message in a record of its own; otherwise those of one flight share records. */
  readonly separateRecords?: boolean;
  /** The most content in one record; 2^14 without. */
  readonly recordOctets?: number;
  /** Octets in one write to the socket; everything at once without. */
  readonly writeOctets?: number;
}

/** The longest handshake message that is taken: a chain of certificates has room. */
const maxMessageOctets = 2 ** 17;

export class Conversation {
  readonly #stream: RecordStream;
  readonly #delivery: Delivery;
  /** The newest first. */
  readonly #readKeys: { readonly protection: Protection; readonly keys: RecordKeys }[] = [];
  #writeKeys: RecordKeys | undefined;
  #partialMessage: Buffer = Buffer.alloc(0);

  constructor(stream: RecordStream, delivery: Delivery = {}) {
    const { recordOctets = 1, writeOctets = 1 } = delivery;
    if (recordOctets < 1 || writeOctets < 1)
      throw new RangeError('a record or a write of less than one octet');
    this.#stream = stream;
    this.#delivery = delivery;
  }

  /**
   * From now on the server may write with these keys. The older ones are kept: an alert may still come under them
   * from a server that has not changed over.
   */
  addReadKeys(protection: Protection, trafficSecret: Buffer): void {
    this.#readKeys.unshift({ protection, keys: new RecordKeys(trafficSecret) });
  }

  setWriteKeys(trafficSecret: Buffer): void {
    this.#writeKeys = new RecordKeys(trafficSecret);
  }

  /** Throws ScriptedTlsError for what no TLS 1.3 server may send. */
  async next(deadline: Deadline): Promise<ServerEvent> {
    for (;;) {
      const message = this.#takeMessage();
      if (message !== undefined) return message;
      const record = await this.#stream.next(deadline);
      if (record.kind !== 'record') return record;
      const { type, content, protection } = this.#open(record);
      if (type === ContentType.alert) return parseAlert(content, protection);
      if (type === ContentType.applicationData) return { kind: 'data', octets: content };
      if (type === ContentType.handshake) {
        this.#partialMessage = Buffer.concat([this.#partialMessage, content]);
      } else if (type !== ContentType.changeCipherSpec) {
        throw new ScriptedTlsError(`the server sent a record of type ${type}`);
      }
    }
  }

  /** Messages of one flight as records of this type, cut as the script says. */
  records(type: number, messages: readonly Buffer[]): Buffer {
    const { separateRecords = false, recordOctets = maxContentOctets } = this.#delivery;
    // No message is no record; an empty message is an empty record, so that a script can send one.
    const runs = separateRecords || messages.length === 0 ? messages : [Buffer.concat(messages)];
    return Buffer.concat(
      runs.flatMap((run) => cut(run, recordOctets)).map((part) => this.record(type, part)),
    );
  }

  /** Any content as one record, under the keys that we write with now. */
  record(type: number, content: Buffer): Buffer {
    return this.#writeKeys?.seal(type, content) ?? plainRecord(type, content);
  }

  write(records: Buffer): Promise<void> {
    return this.#stream.write(records, this.#delivery.writeOctets);
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  #open(record: WireRecord): RecordContent & { readonly protection: Protection } {
    // RFC 8446 section 5.2: protected records all look like application data.
    if (record.type !== ContentType.applicationData) {
      if (record.type === ContentType.handshake && this.#readKeys.length > 0) {
        throw new ScriptedTlsError('the server sent a handshake message in the clear after its ServerHello');
      }
      return { type: record.type, content: record.fragment, protection: 'none' };
    }
    for (const { protection, keys } of this.#readKeys) {
      const opened = keys.open(record);
      if (opened !== undefined) return { ...opened, protection };
    }
    throw new ScriptedTlsError('the server sent a record under keys that are not those of this handshake');
  }

  #takeMessage(): HandshakeMessage | undefined {
    const partial = this.#partialMessage;
    if (partial.length < 4) return undefined;
    const end = 4 + partial.readUIntBE(1, 3);
    if (end > maxMessageOctets) throw new ScriptedTlsError(`the server sent a message of ${end} octets`);
    if (partial.length < end) return undefined;
    this.#partialMessage = partial.subarray(end);
    const type = partial.readUInt8(0);
    const octets = partial.subarray(0, end);
    return { kind: 'handshake', type, name: handshakeName(type), body: octets.subarray(4), octets };
  }
}

function parseAlert(content: Buffer, protection: Protection): Alert {
  const [level, description] = content;
  if (level === undefined || description === undefined || content.length !== 2) {
    throw new ScriptedTlsError(`the server sent an alert of ${content.length} octets`);
  }
  return { kind: 'alert', level, description, name: alertName(description), protection };
}

/** An empty run is one empty part. */
function cut(run: Buffer, octets: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < run.length; at += octets) parts.push(run.subarray(at, at + octets));
  return parts;
}
