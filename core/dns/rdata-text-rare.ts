/**
 * RDATA from its presentation format, for types that zones have now and then: RFC 1876 (LOC), 2163 (PX), 3123 (APL), 3403 (NAPTR),
 * 4025 (IPSECKEY), 4398 (CERT), 4701 (DHCID), 7043 (EUI48, EUI64), 7477 (CSYNC), 7553 (URI), 7929 (OPENPGPKEY), 8005 (HIP), 8976
 * (ZONEMD). SVCB and HTTPS are in service-text.ts.
 *
 * Limitations: WKS, NULL, NXT and whatever is newer are read as `\# length hex` only.
 */
import { RrType } from './constants.ts';
import { DnsFormatError } from './errors.ts';
import { encodeAaaa, encodeA, encodeTxt } from './rdata.ts';
import type { TextFields } from './rdata-text.ts';
import { serviceBinding } from './service-text.ts';
import { encodeTypeBitmap } from './type-bitmap.ts';
import { uint16, uint32, uint8 } from './unsigned.ts';
import { unescapeOctets } from './zone-tokens.ts';

type Parser = (fields: TextFields) => Buffer;

const max8 = 0xff;
const max16 = 0xffff;
const max32 = 0xffff_ffff;

/** By type. */
export const rareParsers: readonly (readonly [number, Parser])[] = [
  [RrType.NAPTR, naptr],
  [RrType.PX, px],
  [RrType.CERT, cert],
  [RrType.URI, uri],
  [RrType.OPENPGPKEY, (fields) => fields.base64('the key')],
  [RrType.DHCID, (fields) => fields.base64('the identifier')],
  [RrType.ZONEMD, zonemd],
  [RrType.CSYNC, csync],
  [RrType.EUI48, (fields) => eui(fields, 6)],
  [RrType.EUI64, (fields) => eui(fields, 8)],
  [RrType.IPSECKEY, ipseckey],
  [RrType.HIP, hip],
  [RrType.APL, apl],
  [RrType.LOC, loc],
  [RrType.SVCB, serviceBinding],
  [RrType.HTTPS, serviceBinding],
];

function naptr(fields: TextFields): Buffer {
  const numbers = ['the order', 'the preference'].map((what) => uint16(fields.number(what, max16)));
  const strings = ['the flags', 'the services', 'the expression'].map((what) => fields.string(what));
  return Buffer.concat([...numbers, encodeTxt(strings), fields.name('the replacement').wire]);
}

function px(fields: TextFields): Buffer {
  const preference = uint16(fields.number('the preference', max16));
  return Buffer.concat([preference, fields.name('the first name').wire, fields.name('the second name').wire]);
}

/** RFC 4398 section 2.1. */
const certTypes: Readonly<Record<string, number>> = {
  ...{ PKIX: 1, SPKI: 2, PGP: 3, IPKIX: 4, ISPKI: 5, IPGP: 6, ACPKIX: 7, IACPKIX: 8, URI: 253, OID: 254 },
};

function cert(fields: TextFields): Buffer {
  const type = fields.numberOrMnemonic('the certificate type', max16, certTypes);
  const keyTag = fields.number('the key tag', max16);
  const algorithm = fields.algorithm();
  return Buffer.concat([uint16(type), uint16(keyTag), uint8(algorithm), fields.base64('the certificate')]);
}

function uri(fields: TextFields): Buffer {
  const numbers = ['the priority', 'the weight'].map((what) => uint16(fields.number(what, max16)));
  const target = unescapeOctets(fields.word('the target'));
  if (target.length === 0) throw new DnsFormatError('the target is empty');
  return Buffer.concat([...numbers, target]);
}

function zonemd(fields: TextFields): Buffer {
  const serial = uint32(fields.number('the serial', max32));
  const kinds = ['the scheme', 'the hash algorithm'].map((what) => uint8(fields.number(what, max8)));
  return Buffer.concat([serial, ...kinds, fields.hex('the digest')]);
}

function csync(fields: TextFields): Buffer {
  const serial = uint32(fields.number('the serial', max32));
  const flags = uint16(fields.number('the flags', max16));
  return Buffer.concat([serial, flags, encodeTypeBitmap(fields.types('the type'))]);
}

