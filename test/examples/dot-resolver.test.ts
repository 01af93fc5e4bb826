import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadAccessList } from '../../core/acl/list-file.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { ports } from '../../examples/dot-resolver/commands.ts';
import { exampleOf } from '../support/example.ts';

const { folder, start } = exampleOf('dot-resolver');

describe('examples/dot-resolver', () => {
  it('shows by itself with --once what each party sees', async () => {
    const { program, stop } = start('--once');
    try {
      await program.waitFor('its end', () => program.hasEnded, 50_000);
      expect(program.log).to.match(
        /^www\.corp\.example +10\.0\.0\.80 +10\.0\.0\.80 +192\.0\.2\.80 +no answer$/m,
      );
      expect(program.log).to.match(/^wiki\.corp\.example +10\.0\.0\.10 +10\.0\.0\.10 +NXDOMAIN +no answer$/m);
      expect(program.log).to.match(
        /^www\.shop\.example +192\.0\.2\.90 +192\.0\.2\.90 +192\.0\.2\.90 +no answer$/m,
      );
      expect(program.log).to.contain('ended: status 0]');
    } finally {
      await stop();
    }
  });

  it('names the same ports in its program, its configurations and its README', async () => {
    expect(await listensOf('danced.yaml')).to.deep.equal([ports.gate]);
    expect(await listensOf('agent.yaml')).to.deep.equal([ports.agent]);
    expect(textOf('danced.yaml').match(/(?<=upstreams: \['127\.0\.0\.1:)\d+/g)).to.deep.equal(
      Array.from({ length: 2 }, () => String(ports.unbound)),
    );
    expect(textOf('agent.yaml')).to.contain(`'127.0.0.1:${String(ports.gate)}#`);
    for (const file of ['danced.yaml', 'agent.yaml']) {
      expect(textOf(file), file).to.contain(`servers: ['127.0.0.1:${String(ports.resolver)}']`);
    }
    expect(textOf('danced.yaml')).to.contain(`127.0.0.1:${String(ports.metrics)} `);
    expect(textOf('unbound.conf')).to.contain(`@${String(ports.unbound)}\n`);
    expect(textOf('unbound.conf')).to.contain(`@${String(ports.resolver)}\n`);
    expect(textOf('stubby.yml')).to.contain(`@${String(ports.stubby)}\n`);
    expect(textOf('branch.conf')).to.contain(`@${String(ports.branch)} `);
    const throughTheAgent = new RegExp(`(port: |@|DNS=127.0.0.1:)${String(ports.agent)}\n`);
    for (const file of ['stubby.yml', 'branch.conf', 'resolved.conf']) {
      expect(textOf(file), file).to.match(throughTheAgent);
    }
    for (const port of Object.values(ports)) expect(textOf('README.md')).to.contain(String(port));
  });

  it('has an entry for each kind of member in its access list', () => {
    expect(loadAccessList(`${folder}/access.yaml`).size).to.equal(2);
  });

  it('describes each of its files in its README', () => {
    const files = readdirSync(folder).filter((name) => /\.(ts|yaml|yml|conf|zone)$/.test(name));
    expect(files).to.have.length.above(9);
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

function textOf(file: string): string {
  return readFileSync(`${folder}/${file}`, 'utf8');
}
