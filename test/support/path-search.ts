/** Searches for certification paths among certificates made for the purpose, and what is usual in them. */
import { expect } from 'chai';
import { parseCertificate } from '../../core/pki/certificate.ts';
import type { Purpose } from '../../core/pki/path-checks.ts';
import { defaultPathLimits, PathBudget, type PathLimits } from '../../core/pki/path-limits.ts';
import { findPath, type PathResult } from '../../core/pki/path.ts';
import { readPublicKey } from '../../core/pki/public-key.ts';
import {
  authority,
  endEntity,
  sharedKey,
  type EndEntityContent,
  type TestCertificate,
  type UsualContent,
} from './certificate-factory.ts';

/** When the cases happen, in milliseconds since the epoch. */
export const nowMs = Date.UTC(2026, 5, 1);
export const hourMs = 3_600_000;

/** What is at hand for a search. */
export interface PathCase {
  readonly offered?: readonly TestCertificate[];
  readonly roots?: readonly TestCertificate[];
  readonly keys?: readonly TestCertificate[];
  /** The certificate, named as the anchor of this path. */
  readonly published?: TestCertificate;
  readonly purpose?: Purpose;
  readonly nowMs?: number;
  readonly limits?: Partial<PathLimits>;
}

/** The search for a path to a root, to a published certificate, or to a key. */
export function find(
  leaf: TestCertificate,
  question: PathCase,
): PathResult<string> & { readonly exhausted?: string } {
  const budget = new PathBudget({ ...defaultPathLimits, ...question.limits });
  const result = findPath<string>({
    endEntity: parseCertificate(leaf.der),
    offered: (question.offered ?? []).map(({ der }) => parseCertificate(der)),
    roots: (question.roots ?? []).map(({ der }) => parseCertificate(der)),
    purpose: question.purpose ?? 'client',
    nowMs: question.nowMs ?? nowMs,
    anchor: (path) => {
      const top = path.at(-1)!;
      if (question.published?.der.equals(top.certificate.der) === true) {
        return { found: 'published', isPublished: true };
      }
      return top.isRoot ? { found: 'root', isPublished: false } : undefined;
    },
    keys: (question.keys ?? []).map(({ spki }) => ({ key: readPublicKey(spki)!, found: 'key' })),
    budget,
  });
  return budget.exhausted === undefined ? result : { ...result, exhausted: budget.exhausted };
}

/** No path was found, and the words say why. */
export function expectNone(result: PathResult<string>, words: string): void {
  expect(result.found).to.equal(undefined);
  expect(result).to.have.property('fault').that.includes(words);
}

/** Which of the certificates the path goes through, by their numbers. */
export function depths(result: PathResult<string>, ...certificates: readonly TestCertificate[]): number[] {
  if (result.found === undefined) throw new Error(result.fault);
  return result.path.map((onPath) => certificates.findIndex(({ der }) => der.equals(onPath.der)));
}

export const root = authority({ subject: 'Root', key: sharedKey('root') });
export const otherRoot = authority({ subject: 'Other Root', key: sharedKey('other root') });

/** A certificate of a CA of this name, issued by the root. */
export function ca(subject: string, content: Partial<UsualContent> = {}): TestCertificate {
  return authority({ subject, key: sharedKey(subject), issuer: root, ...content });
}

/** An end entity's certificate. */
export function leafOf(issuer: TestCertificate, content: Partial<EndEntityContent> = {}): TestCertificate {
  return endEntity({ key: sharedKey('leaf'), issuer, names: ['ns2.example.net'], ...content });
}