function eui(fields: TextFields, octets: number): Buffer {
  const text = fields.word('the address');
  if (!/^[0-9a-f]{2}(?:-[0-9a-f]{2})*$/i.test(text) || text.length !== 3 * octets - 1) {
    throw new DnsFormatError(`the address is not ${octets} octets as 00-00-5e-00`);
  }
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** RFC 4025 section 3.1. */
function ipseckey(fields: TextFields): Buffer {
  const precedence = fields.number('the precedence', max8);
  const gatewayType = fields.number('the gateway type', 3);
  const algorithm = fields.number('the algorithm', max8);
  const gateway = gatewayOf(fields, gatewayType);
  const key = fields.isAtEnd ? Buffer.alloc(0) : fields.base64('the key');
  if ((algorithm === 0) !== (key.length === 0))
    throw new DnsFormatError('algorithm 0 is for records without a key');
  return Buffer.concat([Buffer.from([precedence, gatewayType, algorithm]), gateway, key]);
}

function gatewayOf(fields: TextFields, type: number): Buffer {
  if (type === 1) return encodeA(fields.word('the gateway'));
  if (type === 2) return encodeAaaa(fields.word('the gateway'));
  if (type === 3) return fields.name('the gateway').wire;
  if (fields.word('the gateway') !== '.')
    throw new DnsFormatError('the gateway of type 0 is written as a dot');
  return Buffer.alloc(0);
}

/** RFC 8005 section 6: the key is one word, so that names may follow. */
function hip(fields: TextFields): Buffer {
  const algorithm = fields.number('the algorithm', max8);
  const tag = fields.hexWord('the host identity tag');
  const key = fields.base64Word('the key');
  const servers: Buffer[] = [];
  while (!fields.isAtEnd) servers.push(fields.name('the server').wire);
  if (tag.length > max8) throw new DnsFormatError('the host identity tag has more than 255 octets');
  return Buffer.concat([Buffer.from([tag.length, algorithm]), uint16(key.length), tag, key, ...servers]);
}

/** RFC 3123 section 5: `[!]family:address/prefix`, as often as one likes. */
function apl(fields: TextFields): Buffer {
  const items: Buffer[] = [];
  while (!fields.isAtEnd) {
    const [, not = '', family = '', address = '', prefix = ''] =
      /^(!?)([12]):([0-9a-f.:]+)\/([0-9]{1,3})$/i.exec(fields.word('an address')) ?? [];
    const octets = family === '1' ? encodeA(address) : encodeAaaa(address);
    if (Number(prefix) > octets.length * 8) throw new DnsFormatError('a prefix longer than its address');
    // Section 4: zeros at the end are not sent.
    let length = octets.length;
    while (length > 0 && octets[length - 1] === 0) length -= 1;
    items.push(
      uint16(Number(family)),
      Buffer.from([Number(prefix), length | (not === '' ? 0 : 0x80)]),
      octets.subarray(0, length),
    );
  }
  return Buffer.concat(items);
}

/** RFC 1876 section 2: the equator and the prime meridian are in the middle of 32 bits. */
const middle = 2 ** 31;
const msPerDegree = 3_600_000;
/** Altitude begins 100,000 m below the ellipsoid; in centimetres. */
const lowestCm = -10_000_000;

/** RFC 1876 section 3: `d [m [s]] N|S d [m [s]] E|W alt[m] [size[m] [horizontal[m] [vertical[m]]]]`. */
function loc(fields: TextFields): Buffer {
  const latitude = angle(fields, 90, 'N', 'S');
  const longitude = angle(fields, 180, 'E', 'W');
  const altitude = centimetres(fields.word('the altitude')) - lowestCm;
  if (!(altitude >= 0 && altitude <= max32)) throw new DnsFormatError('the altitude is out of range');
  const precisions = ['1', '10000', '10'].map((usual) =>
    precision(fields.isAtEnd ? usual : fields.word('a size')),
  );
  return Buffer.concat([Buffer.from([0, ...precisions]), ...[latitude, longitude, altitude].map(uint32)]);
}

function angle(fields: TextFields, maxDegrees: number, positive: string, negative: string): number {
  const what = `the ${positive === 'N' ? 'latitude' : 'longitude'}`;
  const numbers: string[] = [];
  for (;;) {
    const word = fields.word(what);
    const sign = word.toUpperCase() === positive ? 1 : word.toUpperCase() === negative ? -1 : 0;
    if (sign === 0) {
      numbers.push(word);
      if (numbers.length > 3)
        throw new DnsFormatError(`${what} does not end with ${positive} or ${negative}`);
      continue;
    }
    const [degrees = '', minutes = '0', seconds = '0'] = numbers;
    const isAngle =
      [degrees, minutes].every((text) => /^[0-9]{1,3}$/.test(text)) &&
      /^[0-9]{1,2}(?:\.[0-9]{1,3})?$/.test(seconds);
    const ms = Number(degrees) * msPerDegree + Number(minutes) * 60_000 + Math.round(Number(seconds) * 1000);
    const isInRange = Number(minutes) < 60 && Number(seconds) < 60 && ms <= maxDegrees * msPerDegree;
    if (!isAngle || !isInRange) throw new DnsFormatError(`${what} is not degrees, minutes and seconds`);
    return middle + sign * ms;
  }
}

function centimetres(text: string): number {
  const [, sign = '', metres = '', , decimals = ''] =
    /^(-?)([0-9]{1,8})(\.([0-9]{1,2}))?m?$/i.exec(text) ?? [];
  if (metres === '') throw new DnsFormatError(`${JSON.stringify(text)} is not a length in metres`);
  const length = Number(metres) * 100 + Number(decimals.padEnd(2, '0'));
  return sign === '' ? length : -length;
}

/** Centimetres as one digit and a power of ten. */
function precision(text: string): number {
  const length = centimetres(text);
  if (length < 0 || length > 9e9) throw new DnsFormatError(`${JSON.stringify(text)} is out of range`);
  const digits = String(length);
  return length === 0 ? 0 : (Number(digits.charAt(0)) << 4) | (digits.length - 1);
}
