/**
 * What a zone has for a question, found by looking through all of its records each time, in the words of RFC 1034 section 4.3.2,
 * RFC 4592 and RFC 6672: what the quick way is compared with. And random zones and questions.
 */
import * as fc from 'fast-check';
import { RrType } from '../../../../core/dns/constants.ts';
import { Name } from '../../../../core/dns/name.ts';

export interface ModelRecord {
  /** Labels relative to the apex, leftmost first. */
  readonly labels: readonly string[];
  readonly type: number;
  /** As it stands in the zone file. */
  readonly data: string;
}

export type ModelFound =
  | { readonly kind: 'answer' | 'alias'; readonly data: readonly string[] }
  | { readonly kind: 'below-dname'; readonly data: readonly string[]; readonly owner: string }
  | { readonly kind: 'delegated' | 'no-data' | 'no-name' };

export const modelApex = 'corp.example';

const text = (labels: readonly string[]): string => labels.join('.');
const isBelowOrAt = (labels: readonly string[], above: readonly string[]): boolean =>
  text(labels.slice(labels.length - above.length)) === text(above) && labels.length >= above.length;

/** The model. `asked` is relative to the apex. */
export function modelFind(
  records: readonly ModelRecord[],
  asked: readonly string[],
  type: number,
): ModelFound {
  const at = (labels: readonly string[], wanted: number): ModelRecord[] =>
    records.filter((record) => text(record.labels) === text(labels) && record.type === wanted);
  const exists = (labels: readonly string[]): boolean =>
    labels.length === 0 || records.some((record) => isBelowOrAt(record.labels, labels));
  for (let depth = 0; depth <= asked.length; depth += 1) {
    const above = asked.slice(asked.length - depth);
    const isAsked = depth === asked.length;
    if (depth > 0 && at(above, RrType.NS).length > 0 && !(isAsked && type === RrType.DS))
      return { kind: 'delegated' };
    const [dname] = isAsked ? [] : at(above, RrType.DNAME);
    if (dname !== undefined) return { kind: 'below-dname', data: [dname.data], owner: text(above) };
  }
  let source = asked;
  if (!exists(asked)) {
    let encloser = asked;
    while (!exists(encloser)) encloser = encloser.slice(1);
    source = ['*', ...encloser];
    if (!exists(source)) return { kind: 'no-name' };
  }
  const dataOf = (found: readonly ModelRecord[]): string[] => [...new Set(found.map(({ data }) => data))];
  const answer = at(source, type);
  if (answer.length > 0) return { kind: 'answer', data: dataOf(answer) };
  const alias = at(source, RrType.CNAME);
  return alias.length > 0 ? { kind: 'alias', data: dataOf(alias) } : { kind: 'no-data' };
}

/** Few labels, so that names meet: wildcards among them, also in the middle of names. */
const label = fc.constantFrom('a', 'b', 'c', '*');
const labels = fc.array(label, { maxLength: 4 });
const types = [RrType.A, RrType.TXT, RrType.CNAME, RrType.NS, RrType.DNAME, RrType.DS] as const;
const targets = ['a', 'b.a', 'x.other.example.', 'c.*', 'b.b.c'];

const record: fc.Arbitrary<ModelRecord> = fc
  .tuple(labels, fc.constantFrom(...types, RrType.A, RrType.TXT, RrType.A), fc.nat({ max: 4 }))
  .map(([owner, type, number]) => ({ labels: owner, type, data: dataFor(type, number) }));

/** Records that make a zone: what the reader refuses is left out, the later of two that do not go together. */
export const zoneRecords: fc.Arbitrary<readonly ModelRecord[]> = fc
  .array(record, { maxLength: 14 })
  .map((all) => all.reduce<ModelRecord[]>((kept, one) => (goesWith(kept, one) ? [...kept, one] : kept), []));

export const question: fc.Arbitrary<{ readonly labels: readonly string[]; readonly type: number }> =
  fc.record({
    labels: fc.array(fc.constantFrom('a', 'b', 'c', '*', 'x'), { maxLength: 5 }),
    type: fc.constantFrom(...types, RrType.AAAA, RrType.SOA),
  });

function goesWith(kept: readonly ModelRecord[], one: ModelRecord): boolean {
  const { CNAME, DNAME, NS } = RrType;
  const isApex = one.labels.length === 0;
  if (one.labels[0] === '*' && (one.type === NS || one.type === DNAME)) return false;
  if (isApex && (one.type === CNAME || one.type === NS)) return false;
  return kept.every((other) => {
    const isSameName = text(other.labels) === text(one.labels);
    if (isSameName && (one.type === CNAME || other.type === CNAME)) return false;
    if (isSameName && one.type === DNAME && (other.type === DNAME || other.type === NS)) return false;
    if (isSameName && other.type === DNAME && one.type === NS) return false;
    if (isSameName) return true;
    if (one.type === DNAME && isBelowOrAt(other.labels, one.labels)) return false;
    return !(other.type === DNAME && isBelowOrAt(one.labels, other.labels));
  });
}

function dataFor(type: number, number: number): string {
  if (type === RrType.A) return `192.0.2.${String(number)}`;
  if (type === RrType.TXT) return `"text ${String(number)}"`;
  if (type === RrType.DS) return `${String(number)} 13 2 abcd`;
  if (type === RrType.NS) return `ns${String(number)}.other.example.`;
  return targets[number] ?? 'a';
}

/** The zone file. */
export function zoneText(records: readonly ModelRecord[], typeName: (type: number) => string): string {
  const lines = records.map(
    ({ labels: owner, type, data }) => `${owner.length === 0 ? '@' : text(owner)} ${typeName(type)} ${data}`,
  );
  return ['$TTL 300', '@ SOA ns host 1 3600 600 86400 60', ...lines, ''].join('\n');
}

/** A relative name as the zone has it. */
export function absolute(relative: readonly string[] | string): Name {
  const words = typeof relative === 'string' ? relative : text(relative);
  return Name.parse(words === '' ? modelApex : `${words}.${modelApex}`);
}
