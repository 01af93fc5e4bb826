import { frame } from '../../core/dns/framing.ts';

/** Several messages, each with its length before it, in one buffer: a chunk of a stream. */
export function frameAll(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(messages.map(frame));
}
