/**
 * Addresses as NSD and Knot DNS write them in access rules: one address, a prefix `a/n`, a range `a-b`, and NSD's mask
 * `a&m`; IPv4 and IPv6 (RFC 4291 section 2.2).
 *
 * Limitations: a mask with holes is compared with single addresses only.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** A set of addresses of one family. */
export interface AddressSpec {
  readonly family: 4 | 6;
  /** The lowest and the highest of them. */
  readonly from: bigint;
  readonly to: bigint;
  /** Set for a mask with holes: those addresses between are meant that are `from` where the mask has ones. */
  readonly mask?: bigint;
}

/** Reads an address, prefix, range or mask without port; undefined if it is none. */
export function parseAddressSpec(text: string): AddressSpec | undefined {
  const cut = /^([^/&-]+)([/&-])([^/&-]+)$/.exec(text);
  if (cut === null) {
    const single = parseAddress(text);
    return single === undefined ? undefined : { family: single.family, from: single.value, to: single.value };
  }
  const [, first = '', sign, second = ''] = cut;
  const address = parseAddress(first);
  if (address === undefined) return undefined;
  if (sign === '/') return prefixSpec(address, second);
  const other = parseAddress(second);
  if (other?.family !== address.family) return undefined;
  return sign === '-' ? rangeSpec(address, other) : maskSpec(address, other);
}

/** Whether every address of its family is meant. */
export function isEverything(spec: AddressSpec): boolean {
  return spec.mask === undefined && spec.from === 0n && spec.to === allOnes(spec.family);
}

/** Whether every address of `inner` is one of `outer`. False where it cannot be told. */
export function covers(outer: AddressSpec, inner: AddressSpec): boolean {
  if (outer.family !== inner.family || inner.from < outer.from || inner.to > outer.to) return false;
  return outer.mask === undefined || (inner.from === inner.to && (inner.from & outer.mask) === outer.from);
}

/** The text without the `@port` after it. */
export function withoutPort(text: string): string {
  const at = text.lastIndexOf('@');
  return at === -1 ? text : text.slice(0, at);
}

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: ipv4Value(text) };
  // An address with a zone index (RFC 4007) names no host that others could be known by.
  if (isIPv6(text) && !text.includes('%')) return { family: 6, value: ipv6Value(text) };
  return undefined;
}

function prefixSpec({ family, value }: Address, length: string): AddressSpec | undefined {
  const bits = family === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  const hosts = (1n << BigInt(bits - Number(length))) - 1n;
  return { family, from: value & ~hosts, to: value | hosts };
}

function rangeSpec(first: Address, last: Address): AddressSpec | undefined {
  return first.value > last.value ? undefined : { family: first.family, from: first.value, to: last.value };
}

function maskSpec({ family, value }: Address, { value: mask }: Address): AddressSpec {
  const holes = allOnes(family) & ~mask;
  const from = value & mask;
  const to = from | holes;
  // Without holes in it, a mask is a prefix: its zeros and one more are a power of two.
  return (holes & (holes + 1n)) === 0n ? { family, from, to } : { family, from, to, mask };
}

function allOnes(family: 4 | 6): bigint {
  return (1n << (family === 4 ? 32n : 128n)) - 1n;
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::', 2);
  const before = groups(head);
  if (tail === undefined) return joinGroups(before);
  const after = groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n);
  return joinGroups([...before, ...zeros, ...after]);
}

/** The groups of 16 bits in a part of an address; an IPv4 address at its end is two of them. */
function groups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = ipv4Value(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function joinGroups(parts: readonly bigint[]): bigint {
  return parts.reduce((value, part) => (value << 16n) | part, 0n);
}
