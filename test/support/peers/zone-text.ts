/** Zones as text for the servers of others: made by number, signed by ldns, compared line by line. */
import { readFileSync } from 'node:fs';
import { pathOf, runProgram, type TestBed } from './test-bed.ts';

/** A zone file. */
export interface ZoneText {
  readonly apex: string;
  readonly serial: number;
  readonly text: string;
}

/** A signed zone, and the DS record for the zone above. */
export interface SignedZoneText extends ZoneText {
  /** RDATA in presentation format: key tag, algorithm, digest type, digest. */
  readonly ds: string;
}

/** A zone of about so many address records, always the same for the same numbers; `extra` lines come last. */
export function numberedZone(
  apex: string,
  serial: number,
  records: number,
  extra: readonly string[] = [],
): ZoneText {
  const lines = [
    `${apex}. 3600 IN SOA ns1.${apex}. hostmaster.${apex}. ${serial} 3600 600 86400 300`,
    `${apex}. 3600 IN NS ns1.${apex}.`,
    `ns1.${apex}. 3600 IN A 127.0.0.1`,
  ];
  for (let number = lines.length; number < records; number++) {
    lines.push(`host-${number}.${apex}. 3600 IN A 10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`);
  }
  return { apex, serial, text: [...lines, ...extra, ''].join('\n') };
}

/** Signs a zone with ldns-signzone and a new ECDSA P-256 key. */
export async function signWithLdns(bed: TestBed, zone: ZoneText): Promise<SignedZoneText> {
  const folder = bed.folder(`ldns-${zone.apex}`);
  const file = bed.write(`ldns-${zone.apex}/zone`, zone.text);
  const key = (await run('ldns-keygen', ['-a', 'ECDSAP256SHA256', '-k', zone.apex], folder)).trim();
  await run('ldns-signzone', ['-f', `${file}.signed`, file, key], folder);
  const ds = readFileSync(`${folder}/${key}.ds`, 'utf8');
  return { ...zone, text: readFileSync(`${file}.signed`, 'utf8'), ds: ds.slice(ds.indexOf('DS') + 2).trim() };
}

/** The records of a zone as a server on plain TCP transfers them: one a line, sorted, the second SOA left out. */
export async function dumpZone(port: number, apex: string): Promise<string[]> {
  const args = [
    '@127.0.0.1',
    '-p',
    String(port),
    '+tcp',
    '+noall',
    '+answer',
    '+onesoa',
    '+time=20',
    '+tries=1',
    apex,
    'AXFR',
  ];
  const { stdout, stderr } = await runProgram(pathOf('dig'), args);
  const lines = recordLines(stdout);
  if (lines.length === 0) throw new Error(`no transfer of ${apex} from port ${port}: ${stdout}${stderr}`);
  return lines;
}

/** The serial of a zone as a server on plain UDP answers it; undefined when it does not serve the zone. */
export async function servedSerial(port: number, apex: string): Promise<number | undefined> {
  const args = ['@127.0.0.1', '-p', String(port), '+noall', '+answer', '+time=1', '+tries=1', apex, 'SOA'];
  const { stdout } = await runProgram(pathOf('dig'), args);
  const found = /\sSOA\s+\S+\s+\S+\s+(\d+)\s/.exec(stdout)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Lines of records in the output of dig or kdig, blanks made one, sorted. */
export function recordLines(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .sort();
}

async function run(
  program: 'ldns-keygen' | 'ldns-signzone',
  args: readonly string[],
  cwd: string,
): Promise<string> {
  const { status, stdout, stderr } = await runProgram(pathOf(program), args, { cwd });
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stdout}${stderr}`);
  return stdout;
}
