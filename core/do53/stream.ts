/**
 * A reply of many messages, as a transfer is (RFC 5936 section 2.2): taken from who makes it batch by batch, the next when the
 * client has taken the one before.
 *
 * Other replies of the connection leave between two batches (RFC 7766 section 7).
 */
import { maxMessageOctets, headerOctets } from '../dns/walker.ts';
import { uint16 } from '../dns/unsigned.ts';
import type { PlainBatch } from './handler.ts';

/** A stream that has begun: its first batch, and how to get the others. */
export interface BegunStream {
  readonly first: PlainBatch;
  readonly rest: AsyncIterator<PlainBatch>;
}

/**
 * Gives all batches to `write` as octets with lengths, each when the one before is written, until it says no. Rejects with
 * what the stream throws; however it ends, the stream has ended as well. Says whether all was written.
 */
export async function sendStream(
  { first, rest }: BegunStream,
  write: (octets: Buffer) => Promise<boolean>,
): Promise<boolean> {
  let isOver = false;
  try {
    for (let batch = first; ;) {
      if (!(await write(framed(batch)))) return false;
      // A client that takes everything at once must not keep all others waiting.
      await turn();
      const next = await rest.next();
      isOver = next.done === true;
      if (next.done === true) return true;
      batch = next.value;
    }
  } finally {
    if (!isOver) await rest.return?.();
  }
}

/**
 * Ends a stream that nobody will get. It is begun, so that what it does at its end is done; what it throws is nobody's any
 * more.
 */
export function discard(stream: AsyncIterable<PlainBatch>): void {
  const iterator = stream[Symbol.asyncIterator]();
  iterator.next().catch(() => undefined);
  end(iterator);
}

/** The same for one that has begun. */
export function end(iterator: AsyncIterator<PlainBatch>): void {
  iterator.return?.().catch(() => undefined);
}

/** Throws RangeError for a message that no client could read. */
function framed(batch: PlainBatch): Buffer {
  if (Buffer.isBuffer(batch)) return batch;
  return Buffer.concat(
    batch.flatMap((message) => {
      const { length } = message;
      if (length < headerOctets || length > maxMessageOctets)
        throw new RangeError(`a message of ${String(length)} octets in a reply`);
      return [uint16(length), message];
    }),
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
