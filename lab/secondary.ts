/**
 * A secondary that transfers over TLS (XoT, RFC 9103), or over plain TCP to compare: TLS 1.3, ALPN `dot`, any number
 * of requests at once on a connection, each result in a form that a test or a person can look at.
 *
 * Limitations: it keeps no zone.
 */
import type { Socket } from 'node:net';
import { RrClass, RrType } from '../core/dns/constants.ts';
import type { EdnsOption } from '../core/dns/edns.ts';
import { FrameReader, frame } from '../core/dns/framing.ts';
import { encodeMessage, makeQuery } from '../core/dns/message.ts';
import type { Message, ResourceRecord } from '../core/dns/message.ts';
import { Name } from '../core/dns/name.ts';
import { encodeSoa } from '../core/dns/rdata.ts';
import { TransferReader } from './transfer-reader.ts';
import type { TransferForm } from './transfer-reader.ts';
import { connectToPrimary } from './xot-connect.ts';
import type { ConnectOptions } from './xot-connect.ts';

/** Whom to connect to, as whom, and how long to wait for it and for each answer: 10 s if not said. */
export interface SecondaryOptions extends ConnectOptions {
  readonly timeoutMs?: number;
}

/** What to ask for; the type is `AXFR` if not said. */
export interface TransferRequest {
  readonly zone: Name | string;
  readonly type?: 'AXFR' | 'IXFR' | 'SOA' | number;
  /** The serial that we have: for IXFR. */
  readonly serial?: number;
  /** Whether the request has an OPT record, and which options are in it; it has one, empty, if not said. */
  readonly edns?: false | readonly EdnsOption[];
  readonly id?: number;
  readonly timeoutMs?: number;
}

/** How a request ended. All but `complete` and `error-code` left us without a whole answer. */
export type TransferOutcome = 'complete' | 'error-code' | 'closed' | 'timeout' | 'malformed';

/** What came of a request. */
export interface TransferResult {
  readonly outcome: TransferOutcome;
  /** What kind of answer it was, for a complete one. */
  readonly form: TransferForm | undefined;
  readonly rcode: number | undefined;
  readonly ede: { readonly code: number; readonly text: string } | undefined;
  /** Every record of the answer section, in order, the SOA at the end included. */
  readonly records: readonly ResourceRecord[];
  readonly serial: number | undefined;
  readonly messageCount: number;
  readonly octetCount: number;
  /** Whether the first message had an OPT record. */
  readonly hasEdns: boolean;
  readonly elapsedMs: number;
  /** Why there is no whole answer, in the words of the TLS library or of the system. */
  readonly error: string | undefined;
}

const defaultTimeoutMs = 10_000;

/** One connection, one request: `openSecondary` and `request` in one. A connection that fails gives outcome `closed`. */
export async function transfer(options: SecondaryOptions & TransferRequest): Promise<TransferResult> {
  const startMs = performance.now();
  let secondary;
  try {
    secondary = await openSecondary(options);
  } catch (error) {
    return resultOf(new TransferReader(0, undefined), 'closed', startMs, wordsOf(error));
  }
  try {
    return await secondary.request(options);
  } finally {
    secondary.close();
  }
}

/**
 * Connects. Rejects when the connection fails or the server is not the expected one. With TLS 1.3 a server that does
 * not want our certificate says so only after this: then the requests end as `closed`.
 */
export async function openSecondary(options: SecondaryOptions): Promise<Secondary> {
  const { timeoutMs = defaultTimeoutMs } = options;
  return new Secondary(await connectToPrimary(options, timeoutMs), timeoutMs);
}

interface Pending {
  readonly reader: TransferReader;
  readonly finish: (outcome: TransferOutcome, error?: string) => void;
}

