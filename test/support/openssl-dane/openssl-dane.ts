/**
 * OpenSSL's own DANE verification as a witness: harness.c, compiled when it is asked for, judges cases without a network.
 *
 * Limitations: no raw public keys, which OpenSSL has from 3.2 on only; every certificate must be one that OpenSSL can
 * decode, and RDATA must have its three numbers.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { encodeTlsa, type Tlsa } from '../../../core/dns/rdata.ts';
import { pathOf, runProgram } from '../peers/test-bed.ts';
import type { TestBed } from '../peers/test-bed.ts';

/** What a verifier is asked. */
export interface DaneQuestion {
  /** What the peer is. */
  readonly purpose: 'client' | 'server';
  /** Reference identifier: the name that the peer claims, without a dot at the end. */
  readonly name: string;
  readonly nowMs: number;
  /** RDATA of each TLSA record. */
  readonly records: readonly Buffer[];
  /** DER of what the peer sent, its own certificate first. */
  readonly chain: readonly Buffer[];
  /** DER of the roots for the usages 0 and 1. */
  readonly roots: readonly Buffer[];
}

/** What OpenSSL says. */
export type OpensslAnswer =
  | {
      readonly kind: 'match';
      readonly usage: number;
      readonly selector: number;
      readonly matchingType: number;
      /** Of what matched, in the chain that OpenSSL built; -1 for a bare key above it. */
      readonly depth: number;
    }
  | { readonly kind: 'unusable' }
  | { readonly kind: 'fault'; readonly words: string };

const source = fileURLToPath(new URL('harness.c', import.meta.url));
const runTimeMs = 60_000;
const outputOctets = 1 << 26;

/** Compiles the harness into the bed's folder; gives the program's path. */
export async function buildHarness(bed: TestBed): Promise<string> {
  const program = `${bed.directory}/openssl-dane`;
  const args = ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lssl', '-lcrypto'];
  const { status, stderr } = await runProgram(pathOf('gcc'), args);
  if (status !== 0)
    throw new Error(`harness.c does not compile (npm run peers installs libssl-dev):\n${stderr}`);
  return program;
}

/** OpenSSL's answer to each question, in their order. */
export function askOpenssl(program: string, questions: readonly DaneQuestion[]): OpensslAnswer[] {
  const { status, stdout, stderr } = spawnSync(program, {
    input: harnessInput(questions),
    encoding: 'utf8',
    timeout: runTimeMs,
    maxBuffer: outputOctets,
  });
  const lines = stdout.split('\n').slice(0, -1);
  if (status !== 0 || lines.length !== questions.length) {
    throw new Error(
      `the harness ended with ${String(status)} after ${String(lines.length)} cases: ${stderr}`,
    );
  }
  return lines.map(parseAnswer);
}

/**
 * The question with less in it: of the records this one, and the digests for its usage and selector, among which it must be
 * the strongest; and, in every way, without up to two of the certificates after the first and one of the roots.
 */
export function withLess(question: DaneQuestion, record: Tlsa): DaneQuestion[] {
  const [leaf, ...others] = question.chain;
  if (leaf === undefined) return [];
  const itself = encodeTlsa(record);
  const records = question.records.filter(
    (rdata) =>
      rdata.equals(itself) || (rdata[0] === record.usage && rdata[1] === record.selector && rdata[2] !== 0),
  );
  const fewer = others.flatMap((_, left) =>
    without(others.slice(0, left)).map((some) => [...some, ...others.slice(left + 1)]),
  );
  return without(question.roots).flatMap((roots) =>
    [others, ...fewer].map((chain) => ({ ...question, records, roots, chain: [leaf, ...chain] })),
  );
}

/** The list, and the list without each of its elements. */
function without<T>(list: readonly T[]): T[][] {
  return [[...list], ...list.map((_, left) => list.filter((_, index) => index !== left))];
}

/** The lines that harness.c reads; each certificate is written once and known by its number then. */
function harnessInput(questions: readonly DaneQuestion[]): string {
  const lines: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (der: Buffer): string => {
    const hex = der.toString('hex');
    const number = numbers.get(hex) ?? numbers.size;
    if (number === numbers.size) lines.push(`certificate ${hex}`);
    numbers.set(hex, number);
    return String(number);
  };
  for (const { purpose, name, nowMs, records, chain, roots } of questions) {
    const list = [
      ...roots.map((der) => `root ${numberOf(der)}`),
      ...chain.map((der) => `chain ${numberOf(der)}`),
      ...records.map((rdata) => `tlsa ${[...rdata.subarray(0, 3)].join(' ')} ${hexOf(rdata.subarray(3))}`),
    ];
    lines.push(`case ${purpose} ${String(Math.floor(nowMs / 1000))} ${name}`, ...list, 'end');
  }
  return `${lines.join('\n')}\n`;
}

function hexOf(octets: Buffer): string {
  return octets.length === 0 ? '-' : octets.toString('hex');
}

function parseAnswer(line: string): OpensslAnswer {
  const [kind, ...words] = line.split(' ');
  if (kind === 'unusable') return { kind };
  if (kind === 'fault') return { kind, words: words.slice(1).join(' ') };
  const [usage, selector, matchingType, depth] = words.map(Number);
  if (
    kind !== 'match' ||
    usage === undefined ||
    selector === undefined ||
    matchingType === undefined ||
    depth === undefined
  ) {
    throw new Error(`the harness said: ${line}`);
  }
  return { kind, usage, selector, matchingType, depth };
}
