/**
 * The zone that is transferred: about a million records, as those of a registry. 170,000 delegations, 30 % of them with a DS
 * record, and 40,000 hosts with two addresses, signed by dnssec-signzone (P-256, NSEC). Names and data come from a generator with
 * a fixed seed; only keys and signatures differ from one making to the next, not their sizes.
 *
 * Signing takes a minute or two, so it is kept in the newer Debian for the next run.
 */
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { runProgram } from '../../test/support/peers/test-bed.ts';
import type { Trixie } from '../trixie.ts';

export const apex = 'big.example';
/** Of the first version. */
export const firstSerial = 2_026_010_101;

/** A zone file, as this machine sees it and as programs of the newer Debian do. */
export interface ZoneFile {
  readonly apex: string;
  readonly path: string;
  readonly inside: string;
  /** With the SOA record, once. */
  readonly records: number;
}

const delegations = 170_000;
const hosts = 40_000;
const nameServers = 2000;
const shareWithDs = 0.3;
const blockLength = 1 << 20;
const signTimeMs = 20 * 60_000;
/** Kept from run to run, beside the programs of the newer Debian; a change of what is in the zone is another name. */
const kept = '../../var/cache/danced-bench';
const file = 'big-1.signed';

/** Where a file is kept, for the paths of the newer Debian. */
export function keptPath(name: string): string {
  return join(kept, name);
}

/** Makes the zone, or finds the one that an earlier run has made; `say` takes words about that. */
export async function openZone(trixie: Trixie, say: (words: string) => void): Promise<ZoneFile> {
  const path = trixie.outerPath(keptPath(file));
  const inside = trixie.path(keptPath(file));
  if (!existsSync(path)) {
    say(
      `making and signing a zone of about a million records in ${path}; this is done once and takes minutes`,
    );
    await sign(trixie);
  }
  return { apex, path, inside, records: await countRecords(path) };
}

/** Lines of the unsigned zone. */
export function* zoneLines(): Generator<string> {
  const random = new Random(12_345);
  yield `$ORIGIN ${apex}.\n$TTL 3600\n`;
  yield `@ IN SOA ns1 hostmaster ${String(firstSerial)} 7200 3600 1209600 3600\n`;
  yield '@ IN NS ns1\n@ IN NS ns2\nns1 IN A 192.0.2.1\nns2 IN A 192.0.2.2\n';
  for (let i = 0; i < delegations; i += 1) {
    const name = `${word(random)}${i.toString(36)}`;
    const pool = random.below(nameServers);
    yield `${name} IN NS ns1.dns${String(pool)}.example.net.\n${name} IN NS ns2.dns${String(pool)}.example.net.\n`;
    if (random.next() < shareWithDs)
      yield `${name} IN DS ${String(random.below(65_536))} 13 2 ${random.hex(64)}\n`;
  }
  for (let i = 0; i < hosts; i += 1) {
    const name = `h-${word(random)}${i.toString(36)}`;
    const ipv4 = `198.51.${String(random.below(256))}.${String(random.below(256))}`;
    yield `${name} IN A ${ipv4}\n${name} IN AAAA 2001:db8:${random.hex(4)}::${random.hex(4)}\n`;
  }
}

/** The zone of ten million records: SOA and NS, delegations with two name servers each, hosts with one address. */
export const hugeApex = 'huge.example';
export const hugeSerial = 1;
export const hugeRecords = 10_000_000;
const hugeHosts = 2_000_000;
const fixedRecords = 4;

/** Lines of its file. */
export function* hugeLines(): Generator<string> {
  const random = new Random(54_321);
  yield `$ORIGIN ${hugeApex}.\n$TTL 3600\n`;
  yield `@ IN SOA ns1 hostmaster ${String(hugeSerial)} 7200 3600 1209600 3600\n`;
  yield '@ IN NS ns1\nns1 IN A 192.0.2.1\nns1 IN AAAA 2001:db8::1\n';
  const delegated = (hugeRecords - fixedRecords - hugeHosts) / 2;
  for (let i = 0; i < delegated; i += 1) {
    const name = `${word(random)}${i.toString(36)}`;
    const pool = random.below(nameServers);
    yield `${name} IN NS ns1.dns${String(pool)}.example.net.\n${name} IN NS ns2.dns${String(pool)}.example.net.\n`;
  }
  for (let i = 0; i < hugeHosts; i += 1)
    yield `h-${i.toString(36)} IN A 198.51.${String(random.below(256))}.${String(random.below(256))}\n`;
}

/** Lines put together, so that they are not written one by one. */
export function* inBlocks(lines: Iterable<string>): Generator<string> {
  let block = '';
  for (const line of lines) {
    block += line;
    if (block.length < blockLength) continue;
    yield block;
    block = '';
  }
  yield block;
}

/** Signs beside the place of the zone and moves it there when it is whole. */
async function sign(trixie: Trixie): Promise<void> {
  const folder = keptPath('making');
  const outer = trixie.outerPath(folder);
  rmSync(outer, { recursive: true, force: true });
  mkdirSync(outer, { recursive: true });
  const run = async (program: string, ...args: string[]): Promise<string> => {
    const [command, words] = trixie.inside(`/usr/bin/${program}`, args);
    const { status, stdout, stderr } = await runProgram(command, words, { timeoutMs: signTimeMs });
    if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stderr}`);
    return stdout.trim();
  };
  const keys = ['-q', '-K', trixie.path(folder), '-a', 'ECDSAP256SHA256'];
  await run('dnssec-keygen', ...keys, '-f', 'KSK', apex);
  await run('dnssec-keygen', ...keys, apex);
  await pipeline(inBlocks(zoneLines()), createWriteStream(join(outer, 'unsigned')));
  const period = ['-s', '20260101000000', '-e', '20360101000000'];
  const output = ['-O', 'full', '-f', trixie.path(join(folder, 'signed'))];
  const what = ['-o', apex, '-x', '-S', '-K', trixie.path(folder), trixie.path(join(folder, 'unsigned'))];
  await run('dnssec-signzone', '-q', ...period, ...output, ...what);
  renameSync(join(outer, 'signed'), join(dirname(outer), file));
  rmSync(outer, { recursive: true, force: true });
}

/** Of a file with a record in each line, and comments. */
async function countRecords(path: string): Promise<number> {
  let records = 0;
  for await (const line of createInterface({ input: createReadStream(path) }))
    if (line !== '' && !line.startsWith(';')) records += 1;
  if (records === 0) throw new Error(`${path} (${String(statSync(path).size)} octets) has no record`);
  return records;
}

const consonants = 'bcdfghjklmnprstvwz';
const vowels = 'aeiou';

/** What could be a name: two to six pairs of a consonant and a vowel. */
function word(random: Random): string {
  let text = '';
  for (let pairs = 2 + random.below(5); pairs > 0; pairs -= 1)
    text += consonants.charAt(random.below(consonants.length)) + vowels.charAt(random.below(vowels.length));
  return text;
}

/** Always the same numbers (Marsaglia's xorshift of 32 bits); they need not be good ones. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0, below 1. */
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.below(65_536).toString(16).padStart(4, '0');
    return text.slice(0, digits);
  }
}
