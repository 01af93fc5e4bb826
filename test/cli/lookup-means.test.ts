import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { asValidated, lookupMeans, type LookupArguments } from '../../cli/lookup-means.ts';
import { CommandError } from '../../cli/output.ts';
import { resolvConfServers } from '../../core/embed/resolv-conf.ts';
import { formatServer } from '../../core/config/server-text.ts';

describe('whom a command asks', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-means-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function configuration(resolver: string, file = 'danced.yaml'): string {
    const path = join(folder, file);
    const text = `version: 1
identity: { name: gate.example, directory: . }
resolver: ${resolver}
access: { store: file, file: access.yaml }
plugins: [{ use: xot/gate, listen: ["127.0.0.1:0"], primary: 127.0.0.1, zones: [example.com] }]
`;
    writeFileSync(path, text);
    return path;
  }

  function means(args: LookupArguments) {
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.1\n');
    return lookupMeans(args, {
      config: join(folder, 'danced.yaml'),
      resolvConf: join(folder, 'resolv.conf'),
    });
  }

  it('are the servers of /etc/resolv.conf, if there is no configuration, and danced validates', async () => {
    const { resolver, loaded, asks } = await means({});
    expect(resolver.servers.map(formatServer)).to.deep.equal(['192.0.2.1:53']);
    expect(resolver).to.include({ validation: 'local', trustAnchors: 'builtin' });
    expect(loaded).to.equal(undefined);
    expect(asks).to.equal(`192.0.2.1:53 (from ${folder}/resolv.conf)`);
  });

  it('are those of the configuration in its usual place, if there is one', async () => {
    configuration('{ servers: ["tls://192.0.2.2#dns.example"], trust-anchors: root.key }');
    const { resolver, loaded, asks } = await means({});
    expect(resolver.servers.map(formatServer)).to.deep.equal(['tls://192.0.2.2:853#dns.example']);
    expect(resolver).to.include({ trustAnchors: join(folder, 'root.key') });
    expect(loaded?.config.identity.name.toString()).to.equal('gate.example');
    expect(asks).to.match(/\(from .*danced\.yaml\)$/);
  });

  it('are those of the configuration that is named, before the one in its usual place', async () => {
    configuration('{ servers: [192.0.2.2] }');
    const config = configuration('{ servers: [192.0.2.3] }', 'other.yaml');
    const { resolver } = await means({ config });
    expect(resolver.servers.map(formatServer)).to.deep.equal(['192.0.2.3:53']);
  });

  it('are those of the command line before all others; then only a configuration that is named counts', async () => {
    const config = configuration('{ servers: [192.0.2.2], stale-max: 1h }');
    const server = [{ address: '192.0.2.9', port: 5353 }];
    const named = await means({ server, config });
    expect(named.resolver).to.deep.include({ servers: server, staleMaxMs: 3_600_000 });
    const unnamed = await means({ server });
    expect(unnamed.resolver).to.deep.include({ servers: server, staleMaxMs: 0 });
    expect(unnamed.asks).to.equal('192.0.2.9:5353 (from --server)');
  });

  it('are believed by their AD bit only where the configuration says so and nothing else is asked for', async () => {
    const config = configuration('{ validation: trust-ad, servers: [127.0.0.1], timeout: 9s }');
    const server = [{ address: '127.0.0.1', port: 5353 }];
    expect((await means({ config })).resolver.validation).to.equal('trust-ad');
    for (const more of [{ server }, { anchor: 'root.key' }, { at: 0 }]) {
      const { resolver } = await means({ config, ...more });
      expect(resolver, Object.keys(more).join()).to.include({ validation: 'local', timeoutMs: 9000 });
    }
    expect(asValidated(await means({ config })).resolver).to.include({
      validation: 'local',
      timeoutMs: 9000,
    });
  });

  it('begin at the trust anchors of the command line, and at the time that it gives', async () => {
    const config = configuration('{ servers: [192.0.2.2], trust-anchors: root.key }');
    const { resolver, nowMs } = await means({ config, anchor: 'mine.key', at: 12_000 });
    expect(resolver).to.include({ trustAnchors: 'mine.key' });
    expect(nowMs()).to.equal(12_000);
  });

  it('are not asked when the configuration is broken: every mistake is said', async () => {
    const config = configuration('{ servers: [], prefetch: 1 }');
    const error: unknown = await means({ config }).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(CommandError);
    expect(String(error)).to.match(/danced\.yaml:3:22: resolver\.servers: .*\n.*resolver\.prefetch: /);
  });

  describe('by /etc/resolv.conf', () => {
    const cases: Record<string, [text: string, servers: string[]]> = {
      'three at most, in their order, with addresses of both kinds': [
        'nameserver 192.0.2.1\nnameserver\t2001:db8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.4\n',
        ['192.0.2.1:53', '[2001:db8::1]:53', '[fe80::1%eth0]:53'],
      ],
      'not those in comments, nor what is no address': [
        '# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nnameserver dns.example\nsearch example\nnameserver 192.0.2.3 # here\n',
        ['192.0.2.3:53'],
      ],
      'the one of this machine, when it names none': ['search example\n', ['127.0.0.1:53']],
    };
    for (const [what, [text, servers]] of Object.entries(cases)) {
      it(what, () => {
        const file = join(folder, 'resolv.conf');
        writeFileSync(file, text);
        expect(resolvConfServers(file).map(formatServer)).to.deep.equal(servers);
      });
    }

    it('the one of this machine, when it is not there', () => {
      expect(resolvConfServers(join(folder, 'none')).map(formatServer)).to.deep.equal(['127.0.0.1:53']);
    });
  });
});
