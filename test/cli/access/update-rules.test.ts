/** Rules of updates, with names and types, through all commands of `danced access`. */
import { expect } from 'chai';
import { AccessCommand } from '../../support/access-command.ts';

const text = `version: 1
clients:
  dhcp.example: { allow: [{ action: update, zones: [example.com], names: ["*.dyn.example.com"], types: [A, AAAA, DHCID] }] }
  acme.example:
    allow: [{ action: update, zones: [example.com], names: [a.example.com, b.example.com, c.example.com, d.example.com, e.example.com] }]
    deny: [{ action: update, zones: ["*"], types: [SOA, NS] }]
  types.example: { allow: [{ action: update, zones: [example.org], types: [TXT] }] }
  none.example: { allow: [{ action: update, zones: [example.com] }], deny: [{ action: update }] }
`;

describe('rules of updates in danced access', () => {
  const access = new AccessCommand();

  beforeEach(() => {
    access.write(text);
  });

  after(() => {
    access.close();
  });

  async function rows(...args: string[]): Promise<string[]> {
    const { stdout } = await access.run('list', ...args);
    return stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.replace(/\s+/g, ' '));
  }

  it('are listed with the records that they are about', async () => {
    expect(await rows()).to.deep.equal([
      'dhcp.example update example.com: A, AAAA, DHCID of *.dyn.example.com',
      'acme.example not update every zone: SOA, NS; update example.com: all of a.example.com, b.example.com, c.example.com and 2 more',
      'types.example update example.org: TXT',
      'none.example not update every zone; update example.com',
    ]);
  });

  it('count as something that a client may do with a zone', async () => {
    const names = async (...args: string[]): Promise<string[]> =>
      (await rows(...args)).map((row) => row.split(' ')[0] ?? '');
    expect(await names('--zone', 'example.com')).to.deep.equal(['dhcp.example', 'acme.example']);
    expect(await names('--zone', 'example.org', '--action', 'update')).to.deep.equal(['types.example']);
    expect(await names('--action', 'update')).to.deep.equal([
      'dhcp.example',
      'acme.example',
      'types.example',
    ]);
  });

  it('are shown in full', async () => {
    const { stdout } = await access.run('show', 'dhcp.example');
    expect(stdout.replace(/ +/g, ' ')).to.contain(
      'allow 1 update example.com names *.dyn.example.com, types A, AAAA, DHCID in force',
    );
  });

  it('are added as they stand in a list, and checked as they are there', async () => {
    const rule = '{ action: update, zones: [example.com], names: [x.example.com], types: [txt] }';
    const added = await access.run('add', 'new.example', '--allow', rule);
    expect(added.exitCode).to.equal(0);
    const { stdout } = await access.run('show', 'new.example');
    expect(stdout.replace(/ +/g, ' ')).to.contain(
      'update example.com names x.example.com, types TXT in force',
    );
    const wrong = await access.run('add', 'other.example', '--allow', rule.replace('update', 'notify'));
    expect(wrong.exitCode).to.equal(2);
    expect(wrong.stderr).to.contain(
      'names: means nothing for this action; names and types of records are for update',
    );
  });

  it('are the same after an export and an import, and differ where one type does', async () => {
    const exported = await access.run('export');
    const other = access.write(exported.stdout, 'exported.yaml');
    expect((await access.run('diff', other)).exitCode).to.equal(0);
    const changed = access.write(exported.stdout.replace('DHCID', 'TXT'), 'changed.yaml');
    const diff = await access.run('diff', changed);
    expect(diff.exitCode).to.equal(1);
    expect(diff.stdout).to.contain('types: [A, AAAA, DHCID]').and.to.contain('types: [A, AAAA, TXT]');
    expect((await access.run('import', changed, '--replace')).exitCode).to.equal(0);
    expect((await access.run('diff', changed)).exitCode).to.equal(0);
  });
});
