/**
 * Which messages are requests. Nothing else is ever answered: two servers that answer each other's replies, or a server
 * that answers itself, would not stop (CVE-2024-2169).
 */
import { headerOctets } from '../dns/walker.ts';

/** QR is the highest bit of the third octet (RFC 1035 section 4.1.1). */
const flagsAt = 2;
const responseBit = 0x80;

/** Whether a message is a request: a whole header, and QR clear. Never throws. */
export function isRequest(octets: Buffer): boolean {
  return octets.length >= headerOctets && ((octets[flagsAt] ?? 0) & responseBit) === 0;
}

/** Whether a datagram is to be answered: a request, from a port that can be answered to. Port 0 is nobody's. */
export function isAnswerable(octets: Buffer, port: number): boolean {
  return port !== 0 && isRequest(octets);
}
