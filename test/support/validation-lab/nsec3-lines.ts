/**
 * Which NSEC3 record of a zone file speaks of a name (RFC 5155 section 5), to take single ones away.
 *
 * Limitations: no iterations and no salt, as the signers of the lab sign by default.
 */
import { createHash } from 'node:crypto';
import { Name } from '../../../core/dns/name.ts';
import { typeOf, type ZoneLine } from './zone-lines.ts';

const base32hex = '0123456789abcdefghijklmnopqrstuv';

/** Without the NSEC3 record in whose span the hash of the name is, signatures included. */
export function withoutNsec3Over(lines: readonly ZoneLine[], name: string): ZoneLine[] {
  const hash = hashOf(name);
  const cover = lines.find((line) => line.type === 'NSEC3' && covers(line, hash));
  if (cover === undefined) throw new Error(`no NSEC3 record covers ${name}`);
  return lines.filter((line) => !(typeOf(line) === 'NSEC3' && line.owner === cover.owner));
}

/** RDATA: algorithm, flags, iterations, salt, next hashed owner, types. */
function covers({ owner, rdata }: ZoneLine, hash: string): boolean {
  const first = owner.slice(0, owner.indexOf('.'));
  const next = (rdata.split(/\s+/)[4] ?? '').toLowerCase();
  return first < next ? first < hash && hash < next : hash > first || hash < next;
}

function hashOf(name: string): string {
  const bits = [...createHash('sha1').update(Name.parse(name).canonicalWire()).digest()]
    .map((octet) => octet.toString(2).padStart(8, '0'))
    .join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => base32hex[Number.parseInt(five, 2)]).join('');
}
