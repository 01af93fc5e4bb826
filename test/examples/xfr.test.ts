import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadAccessList } from '../../core/acl/list-file.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { ports } from '../../examples/xfr/commands.ts';
import { exampleFolder, startExample } from '../support/example-xfr.ts';

describe('examples/xfr', function () {
  this.timeout(60_000);

  it('transfers the zone by itself with --once, by the configuration of its folder', async () => {
    const { program, stop } = startExample('--once');
    try {
      await program.waitFor('its end', () => program.hasEnded, 50_000);
      expect(program.log).to.match(/_xfr\.ns2\.example transferred example\.com: serial 2, 5002 records/);
      expect(program.log).to.contain('ended: status 0]');
    } finally {
      await stop();
    }
  });

  it('names the same ports in its program, its configuration and its README', async () => {
    const { config, plugins } = await loadConfigAndPlugins(`${exampleFolder}/danced.yaml`);
    const [use] = config.plugins;
    const { listens, upstreams } = plugins.get(use!.use)!.endpoints(use!.config);
    expect(listens.map(({ at }) => at.port)).to.deep.equal([ports.gate]);
    expect(upstreams.map(({ at }) => at.port)).to.deep.equal([ports.primary]);
    expect(config.resolver.servers.map(({ port }) => port)).to.deep.equal([ports.resolver]);
    expect(textOf('named.conf'))
      .to.contain(`primaries port ${ports.gate} `)
      .and.contain(`port ${ports.bind} `);
    expect(textOf('nsd.conf')).to.contain(`127.0.0.1@${ports.gate} `).and.contain(`127.0.0.1@${ports.nsd}\n`);
    for (const port of Object.values(ports)) expect(textOf('README.md')).to.contain(String(port));
  });

  it('has one client in its access list', () => {
    expect(loadAccessList(`${exampleFolder}/access.yaml`).size).to.equal(1);
  });

  it('describes each of its files in its README', () => {
    const files = readdirSync(exampleFolder).filter((name) => /\.(ts|yaml|conf)$/.test(name));
    expect(files).to.have.length.above(6);
    for (const file of files) expect(textOf('README.md')).to.contain(`[${file}](${file})`);
  });
});

function textOf(file: string): string {
  return readFileSync(`${exampleFolder}/${file}`, 'utf8');
}
