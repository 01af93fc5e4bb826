import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerLookup } from '../../cli/commands/lookup.ts';
import { chainInWords, lookupFacts, type LookupFacts } from '../../cli/lookup-facts.ts';
import { marksFor, plainStyle } from '../../cli/terminal.ts';
import { EdeCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { extendedError } from '../../core/dns/edns.ts';
import { makeResponse } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTxt } from '../../core/dns/rdata.ts';
import type { Verdict } from '../../core/dnssec/verdict.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { runCommand, type CommandRun } from '../support/run-command.ts';
import { freePort, udpServer, type TestServer } from './check-servers.ts';

const owner = '_xfr.ns2.example';
const tlsa = Buffer.from(`030101${'ab'.repeat(32)}`, 'hex');

describe('danced lookup', () => {
  let lab: Lab;
  let folder: string;
  let anchor: string;
  const servers: TestServer[] = [];

  before(async () => {
    lab = await startLab({
      zones: ['ns2.example', 'broken.example', 'expired.example'],
      transferZone: { name: 'example.com', records: 10 },
    });
    folder = mkdtempSync(join(tmpdir(), 'danced-lookup-'));
    anchor = join(folder, 'root.key');
    writeFileSync(anchor, `; the lab\n${lab.rootAnchor()}\n`);
    for (const name of [owner, '_xfr.broken.example', '_xfr.expired.example', '_xfr.unsigned.example']) {
      lab.publishTlsa(name, [tlsa]);
    }
    lab.publish('alias.ns2.example', RrType.CNAME, [Name.parse(owner).wire]);
    lab.setZoneState('broken.example', 'broken');
    lab.setZoneState('expired.example', 'expired');
  });
  after(async () => {
    await lab.close();
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true });
  });

  function lookup(...args: string[]): Promise<CommandRun> {
    return runCommand(registerLookup, ['lookup', ...args]);
  }

  function inLab(...args: string[]): Promise<CommandRun> {
    return lookup(...args, '--server', `127.0.0.1:${String(lab.resolver.port)}`, '--anchor', anchor);
  }

  async function facts(...args: string[]): Promise<LookupFacts & { readonly exitCode: number }> {
    const { exitCode, stdout } = await inLab(...args, '--json');
    return { exitCode, ...(JSON.parse(stdout) as LookupFacts) };
  }

  describe('as JSON', () => {
    it('prints exactly these keys, in this order, and the way from the anchor down', async () => {
      const { exitCode, stdout, stderr } = await inLab(owner, '--json');
      const result = JSON.parse(stdout) as LookupFacts;
      expect(Object.keys(result).join()).to.equal('name,type,status,rcode,reason,chain,records,expires');
      const { chain, expires, ...rest } = result;
      expect(rest).to.deep.equal({
        name: owner,
        type: 'TLSA',
        status: 'secure',
        rcode: 'NOERROR',
        reason: 'signed',
        records: [`${owner}. 60 IN TLSA 3 1 1 ${'ab'.repeat(32)}`],
      });
      expect(chain.map((step) => Object.keys(step).join())).to.deep.equal(
        chain.map(() => 'kind,name,status,detail,server'),
      );
      expect(chain.map(({ kind, name, status }) => [kind, name, status])).to.deep.equal([
        ['anchor', '.', 'secure'],
        ['zone', 'example', 'secure'],
        ['zone', 'ns2.example', 'secure'],
        ['answer', owner, 'secure'],
      ]);
      expect(chain.map(({ server }) => server)).to.deep.equal(
        chain.map(() => `127.0.0.1:${String(lab.resolver.port)}`),
      );
      expect(Date.parse(expires!)).to.be.within(Date.now() + 50_000, Date.now() + 61_000);
      expect([exitCode, stderr]).to.deep.equal([0, '']);
    });

    it('calls a proved absence secure, and ends with 0 [RFC4035-5.4]', async () => {
      const nothing = await facts(`nobody.${owner}`);
      expect(nothing).to.deep.include({ status: 'secure', reason: 'denied', rcode: 'NXDOMAIN', records: [] });
      expect(nothing.chain.at(-1)).to.include({ kind: 'denial', status: 'secure' });
      expect(nothing.exitCode).to.equal(0);
      const other = await facts(owner, 'txt');
      expect(other).to.deep.include({ type: 'TXT', status: 'secure', reason: 'denied', rcode: 'NOERROR' });
    });

    it('follows aliases, and shows them', async () => {
      const { status, chain, records } = await facts('alias.ns2.example');
      expect(status).to.equal('secure');
      expect(chain.map(({ kind }) => kind)).to.deep.equal(['anchor', 'zone', 'zone', 'alias', 'answer']);
      expect(records[0]).to.match(/^_xfr\.ns2\.example\. /);
    });

    const refusals: [name: string, status: string, reason: string][] = [
      ['_xfr.unsigned.example', 'insecure', 'no-ds'],
      ['_xfr.broken.example', 'bogus', 'bad-signature'],
      ['_xfr.expired.example', 'bogus', 'signature-expired'],
    ];
    for (const [name, status, reason] of refusals) {
      it(`says of ${name} that it is ${status}, why, and at which step, and ends with 1`, async () => {
        const result = await facts(name);
        expect(result).to.include({ status, reason, exitCode: 1 });
        expect(result.chain.at(-1)).to.include({ status });
        expect(result.chain[0]).to.include({ kind: 'anchor', name: '.', status: 'secure' });
        if (status === 'bogus') expect(result).to.deep.include({ records: [], expires: null });
      });
    }

    it('judges as of the time that it is given', async () => {
      expect(await facts(owner, '--at', '2020-01-01')).to.include({
        reason: 'signature-not-yet-valid',
        exitCode: 1,
      });
      const inAMonth = String(Math.floor(Date.now() / 1000) + 30 * 86_400);
      expect(await facts(owner, '--at', inAMonth)).to.include({ reason: 'signature-expired', exitCode: 1 });
      expect(await facts('_xfr.expired.example', '--at', inAMonth)).to.include({ status: 'bogus' });
    });

    it('believes nobody who is not below its trust anchor', async () => {
      const { exitCode, stdout } = await lookup(
        ...[owner, '--json', '--server', `127.0.0.1:${String(lab.resolver.port)}`],
      );
      const result = JSON.parse(stdout) as LookupFacts;
      expect(result).to.deep.include({ status: 'bogus', reason: 'ds-mismatch', records: [] });
      expect(result.chain.map(({ kind, name }) => [kind, name])).to.deep.equal([['anchor', '.']]);
      expect(exitCode).to.equal(1);
    });

    it('is indeterminate when nobody answers', async () => {
      const nobody = `127.0.0.1:${String(await freePort())}`;
      const { exitCode, stdout } = await lookup(owner, '--json', '--server', nobody, '--anchor', anchor);
      const result = JSON.parse(stdout) as LookupFacts;
      expect(result).to.deep.include({ status: 'indeterminate', reason: 'no-answer', expires: null });
      expect(result.chain.at(-1)).to.include({ status: 'indeterminate', server: null });
      expect(exitCode).to.equal(1);
    });

    it('asks the next server when the first does not answer', async () => {
      const nobody = `127.0.0.1:${String(await freePort())}`;
      const { exitCode, stdout } = await lookup(
        ...[owner, '--json', '--anchor', anchor, '--server', nobody],
        ...['--server', `127.0.0.1:${String(lab.resolver.port)}`],
      );
      expect((JSON.parse(stdout) as LookupFacts).status).to.equal('secure');
      expect(exitCode).to.equal(0);
    });

    it('lets nothing of the network reach a terminal as it came', async () => {
      const server = await udpServer((query) =>
        makeResponse(query, {
          rcode: Rcode.SERVFAIL,
          edns: {
            udpPayloadSize: 1232,
            version: 0,
            dnssecOk: true,
            extendedRcode: 0,
            options: [extendedError(EdeCode.OTHER, 'a\u001b[2J\nb\u202e')],
          },
        }),
      );
      servers.push(server);
      for (const json of [['--json'], []]) {
        const at = `127.0.0.1:${String(server.port)}`;
        const { stdout } = await lookup(owner, ...json, '--server', at, '--anchor', anchor);
        expect(stdout).not.to.match(/[\u0000-\u0009\u000b-\u001f\u202e]/);
        expect(stdout).to.include('Extended DNS Error 0: a');
      }
    });

    it('writes names and records so that they can be read back, whatever their octets are', async () => {
      lab.publish('a\\032\\001b.ns2.example', RrType.TXT, [encodeTxt([Buffer.from([0x1b, 0x22, 0xe2])])]);
      const { name, records } = await facts('a\\032\\001b.ns2.example', 'TXT');
      expect(name).to.equal('a\\032\\001b.ns2.example');
      expect(records).to.deep.equal(['a\\032\\001b.ns2.example. 60 IN TXT "\\027\\"\\226"']);
    });
  });

  describe('in words', () => {
    it('shows one line a zone cut, those below others further in', async () => {
      const { exitCode, stdout } = await inLab(owner);
      const lines = stdout.replaceAll(/(✓|ok) /g, '+ ').split('\n');
      expect(lines[0]).to.equal(`${owner} TLSA is secure: signed, from a trust anchor down`);
      expect(lines.slice(1, 5).map((line) => line.slice(0, 31).trimEnd())).to.deep.equal([
        '  + .',
        '    + example',
        '      + ns2.example',
        `        + ${owner} TLSA`,
      ]);
      expect(lines).to.include(`${owner}. 60 IN TLSA 3 1 1 ${'ab'.repeat(32)}`);
      expect(stdout).to.match(/\nasked 127\.0\.0\.1:\d+ \(from --server\); counts until 20\S+Z\n$/);
      expect(exitCode).to.equal(0);
    });

    it('says how long the answer counts only where it does', async () => {
      const { stdout } = await inLab('_xfr.unsigned.example');
      expect(stdout).to.match(/ TLSA is insecure: .*\nasked 127\.0\.0\.1:\d+ \(from --server\)\n$/s);
    });

    it('marks the failing step, which is the last, and gives no record', async () => {
      const { exitCode, stdout } = await inLab('_xfr.broken.example');
      const steps = stdout.split('\n').filter((line) => /^ {2}/.test(line));
      expect(steps.at(-1)).to.match(/^ +(✗|NO) _xfr\.broken\.example TLSA {2}.*signature/);
      expect(steps.slice(0, -1).every((line) => /^ +(✓|ok) /.test(line))).to.equal(true);
      expect(stdout).not.to.include(' IN TLSA ');
      expect(exitCode).to.equal(1);
    });
  });

  it('reads servers and anchors from a configuration, and validates even where that says trust-ad', async () => {
    const config = join(folder, 'danced.yaml');
    writeFileSync(
      config,
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { validation: trust-ad, servers: ["127.0.0.1:${String(lab.resolver.port)}"] }
access: { store: file, file: access.yaml }
plugins: [{ use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }]
`,
    );
    const { stdout } = await lookup(owner, '-c', config, '--json');
    // The lab sets the AD bit, but its root is not the one whose keys are built in.
    expect(JSON.parse(stdout)).to.include({ status: 'bogus', reason: 'ds-mismatch' });
    const own = await lookup(owner, '-c', config, '--anchor', anchor, '--json');
    expect(JSON.parse(own.stdout)).to.include({ status: 'secure' });
  });

  describe('ends with 2 and words for', () => {
    const cases: Record<string, [args: () => string[], words: RegExp]> = {
      'a name that is none': [() => ['a..b'], /It is not a domain name: an empty label/],
      'a name with characters that a terminal obeys, which are not repeated': [
        () => ['a\u001b[2J'],
        /^error: [^\u001b]*'a\\x1b\[2J'[^\u001b]*a character that must be escaped[^\u001b]*$/,
      ],
      'a name that is not in ASCII': [() => ['münchen.example'], /xn--mnchen-3ya\.example/],
      'a type that is none': [() => [owner, 'TLSSA'], /A type as TLSA, or TYPE65280/],
      'a type that no zone has': [() => [owner, 'AXFR'], /No zone has records of this type/],
      'signatures, which nobody signs [RFC4035-2.2]': [() => [owner, 'RRSIG'], /not signed themselves/],
      'a server by its name': [() => [owner, '--server', 'dns.example'], /It is not an IP address/],
      'a server over TLS without a name [RFC8310-5]': [
        () => [owner, '--server', 'tls://192.0.2.1'],
        /has no name after #/,
      ],
      'a time that is none': [() => [owner, '--at', '2026-13-01'], /2026-12-01T12:00:00Z, 20261201120000/],
      'anchors that are not there': [
        () => [owner, '--server', '127.0.0.1', '--anchor', join(folder, 'none')],
        /none:1:1: there is no such file; /,
      ],
      'anchors with a mistake, at its line': [
        () => {
          writeFileSync(join(folder, 'bad.key'), '; keys\n. IN DS 1 8 2 0g\n');
          return [owner, '--server', '127.0.0.1', '--anchor', join(folder, 'bad.key')];
        },
        /bad\.key:2:1: .*; write DS or DNSKEY records/,
      ],
      'a digest that was cut off when it was copied': [
        () => {
          writeFileSync(join(folder, 'bad.key'), '; keys\n. IN DS 1 8 2 0011\n');
          return [owner, '--server', '127.0.0.1', '--anchor', join(folder, 'bad.key')];
        },
        /bad\.key:2:1: the digest of key 1 has 2 octets, and those of type 2 have 32; /,
      ],
      'anchors of which there are none': [
        () => {
          writeFileSync(join(folder, 'bad.key'), '; nothing yet\n');
          return [owner, '--server', '127.0.0.1', '--anchor', join(folder, 'bad.key')];
        },
        /bad\.key:1:1: there is no DS and no DNSKEY record in it; /,
      ],
      'a configuration with several mistakes, a line each': [
        () => {
          writeFileSync(join(folder, 'bad.yaml'), 'version: 1\nresolver: { servers: [], prefetch: 1 }\n');
          return [owner, '-c', join(folder, 'bad.yaml')];
        },
        /^danced: \S+bad\.yaml:1:1: identity: missing.*\n(?:danced: .*\n)*danced: \S+bad\.yaml:2:22: resolver\.servers: is an empty list/,
      ],
      'servers with and without TLS': [
        () => [owner, '--server', '127.0.0.1', '--server', 'tls://127.0.0.1#dns.example'],
        /servers with and without TLS cannot be mixed/,
      ],
    };
    for (const [what, [args, words]] of Object.entries(cases)) {
      it(what, async () => {
        const { exitCode, stdout, stderr } = await lookup(...args());
        expect(stderr).to.match(words);
        expect([exitCode, stdout]).to.deep.equal([2, '']);
      });
    }
  });
});

describe('the tree of a lookup', () => {
  it('is in ASCII where the locale has no UTF-8', () => {
    const name = Name.parse('a.example');
    const verdict: Verdict = {
      name,
      type: RrType.TLSA,
      status: 'bogus',
      reason: 'no-signature',
      detail: '',
      rcode: 0,
      records: [],
      aliases: [],
      steps: [
        { kind: 'anchor', name: Name.root, status: 'secure', detail: 'one' },
        { kind: 'zone', name: Name.parse('example'), status: 'insecure', detail: 'two' },
        { kind: 'alias', name: Name.parse('other'), status: 'indeterminate', detail: 'three' },
        { kind: 'answer', name, status: 'bogus', detail: 'four' },
      ],
      expiresMs: 0,
      signedUntilMs: 0,
    };
    const lines = (environment: Record<string, string>): string[] =>
      chainInWords(verdict, lookupFacts(verdict), marksFor(environment), plainStyle);
    expect(lines({ LANG: 'C' })).to.deep.equal([
      'ok .                   one',
      '  -- example           two',
      '  ?? other             three',
      '    NO a.example TLSA  four',
    ]);
    expect(lines({ LANG: 'C', LC_ALL: 'en_GB.UTF-8' })[3]).to.match(/^ {4}✗ a\.example TLSA {2}four$/);
    expect(lines({ LC_ALL: 'POSIX', LANG: 'en_GB.UTF-8' })[0]).to.match(/^ok /);
  });
});
