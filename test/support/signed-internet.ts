/**
 * A small Internet of signed and unsigned zones in memory, and an honest recursive resolver over it that does not
 * validate (what a resolver answers to CD): what a validated lookup is run against, truthfully or with lies in between.
 */
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { makeQuery, makeResponse } from '../../core/dns/message.ts';
import type { Message, ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeName, parseName } from '../../core/dns/rdata.ts';
import { parseRecords } from '../../core/dns/record-text.ts';
import { SigningKey } from './signing-key.ts';
import type { SigningAlgorithm, SigningPeriod } from './signing-key.ts';
import type { Nsec3Options } from './denial-chain.ts';
import { recordOf, ZoneSigner } from './zone-signer.ts';

/** What a zone of the Internet is like; what is not said is ordinary. */
export interface ZoneSpec {
  /** Relative to the apex. SOA and NS of the apex, and delegations, are there already. */
  readonly records?: string;
  /** One key of algorithm 13 unless said otherwise; none for an unsigned zone. */
  readonly keys?: readonly SigningKey[] | 'unsigned';
  readonly algorithm?: SigningAlgorithm;
  readonly denial?: 'nsec' | Nsec3Options;
  readonly period?: SigningPeriod;
  /** DS records in the zone above: those of the keys unless said otherwise. */
  readonly ds?: readonly Buffer[] | 'none';
}

/** 2026-11-20, a Friday. */
export const startOfTimeMs = Date.UTC(2026, 10, 20);
const startSeconds = startOfTimeMs / 1000;

/** Seven days before the start of time to seven days after it. */
export const ordinaryPeriod: SigningPeriod = {
  inception: startSeconds - 7 * 86_400,
  expiration: startSeconds + 7 * 86_400,
};

interface RunningZone {
  readonly apex: Name;
  readonly signer: ZoneSigner | undefined;
  readonly plain: readonly ResourceRecord[];
}

export class SignedInternet {
  readonly #zones = new Map<string, RunningZone>();
  /** Keys by apex in presentation format. */
  readonly keys = new Map<string, readonly SigningKey[]>();

  /** Zones by apex in presentation format, `.` among them. */
  constructor(specs: Readonly<Record<string, ZoneSpec>>) {
    const apexes = Object.keys(specs)
      .map((text) => Name.parse(text))
      .sort((a, b) => b.labelCount - a.labelCount);
    const delegations = new Map<string, ResourceRecord[]>();
    for (const apex of apexes) {
      const spec = specs[apex.toString()] ?? {};
      const zone = startZone(apex, spec, delegations.get(apex.key) ?? []);
      this.#zones.set(apex.key, zone);
      if (spec.keys !== 'unsigned') this.keys.set(apex.toString(), zone.keys);
      const above = apexes.find((other) => apex.isBelow(other));
      if (above === undefined) continue;
      const ds = spec.ds === 'none' ? [] : (spec.ds ?? zone.signer?.ds() ?? []);
      const records = [
        recordOf(apex, RrType.NS, encodeName(apex.prepend('ns'))),
        ...ds.map((rdata) => recordOf(apex, RrType.DS, rdata)),
      ];
      delegations.set(above.key, [...(delegations.get(above.key) ?? []), ...records]);
    }
  }

  /** RDATAs of the DS records of a zone. */
  ds(apex: string): Buffer[] {
    return this.signer(apex).ds();
  }

  signer(apex: string): ZoneSigner {
    const { signer } = this.#zones.get(Name.parse(apex).key) ?? {};
    if (signer === undefined) throw new RangeError(`no signed zone ${apex}`);
    return signer;
  }

  /** The true answer. */
  answer(name: Name | string, type: number): Message {
    const asked = typeof name === 'string' ? Name.parse(name) : name;
    const found = this.#find(asked, type, 0);
    const query = makeQuery({
      id: 4711,
      name: asked,
      type,
      rd: true,
      cd: true,
      edns: { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options: [] },
    });
    return makeResponse(query, { ra: true, ...found });
  }

