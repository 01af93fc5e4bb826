/**
 * Name constraints (RFC 5280 section 4.2.1.10): a CA may be confined to names within some subtrees, or kept out of some.
 *
 * dNSName, directoryName and iPAddress are judged. A constraint on another form says "no" as soon as the certificate has a
 * name of that form, as section 6.1.4 (g) demands of a constraint that cannot be processed.
 *
 * Limitations: mailboxes and URIs are such other forms. A dNSName base with a dot first means names below it and not the
 * name itself, which RFC 5280 leaves open and OpenSSL does.
 */
import { certificateLimits } from './certificate-walk.ts';
import { DerReader, DerTag } from './der.ts';
import { hasMailbox, isNameWithin } from './distinguished-name.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { isDnsText, patternFromDnsName } from './dns-name.ts';
import type { DnsPattern } from './dns-name.ts';
import { CertificateFormatError } from './errors.ts';
import { NameForm, readGeneralName } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

/** The base of a subtree; `unknown` cannot be judged. */
export type Subtree =
  | { readonly kind: 'dns'; readonly form: number; readonly text: string; readonly isBelowOnly: boolean }
  | { readonly kind: 'ip'; readonly form: number; readonly address: Buffer; readonly mask: Buffer }
  | { readonly kind: 'directory'; readonly form: number; readonly name: DistinguishedName }
  | { readonly kind: 'unknown'; readonly form: number };

/** A name of a certificate, ready to be compared with subtrees. */
export type ConstrainedName =
  | { readonly kind: 'dns'; readonly form: number; readonly pattern: DnsPattern }
  | { readonly kind: 'ip'; readonly form: number; readonly octets: Buffer }
  | { readonly kind: 'directory'; readonly form: number; readonly name: DistinguishedName }
  | { readonly kind: 'unknown'; readonly form: number };

const contextPermitted = 0xa0;
const contextExcluded = 0xa1;

/** Reads the value of the extension. Throws CertificateFormatError. */
export function readNameConstraints(value: Buffer): NameConstraints {
  const whole = new DerReader(value);
  const sequence = whole.enter(DerTag.sequence, 'nameConstraints');
  whole.finish('nameConstraints');
  const read = (tag: number): Subtree[] =>
    sequence.isNext(tag) ? readSubtrees(value, sequence.enter(tag, 'subtrees')) : [];
  const permitted = read(contextPermitted);
  const excluded = read(contextExcluded);
  sequence.finish('nameConstraints');
  return { permitted, excluded };
}

/** The names of a certificate to which constraints apply: its subject, if it has one, and its alternative names. */
export function constrainedNames(
  subject: DistinguishedName,
  alternativeNames: readonly GeneralName[],
): ConstrainedName[] {
  const names = alternativeNames.map(asConstrained);
  if (subject.length > 0) names.push({ kind: 'directory', form: NameForm.directory, name: subject });
  if (hasMailbox(subject)) names.push({ kind: 'unknown', form: NameForm.mailbox });
  return names;
}

/**
 * Why a name breaks the constraints, in words; undefined if it keeps them.
 * RFC 5280 section 6.1.3 (b) and (c): within one of the permitted subtrees of its form, if there are any, and within no
 * excluded one.
 */
export function constraintFault(name: ConstrainedName, constraints: NameConstraints): string | undefined {
  const excluded = constraints.excluded.filter((subtree) => subtree.form === name.form);
  const permitted = constraints.permitted.filter((subtree) => subtree.form === name.form);
  if (excluded.length + permitted.length === 0) return undefined;
  // A form that cannot be judged, or a subtree of a known form with a base that makes no sense.
  if (name.kind === 'unknown' || [...excluded, ...permitted].some(({ kind }) => kind === 'unknown')) {
    return 'has a constraint that cannot be judged on a name';
  }
  if (excluded.some((subtree) => touches(name, subtree))) return 'excludes a name';
  if (permitted.length > 0 && !permitted.some((subtree) => contains(name, subtree))) {
    return 'does not permit a name';
  }
  return undefined;
}

function readSubtrees(octets: Buffer, list: DerReader): Subtree[] {
  const subtrees: Subtree[] = [];
  while (!list.atEnd) {
    if (subtrees.length === certificateLimits.constraints) {
      throw new CertificateFormatError(`more than ${String(certificateLimits.constraints)} name constraints`);
    }
    const subtree = list.enter(DerTag.sequence, 'subtree');
    const base = readGeneralName(octets, subtree);
    // RFC 5280 section 4.2.1.10: minimum is 0, which DER leaves out, and maximum is absent.
    subtrees.push(subtree.atEnd ? asSubtree(base) : { kind: 'unknown', form: base.form });
    while (!subtree.atEnd) subtree.readAny();
  }
  return subtrees;
}

function asSubtree(base: GeneralName): Subtree {
  const { form } = base;
  switch (base.kind) {
    case 'dns': {
      const whole = base.octets.toString('latin1').toLowerCase();
      const isBelowOnly = whole.startsWith('.');
      const text = isBelowOnly ? whole.slice(1) : whole;
      const isSound = isDnsText(text) || whole === '';
      return isSound ? { kind: 'dns', form, text, isBelowOnly } : { kind: 'unknown', form };
    }
    case 'ip': {
      // RFC 5280 section 4.2.1.10: an address and a mask.
      if (base.octets.length !== 8 && base.octets.length !== 32) return { kind: 'unknown', form };
      const half = base.octets.length / 2;
      return { kind: 'ip', form, address: base.octets.subarray(0, half), mask: base.octets.subarray(half) };
    }
    case 'directory':
      return { kind: 'directory', form, name: base.name };
    case 'other':
      return { kind: 'unknown', form };
  }
}

function asConstrained(name: GeneralName): ConstrainedName {
  const { form } = name;
  switch (name.kind) {
    case 'dns': {
      const pattern = patternFromDnsName(name.octets);
      return pattern === undefined ? { kind: 'unknown', form } : { kind: 'dns', form, pattern };
    }
    case 'ip':
      return { kind: 'ip', form, octets: name.octets };
    case 'directory':
      return { kind: 'directory', form, name: name.name };
    case 'other':
      return { kind: 'unknown', form };
  }
}

/** Whether everything that the name may stand for is in the subtree. */
function contains(name: ConstrainedName, subtree: Subtree): boolean {
  if (name.kind === 'dns' && subtree.kind === 'dns') {
    const { text, isWildcard } = name.pattern;
    if (subtree.text === '') return true;
    // What a wildcard stands for is always below its own parent.
    return text === subtree.text ? isWildcard || !subtree.isBelowOnly : text.endsWith(`.${subtree.text}`);
  }
  if (name.kind === 'directory' && subtree.kind === 'directory') return isNameWithin(name.name, subtree.name);
  if (name.kind === 'ip' && subtree.kind === 'ip') {
    const { address, mask } = subtree;
    return (
      name.octets.length === address.length &&
      name.octets.every((octet, i) => ((octet ^ (address[i] ?? 0)) & (mask[i] ?? 0xff)) === 0)
    );
  }
  return false;
}

/** Whether anything that the name may stand for is in the subtree. */
function touches(name: ConstrainedName, subtree: Subtree): boolean {
  if (contains(name, subtree)) return true;
  // `*.example` may stand for `host.example`, which is what the constraint is about.
  return (
    name.kind === 'dns' &&
    subtree.kind === 'dns' &&
    name.pattern.isWildcard &&
    subtree.text.endsWith(`.${name.pattern.text}`)
  );
}
