/**
 * Zones signed by ldns-signzone, dnssec-signzone (BIND) and kzonesign (Knot DNS) with given keys and for a given time.
 *
 * Limitations: one key a zone; no salt in NSEC3; Knot DNS puts the inception 90 minutes before its clock, so that its
 * clock is set to fit.
 */
import { readFileSync } from 'node:fs';
import { pathOf, runProgram, type TestBed } from '../peers/test-bed.ts';
import type { Program } from '../peers/programs.ts';
import type { LabKey } from './keys.ts';
import type { Signer, Signing } from './lab-zone.ts';
import { readZoneLines, type ZoneLine } from './zone-lines.ts';

/** How long before its own clock Knot DNS lets signatures begin. */
const knotInceptionSeconds = 90 * 60;
/** Before everything that happens in the lab: 2026-01-01. */
const keyMadeSeconds = Date.UTC(2026, 0, 1) / 1000;

interface Work {
  readonly folder: string;
  readonly apex: string;
  /** The file of the unsigned zone. */
  readonly file: string;
  readonly key: LabKey;
  readonly signing: Signing;
}

/** Signs the records of a zone file in a folder of its own. */
export async function sign(
  bed: TestBed,
  { folder, apex, text, key, signing }: Omit<Work, 'file'> & { readonly text: string },
): Promise<ZoneLine[]> {
  // dnssec-signzone wants the keys in the zone, the others add them.
  const dnskey = signing.signer === 'bind' ? `${apex} 300 IN DNSKEY ${key.text}\n` : '';
  const file = bed.write(`${folder}/zone`, text + dnskey);
  const work: Work = { folder: bed.folder(folder), apex, file, key, signing };
  return readZoneLines(await signWith[signing.signer](work, bed));
}

const signWith: Readonly<Record<Signer, (work: Work, bed: TestBed) => Promise<string>>> = {
  async ldns(work, bed) {
    const { denial, window } = work.signing;
    const nsec3 =
      denial.kind === 'nsec' ? [] : ['-n', '-t', String(denial.iterations), ...(denial.optOut ? ['-p'] : [])];
    const out = `${work.folder}/signed`;
    const dates = ['-i', String(window.inception), '-e', String(window.expiration)];
    await run('ldns-signzone', [
      ...nsec3,
      ...dates,
      '-o',
      work.apex,
      '-f',
      out,
      work.file,
      writeKeyPair(work, bed),
    ]);
    return readFileSync(out, 'utf8');
  },

  async bind(work, bed) {
    const { denial, window } = work.signing;
    const nsec3 =
      denial.kind === 'nsec'
        ? []
        : ['-3', '-', '-H', String(denial.iterations), ...(denial.optOut ? ['-A'] : [])];
    const out = `${work.folder}/signed`;
    const dates = ['-s', dateOf(window.inception), '-e', dateOf(window.expiration)];
    const plain = ['-q', '-P', '-z', '-n', '1', '-O', 'full', '-d', work.folder];
    await run('dnssec-signzone', [
      ...plain,
      ...nsec3,
      ...dates,
      ...['-o', work.apex, '-f', out, work.file, `${writeKeyPair(work, bed)}.key`],
    ]);
    return readFileSync(out, 'utf8');
  },

  async knot(work, bed) {
    const { denial, window } = work.signing;
    const clock = window.inception + knotInceptionSeconds;
    const nsec3 =
      denial.kind === 'nsec'
        ? ''
        : `    nsec3: on
    nsec3-iterations: ${denial.iterations}
    nsec3-opt-out: ${denial.optOut ? 'on' : 'off'}
    nsec3-salt-length: 0
`;
    const config = bed.write(
      `${work.folder}/knot.conf`,
      `database:
    storage: "${bed.folder(`${work.folder}/keys`)}"
policy:
  - id: lab
    manual: on
    single-type-signing: on
    cds-cdnskey-publish: none
    dnskey-ttl: 300
    rrsig-lifetime: ${window.expiration - clock}
${nsec3}zone:
  - domain: "${work.apex.replaceAll('\\', '\\\\')}"
    file: "${work.file}"
    dnssec-signing: on
    dnssec-policy: lab
    semantic-checks: off
`,
    );
    const pem = bed.write(`${work.folder}/key.pem`, work.key.pem, 0o600);
    const times = ['created', 'publish', 'ready', 'active'].map((name) => `${name}=${keyMadeSeconds}`);
    const key = [`algorithm=${work.key.algorithm}`, 'ksk=yes', 'zsk=yes', ...times];
    await run('keymgr', ['-c', config, work.apex, 'import-pem', pem, ...key]);
    const out = bed.folder(`${work.folder}/signed`);
    await run('kzonesign', ['-c', config, '-o', out, '-t', String(clock), work.apex]);
    return readFileSync(`${out}/zone`, 'utf8');
  },
};

/** Writes the two files of a key; gives what their names begin with. */
function writeKeyPair({ folder, apex, key }: Work, bed: TestBed): string {
  const base = `${folder.slice(bed.directory.length + 1)}/Kzone.+${String(key.algorithm).padStart(3, '0')}+${String(key.tag).padStart(5, '0')}`;
  bed.write(`${base}.key`, `${apex} 300 IN DNSKEY ${key.text}\n`);
  const path = bed.write(`${base}.private`, key.privateFile, 0o600);
  return path.slice(0, -'.private'.length);
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:T]|\..*$/g, '');
}

async function run(program: Program, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await runProgram(pathOf(program), args);
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${String(status)}: ${stdout}${stderr}`);
}
