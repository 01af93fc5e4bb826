import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { agentConfig, type AgentArguments } from '../../cli/commands/agent.ts';
import { CommandError } from '../../cli/output.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { Name } from '../../core/dns/name.ts';
import type { AgentConfig } from '../../plugins/dot-resolver/agent/config.ts';
import { parseGateText } from '../../core/gates/gate-text.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { runProgram, TestBed } from '../support/peers/test-bed.ts';

const main = fileURLToPath(new URL('../../bin/danced.js', import.meta.url));

describe('danced agent', () => {
  const bed = new TestBed();
  let own: IdentityFiles;

  before(async () => {
    own = await makeIdentity(bed, 'laptop.example');
  });
  after(() => bed.close());

  const to = [parseGateText('192.0.2.1#resolver.example')];
  const args = (more: Partial<AgentArguments> = {}): AgentArguments => ({
    to,
    identity: own.directory,
    ...more,
  });
  const resolvConf = (text: string): string => bed.write('resolv.conf', text);

  function refusal(more: Partial<AgentArguments>, file = resolvConf('nameserver 192.0.2.53\n')): string {
    try {
      agentConfig(args(more), file);
    } catch (error) {
      if (error instanceof CommandError) return error.message;
      throw error;
    }
    return '';
  }

  it('is a configuration with an agent, under the name in our certificate, by the resolver of the machine', async () => {
    const text = agentConfig(args(), resolvConf('nameserver 192.0.2.53\n'));
    const { config } = await loadConfigAndPlugins('danced agent', undefined, text);
    expect(config.identity).to.deep.include({ directory: own.directory });
    expect(config.identity.name.toString()).to.equal('laptop.example');
    expect(config.resolver.servers).to.deep.equal([{ address: '192.0.2.53', port: 53 }]);
    expect(config.access).to.equal(undefined);
    const agent = config.plugins[0]?.config as AgentConfig;
    expect(agent.listen).to.deep.equal([{ address: '127.0.0.1', port: 53 }]);
    expect(agent.servers.map(({ text: gate }) => gate)).to.deep.equal(['192.0.2.1#resolver.example']);
    expect(agent.dane).to.equal('required');
  });

  it('takes what is said', async () => {
    const text = agentConfig(
      args({
        name: Name.parse('other.example'),
        listen: [{ address: '::1', port: 5353 }],
        resolver: [{ address: '198.51.100.1', port: 853, tls: { name: 'dns.example' } }],
        dane: 'off',
        roots: 'system',
      }),
    );
    const { config } = await loadConfigAndPlugins('danced agent', undefined, text);
    expect(config.identity.name.toString()).to.equal('other.example');
    expect(config.resolver.servers).to.deep.equal([
      { address: '198.51.100.1', port: 853, tls: { name: 'dns.example' } },
    ]);
    const agent = config.plugins[0]?.config as AgentConfig;
    expect(agent.listen).to.deep.equal([{ address: '::1', port: 5353 }]);
    expect([agent.dane, agent.roots]).to.deep.equal(['off', 'system']);
  });

  it('says what to write when the machine asks the agent itself', () => {
    const file = resolvConf('nameserver 127.0.0.1\n');
    expect(refusal({}, file)).to.match(/names this agent itself.*--resolver ADDRESS/);
    expect(refusal({ listen: [{ address: '127.0.0.2', port: 53 }] }, file)).to.equal('');
    expect(refusal({}, resolvConf('nameserver 127.0.0.1\nnameserver 192.0.2.53\n'))).to.equal('');
  });

  it('says what is missing', () => {
    expect(refusal({ dane: 'off' })).to.match(/--dane off needs authorities.*--roots system/);
    expect(refusal({ identity: '/nonexistent' })).to.match(/no such file; make one with: danced keygen/);
  });

  it('says on the command line what is wrong, with exit code 2', async () => {
    const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [['--to', 'resolver.example'], /--identity; danced keygen NAME --out DIRECTORY makes one/],
      [['--to', '192.0.2.1', '--identity', own.directory], /NAME or NAME@ADDRESS\[:PORT\] would be right/],
      [['--identity', own.directory], /--identity goes with --to/],
      [
        ['--to', 'resolver.example', '--identity', own.directory, '--resolver', '127.0.0.1'],
        /where danced itself listens .*; write another resolver/,
      ],
      [
        // Not an address of any machine.
        [
          '--to',
          'a.example',
          '--identity',
          own.directory,
          '--resolver',
          '127.0.0.1',
          '--listen',
          '203.0.113.1:5399',
        ],
        /cannot listen on 203\.0\.113\.1:5399: this machine does not have that address/,
      ],
    ];
    for (const [words, says] of cases) {
      const { status, stderr } = await runProgram(process.execPath, [main, 'agent', ...words]);
      expect(stderr.replaceAll('\n', ' ')).to.match(says);
      expect(status).to.equal(2);
    }
  });
});
