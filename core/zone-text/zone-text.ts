/**
 * A version of a zone as the text of a zone file (RFC 1035 section 5.1): the SOA record first, one record a line, all names
 * absolute, so that nothing depends on a line before; for BIND, NSD, Knot DNS, PowerDNS and Unbound.
 */
import { RrType } from '../dns/constants.ts';
import type { Name } from '../dns/name.ts';
import { MessageWalker } from '../dns/walker.ts';
import { openMessage, type ZoneVersion } from '../xfr/zone-version.ts';
import { nameText, rdataLine } from './rdata-line.ts';

/** Characters of a piece; about a millisecond's work. */
const pieceCharacters = 1 << 16;

/** The text in pieces of some 64 KiB, ASCII. Throws DnsFormatError for messages that are none, and what a file of messages throws. */
export async function* zoneText(version: ZoneVersion): AsyncGenerator<string> {
  const { soa } = version;
  let piece = `${nameText(soa.name.wire)} ${soa.ttl} IN ${rdataLine(RrType.SOA, soa.rdata)}\n`;
  let owner: Name | undefined;
  let ownerText = '';
  for (const stored of version.messages) {
    const walker = new MessageWalker(await openMessage(stored));
    while (walker.next()) {
      const name = walker.name();
      if (name !== owner) {
        owner = name;
        ownerText = nameText(name.wire);
      }
      piece += `${ownerText} ${walker.ttl} IN ${rdataLine(walker.type, walker.rdata())}\n`;
      if (piece.length < pieceCharacters) continue;
      yield piece;
      piece = '';
    }
  }
  yield piece;
}