/** An open connection to a primary or to the gate before it. */
export class Secondary {
  /** The connection itself, for those who want to misuse it. */
  readonly socket: Socket;
  readonly #timeoutMs: number;
  readonly #frames = new FrameReader();
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #failure: string | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', (error) => {
      this.#failure = wordsOf(error);
    });
    socket.on('end', () => {
      socket.end();
    });
    socket.on('close', () => {
      this.#failure ??= 'the server closed the connection';
      this.#finishAll('closed');
    });
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  /** Sends a request and waits for the whole answer; others may be under way. Never rejects for what the peer does. */
  request({
    zone,
    type = 'AXFR',
    serial,
    edns = [],
    id,
    timeoutMs = this.#timeoutMs,
  }: TransferRequest): Promise<TransferResult> {
    const startMs = performance.now();
    const number = typeof type === 'number' ? type : RrType[type];
    const query = transferQuery({ zone: toName(zone), type: number, serial, edns, id: id ?? this.#freeId() });
    const reader = new TransferReader(number, serial);
    const { promise, resolve } = Promise.withResolvers<TransferResult>();
    const timer = setTimeout(() => {
      finish('timeout', `no whole answer within ${String(timeoutMs)} ms`);
    }, timeoutMs);
    const finish = (outcome: TransferOutcome, error?: string): void => {
      clearTimeout(timer);
      this.#pending.delete(query.header.id);
      resolve(resultOf(reader, outcome, startMs, error));
    };
    if (this.isClosed) finish('closed', this.#failure);
    else {
      this.#pending.set(query.header.id, { reader, finish });
      this.socket.write(frame(encodeMessage(query)));
    }
    return promise;
  }

  /** Resolves when the connection is closed, whoever closes it, with the error that ended it if there was one. */
  async closed(): Promise<string | undefined> {
    // Not `once` of node:events, which would reject with the error.
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve));
    return this.#failure;
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#frames.push(chunk)) this.#receiveMessage(message);
    } catch (error) {
      this.#failure = wordsOf(error);
      this.#finishAll('malformed');
      this.socket.destroy();
    }
  }

  /** RFC 9103 section 6.2: answers to several requests may come intermingled; the ID tells them apart. */
  #receiveMessage(message: Buffer): void {
    const pending = this.#pending.get(message.readUInt16BE(0));
    if (pending === undefined) return;
    const { reader, finish } = pending;
    reader.push(message);
    if (reader.isWhole) finish(reader.rcode === 0 ? 'complete' : 'error-code');
  }

  #finishAll(outcome: TransferOutcome): void {
    for (const { finish } of [...this.#pending.values()]) finish(outcome, this.#failure);
  }

  #freeId(): number {
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    return id;
  }
}

/** RFC 5936 section 2.1; RFC 1995 section 3 puts the SOA record that the client has into the authority section. */
function transferQuery(request: {
  zone: Name;
  type: number;
  serial: number | undefined;
  edns: false | readonly EdnsOption[];
  id: number;
}): Message {
  const { zone: name, type, serial, edns: options, id } = request;
  const edns = { udpPayloadSize: 1232, version: 0, extendedRcode: 0, dnssecOk: false };
  const query = makeQuery({ id, name, type, ...(options === false ? {} : { edns: { ...edns, options } }) });
  if (serial === undefined) return query;
  const times = { refresh: 0, retry: 0, expire: 0, minimum: 0 };
  const rdata = encodeSoa({ mname: Name.root, rname: Name.root, serial, ...times });
  return { ...query, authorities: [{ name, type: RrType.SOA, class: RrClass.IN, ttl: 0, rdata }] };
}

function resultOf(
  reader: TransferReader,
  outcome: TransferOutcome,
  startMs: number,
  error: string | undefined,
): TransferResult {
  const { form, rcode, ede, records, serial, messageCount, octetCount, edns } = reader;
  const elapsedMs = performance.now() - startMs;
  const hasEdns = edns !== undefined;
  return { outcome, form, rcode, ede, records, serial, messageCount, octetCount, hasEdns, elapsedMs, error };
}

function toName(name: Name | string): Name {
  return typeof name === 'string' ? Name.parse(name) : name;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : 'failure';
}
