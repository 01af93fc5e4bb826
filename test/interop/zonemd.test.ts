/**
 * Zones signed and given a digest by the tools of others, checked as a whole here; and a digest of ours, checked by theirs. The zone
 * has what signers may treat differently: empty non-terminals, glue, hidden names, wildcards, odd labels, capitals.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import type { ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { readZoneFile } from '../../core/dns/zone-file.ts';
import { CanonicalZone } from '../../core/xfr/canonical-zone.ts';
import { recordsOwnedBy } from '../../core/xfr/zone-apex.ts';
import { apexDenialOwner, checkApex, checkZoneSignatures } from '../../core/xfr/zone-signatures.ts';
import { makeZonemd, verifyDigest } from '../../core/xfr/zonemd.ts';
import { noPause, shuffled, versionOf } from '../core/xfr/checked-zones.ts';
import { pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';

const apex = Name.parse('example');
const text = `example. 3600 IN SOA ns1.example. admin.example. 7 1800 900 604800 86400
example. 3600 IN NS ns1.example.
example. 3600 IN NS ns2.sub.example.
example. 3600 IN MX 10 Mail.example.
ns1.example. 3600 IN A 192.0.2.1
mail.example. 3600 IN A 192.0.2.2
*.wild.example. 3600 IN TXT "star"
a.b.c.deep.example. 3600 IN A 192.0.2.3
sub.example. 3600 IN NS ns2.sub.example.
ns2.sub.example. 3600 IN A 192.0.2.4
below.ns2.sub.example. 3600 IN TXT "occluded"
signed.example. 3600 IN NS ns.elsewhere.test.
signed.example. 3600 IN DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000001
x.only.cuts.example. 3600 IN NS ns.elsewhere.test.
y.only.cuts.example. 3600 IN NS ns.elsewhere.test.
alias.example. 3600 IN DNAME elsewhere.test.
UPPER.Case.example. 3600 IN SRV 0 0 443 Target.Example.
\\000nul.example. 3600 IN TXT "nul"
a\\.b.example. 3600 IN TXT "dot"
`;

type Program = Parameters<typeof pathOf>[0];

async function run(program: Program, args: readonly string[], cwd: string): Promise<string> {
  const { status, stdout, stderr } = await runProgram(pathOf(program), args, { cwd });
  if (status !== 0) throw new Error(`${program} ended with ${String(status)}: ${stdout}${stderr}`);
  return stdout.trim();
}

async function withLdns(_bed: TestBed, folder: string, args: readonly string[]): Promise<string> {
  const keys = [
    await run('ldns-keygen', ['-a', 'ECDSAP256SHA256', 'example'], folder),
    await run('ldns-keygen', ['-a', 'ECDSAP256SHA256', '-k', 'example'], folder),
  ];
  await run('ldns-signzone', [...args, '-f', `${folder}/signed`, `${folder}/zone`, ...keys], folder);
  return readFileSync(`${folder}/signed`, 'latin1');
}

async function withBind(_bed: TestBed, folder: string, args: readonly string[]): Promise<string> {
  for (const more of [[], ['-f', 'KSK']])
    await run('dnssec-keygen', ['-q', '-a', 'ED25519', ...more, 'example'], folder);
  const all = [
    '-q',
    '-S',
    ...args,
    '-o',
    'example',
    '-O',
    'full',
    '-f',
    `${folder}/signed`,
    `${folder}/zone`,
  ];
  await run('dnssec-signzone', all, folder);
  return readFileSync(`${folder}/signed`, 'latin1');
}

async function withKnot(bed: TestBed, folder: string, policy: readonly string[]): Promise<string> {
  const config = `server:
    rundir: "${folder}"
database:
    storage: "${folder}"
policy:
  - id: tested
${policy.map((line) => `    ${line}\n`).join('')}zone:
  - domain: example
    storage: "${folder}"
    file: zone
    dnssec-signing: on
    dnssec-policy: tested
`;
  const file = `${folder}/knot.conf`;
  const zonemd = config.replace('dnssec-signing', 'zonemd-generate: zonemd-sha512\n    dnssec-signing');
  bed.write(file.slice(bed.directory.length + 1), zonemd);
  await run('kzonesign', ['-c', file, '-o', bed.folder('knot-out'), 'example'], folder);
  return readFileSync(`${bed.directory}/knot-out/zone`, 'latin1');
}

type Signer = (bed: TestBed, folder: string, args: readonly string[]) => Promise<string>;

const signers: readonly [title: string, sign: Signer, args: readonly string[], hasDigest: boolean][] = [
  ['ldns-signzone, NSEC', withLdns, ['-z', '1:1', '-z', '1:2'], true],
  ['ldns-signzone, NSEC3', withLdns, ['-n', '-t', '5', '-s', 'abcd', '-z', '1:2'], true],
  ['ldns-signzone, NSEC3 with Opt-Out', withLdns, ['-n', '-p', '-z', '1:1'], true],
  ['Knot, NSEC', withKnot, ['algorithm: ed25519'], true],
  ['Knot, NSEC3', withKnot, ['algorithm: ecdsap256sha256', 'nsec3: on', 'nsec3-iterations: 4'], true],
  ['Knot, NSEC3 with Opt-Out', withKnot, ['algorithm: rsasha256', 'nsec3: on', 'nsec3-opt-out: on'], true],
  ['BIND, NSEC', withBind, [], false],
  ['BIND, NSEC3', withBind, ['-3', 'abcd', '-H', '5'], false],
  ['BIND, NSEC3 with Opt-Out', withBind, ['-3', '-', '-H', '0', '-A'], false],
];

interface Judgement {
  readonly digest: string;
  readonly full: string | undefined;
  readonly apex: string | undefined;
}

async function judge(records: readonly ResourceRecord[]): Promise<Judgement> {
  const version = versionOf(records, 20);
  const zone = await CanonicalZone.build(version, 1 << 24, noPause);
  const own = await recordsOwnedBy(version, apex, noPause);
  const isEntry = ({ type, rdata }: ResourceRecord): boolean => type === RrType.DNSKEY && rdata[1] === 1;
  const dnskeys = own.filter(isEntry).map(({ rdata }) => rdata);
  const trust = { anchor: { zone: apex, ds: [], dnskeys }, nowMs: Date.now() };
  const denialOwner = apexDenialOwner(apex, own);
  const denial = denialOwner === undefined ? [] : await recordsOwnedBy(version, denialOwner, noPause);
  return {
    digest: (await verifyDigest(zone!, version.serial, noPause)).verdict,
    full: await checkZoneSignatures(zone!, own, trust, noPause),
    apex: checkApex(apex, own, denial, trust),
  };
}

describe('whole zones of other signers', () => {
  for (const [title, sign, args, hasDigest] of signers) {
    it(`are found right, and wrong when a record is changed or gone (${title}) [RFC8976-4] [RFC4035-2]`, async function () {
      this.timeout(60_000);
      const bed = new TestBed();
      try {
        const folder = bed.folder('signer');
        bed.write('signer/zone', text);
        const signed = await sign(bed, folder, args);
        const records = [...readZoneFile(signed, { ttl: 3600 })].map(({ record }) => record);
        const right = { digest: hasDigest ? 'ok' : 'absent', full: undefined, apex: undefined };
        expect(await judge(records)).to.deep.equal(right);
        expect(await judge(shuffled(records, 11))).to.deep.equal(right);
        const at = records.findIndex(
          ({ name, type }) => type === RrType.A && name.equals(Name.parse('mail.example')),
        );
        for (const others of [
          records.toSpliced(at, 1),
          records.with(at, { ...records[at]!, rdata: Buffer.from([192, 0, 2, 66]) }),
          records.filter(({ name }) => !name.equals(Name.parse('mail.example'))),
        ]) {
          const found = await judge(others);
          expect(found.full).to.be.a('string');
          expect(found.digest).to.equal(hasDigest ? 'wrong' : 'absent');
        }
        const glue = records.filter(({ name }) => !name.equals(Name.parse('ns2.sub.example')));
        expect((await judge(glue)).digest).to.equal(hasDigest ? 'wrong' : 'absent');
      } finally {
        await bed.close();
      }
    });
  }

  it('have the digests that ldns computes, without signatures too [RFC8976-3.3.1]', async () => {
    const bed = new TestBed();
    try {
      const records = [...readZoneFile(text)].map(({ record }) => record);
      const version = versionOf(shuffled(records, 5));
      const zone = await CanonicalZone.build(version, 1 << 24, noPause);
      const file = bed.write('zone', text);
      const args = ['-Z', '-z', '1:1', '-z', '1:2', '-o', 'example', '-f', `${file}.out`, file];
      await run('ldns-signzone', args, bed.directory);
      const digests = readFileSync(`${file}.out`, 'latin1')
        .match(/\sZONEMD\s.*/g)
        ?.map((line) => line.split(' ').at(-1));
      const ours = [1, 2].map(async (hash) =>
        (await makeZonemd(zone!, version.serial, hash, noPause)).toString('hex', 6),
      );
      expect(digests).to.have.members(await Promise.all(ours));
    } finally {
      await bed.close();
    }
  });
});
