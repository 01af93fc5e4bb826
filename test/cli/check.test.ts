import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { check, registerCheck, type CheckResult } from '../../cli/commands/check.ts';
import { writeIdentity } from '../../cli/identity-directory.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { EdeCode, Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { extendedError } from '../../core/dns/edns.ts';
import { makeResponse, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity } from '../../core/pki/issue.ts';
import { runCommand } from '../support/run-command.ts';
import { freePort, servesZone, tcpServer, udpServer, type Answer, type TestServer } from './check-servers.ts';

const owner = Name.parse('_xfr.ns1.example.net');
const nowMs = Date.parse('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;
const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 365 * dayMs };

describe('danced check', () => {
  let identity: Awaited<ReturnType<typeof issueIdentity>>;
  let folder: string;
  const servers: TestServer[] = [];

  before(async () => {
    identity = await issueIdentity({ name: owner, algorithm: 'p256', ...validity });
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'danced-check-'));
    await writeIdentity(inFolder('identity'), identity, { force: true });
    const entry = 'ns2.example.net: { allow: [{ action: transfer, zones: [example.com] }] }';
    writeFileSync(inFolder('access.yaml'), `version: 1\nclients:\n  ${entry}\n`);
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  function inFolder(...parts: string[]): string {
    return join(folder, ...parts);
  }

  async function started(server: Promise<TestServer>): Promise<number> {
    servers.push(await server);
    return (await server).port;
  }

  /** Writes a configuration whose servers are up, but for those given. */
  async function write(
    given: { listen?: string; primary?: string; resolver?: string; more?: string } = {},
  ): Promise<void> {
    const primary = given.primary ?? `127.0.0.1:${await started(tcpServer(servesZone('example.com')))}`;
    const resolver = given.resolver ?? `127.0.0.1:${await started(udpServer(validating(ownRecord())))}`;
    const text = `version: 1
identity: { name: ${owner.toString()}, directory: identity }
resolver: { validation: trust-ad, servers: ["${resolver}"], timeout: 500ms }
access: { store: file, file: access.yaml }
plugins:
  - use: xot/gate
    listen: ["${given.listen ?? '127.0.0.1:0'}"]
    primary: ${primary}
    zones: [example.com]
${given.more ?? ''}`;
    writeFileSync(inFolder('danced.yaml'), text);
  }

  function ownRecord(usage = 3): Buffer {
    return encodeTlsa(tlsaFor(identity, { usage, selector: 1, matchingType: 1 }));
  }

  /** A resolver that says AD, and has this record at our name. */
  function validating(...records: Buffer[]): (query: Message) => Message {
    return (query) => answerOf(query, records, true);
  }

  function answerOf(query: Message, records: readonly Buffer[], ad: boolean): Message {
    const isOwn = query.questions[0]?.name.equals(owner) === true && query.questions[0].type === RrType.TLSA;
    const answers = isOwn
      ? records.map((rdata) => ({ name: owner, type: RrType.TLSA, class: RrClass.IN, ttl: 60, rdata }))
      : [];
    return makeResponse(query, { ra: true, ad, answers });
  }

  async function run(): Promise<CheckResult> {
    return check({ config: inFolder('danced.yaml'), timeoutMs: 500, nowMs });
  }

  /** What is wrong, a line each, with the folder as `DIR`. */
  async function faults(): Promise<string[]> {
    const { findings } = await run();
    return findings.flatMap((finding) => {
      if (finding.severity === 'ok') return [];
      const { severity, line, column, path, wrong, right } = finding;
      const file = finding.file.replace(`${folder}/`, '');
      return [
        `${severity} ${file}:${line}:${column} ${path.join('.')}: ${wrong}; ${right}`.replaceAll(
          folder,
          'DIR',
        ),
      ];
    });
  }

  const record = (): string =>
    `_xfr.ns1.example.net. 3600 IN TLSA 3 1 1 ${ownRecord().subarray(3).toString('hex')}`;

  it('has a good word for everything when all is well', async () => {
    await write();
    const { exitCode, stdout } = await runCommand(registerCheck, ['check', '-c', inFolder('danced.yaml')]);
    const words = stdout
      .replaceAll(folder, 'DIR')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDR')
      .replace(/OpenSSL [\d.]+/, 'OpenSSL VERSION')
      .trimEnd()
      .split('\n');
    expect(words).to.deep.equal([
      'ok: access.file: DIR/access.yaml has 1 client',
      'ok: identity.directory: key and certificate in DIR/identity belong together',
      'ok: plugins: TLS has names from the extension dane_clientid, raw public keys, alerts, padding of records (OpenSSL VERSION)',
      'ok: plugins[0].listen[0]: ADDR can be listened on',
      'ok: plugins[0].primary: the primary ADDR serves example.com, serial 7, and lets us transfer it',
      'ok: resolver.servers[0]: the resolver ADDR answers and validates DNSSEC',
      'ok: identity.name: the TLSA record of _xfr.ns1.example.net (DANE-EE SPKI SHA2-256) is published, secure, and of our certificate',
      'DIR/danced.yaml is right',
    ]);
    expect(exitCode).to.equal(0);
  });

  it('prints the same as JSON', async () => {
    await write({ listen: '192.0.2.1:853' });
    const { exitCode, stdout } = await runCommand(registerCheck, [
      'check',
      '--json',
      '-c',
      inFolder('danced.yaml'),
    ]);
    const { ok, findings } = JSON.parse(stdout) as CheckResult;
    expect(ok).to.equal(false);
    expect(findings.find(({ severity }) => severity === 'error')).to.deep.equal({
      severity: 'error',
      about: 'configuration',
      file: inFolder('danced.yaml'),
      line: 7,
      column: 14,
      path: ['plugins', 0, 'listen', 0],
      wrong: 'this machine has no address 192.0.2.1',
      right: 'choose one that "ip address" shows',
    });
    expect(exitCode).to.equal(2);
  });

  it('shows a wrong configuration as file, line and column, and ends with 2', async () => {
    await write({ more: '    zone: example.net\n' });
    const { exitCode, stdout } = await runCommand(registerCheck, ['check', '-c', inFolder('danced.yaml')]);
    expect(stdout.replaceAll(folder, 'DIR').split('\n')).to.deep.equal([
      'DIR/danced.yaml:10:5: plugins[0].zone: unknown key; did you mean zones?',
      'DIR/danced.yaml: 1 error',
      '',
    ]);
    expect(exitCode).to.equal(2);
  });

  it('shows a configuration that is not there', async () => {
    expect(await faults()).to.deep.equal([
      'error danced.yaml:1:1 : there is no such file; create it, or correct the path',
    ]);
  });

  describe('TLS', () => {
    const features = {
      addon: false,
      extension: false,
      rawPublicKeys: false,
      alerts: false,
      recordPadding: false,
      openssl: '3.5.8',
      problem: 'it is not built for Node 26.10.0; build it with: npm run build:native',
    };

    it('that lacks something is told, with what is lost and how to mend it', async () => {
      await write();
      const { ok, findings } = await check({ config: inFolder('danced.yaml'), nowMs, features });
      const told = findings.filter(({ path }) => path.join('.') === 'plugins');
      expect(told).to.have.length(1);
      expect(told[0]).to.include({
        severity: 'warning',
        wrong:
          'TLS lacks names from the extension dane_clientid, raw public keys, alerts, padding of records: it is not built for Node 26.10.0',
        right: 'build it with: npm run build:native',
      });
      expect(ok).to.equal(true);
    });

    it('in the old dialect is a warning', async () => {
      await write({ more: '    dialect: draft-09\n' });
      expect(await faults()).to.deep.equal([
        'warning danced.yaml:10:14 plugins.0.dialect: draft-09 is an older version of the extension than clients of today speak; leave this key out as soon as no client needs it',
      ]);
    });

    it('that cannot do what the configuration asks for is an error of the configuration', async () => {
      await write({ more: '    claims: [extension]\n' });
      const { findings } = await check({ config: inFolder('danced.yaml'), nowMs, features });
      expect(findings).to.have.length(1);
      expect(findings[0]).to.include({ severity: 'error', about: 'configuration', line: 10 });
    });
  });

  describe('the access list', () => {
    it('that is not there, at the line that names it', async () => {
      await write();
      rmSync(inFolder('access.yaml'));
      expect(await faults()).to.deep.equal([
        'error danced.yaml:4:30 access.file: DIR/access.yaml: there is no such file; create it, or correct the path',
      ]);
    });

    it('with a mistake, at the line of the mistake', async () => {
      await write();
      writeFileSync(inFolder('access.yaml'), 'version: 1\nclients:\n  a.example: { alow: [] }\n');
      expect(await faults()).to.deep.equal([
        'error access.yaml:3:14 clients.a.example.allow: missing; for example: allow: [{ action: transfer, zones: [example.com] }]',
        'error access.yaml:3:16 clients.a.example.alow: unknown key; did you mean allow?',
      ]);
    });

    it('of nobody', async () => {
      await write();
      writeFileSync(inFolder('access.yaml'), 'version: 1\nclients: {}\n');
      expect((await faults())[0]).to.match(
        /^warning danced\.yaml:4:30 access\.file: .* nobody may do anything; add one/,
      );
    });
  });

  describe('the identity', () => {
    const at = 'danced.yaml:2:52 identity.directory:';

    it('whose key is missing', async () => {
      await write();
      rmSync(inFolder('identity', 'key.pem'));
      const [fault] = await faults();
      expect(fault).to.match(
        new RegExp(`^error ${at} DIR/identity/key\\.pem: .*no such file; .*danced keygen`),
      );
    });

    it('whose key is a directory', async () => {
      await write();
      rmSync(inFolder('identity', 'key.pem'));
      mkdirSync(inFolder('identity', 'key.pem'));
      expect((await faults())[0]).to.match(
        new RegExp(`^error ${at} DIR/identity/key\\.pem: .*is a directory; `),
      );
    });

    it('whose key is no key', async () => {
      await write();
      writeFileSync(inFolder('identity', 'key.pem'), 'swordfish');
      expect((await faults())[0]).to.match(
        new RegExp(`^error ${at} DIR/identity/key\\.pem: this is not a PEM private key`),
      );
    });

    it('whose key belongs to another certificate', async () => {
      await write();
      const other = await issueIdentity({ name: owner, algorithm: 'p256', ...validity });
      writeFileSync(inFolder('identity', 'key.pem'), other.privateKeyPem);
      expect((await faults())[0]).to.match(
        new RegExp(`^error ${at} DIR/identity/key\\.pem: the key is not the one of`),
      );
    });

    it('whose key others may read', async () => {
      await write();
      chmodSync(inFolder('identity', 'key.pem'), 0o644);
      expect(await faults()).to.deep.equal([
        `warning ${at} DIR/identity/key.pem has mode 644, so other users may read the key; mend it with: chmod 600 DIR/identity/key.pem`,
      ]);
    });

    it('whose key danced may not read', async function () {
      this.timeout(60_000);
      await write();
      const { stdout, status } = checkAsNobody(folder);
      expect(stdout).to.match(
        /danced\.yaml:2:52: identity\.directory: .*key\.pem: .*permission denied; let the user that runs danced read it/,
      );
      expect(status).to.equal(2);
    });

    it('that is of another name', async () => {
      const other = await issueIdentity({
        name: Name.parse('other.example'),
        algorithm: 'p256',
        ...validity,
      });
      await writeIdentity(inFolder('identity'), other, { force: true });
      await write();
      expect((await faults())[0]).to.equal(
        'warning danced.yaml:2:19 identity.name: the certificate has no dNSName _xfr.ns1.example.net (it has: other.example); write that name here, or make a certificate: danced keygen _xfr.ns1.example.net',
      );
    });

    it('that has expired, which is no error with DANE-EE [RFC7671-5.1]', async () => {
      await write();
      const { ok, findings } = await check({
        config: inFolder('danced.yaml'),
        nowMs: validity.notAfterMs + 1,
      });
      expect(ok).to.equal(true);
      expect(
        findings.flatMap((finding) => (finding.severity === 'warning' ? [finding.wrong] : [])),
      ).to.deep.equal(['the certificate expired on 2027-11-22']);
    });
  });

  describe('an address to listen on', () => {
    it('that is in use', async () => {
      const port = await started(tcpServer(() => undefined));
      await write({ listen: `127.0.0.1:${port}` });
      expect(await faults()).to.deep.equal([
        `error danced.yaml:7:14 plugins.0.listen.0: 127.0.0.1:${port} is in use, by another program or by danced itself if it runs already; see who has it with: ss -lntp 'sport = :${port}', then stop that program or choose another port`,
      ]);
    });

    it('that is given twice', async () => {
      const port = await freePort();
      await write({ listen: `127.0.0.1:${port}`, more: `observe: { listen: "127.0.0.1:${port}" }\n` });
      expect(await faults()).to.deep.equal([
        `error danced.yaml:7:14 plugins.0.listen.0: 127.0.0.1:${port} is also the address of observe.listen; choose another port or address for one of the two`,
      ]);
    });

    it('that only root may have, where the system has such ports', async function () {
      this.timeout(60_000);
      await write({ listen: '127.0.0.1:1' });
      const { stdout } = checkAsNobody(folder);
      // Containers often let everybody have every port.
      const firstOfAll = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
      const words = 'danced.yaml:7:14: plugins[0].listen[0]: this user may not listen on 127.0.0.1:1;';
      expect(stdout.includes(words), stdout).to.equal(firstOfAll > 1);
    });
  });

  describe('the primary', () => {
    const cases: readonly { what: string; answer: (query: Message) => Answer; says: RegExp }[] = [
      {
        what: 'that refuses',
        answer: (query) => makeResponse(query, { rcode: Rcode.REFUSED }),
        says: /refuses to answer for example\.com; .*allow-query/,
      },
      {
        what: 'that has another zone',
        answer: (query) => makeResponse(query, { rcode: Rcode.NOTAUTH }),
        says: /is not authoritative for example\.com \(NOTAUTH\)/,
      },
      {
        what: 'that could not load the zone',
        answer: (query) => makeResponse(query, { rcode: Rcode.SERVFAIL }),
        says: /\(SERVFAIL\); look in its log/,
      },
      {
        what: 'that is a resolver',
        answer: (query) => makeResponse(query, { ra: true }),
        says: /answers for example\.com without authority; give an authoritative server/,
      },
      {
        what: 'that has the name inside a zone',
        answer: (query) => makeResponse(query, { aa: true }),
        says: /example\.com is not the apex of a zone/,
      },
      {
        what: 'that does not let us transfer',
        answer: (query) =>
          query.questions[0]?.type === RrType.AXFR
            ? makeResponse(query, { rcode: Rcode.REFUSED })
            : servesZone('example.com')(query),
        says: /serves example\.com but answers REFUSED to its transfer; .*allow-transfer.*provide-xfr/,
      },
      {
        what: 'that is silent',
        answer: () => undefined,
        says: /does not answer over TCP within 500 ms; check that it runs/,
      },
      { what: 'that hangs up', answer: () => 'close', says: /closes the connection without an answer/ },
      {
        what: 'that speaks something else',
        answer: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(1000)),
        says: /does not speak DNS/,
      },
    ];
    for (const { what, answer, says } of cases) {
      it(what, async () => {
        await write({ primary: `127.0.0.1:${await started(tcpServer(answer))}` });
        const [fault, ...more] = await faults();
        expect(fault)
          .to.match(/^error danced\.yaml:8:14 plugins\.0\.primary: /)
          .and.to.match(says);
        expect(more).to.deep.equal([]);
      });
    }

    it('that is not running, and that is a verdict, not a wrong configuration', async () => {
      await write({ primary: `127.0.0.1:${await freePort()}` });
      const { exitCode, stdout } = await runCommand(registerCheck, ['check', '-c', inFolder('danced.yaml')]);
      expect(stdout).to.match(
        /plugins\[0\]\.primary: the primary .* nothing listens there \(connection refused\); start the primary/,
      );
      expect(exitCode).to.equal(1);
    });
  });

  describe('the resolver', () => {
    const cases: readonly { what: string; answer: (query: Message) => Message | undefined; says: RegExp }[] =
      [
        {
          what: 'that is silent',
          answer: () => undefined,
          says: /^error danced\.yaml:3:45 resolver\.servers\.0: the resolver .* does not answer: .*; start a validating resolver/,
        },
        {
          what: 'that does not validate [RFC4035-4.9.3]',
          answer: (query) => answerOf(query, [], false),
          says: /^error danced\.yaml:3:45 resolver\.servers\.0: .* does not validate: .*; turn validation on/,
        },
        {
          what: 'that has lost the root',
          answer: (query) =>
            query.questions[0]?.type === RrType.TLSA
              ? answerOf(query, [], false)
              : makeResponse(query, { rcode: Rcode.SERVFAIL }),
          says: /^error danced\.yaml:3:45 resolver\.servers\.0: .* answers, but cannot look up the root \(.*SERVFAIL\).*; look in its log/,
        },
        {
          what: 'that finds our zone unsigned',
          answer: (query) => answerOf(query, [ownRecord()], query.questions[0]?.type !== RrType.TLSA),
          says: /^warning danced\.yaml:2:19 identity\.name: .* is not protected by DNSSEC.*; sign its zone/,
        },
        {
          what: 'that finds our zone bogus',
          answer: (query) =>
            makeResponse(query, {
              rcode: Rcode.SERVFAIL,
              edns: {
                udpPayloadSize: 1232,
                version: 0,
                dnssecOk: false,
                extendedRcode: 0,
                options: [extendedError(EdeCode.DNSSEC_BOGUS, 'expired')],
              },
            }),
          says: /^error danced\.yaml:2:19 identity\.name: .* fails DNSSEC validation \(.*expired\)/,
        },
        {
          what: 'that finds no record of ours',
          answer: (query) => answerOf(query, [], true),
          says: /^warning danced\.yaml:2:19 identity\.name: _xfr\.ns1\.example\.net has no TLSA record/,
        },
        {
          what: 'that finds the record of another key',
          answer: (query) =>
            answerOf(query, [Buffer.concat([Buffer.from([3, 1, 1]), Buffer.alloc(32)])], true),
          says: /^error danced\.yaml:2:19 identity\.name: no TLSA record of .* is of the certificate that we have/,
        },
        {
          what: 'that finds our key under another usage',
          answer: (query) => answerOf(query, [ownRecord(2), Buffer.from([3, 9, 9, 1])], true),
          says: /^error danced\.yaml:2:19 identity\.name: no TLSA record of/,
        },
      ];
    for (const { what, answer, says } of cases) {
      it(what, async () => {
        await write({ resolver: `127.0.0.1:${await started(udpServer(answer))}` });
        const [fault, ...more] = await faults();
        expect(fault).to.match(says);
        expect(more).to.deep.equal([]);
      });
    }

    it('whose answer lacks our record gets us the record to publish', async () => {
      await write({ resolver: `127.0.0.1:${await started(udpServer(validating()))}` });
      expect((await faults())[0]).to.include(`; publish: ${record()}`);
    });
  });

  it('shows no character that a terminal obeys, not those of its argument either', async () => {
    const { exitCode, stdout } = await runCommand(registerCheck, ['check', '-c', 'none\u001b[31m']);
    expect(stdout).to.match(/^none\\x1b\[31m:1:1: there is no such file; .*\nnone\\x1b\[31m: 1 error\n$/);
    expect(exitCode).to.equal(2);
  });
});

/** Runs `danced check` as a user who may read the folder but neither our key nor a port below 1024. */
function checkAsNobody(folder: string): { stdout: string; status: number | null } {
  const nobody = 65_534;
  const isRoot = process.getuid?.() === 0;
  chmodSync(folder, 0o755);
  chmodSync(join(folder, 'identity'), 0o755);
  // Of root's process the file is root's; another user's own key is closed to that user too.
  chmodSync(join(folder, 'identity', 'key.pem'), isRoot ? 0o600 : 0o000);
  const program = `
    import { check } from ${JSON.stringify(resolve('cli/commands/check.ts'))};
    import { formatFinding } from ${JSON.stringify(resolve('cli/check/finding.ts'))};
    ${isRoot ? `process.setgid(${nobody}); process.setuid(${nobody});` : ''}
    const { findings } = await check({ config: ${JSON.stringify(join(folder, 'danced.yaml'))}, timeoutMs: 200 });
    console.log(findings.map(formatFinding).join('\\n'));
    process.exit(findings.some(({ severity, about }) => severity === 'error' && about === 'configuration') ? 2 : 0);
  `;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return { stdout, status };
}
