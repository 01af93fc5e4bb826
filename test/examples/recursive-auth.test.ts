import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadAccessList } from '../../core/acl/list-file.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { ports } from '../../examples/recursive-auth/commands.ts';
import { exampleOf } from '../support/example.ts';

const { folder, start } = exampleOf('recursive-auth');

describe('examples/recursive-auth', () => {
  it('shows by itself with --once what each party sees', async () => {
    const { program, stop } = start('--once');
    try {
      await program.waitFor('its end', () => program.hasEnded, 50_000);
      expect(program.log).to.match(
        /^www\.public\.example +192\.0\.2\.80, secure +192\.0\.2\.80 +192\.0\.2\.80 +192\.0\.2\.80, secure$/m,
      );
      expect(program.log).to.match(
        /^www\.group\.example +192\.0\.2\.10, secure +192\.0\.2\.10 +REFUSED +SERVFAIL$/m,
      );
      expect(program.log).to.match(
        /^Of 200 questions at once the resolver has 200 answered, a stranger \d\d\.$/m,
      );
      expect(program.log).to.contain('ended: status 0]');
    } finally {
      await stop();
    }
  });

  it('names the same ports in its program, its configurations and its README', async () => {
    expect(await listensOf('gate.yaml')).to.deep.equal([ports.gate]);
    expect(await listensOf('agent.yaml')).to.deep.equal([ports.agent]);
    expect(textOf('gate.yaml')).to.contain(`upstreams: ['127.0.0.1:${String(ports.nsd)}']`);
    expect(textOf('gate.yaml')).to.contain(`127.0.0.1:${String(ports.metrics)} `);
    expect(textOf('agent.yaml').match(/(?<='127\.0\.0\.1:)\d+(?=#)/g)).to.deep.equal(
      Array.from({ length: 2 }, () => String(ports.gate)),
    );
    for (const file of ['gate.yaml', 'agent.yaml']) {
      expect(textOf(file), file).to.contain(`servers: ['127.0.0.1:${String(ports.resolver)}']`);
    }
    expect(textOf('nsd.conf')).to.contain(`ip-address: 127.0.0.1@${String(ports.nsd)}\n`);
    expect(portsIn('unbound.conf', /@(\d+)\n/g)).to.deep.equal([
      ports.unbound,
      ports.agent,
      ports.agent,
      ports.resolver,
    ]);
    expect(portsIn('named.conf', /port (\d+)/g)).to.deep.equal([
      ports.bind,
      ports.resolver,
      ports.agent,
      ports.agent,
    ]);
    for (const port of Object.values(ports)) expect(textOf('README.md')).to.contain(String(port));
  });

  it('has one known resolver in its access list, and a rule for strangers', () => {
    const list = loadAccessList(`${folder}/access.yaml`);
    expect(list.size).to.equal(1);
    expect(list.anonymous?.allow).to.have.length(1);
  });

  it('describes each of its files in its README', () => {
    const files = readdirSync(folder).filter((name) => /\.(ts|yaml|conf)$/.test(name));
    expect(files).to.have.length(9);
    for (const file of files) expect(textOf('README.md')).to.contain(`[${file}](${file})`);
  });
});

/** Ports that the only plugin of a configuration listens at. */
async function listensOf(file: string): Promise<number[]> {
  const { config, plugins } = await loadConfigAndPlugins(`${folder}/${file}`);
  const [use] = config.plugins;
  return plugins
    .get(use!.use)!
    .endpoints(use!.config)
    .listens.map(({ at }) => at.port);
}

function portsIn(file: string, pattern: RegExp): number[] {
  return [...textOf(file).matchAll(pattern)].map(([, port]) => Number(port));
}

function textOf(file: string): string {
  return readFileSync(`${folder}/${file}`, 'utf8');
}
