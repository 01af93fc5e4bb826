/**
 * Signed zone files as lines, one record each, whoever signed them, and what is done to them to break a zone.
 *
 * Limitations: reads what ldns-signzone, `dnssec-signzone -O full` and kzonesign write, not zone files in general.
 */

/** A record: owner in lower case, type and RDATA as the signer wrote them. */
export interface ZoneLine {
  readonly owner: string;
  readonly ttl: string;
  readonly type: string;
  readonly rdata: string;
}

const record = /^(\S+)\s+(\d+)\s+(?:IN\s+)?([A-Z][A-Z0-9-]*)\s+(.*)$/;

export function readZoneLines(text: string): ZoneLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => {
      const [, owner, ttl, type, rdata] = record.exec(line) ?? [];
      if (owner === undefined || ttl === undefined || type === undefined || rdata === undefined)
        throw new Error(`not a record: ${line}`);
      const plain = rdata.replace(/\s+;\{.*$/, '');
      return {
        owner: withMoreEscaped(owner.toLowerCase()),
        ttl,
        type,
        rdata: type === 'NSEC' ? withMoreEscaped(plain) : plain,
      };
    });
}

/** ldns writes some characters of a name as they are that mean something else to those who read it. */
function withMoreEscaped(name: string): string {
  return name.replace(/(?<!\\)["@]/g, '\\$&');
}

export function writeZoneLines(lines: readonly ZoneLine[]): string {
  return lines.map(({ owner, ttl, type, rdata }) => `${owner} ${ttl} IN ${type} ${rdata}\n`).join('');
}

/** The type that a line is about: of an RRSIG, what it covers. */
export function typeOf({ type, rdata }: ZoneLine): string {
  return type === 'RRSIG' ? (rdata.split(/\s+/)[0] ?? '') : type;
}

/** Without the RRset and its signatures; without a type, without everything at the name. */
export function withoutRrset(lines: readonly ZoneLine[], owner: string, type?: string): ZoneLine[] {
  return lines.filter((line) => !(line.owner === owner && (type === undefined || typeOf(line) === type)));
}

/** Without all RRsets of these types, signatures included. */
export function withoutTypes(lines: readonly ZoneLine[], ...types: string[]): ZoneLine[] {
  return lines.filter((line) => !types.includes(typeOf(line)));
}

/** Without the signatures of an RRset. */
export function withoutSignatures(lines: readonly ZoneLine[], owner: string, type: string): ZoneLine[] {
  return lines.filter((line) => !(line.owner === owner && line.type === 'RRSIG' && typeOf(line) === type));
}

/** The signatures of an RRset. */
export function signaturesOf(lines: readonly ZoneLine[], owner: string, type: string): ZoneLine[] {
  return lines.filter((line) => line.owner === owner && line.type === 'RRSIG' && typeOf(line) === type);
}

/** With the signatures of an RRset as another signing of the zone has them. */
export function withSignaturesOf(
  other: readonly ZoneLine[],
  lines: readonly ZoneLine[],
  owner: string,
  type: string,
): ZoneLine[] {
  return [...withoutSignatures(lines, owner, type), ...signaturesOf(other, owner, type)];
}

/** With the RDATA of lines of an owner and type changed; RRSIG lines are not touched. */
export function withRdata(
  lines: readonly ZoneLine[],
  owner: string,
  type: string,
  change: (rdata: string) => string,
): ZoneLine[] {
  return lines.map((line) =>
    line.owner === owner && line.type === type ? { ...line, rdata: change(line.rdata) } : line,
  );
}

/** The fields of an RRSIG changed: [covered, algorithm, labels, TTL, expiration, inception, tag, signer, signature]. */
export function withRrsigField(
  lines: readonly ZoneLine[],
  owner: string,
  type: string,
  field: number,
  value: string,
): ZoneLine[] {
  return lines.map((line) => {
    if (line.owner !== owner || line.type !== 'RRSIG' || typeOf(line) !== type) return line;
    const fields = line.rdata.split(/\s+/);
    fields[field] = value;
    return { ...line, rdata: fields.join(' ') };
  });
}

/** Lines in the way a zone file has them: `owner TTL type RDATA`. */
export function zoneLine(owner: string, type: string, rdata: string): ZoneLine {
  return { owner, ttl: '300', type, rdata };
}