  #find(name: Name, type: number, depth: number): Found {
    const zone = this.#zoneOf(name, type);
    const exact = recordsAt(zone, name, type);
    if (exact.length > 0) return { rcode: Rcode.NOERROR, answers: exact, authorities: [] };
    const dname = ancestors(name, zone.apex).find((at) => recordsAt(zone, at, RrType.DNAME).length > 0);
    if (dname !== undefined) return this.#redirect(zone, dname, name, type, depth);
    const cname = recordsAt(zone, name, RrType.CNAME);
    if (cname.length > 0) return this.#follow({ rcode: 0, answers: cname, authorities: [] }, type, depth);
    if (exists(zone, name)) return denied(zone, Rcode.NOERROR, matching(zone, name));
    return this.#byWildcard(zone, name, type, depth);
  }

  #byWildcard(zone: RunningZone, name: Name, type: number, depth: number): Found {
    const encloser = [...ancestors(name, zone.apex)].find((at) => exists(zone, at)) ?? zone.apex;
    const wildcard = encloser.prepend('*');
    const nextCloser = Name.fromLabels(name.labels().slice(-encloser.labelCount - 1));
    const noCloser = [isNsec(zone) ? name : nextCloser];
    if (!exists(zone, wildcard)) {
      const all = isNsec(zone) ? [name, wildcard] : [encloser, nextCloser, wildcard];
      return denied(zone, Rcode.NXDOMAIN, denials(zone, all));
    }
    const expanded = (each: number): ResourceRecord[] =>
      recordsAt(zone, wildcard, each).map((record) => ({ ...record, name }));
    const authorities = denials(zone, noCloser);
    const data = expanded(type);
    if (data.length > 0) return { rcode: Rcode.NOERROR, answers: data, authorities };
    const cname = expanded(RrType.CNAME);
    if (cname.length > 0) return this.#follow({ rcode: 0, answers: cname, authorities }, type, depth);
    const all = isNsec(zone) ? [name, wildcard] : [encloser, nextCloser, wildcard];
    return denied(zone, Rcode.NOERROR, denials(zone, all));
  }

  #redirect(zone: RunningZone, owner: Name, name: Name, type: number, depth: number): Found {
    const answers = recordsAt(zone, owner, RrType.DNAME);
    const suffix = parseName(answers[0]?.rdata ?? Buffer.alloc(0));
    const kept = name.labels().slice(0, name.labelCount - owner.labelCount);
    const length = kept.reduce((sum, label) => sum + label.length + 1, suffix.wire.length);
    if (length > 255) return { rcode: Rcode.YXDOMAIN, answers, authorities: [] };
    const target = Name.fromLabels([...kept, ...suffix.labels()]);
    const cname = recordOf(name, RrType.CNAME, encodeName(target));
    const found = { rcode: 0, answers: [...answers, cname], authorities: [] };
    return type === RrType.CNAME ? found : this.#follow(found, type, depth);
  }

  /** As resolvers do: the whole chain of aliases in one answer. */
  #follow(found: Found, type: number, depth: number): Found {
    const cname = found.answers.findLast((record) => record.type === RrType.CNAME);
    if (cname === undefined || depth > 12) return found;
    const rest = this.#find(parseName(cname.rdata), type, depth + 1);
    return {
      rcode: rest.rcode,
      answers: [...found.answers, ...rest.answers],
      authorities: [...found.authorities, ...rest.authorities],
    };
  }

  #zoneOf(name: Name, type: number): RunningZone {
    const base = type === RrType.DS && name.labelCount > 0 ? name.parent() : name;
    for (let at = base; ; at = at.parent()) {
      const zone = this.#zones.get(at.key);
      if (zone !== undefined) return zone;
    }
  }
}

interface Found {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
}

function startZone(
  apex: Name,
  spec: ZoneSpec,
  delegations: readonly ResourceRecord[],
): RunningZone & { readonly keys: readonly SigningKey[] } {
  const absolute = apex.labelCount === 0 ? '.' : `${apex.toString()}.`;
  const below = apex.labelCount === 0 ? '' : absolute;
  const records = [
    ...parseRecords(
      `@ 3600 SOA ns.${below} hostmaster.${below} 1 7200 3600 1209600 300\n@ 3600 NS ns.${below}\n${spec.records ?? ''}`,
      { origin: apex },
    ),
    ...delegations,
  ];
  if (spec.keys === 'unsigned') return { apex, signer: undefined, plain: records, keys: [] };
  const keys = spec.keys ?? [new SigningKey(spec.algorithm ?? 13)];
  const { denial = 'nsec', period = ordinaryPeriod } = spec;
  return { apex, signer: new ZoneSigner({ apex, records, keys, period, denial }), plain: [], keys };
}

function recordsAt({ signer, plain }: RunningZone, name: Name, type: number): readonly ResourceRecord[] {
  if (signer !== undefined) return signer.records(name, type);
  return plain.filter((record) => record.type === type && record.name.equals(name));
}

function exists({ signer, plain }: RunningZone, name: Name): boolean {
  const owners = signer?.rrsets ?? plain;
  return owners.some((each) => each.type !== RrType.NSEC3 && each.name.isAtOrBelow(name));
}

/** Strictly above the name, the lowest first. */
function ancestors(name: Name, apex: Name): Name[] {
  const all: Name[] = [];
  for (let at = name; at.labelCount > apex.labelCount;) {
    at = at.parent();
    all.push(at);
  }
  return all;
}

function isNsec({ signer }: RunningZone): boolean {
  return signer?.rrsets.some(({ type }) => type === RrType.NSEC) === true;
}

/** For a name that exists; an opted-out delegation has only a closest encloser and a span. */
function matching(zone: RunningZone, name: Name): readonly ResourceRecord[] {
  return isNsec(zone) || name.equals(zone.apex)
    ? denials(zone, [name])
    : denials(zone, [name, name.parent()]);
}

function denials({ signer }: RunningZone, names: readonly Name[]): readonly ResourceRecord[] {
  const all = names.flatMap((name) => signer?.denial(name) ?? []);
  const seen = new Set<string>();
  return all.filter(({ name, type, rdata }) => {
    const key = `${name.key} ${String(type)} ${rdata.toString('hex')}`;
    return !seen.has(key) && seen.add(key);
  });
}

function denied(zone: RunningZone, rcode: number, proof: readonly ResourceRecord[]): Found {
  return { rcode, answers: [], authorities: [...recordsAt(zone, zone.apex, RrType.SOA), ...proof] };
}
