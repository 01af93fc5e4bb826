import { expect } from 'chai';
import fc from 'fast-check';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import { orderKey, patternOfOrderKey } from '../../../core/acl/list-order.ts';
import { readClientPattern } from '../../../core/acl/patterns.ts';
import { anyAccessList, modelOf, textOf } from '../../support/access-lists.ts';

describe('access list as text', () => {
  it('is read back as the same list, and written again as the same octets', async () => {
    await fc.assert(
      fc.asyncProperty(anyAccessList, async (list) => {
        const text = await textOf(list);
        const again = parseAccessList(text, 'list');
        expect(modelOf(again)).to.deep.equal(modelOf(list));
        expect(await textOf(again)).to.equal(text);
      }),
      { numRuns: 100 },
    );
  });

  it('quotes what some reader of YAML would not take for text', async () => {
    const text =
      'version: 1\nroles:\n  "null": { allow: [] }\n  "1e3": { allow: [] }\nclients:\n  "yes": { roles: ["null", "no", device, "1e3"], comment: "~" }\n';
    expect(await textOf(parseAccessList(text, 'list'))).to.equal(
      'version: 1\nroles:\n  "1e3": {}\n  "null": {}\nclients:\n  "yes": { roles: ["null", "no", device, "1e3"], comment: "~" }\n',
    );
  });

  it('takes apart what does not fit on a line', async () => {
    const zones = Array.from({ length: 12 }, (_, at) => `zone-${String(at)}.example`);
    const text = await textOf(
      parseAccessList(
        `version: 1\nclients: { ns2.example: { roles: [a], allow: [{ action: query }, { action: transfer, zones: [${zones.join(', ')}], rate: 600/m }] } }`,
        'list',
      ),
    );
    expect(text).to.equal(
      [
        'version: 1',
        'clients:',
        '  ns2.example:',
        '    roles: [a]',
        '    allow:',
        '      - { action: query }',
        '      - action: transfer',
        '        zones:',
        ...zones.map((zone) => `          - ${zone}`),
        '        rate: 10/s',
        '',
      ].join('\n'),
    );
  });

  it('is a whole list where there are no clients', async () => {
    expect(await textOf(parseAccessList('version: 1\nclients: {}\n', 'list'))).to.equal(
      'version: 1\nclients: {}\n',
    );
  });

  it('has names in the canonical order of the DNS, and *.name after name [RFC4034-6.1]', () => {
    // The names of the RFC's own example, and patterns between.
    const sorted = [
      'example',
      '*.example',
      'a.example',
      'yljkjljk.a.example',
      'Z.a.example',
      'zABC.a.EXAMPLE',
      'z.example',
      '*.z.example',
      '\\001.z.example',
      '\\200.z.example',
    ];
    const keys = sorted.map((text) => orderKey(readClientPattern(text)));
    expect([...keys].reverse().sort()).to.deep.equal(keys);
    expect(
      keys
        .map((key) => patternOfOrderKey(key))
        .map(({ name, below }) => (below ? '*.' : '') + name.toString()),
    ).to.deep.equal(sorted.map((text) => text.toLowerCase()));
  });
});
