import { expect } from 'chai';
import { RrType } from '../../../../core/dns/constants.ts';
import { Name } from '../../../../core/dns/name.ts';
import { ZoneTable } from '../../../../plugins/recursive-auth/agent/zone-table.ts';
import { silentWay } from './ways.ts';

function table(...zones: readonly string[]): (name: string, type?: number) => string | undefined {
  const made = new ZoneTable(
    zones.map((text) => ({
      zone: Name.parse(text),
      ...({ text, mode: 'strict', way: silentWay, isUp: () => true } as const),
    })),
  );
  return (name, type = RrType.A) => made.find(Name.parse(name).key, type)?.text;
}

describe('the zones of an agent', () => {
  it('are asked for names at and below them, the nearest one first', () => {
    const find = table('example', 'corp.example', 'deep.down.corp.example');
    expect(find('example')).to.equal('example');
    expect(find('www.example')).to.equal('example');
    expect(find('WWW.Corp.EXAMPLE')).to.equal('corp.example');
    expect(find('down.corp.example')).to.equal('corp.example');
    expect(find('a.b.deep.down.corp.example')).to.equal('deep.down.corp.example');
    expect(find('acorp.example')).to.equal('example');
    expect(find('example.org')).to.equal(undefined);
    expect(find('.')).to.equal(undefined);
  });

  it('are asked for their DS records above them [RFC4035-3.1.4.1]', () => {
    const find = table('example', 'corp.example');
    expect(find('corp.example', RrType.DS)).to.equal('example');
    expect(find('example', RrType.DS)).to.equal(undefined);
    // A name below may be the apex of a zone of its own: its DS records are in this one.
    expect(find('sub.corp.example', RrType.DS)).to.equal('corp.example');
    expect(find('corp.example', RrType.DNSKEY)).to.equal('corp.example');
  });

  it('may be the root, which has no zone above it', () => {
    const find = table('.', 'corp.example');
    expect(find('www.example.org')).to.equal('.');
    expect(find('.', RrType.DS)).to.equal('.');
    expect(find('corp.example', RrType.DS)).to.equal('.');
    expect(find('www.corp.example')).to.equal('corp.example');
  });
});
