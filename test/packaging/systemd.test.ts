/**
 * The units of systemd fit the program: its command line, its signals, its limits, its example.
 *
 * Limitations: what systemd makes of a unit is for `systemd-analyze verify`, which not every machine has.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { registerAgent } from '../../cli/commands/agent.ts';
import { registerRun } from '../../cli/commands/run.ts';
import { exitCode } from '../../cli/output.ts';
import { workerBounds } from '../../cli/workers/bounds.ts';
import { formatEndpoint, parseEndpoint } from '../../core/config/endpoint.ts';
import { connectionLimits } from '../../core/server/limits.ts';
import { builtinPlugins, loadConfigAndPlugins } from '../../cli/plugins.ts';
import { runCommand } from '../support/run-command.ts';
import { UnitFile } from './unit-file.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'packaging/systemd');
const unit = (name: string): UnitFile => new UnitFile(join(folder, name));

const services = [
  ['danced.service', '/etc/danced/danced.yaml', registerRun],
  ['danced-agent.service', '/etc/danced/agent.yaml', registerAgent],
] as const;

for (const [file, config, register] of services) {
  describe(`packaging/systemd/${file}`, () => {
    const service = unit(file);

    it('starts danced by arguments that it takes', async () => {
      const [program, ...args] = service.one('Service.ExecStart').split(' ');
      expect(program).to.equal('danced');
      expect(args).to.include(config);
      // All but the file are taken, and of that it says where it has looked.
      const missing = '/nonexistent/danced.yaml';
      const elsewhere = args.map((arg) => (arg === config ? missing : arg));
      const run = await runCommand(register, elsewhere);
      expect(run.exitCode).to.equal(exitCode.usage);
      expect(run.stderr).to.include(`${missing}:`);
      const wrong = await runCommand(register, [...elsewhere, '--no-such-option']);
      expect(wrong.stderr).to.include('no-such-option').and.not.include(missing);
    });

    it('reloads by the signal that danced reloads at, and stops no sooner than danced does', () => {
      expect(service.one('Service.ExecReload')).to.equal('kill -HUP $MAINPID');
      expect(Number(service.one('Service.TimeoutStopSec')) * 1000).to.be.greaterThan(workerBounds.stopTimeMs);
      // The parent of workers stops them itself.
      expect(service.one('Service.KillMode')).to.equal('mixed');
      expect(service.one('Service.Restart')).to.equal('on-failure');
    });

    it('runs as a user without rights, who gets no others, and lets V8 compile', () => {
      expect(service.one('Service.User')).to.equal('danced');
      expect(service.one('Service.NoNewPrivileges')).to.equal('yes');
      expect(service.one('Service.ProtectSystem')).to.equal('strict');
      expect(service.one('Service.MemoryDenyWriteExecute')).to.equal('no');
      // node:os asks for the addresses of the machine by netlink.
      expect(service.one('Service.RestrictAddressFamilies').split(' ')).to.have.members([
        'AF_INET',
        'AF_INET6',
        'AF_UNIX',
        'AF_NETLINK',
      ]);
      const users = readFileSync(join(folder, 'danced.sysusers.conf'), 'utf8');
      expect(users).to.match(/^u danced /m);
    });
  });
}

describe('the units of packaging/systemd together', () => {
  const socket = unit('danced-agent.socket');
  const agent = unit('danced-agent.service');
  const gate = unit('danced.service');

  it('give the gate low ports and nothing else, and the agent nothing at all', () => {
    expect(gate.one('Service.AmbientCapabilities')).to.equal('CAP_NET_BIND_SERVICE');
    expect(gate.one('Service.CapabilityBoundingSet')).to.equal('CAP_NET_BIND_SERVICE');
    expect(agent.all('Service.AmbientCapabilities')).to.deep.equal([]);
    expect(agent.one('Service.CapabilityBoundingSet')).to.equal('');
  });

  it('give the gate descriptors for all the connections that it takes', () => {
    expect(Number(gate.one('Service.LimitNOFILE'))).to.be.greaterThan(
      2 * connectionLimits.connections.default,
    );
  });

  it('give the agent the sockets of the socket unit', () => {
    expect(agent.one('Service.Sockets')).to.equal('danced-agent.socket');
    expect(agent.one('Unit.Requires')).to.equal('danced-agent.socket');
    expect(agent.one('Install.Also')).to.equal('danced-agent.socket');
    expect(socket.all('Socket.Accept')).to.deep.equal([]);
  });

  it('listen by UDP and TCP on the addresses of the agent in README.md, which danced takes', async () => {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const text = /```yaml\n([^`]+)```/.exec(readme)?.[1] ?? '';
    const { config } = await loadConfigAndPlugins('agent.yaml', undefined, text);
    const [use] = config.plugins;
    const plugin = builtinPlugins.get(use?.use ?? '');
    const listens = plugin?.endpoints(use?.config).listens.map(({ at }) => formatEndpoint(at));
    expect(listens).to.have.length.greaterThan(0);
    for (const key of ['Socket.ListenDatagram', 'Socket.ListenStream']) {
      const addresses = socket.all(key).map((at) => formatEndpoint(parseEndpoint(at, 0)));
      expect(addresses, key).to.deep.equal(listens);
    }
  });

  it('come with the package', () => {
    const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
    expect(files).to.include('packaging');
  });
});
