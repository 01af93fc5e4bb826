/**
 * A primary name server with one zone: SOA over UDP and TCP, AXFR and IXFR over TCP (RFC 5936, RFC 1995), any number
 * of transfers at once on a connection. It can fail in the ways that a gate and a secondary must survive.
 *
 * Limitations: no access control, no NOTIFY, no questions about other records of the zone; IXFR over UDP is answered
 * with the current SOA, so that the client comes again over TCP (RFC 1995 section 2).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Opcode, Rcode, RrClass, RrType } from '../core/dns/constants.ts';
import { encodeMessage } from '../core/dns/message.ts';
import type { Message, Question, ResourceRecord } from '../core/dns/message.ts';
import type { Name } from '../core/dns/name.ts';
import { serialAdd } from '../core/dns/serial.ts';
import { readQuery, respondTo } from './respond.ts';
import { startServer } from './servers.ts';
import type { Endpoint, Requester, RunningServer } from './servers.ts';
import { clientSerial, incrementalRecords, transferMessages } from './transfer-messages.ts';
import type { Difference, MessageShape } from './transfer-messages.ts';
import { recordsOf } from './zone.ts';
import type { Zone } from './zone.ts';

/** A request that the primary got. */
export interface PrimaryRequest {
  readonly name: Name;
  readonly type: number;
  readonly transport: Requester['transport'];
}

/** Records of the zone to add and to remove; a record that is not there is not removed. */
export interface ZoneChange {
  readonly add?: readonly Omit<ResourceRecord, 'class'>[];
  readonly remove?: readonly Pick<ResourceRecord, 'name' | 'type' | 'rdata'>[];
}

/** How a transfer goes wrong after a number of messages: the connection breaks, or nothing comes any more. */
interface Fault {
  readonly kind: 'die' | 'stall';
  readonly afterMessages: number;
}

/** About 16 KB: compression pointers reach no further (RFC 1035 section 4.1.4, RFC 9103 section 7.11). */
const usualMessageOctets = 16_384;

/** A running primary. */
export class LabPrimary implements Endpoint {
  readonly zone: Zone;
  /** Every request that arrived, in order. */
  readonly requests: PrimaryRequest[] = [];
  /** Transfers that were sent to their last message. */
  completedTransfers = 0;
  /** How transfers are cut into messages. */
  shape: MessageShape = { octets: usualMessageOctets, recordsPerMessage: Infinity };
  /** How long it waits before each message of a transfer. */
  delayMs = 0;
  #fault: Fault | undefined;
  readonly #differences: Difference[] = [];
  #snapshot: { revision: number; records: readonly ResourceRecord[] } | undefined;
  #server: RunningServer | undefined;

  private constructor(zone: Zone) {
    this.zone = zone;
  }

  static async start(zone: Zone, port?: number): Promise<LabPrimary> {
    const primary = new LabPrimary(zone);
    primary.#server = await startServer((octets, requester) => primary.#handle(octets, requester), port);
    return primary;
  }

  get address(): string {
    return this.#running.address;
  }

  get port(): number {
    return this.#running.port;
  }

  /** TCP connections open at this moment. */
  get connectionCount(): number {
    return this.#running.connectionCount();
  }

  /** The zone as a transfer has it, but for the SOA record at the end. */
  get records(): readonly ResourceRecord[] {
    if (this.#snapshot?.revision !== this.zone.revision) {
      this.#snapshot = { revision: this.zone.revision, records: [...this.zone.records()] };
    }
    return this.#snapshot.records;
  }

  /** Makes the next version of the zone and keeps the difference for IXFR; returns the new serial. */
  change({ add = [], remove = [] }: ZoneChange): number {
    const { zone } = this;
    const oldSoa = this.#soa;
    const removed: ResourceRecord[] = [];
    for (const { name, type, rdata } of remove) {
      const ttl = zone.rrset(name, type)?.ttl;
      if (ttl === undefined || !zone.remove({ name, type, rdata })) continue;
      removed.push({ name, type, class: RrClass.IN, ttl, rdata });
    }
    const added = add
      .map((record) => ({
        ...record,
        class: RrClass.IN,
        ttl: zone.rrset(record.name, record.type)?.ttl ?? record.ttl,
      }))
      .filter((record) => zone.add(record));
    zone.serial = serialAdd(zone.serial, 1);
    this.#differences.push({ oldSoa, removed, newSoa: this.#soa, added });
    return zone.serial;
  }

