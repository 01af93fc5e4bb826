/** What `danced verify` says of each gate: how the client is known there, and its class or view. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerVerify } from '../../cli/commands/verify.ts';
import type { GateFacts, VerifyFacts } from '../../cli/verify-facts.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { encodePem } from '../../core/pki/pem.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { makeIdentity, tlsaRdata } from '../support/gate.ts';
import { runCommand, type CommandRun } from '../support/run-command.ts';

const partner = 'resolver.ns2.example';
const plain = 'plain.ns2.example';
const silent = 'silent.ns2.example';
const banned = 'banned.ns2.example';
const some = 'some.ns2.example';

const entries = `
  ${partner}:
    roles: [europe, partner]
    allow: [ { action: query, rate: 100/s, requests-at-once: 7 }, { action: resolve, view: inside } ]
  ${plain}: { roles: [nobody], allow: [ { action: query }, { action: resolve, view: none } ] }
  ${silent}: { roles: [partner], allow: [ { action: resolve } ] }
  ${banned}: { roles: [partner], allow: [ { action: query } ], deny: [ { action: query } ] }
  ${some}: { roles: [partner], allow: [ { action: query, zones: [a.example] } ] }
`;

describe('danced verify, at each gate', () => {
  let lab: Lab;
  let folder: string;
  const identities = new Map<string, IssuedIdentity>();

  before(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 3 } });
    folder = mkdtempSync(join(tmpdir(), 'danced-verify-gates-'));
    for (const name of [partner, plain, silent, banned, some]) {
      const identity = await makeIdentity(name);
      identities.set(name, identity);
      lab.publishTlsa(name, [tlsaRdata(identity)]);
      file(`${name}.pem`, identity.certificatePem);
      file(`${name}.pub`, encodePem(identity.subjectPublicKeyInfo, 'PUBLIC KEY'));
    }
    file('root.key', `${lab.rootAnchor()}\n`);
    file('access.yaml', `version: 1\nanonymous: { allow: [ { action: query } ] }\nclients:${entries}`);
    file('closed.yaml', `version: 1\nclients:${entries}`);
  });
  after(async () => {
    await lab.close();
    rmSync(folder, { recursive: true });
  });

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  function configuration(plugins: string, access = 'access.yaml'): string {
    return file(
      'danced.yaml',
      `version: 1
identity: { name: gate.example, directory: . }
resolver: { servers: ["127.0.0.1:${String(lab.resolver.port)}"], trust-anchors: root.key }
access: { store: file, file: ${access} }
plugins:
${plugins}`,
    );
  }

  const classes = `
    classes:
      partner: { weight: 20, rate: 5000/s, requests-at-once: 500 }
      europe: { rate: 120/m, burst: 9 }
      strangers: { rate: 20/s, total-rate: 2000/s, zones: [example.com, example.net], except: [corp.example.com], shed: drop }
`;
  const authoritative = (more = ''): string =>
    `  - use: recursive-auth/gate\n    listen: ["127.0.0.1:8853"]\n    upstreams: [127.0.0.1:5300]\n${more}${classes}`;
  const resolver = (more = ''): string =>
    `  - use: dot-resolver/gate\n    listen: ["127.0.0.1:853"]\n${more}    views: { default: { upstreams: [127.0.0.1] }, inside: { upstreams: [127.0.0.1], rate: 50/s, class: high } }\n    roles: { partner: { requests-at-once: 9 } }\n`;

  function run(name: string, config: string, shown?: string): Promise<CommandRun> {
    const chain = shown === undefined ? [] : ['--chain', join(folder, shown)];
    return runCommand(registerVerify, ['verify', name, ...chain, '--json', '-c', config]);
  }

  async function facts(
    name: string,
    config: string,
    shown: string | null = `${name}.pem`,
  ): Promise<VerifyFacts> {
    return JSON.parse((await run(name, config, shown ?? undefined)).stdout) as VerifyFacts;
  }

  async function gateOf(...args: Parameters<typeof facts>): Promise<GateFacts> {
    return (await facts(...args)).gates[0]!;
  }

  it('the class, by the order of the classes and not of the roles, what it means, and which rule counts besides', async () => {
    const result = await facts(partner, configuration(authoritative()));
    expect(result).to.include({ ok: true, reason: 'identified' });
    expect(result.steps.at(-1)).to.deep.equal({
      step: 'permission',
      ok: true,
      detail: 'is served by recursive-auth/gate',
    });
    expect(result.gates).to.deep.equal([
      {
        use: 'recursive-auth/gate',
        listens: ['127.0.0.1:8853'],
        nameFrom: ['extension', 'certificate-name'],
        ok: true,
        words: [
          'takes its name from the certificate, also without danced, unless it says one by dane_clientid, which decides then (claims: [extension, certificate-name])',
          'class partner: weight 20, 5000/s (5000 at one go) for each member, 500 questions at once for each member, every name, what is too much is refused',
          'class partner, since that is a role of its entry',
          'its rule (allow 1) besides: 100/s (100 at one go), 7 at once',
        ],
      },
    ]);
  });

  it('strangers: whose roles are no class, and how the limits of the class read', async () => {
    const { ok, words } = await gateOf(plain, configuration(authoritative()));
    expect(ok).to.equal(true);
    expect(words.slice(1)).to.deep.equal([
      'class strangers: weight 1, 20/s (20 at one go) for each member, 2000/s (2000 at one go) for all members together, names at or below example.com example.net but those at or below corp.example.com, what is too much is dropped',
      'no class is a role of its entry: its roles are nobody; the classes are partner, europe',
    ]);
  });

  it('strangers: whom no rule allows the action query', async () => {
    const { ok, words } = await gateOf(silent, configuration(authoritative()));
    expect(ok).to.equal(true);
    expect(words[1]).to.match(/^class strangers: weight 1, /);
    expect(words[2]).to.equal(
      'served as a stranger: silent.ns2.example: the entry of the client has no rule that allows this; a class takes a rule { action: query }',
    );
    const closed = await facts(silent, configuration(authoritative(), 'closed.yaml'));
    expect(closed).to.include({ ok: false, reason: 'no-rule' });
    expect(closed.gates[0]?.words[1]).to.equal(
      'strangers are refused everything: the access list has no `anonymous`',
    );
  });

  it('nothing: where a deny rule says so', async () => {
    const result = await facts(banned, configuration(authoritative()));
    expect(result).to.include({ ok: false, reason: 'no-rule' });
    expect(result.steps.at(-1)?.detail).to.equal('gets nothing of recursive-auth/gate');
    expect(result.gates[0]?.words[1]).to.equal(
      'everything is refused (deny 1: a deny rule of the entry, or of one of its roles, forbids this)',
    );
  });

  it('rules that speak of zones: a class for some names', async () => {
    const { words } = await gateOf(some, configuration(authoritative()));
    expect(words[1]).to.match(/^class partner, for the names that its rules allow: weight 20/);
    expect(words.at(-1)).to.equal(
      'its rules speak of zones: what they do not allow is asked for as a stranger',
    );
  });

  it('a client that is not identified: as a stranger, or by the alert', async () => {
    const stolen = `${plain}.pem`;
    const config = configuration(authoritative() + resolver());
    const result = await facts(partner, config, stolen);
    expect(result).to.include({ ok: false, reason: 'no-claim' });
    expect(result.gates[0]?.words[0]).to.equal('is let in as an anonymous client (on-failure: anonymous)');
    expect(result.gates[0]?.words[1]).to.match(/^class strangers: /);
    expect(result.gates[1]).to.deep.include({
      ok: false,
      words: ['gets the TLS alert handshake_failure (on-failure: alert)'],
    });
    const unknown = await facts('x.stranger.example', config, stolen);
    expect(unknown).to.include({ reason: 'not-admitted' });
    expect(unknown.gates[0]?.words[1]).to.match(/^class strangers: /);
  });

  describe('a resolver without danced [DANCE-8.2]', () => {
    it('is known by its certificate, if claims say so', async () => {
      for (const claims of ['[extension, certificate-name]', '[certificate-name]']) {
        const { nameFrom, words } = await gateOf(
          partner,
          configuration(authoritative(`    claims: ${claims}\n`)),
        );
        expect(nameFrom).to.include('certificate-name');
        expect(words[0]).to.match(/^takes its name from the certificate, also without danced/);
        expect(words[0]).to.include(`(claims: ${claims})`);
        expect(words[1]).to.match(/^class partner: /);
      }
    });

    it('is a stranger where claims do not', async () => {
      const { nameFrom, words } = await gateOf(
        partner,
        configuration(authoritative('    claims: [extension]\n')),
      );
      expect(nameFrom).to.deep.equal(['extension']);
      expect(words[0]).to.equal(
        'takes no name from a certificate: it is known only if it says its name by dane_clientid (claims: [extension]); for one without danced write claims: [extension, certificate-name]',
      );
    });

    it('has no name with a raw public key where only certificates are read', async () => {
      const only = await gateOf(
        partner,
        configuration(authoritative('    claims: [certificate-name]\n')),
        `${partner}.pub`,
      );
      expect(only).to.deep.include({ nameFrom: [], ok: true });
      expect(only.words[0]).to.match(/^does not take a raw public key \(claims: \[certificate-name\]: /);
      expect(only.words[1]).to.equal('is let in as an anonymous client (on-failure: anonymous)');
      const off = await gateOf(
        partner,
        configuration(resolver('    raw-public-keys: false\n')),
        `${partner}.pub`,
      );
      expect(off).to.deep.include({ nameFrom: [], ok: false });
      expect(off.words[0]).to.equal('does not take a raw public key (raw-public-keys: false)');
      const both = await gateOf(partner, configuration(authoritative()), `${partner}.pub`);
      expect(both.nameFrom).to.deep.equal(['extension']);
    });

    it('may be known in either way as long as it has shown nothing', async () => {
      const { words, nameFrom } = await gateOf(partner, configuration(authoritative()), null);
      expect(nameFrom).to.deep.equal(['extension', 'certificate-name']);
      expect(words[0]).to.equal(
        'takes its name from the TLS extension dane_clientid, or from a dNSName of the certificate, so that it needs no danced (claims: [extension, certificate-name])',
      );
      expect(words[1]).to.match(/^class partner: /);
    });
  });

  describe('the view', () => {
    it('of its rule, with the limits of rule, view and role', async () => {
      const { ok, words } = await gateOf(partner, configuration(resolver()));
      expect(ok).to.equal(true);
      expect(words.slice(1)).to.deep.equal([
        'view inside (rule allow 2)',
        'view inside, for all of it together: 50/s (50 at one go), class high',
        'role partner, for all of it together: 9 at once',
      ]);
    });

    it('of rules that name none', async () => {
      const { words } = await gateOf(silent, configuration(resolver()));
      expect(words[1]).to.equal('view default (the view of rules that name none)');
    });

    it('that the gate does not have: nothing', async () => {
      const result = await facts(plain, configuration(resolver()));
      expect(result).to.include({ ok: false, reason: 'no-rule' });
      expect(result.gates[0]?.words[1]).to.equal(
        'everything is refused: its rule (allow 2) names the view none, which this gate does not have',
      );
    });

    it('of nobody: no rule for the action resolve', async () => {
      const { ok, words } = await gateOf(some, configuration(resolver()));
      expect(ok).to.equal(false);
      expect(words[1]).to.equal(
        'everything is refused (some.ns2.example: the entry of the client has no rule that allows this; it takes a rule { action: resolve })',
      );
    });
  });

  it('says it in words, gate by gate', async () => {
    const config = configuration(authoritative() + resolver());
    const chain = join(folder, `${partner}.pem`);
    const { stdout } = await runCommand(registerVerify, ['verify', partner, '--chain', chain, '-c', config]);
    expect(stdout).to.match(
      /\n\nAt recursive-auth\/gate on 127\.0\.0\.1:8853:\n {2}takes its name .*\n {2}class partner: weight 20/,
    );
    expect(stdout).to.match(
      /\n\nAt dot-resolver\/gate on 127\.0\.0\.1:853:\n {2}takes its name .*\n {2}view inside /,
    );
  });
});
