/** `danced check` for a configuration by which danced validates itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { check } from '../../cli/commands/check.ts';
import { formatFinding } from '../../cli/check/finding.ts';
import { writeIdentity } from '../../cli/identity-directory.ts';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { makeResponse, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { ask } from '../../lab/ask.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';
import { freePort, servesZone, tcpServer, udpServer, type TestServer } from './check-servers.ts';

const owner = '_xfr.ns2.example';

describe('danced check with validation of our own', () => {
  let lab: Lab;
  let identity: IssuedIdentity;
  let folder: string;
  let primary: TestServer;
  const servers: TestServer[] = [];

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 10 } });
    identity = await makeIdentity(owner);
    primary = await tcpServer(servesZone('example.com'));
  });
  after(async () => {
    await Promise.all([lab.close(), primary.close()]);
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'danced-check-'));
    await writeIdentity(join(folder, 'identity'), identity, { force: true });
    file('access.yaml', `version: 1\nclients:\n  ns2.example.net: { allow: [] }\n`);
    file('root.key', `${lab.rootAnchor()}\n`);
    lab.publishTlsa(owner, [tlsaRdata(identity)]);
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    rmSync(folder, { recursive: true });
  });

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  async function serverOf(answer: (query: Message) => Message | undefined): Promise<string> {
    const server = await udpServer(answer);
    servers.push(server);
    return `127.0.0.1:${String(server.port)}`;
  }

  /** What there is to say of resolver, anchors and our record, a line each. */
  async function findings(
    resolver: string,
    { name = owner, more = '', nowMs = Date.now() } = {},
  ): Promise<string[]> {
    const config = file(
      'danced.yaml',
      `version: 1
identity: { name: ${name}, directory: identity }
resolver: ${resolver}
access: { store: file, file: access.yaml }
plugins:
  - { use: xot/gate, listen: ["127.0.0.1:0"], primary: "127.0.0.1:${String(primary.port)}", zones: [example.com] }
${more}`,
    );
    const result = await check({ config, nowMs });
    const about = /^(?:ok: |\S+ (?:warning: )?)(?:resolver|dane|identity\.name)|key:\d+:|pem:\d+:/;
    return result.findings
      .map((finding) => formatFinding(finding).replaceAll(`${folder}/`, ''))
      .map((line) => line.replaceAll(/127\.0\.0\.1:\d+/g, 'ADDR'))
      .filter((line) => about.test(line) && !line.includes('the certificate has no dNSName'));
  }

  function local(more = '', server = `127.0.0.1:${String(lab.resolver.port)}`): string {
    return `{ servers: ["${server}"], trust-anchors: root.key, timeout: 1s${more} }`;
  }

  it('has a good word for anchors, resolver and record when all is well', async () => {
    expect(await findings(local())).to.deep.equal([
      'ok: resolver.trust-anchors: root.key has trust anchors for .',
      'ok: resolver.servers[0]: the resolver ADDR answers and passes DNSSEC records through',
      'ok: identity.name: the TLSA record of _xfr.ns2.example (DANE-EE SPKI SHA2-256) is published, secure, and of our certificate',
    ]);
  });

  it('names a resolver that takes DNSSEC records out, and what to do', async () => {
    // What the lab says to those who do not ask for DNSSEC records.
    const plain = await Promise.all(
      [RrType.SOA, RrType.DNSKEY].map((type) => ask(lab.resolver, { name: Name.root, type, rd: true })),
    );
    const strips = await serverOf((query) => {
      const { answers } =
        plain.find(({ questions }) => questions[0]?.type === query.questions[0]?.type) ?? {};
      return makeResponse(query, { ra: true, ...(answers && { answers }) });
    });
    const [, fault, ...more] = await findings(local('', strips));
    expect(fault).to.match(
      /^danced\.yaml:3:23: resolver\.servers\[0\]: the resolver ADDR takes the DNSSEC records out of its answers; name one that passes them on \(Unbound, BIND, Knot Resolver\), or let this one do so/,
    );
    expect(more).to.deep.equal([]);
  });

  const faults: [what: string, answer: (query: Message) => Message | undefined, words: RegExp][] = [
    [
      'that fails',
      (query) => makeResponse(query, { rcode: Rcode.SERVFAIL }),
      /the resolver ADDR answers, but cannot look up \. \(.*SERVFAIL.*\); look in its log$/,
    ],
    [
      'that refuses us',
      (query) => makeResponse(query, { rcode: Rcode.REFUSED }),
      /the resolver ADDR does not want to answer us: .*REFUSED; let it answer this machine \(Unbound: access-control;/,
    ],
    [
      'that is silent',
      () => undefined,
      /the resolver ADDR does not answer: .*; start a recursive resolver there/,
    ],
  ];
  for (const [what, answer, words] of faults) {
    it(`tells of a resolver ${what}`, async () => {
      const [, fault, ...more] = await findings(local('', await serverOf(answer)));
      expect(fault).to.match(words);
      expect(more).to.deep.equal([]);
    });
  }

  it('tells of a server over TLS that cannot be reached, and asks nothing in clear [RFC8310-5]', async () => {
    const asked = lab.resolver.queries.length;
    const server = `tls://127.0.0.1:${String(await freePort())}#dns.example`;
    const [, fault] = await findings(local('', server));
    expect(fault).to.match(
      /the resolver tls:\/\/ADDR#dns\.example does not answer: .*nothing is asked without TLS instead/,
    );
    expect(lab.resolver.queries).to.have.length(asked);
  });

  it('finds that the trust anchors are not those of the DNS that is asked', async () => {
    const [, fault, ...more] = await findings(
      `{ servers: ["127.0.0.1:${String(lab.resolver.port)}"], timeout: 1s }`,
    );
    expect(fault).to.match(
      /gives for \. what the trust anchors do not vouch for: .*; see whether resolver\.trust-anchors/,
    );
    expect(more).to.deep.equal([]);
  });

  it('finds that the clock is wrong', async () => {
    const [, fault] = await findings(local(), { nowMs: Date.UTC(2020, 0, 1) });
    expect(fault).to.match(
      /gives for \. what is out of date: .*; see whether the clock of this machine is right$/,
    );
  });

  describe('trust anchors', () => {
    const cases: [what: string, text: string | undefined, words: RegExp][] = [
      [
        'that are not there',
        undefined,
        /^danced\.yaml:3:\d+: resolver\.trust-anchors: root\.key: there is no such file; /,
      ],
      [
        'of which there are none',
        '; soon\n',
        /^root\.key:1:1: there is no DS and no DNSKEY record in it; write DS/,
      ],
      [
        'that are of no use [RFC6840-5.2]',
        `. IN DS 1 13 1 ${'00'.repeat(20)}\n`,
        /^root\.key:1:1: none of the trust anchors for \. has an algorithm and a digest type that are supported, so every name below it is insecure; give a DS record of digest type 2/,
      ],
      [
        'with a digest that was cut off',
        '; ours\n. IN DS 1 13 2 00\n',
        /^root\.key:2:1: the digest of key 1 has 1 octets, and those of type 2 have 32; copy the whole record$/,
      ],
      [
        'with a mistake',
        '. IN DS 1 13 2 00\n. IN A 192.0.2.1\n',
        /^root\.key:2:1: .*DS or DNSKEY.*; write DS/,
      ],
    ];
    for (const [what, text, words] of cases) {
      it(`${what} are said with their place, and then nobody is asked`, async () => {
        const asked = lab.resolver.queries.length;
        if (text === undefined) rmSync(join(folder, 'root.key'));
        else file('root.key', text);
        const [fault, ...more] = await findings(local());
        expect(fault).to.match(words);
        expect(more).to.deep.equal([]);
        expect(lab.resolver.queries).to.have.length(asked);
      });
    }

    it('that are not above our name leave it unproved', async () => {
      const lines = await findings(local(), { name: 'gate.example.net' });
      expect(lines.at(-1)).to.match(/identity\.name: gate\.example\.net has no TLSA record/);
      file('root.key', lab.rootAnchor().replace(/^\. /, 'elsewhere.example. '));
      const other = await findings(local(), { name: owner });
      expect(other.at(-1)).to.match(
        /identity\.name: the TLSA record of _xfr\.ns2\.example cannot be looked up: .*danced lookup/,
      );
    });
  });

  it('warns of negative trust anchors that are too long or over [RFC7646-2]', async () => {
    const nowMs = Date.now();
    const inDays = (days: number): string =>
      new Date(nowMs + days * 86_400_000).toISOString().slice(0, 19) + 'Z';
    const list = [
      `{ name: past.example, until: "${inDays(-1)}" }`,
      `{ name: long.example, until: "${inDays(30)}" }`,
      `{ name: short.example, until: "${inDays(3)}" }`,
    ];
    const lines = (await findings(local(`, negative-trust-anchors: [${list.join(', ')}]`), { nowMs })).filter(
      (line) => line.includes('negative'),
    );
    expect(lines[0]).to.match(/warning: .*\[0\]: it ended on \S+Z and has no effect; take it out$/);
    expect(lines[1]).to.match(
      /warning: .*\[1\]: long\.example is not validated for more than a week, until \S+; .*RFC 7646/,
    );
    expect(lines[2]).to.match(/^ok: .*\[2\]: short\.example and all names below it are not validated until/);
  });

  it('does not take a record below a negative trust anchor for protected [RFC7646-2]', async () => {
    const until = new Date(Date.now() + 86_400_000).toISOString();
    const lines = await findings(
      local(`, negative-trust-anchors: [{ name: ns2.example, until: "${until}" }]`),
    );
    expect(lines.at(-1)).to.match(/identity\.name: .* is not protected by DNSSEC/);
  });

  it('says of authorities for TLS what is wrong with them, and then nobody is asked', async () => {
    const server = 'tls://127.0.0.1:1#dns.example';
    const cases: [text: string, words: RegExp][] = [
      ['nothing\n', /^ca\.pem:1:1: there is no certificate in it; /],
      [
        encodePem(Buffer.from('x'), 'CERTIFICATE'),
        /^ca\.pem:1:1: the TLS library cannot read a certificate in it: /,
      ],
      ['-----BEGIN CERTIFICATE-----\n', /^ca\.pem:1:1: the CERTIFICATE block has no END line; /],
    ];
    for (const [text, words] of cases) {
      file('ca.pem', text);
      const [, fault, ...more] = await findings(local(', ca: ca.pem', server));
      expect(fault).to.match(words);
      expect(more).to.deep.equal([]);
    }
    file('ca.pem', encodePem(identity.certificate, 'CERTIFICATE'));
    const [, good] = await findings(local(', ca: ca.pem', server));
    expect(good).to.equal('ok: resolver.ca: ca.pem has 1 certificate');
  });

  it('says of authorities how many there are, or what is wrong with their file', async () => {
    file(
      'roots.pem',
      encodePem(identity.certificate, 'CERTIFICATE') + encodePem(Buffer.from('x'), 'CERTIFICATE'),
    );
    const more = 'dane: { roots: roots.pem }\n';
    expect(await findings(local(), { more })).to.include(
      'ok: dane.roots: roots.pem has 1 certificate; 1 certificate more cannot be read and count for nothing',
    );
    file('roots.pem', 'nothing\n');
    expect(await findings(local(), { more })).to.include(
      'roots.pem:1:1: there is no certificate in it; give a PEM file with the certificates of the authorities',
    );
    rmSync(join(folder, 'roots.pem'));
    const [gone] = (await findings(local(), { more })).filter((line) => line.includes('dane'));
    expect(gone).to.match(/^danced\.yaml:7:16: dane\.roots: roots\.pem: there is no such file; /);
  });
});