  /** Forgets the differences, so that IXFR falls back to the whole zone (RFC 1995 section 4). */
  forgetDifferences(): void {
    this.#differences.length = 0;
  }

  /** From now on, breaks the connection when a transfer has sent so many messages. */
  dieAfterMessages(count: number): void {
    this.#fault = { kind: 'die', afterMessages: count };
  }

  /** From now on, sends so many messages of a transfer and then nothing, the connection left open. */
  stallAfterMessages(count: number): void {
    this.#fault = { kind: 'stall', afterMessages: count };
  }

  /** From now on, transfers whole zones again. */
  recover(): void {
    this.#fault = undefined;
  }

  async close(): Promise<void> {
    await this.#running.close();
  }

  get #running(): RunningServer {
    if (this.#server === undefined) throw new Error('the primary has not been started');
    return this.#server;
  }

  get #soa(): ResourceRecord {
    const [soa] = recordsOf(this.zone.soa);
    if (soa === undefined) throw new Error('the zone has lost its SOA record');
    return soa;
  }

  async #handle(octets: Buffer, requester: Requester): Promise<void> {
    const query = readQuery(octets);
    if (query === undefined) return;
    if (Buffer.isBuffer(query)) {
      await requester.send(query);
      return;
    }
    const [question] = query.questions;
    if (question === undefined || query.header.opcode !== Opcode.QUERY) {
      await this.#refuse(query, requester, question === undefined ? Rcode.FORMERR : Rcode.NOTIMP);
      return;
    }
    this.requests.push({ name: question.name, type: question.type, transport: requester.transport });
    await this.#answer(query, question, requester);
  }

  async #answer(query: Message, { name, type }: Question, requester: Requester): Promise<void> {
    const isTransfer = type === RrType.AXFR || type === RrType.IXFR;
    if (!name.equals(this.zone.apex)) {
      await this.#refuse(query, requester, isTransfer ? Rcode.NOTAUTH : Rcode.REFUSED);
    } else if (type === RrType.SOA || (type === RrType.IXFR && requester.transport === 'udp')) {
      await requester.send(encodeMessage(respondTo(query, { aa: true, answers: [this.#soa] })));
    } else if (!isTransfer) {
      await this.#refuse(query, requester, Rcode.REFUSED);
    } else if (requester.transport === 'udp') {
      await this.#refuse(query, requester, Rcode.FORMERR); // RFC 5936 section 4.2: no AXFR over UDP
    } else {
      await this.#transfer(query, type, requester);
    }
  }

  async #transfer(query: Message, type: number, requester: Requester): Promise<void> {
    const serial = type === RrType.IXFR ? clientSerial(query) : undefined;
    if (type === RrType.IXFR && serial === undefined) {
      await this.#refuse(query, requester, Rcode.FORMERR); // RFC 1995 section 3: it has the client's SOA
      return;
    }
    const soa = this.#soa;
    const incremental = serial === undefined ? undefined : incrementalRecords(soa, this.#differences, serial);
    const messages = transferMessages(query, incremental ?? [...this.records, soa], this.shape);
    const fault = this.#fault;
    let sent = 0;
    for (const message of messages) {
      if (sent === fault?.afterMessages) {
        if (fault.kind === 'die') requester.hangUp();
        return;
      }
      if (this.delayMs > 0) await sleep(this.delayMs);
      await requester.send(message);
      sent += 1;
    }
    this.completedTransfers += 1;
  }

  async #refuse(query: Message, requester: Requester, rcode: number): Promise<void> {
    await requester.send(encodeMessage(respondTo(query, { rcode })));
  }
}
