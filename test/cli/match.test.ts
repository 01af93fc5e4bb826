import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerMatch } from '../../cli/commands/match.ts';
import type { MatchFacts } from '../../cli/match-facts.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { extendedKeyUsage } from '../support/certificate-extensions.ts';
import { authority, endEntity, makeKey, type TestCertificate } from '../support/certificate-factory.ts';
import { runCommand } from '../support/run-command.ts';

const name = '_xfr.ns2.example';
const at2026 = ['--at', '2026-12-01T12:00:00Z'];

describe('danced match', () => {
  const root = authority({ key: makeKey(), subject: 'root' });
  const issuing = authority({ key: makeKey(), subject: 'issuing', issuer: root });
  const leaf = endEntity({ key: makeKey(), issuer: issuing, names: [name] });
  const clientOnly = endEntity({
    key: makeKey(),
    issuer: issuing,
    names: [name],
    extendedKeyUsage: extendedKeyUsage(['clientAuth']),
  });
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-match-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  function file(text: string | Buffer, fileName = 'shown'): string {
    const path = join(folder, fileName);
    writeFileSync(path, text);
    return path;
  }

  function pem(...certificates: readonly TestCertificate[]): string {
    return certificates.map(({ der }) => encodePem(der, 'CERTIFICATE')).join('text between\n');
  }

  function sha256(octets: Buffer): string {
    return createHash('sha256').update(octets).digest('hex');
  }

  const own = `3 1 1 ${sha256(leaf.spki)}`;

  async function json(...args: string[]): Promise<MatchFacts & { readonly exitCode: number }> {
    const { exitCode, stdout, stderr } = await runCommand(registerMatch, ['match', '--json', ...args]);
    expect(stderr).to.equal('');
    return { exitCode, ...(JSON.parse(stdout) as MatchFacts) };
  }

  it('prints exactly these keys, in this order, when a record matches', async () => {
    const { exitCode, stdout } = await runCommand(registerMatch, [
      'match',
      ...['--tlsa', `3 1 1 ${'00'.repeat(32)}`, '--tlsa', own, '--chain', file(pem(leaf)), '--json'],
    ]);
    expect(stdout).to.equal(`{
  "ok": true,
  "usage": 3,
  "selector": 1,
  "matching": 1,
  "depth": 0,
  "reason": "matched"
}
`);
    expect(exitCode).to.equal(0);
  });

  it('prints the same keys when none does, and ends with 1', async () => {
    const { exitCode, stdout } = await runCommand(registerMatch, [
      'match',
      ...['--tlsa', `3 1 1 ${'00'.repeat(32)}`, '--chain', file(pem(leaf)), '--json'],
    ]);
    expect(JSON.parse(stdout)).to.deep.equal({
      ok: false,
      usage: null,
      selector: null,
      matching: null,
      depth: null,
      reason: 'key-mismatch',
    });
    expect(Object.keys(JSON.parse(stdout) as object).join()).to.equal(
      'ok,usage,selector,matching,depth,reason',
    );
    expect(exitCode).to.equal(1);
  });

  const shown: Record<string, () => string> = {
    'a chain in PEM, with text and a key between': () =>
      file(`${encodePem(Buffer.from('x'), 'EC PRIVATE KEY')}${pem(leaf, issuing)}`),
    'a certificate in DER': () => file(leaf.der),
    'a public key in PEM': () => file(encodePem(leaf.spki, 'PUBLIC KEY')),
    'a public key in DER': () => file(leaf.spki),
  };
  for (const [what, make] of Object.entries(shown)) {
    it(`reads ${what}`, async () => {
      const { ok, depth, exitCode } = await json('--tlsa', own, '--chain', make());
      expect({ ok, depth, exitCode }).to.deep.equal({ ok: true, depth: 0, exitCode: 0 });
    });
  }

  it('finds the authority in the chain, and says how far up it is', async () => {
    const chain = file(pem(leaf, issuing, root));
    const record = `2 0 1 ${sha256(root.der)}`;
    const facts = await json('--tlsa', record, '--chain', chain, '--name', name, ...at2026);
    expect(facts).to.include({ ok: true, usage: 2, selector: 0, matching: 1, depth: 2 });
  });

  it('checks the name for usages 0 to 2 when it is given one, and only then [RFC7671-5.2]', async () => {
    const args = ['--tlsa', `2 0 1 ${sha256(issuing.der)}`, '--chain', file(pem(leaf, issuing)), ...at2026];
    expect(await json(...args, '--name', 'other.example')).to.include({ ok: false, reason: 'name-mismatch' });
    expect(await json(...args)).to.include({ ok: true, depth: 1 });
  });

  it('checks dates as of the time that it is given [RFC7671-5.2]', async () => {
    const args = ['--tlsa', `2 0 1 ${sha256(issuing.der)}`, '--chain', file(pem(leaf, issuing))];
    expect(await json(...args, '--at', '20500101000000')).to.include({ ok: false, reason: 'path-invalid' });
    expect(await json(...args, '--at', '1600000000')).to.include({ ok: true });
  });

  it('checks what the chain may be used for: as a client unless told otherwise', async () => {
    const args = [
      ...['--tlsa', `2 0 1 ${sha256(issuing.der)}`],
      ...['--chain', file(pem(clientOnly, issuing)), ...at2026],
    ];
    expect(await json(...args)).to.include({ ok: true });
    expect(await json(...args, '--purpose', 'server')).to.include({ ok: false, reason: 'path-invalid' });
  });

  it('uses PKIX records only with roots [RFC6698-4.1]', async () => {
    const args = ['--tlsa', `0 0 1 ${sha256(issuing.der)}`, '--chain', file(pem(leaf, issuing)), ...at2026];
    expect(await json(...args)).to.include({ ok: false, reason: 'no-usable-record' });
    const roots = file(pem(root), 'roots.pem');
    expect(await json(...args, '--roots', roots)).to.include({ ok: true, usage: 0, depth: 1 });
  });

  it('says the same in a line of words', async () => {
    const yes = await runCommand(registerMatch, ['match', '--tlsa', own, '--chain', file(pem(leaf))]);
    expect(yes.stdout).to.match(/^\S+ matched by DANE-EE SPKI SHA2-256 at depth 0 \(the peer’s own\)\n$/);
    const no = await runCommand(registerMatch, [
      'match',
      ...['--tlsa', `3 1 1 ${'00'.repeat(32)}`, '--chain', file(pem(leaf))],
    ]);
    expect(no.stdout).to.match(/^\S+ key-mismatch: none of 1 matches: DANE-EE SPKI SHA2-256\n$/);
    expect(no.exitCode).to.equal(1);
  });

  describe('helps when nothing matches:', () => {
    const notes = async (...args: string[]): Promise<string> => {
      const { exitCode, stderr } = await runCommand(registerMatch, ['match', ...args, ...at2026]);
      expect(exitCode).to.equal(1);
      return stderr;
    };

    it('says which record publishes what was shown', async () => {
      expect(await notes('--tlsa', `3 1 1 ${'00'.repeat(32)}`, '--chain', file(pem(leaf)))).to.equal(
        `note: what was shown is published by: ${own}\n`,
      );
    });

    it('finds the end entity behind its authority', async () => {
      expect(await notes('--tlsa', own, '--chain', file(pem(issuing, root, leaf)))).to.match(
        /\nnote: a record matches certificate 3 of the file; the peer’s own has to be the first\n$/,
      );
    });

    it('says that the authority of a DANE-TA record has to be in the chain [RFC7671-5.2.2]', async () => {
      const record = `2 0 1 ${sha256(root.der)}`;
      expect(await notes('--tlsa', record, '--chain', file(pem(leaf, issuing)))).to.match(
        /\nnote: for DANE-TA the chain .* must have the authority’s certificate in it\n$/,
      );
    });

    it('says where roots come from', async () => {
      const record = `1 1 1 ${sha256(leaf.spki)}`;
      expect(await notes('--tlsa', record, '--chain', file(pem(leaf)))).to.equal(
        'note: records of the usages PKIX-TA and PKIX-EE count only with --roots FILE\n',
      );
    });
  });

  it('takes the whole line of a record, as danced tlsa prints it, and the directory of an identity', async () => {
    file(pem(leaf), 'certificate.pem');
    const line = `_xfr.ns2.example. 3600 IN TLSA ${own}`;
    expect(await json('--tlsa', line, '--chain', folder)).to.include({ ok: true, exitCode: 0 });
  });

  describe('ends with 2 and words for', () => {
    const key = encodePem(Buffer.from('secret'), 'PRIVATE KEY');
    const cases: Record<string, [args: () => string[], words: RegExp]> = {
      'no record': [() => ['--chain', file(pem(leaf))], /'--tlsa <record>' not specified/],
      'no chain': [() => ['--tlsa', own], /'--chain <file>' not specified/],
      'what is no record': [
        () => ['--tlsa', '3 1 one 00', '--chain', file(pem(leaf))],
        /It is not a TLSA record: .*matching type/,
      ],
      'hex that is none': [
        () => ['--tlsa', '3 1 1 0g', '--chain', file(pem(leaf))],
        /It is not a TLSA record/,
      ],
      'a file that is not there': [
        () => ['--tlsa', own, '--chain', join(folder, 'none')],
        /none: there is no such file/,
      ],
      'a private key': [
        () => ['--tlsa', own, '--chain', file(key)],
        /private key in it, which no peer shows/,
      ],
      'a file of anything': [
        () => ['--tlsa', own, '--chain', file('swordfish\n')],
        /neither PEM nor a certificate or public key in DER/,
      ],
      'roots without a certificate': [
        () => ['--tlsa', own, '--chain', file(pem(leaf)), '--roots', file('none\n', 'roots.pem')],
        /roots\.pem:1:1: there is no certificate in it; /,
      ],
      'a time that is none': [
        () => ['--tlsa', own, '--chain', file(pem(leaf)), '--at', 'noon'],
        /seconds since the epoch would be right/,
      ],
      'another purpose': [
        () => ['--tlsa', own, '--chain', file(pem(leaf)), '--purpose', 'mail'],
        /Allowed choices are client, server/,
      ],
    };
    for (const [what, [args, words]] of Object.entries(cases)) {
      it(what, async () => {
        const { exitCode, stdout, stderr } = await runCommand(registerMatch, ['match', ...args()]);
        expect(stderr).to.match(words);
        expect([exitCode, stdout]).to.deep.equal([2, '']);
      });
    }
  });
});
