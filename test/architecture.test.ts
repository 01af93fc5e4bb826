/**
 * The rules of the layout, enforced on the import lines of every source; and each rule on a source that breaks it, so
 * that a rule that no longer bites is seen.
 */
import { expect } from 'chai';
import { violations } from './architecture/rules.ts';
import { parseSource, readSources } from './architecture/source-file.ts';

const folders = ['core', 'plugins', 'cli', 'lab', 'examples', 'bench'];

describe('the architecture', () => {
  const sources = readSources(folders);

  it('finds the sources it is to judge', () => {
    expect(sources.map(({ path }) => path)).to.include.members([
      'core/dns/name.ts',
      'core/index.ts',
      'lab/zone.ts',
    ]);
  });

  it('is kept by every source', () => {
    expect(sources.flatMap(violations)).to.deep.equal([]);
  });
});

describe('an architecture rule', () => {
  const cases: [title: string, path: string, text: string, words: RegExp][] = [
    ['dns imports nothing of ours', 'core/dns/x.ts', `import { a } from '../pki/der.ts';`, /must not import/],
    [
      'config sees only names of dns',
      'core/config/x.ts',
      `import { a } from '../dns/walker.ts';`,
      /must not import/,
    ],
    [
      'acl takes nothing but identity and types from dane',
      'core/acl/x.ts',
      `import { a } from '../dane/prove.ts';`,
      /must not/,
    ],
    [
      'tls takes only types from dane',
      'core/tls/x.ts',
      `import { a } from '../dane/types.ts';`,
      /only types/,
    ],
    [
      'core never imports a plugin',
      'core/server/x.ts',
      `import { a } from '../../plugins/xot/gate/gate.ts';`,
      /must not import/,
    ],
    [
      'core never imports the command line',
      'core/server/x.ts',
      `import { a } from '../../cli/main.ts';`,
      /must not import/,
    ],
    [
      'the contract has types only',
      'core/plugin/contract.ts',
      `import { a } from './host.ts';`,
      /only types/,
    ],
    [
      'a plugin imports the public index only',
      'plugins/a/x.ts',
      `import { a } from '../../core/dns/name.ts';`,
      /must not/,
    ],
    [
      'a plugin imports no other plugin',
      'plugins/a/x.ts',
      `import { a } from '../b/index.ts';`,
      /another plugin/,
    ],
    [
      'the lab shares no server code',
      'lab/x.ts',
      `import { a } from '../core/tls/context.ts';`,
      /must not import/,
    ],
    [
      'a re-export counts as an import',
      'core/dns/x.ts',
      `export { a } from '../pki/der.ts';`,
      /must not import/,
    ],
    [
      'a dynamic import counts',
      'core/dns/x.ts',
      `const a = await import('../pki/der.ts');`,
      /must not import/,
    ],
    [
      'only dane makes identities',
      'cli/x.ts',
      `import { identityMaker } from '../core/dane/identity.ts';`,
      /only core\/dane/,
    ],
    ['a package has one home', 'cli/x.ts', `import { parse } from 'yaml';`, /only in core\/config/],
    ['a package without a home is refused', 'cli/x.ts', `import x from 'left-pad';`, /no place/],
    ['a folder without a rule is refused', 'odd/x.ts', `import { a } from '../core/index.ts';`, /no rule/],
    ['pure parts use no sockets', 'core/dane/x.ts', `import { connect } from 'node:net';`, /in a pure part/],
    ['pure parts use no files', 'core/pki/x.ts', `import { readFileSync } from 'node:fs';`, /in a pure part/],
    [
      'pure parts do not read the clock',
      'core/dane/x.ts',
      `const now = Date.now();`,
      /Date\.now in a pure part/,
    ],
    [
      'pure parts do not make the present time',
      'core/pki/x.ts',
      `const now = new Date();`,
      /new Date\(\) in a pure part/,
    ],
    ['pure parts set no timers', 'core/xfr/x.ts', `setTimeout(() => {}, 1);`, /setTimeout in a pure part/],
    ['exports have names', 'core/dns/x.ts', `export default function a() {}`, /default export/],
    [
      'exports have names, also by assignment',
      'core/dns/x.ts',
      `const a = 1; export default a;`,
      /default export/,
    ],
    ['a file is one sitting long', 'core/dns/x.ts', `const a = 1;\n`.repeat(401), /longer than 400 lines/],
  ];
  for (const [title, path, text, words] of cases) {
    it(title, () => {
      const found = violations(parseSource(path, text));
      expect(found).to.have.length(1);
      expect(found[0]).to.match(words);
    });
  }

  const allowed: [title: string, path: string, text: string][] = [
    ['its own folder', 'core/dns/x.ts', `import { a } from './name.ts';`],
    ['types where only types are allowed', 'core/tls/x.ts', `import type { A } from '../dane/types.ts';`],
    ['types named one by one', 'core/tls/x.ts', `import { type A } from '../dane/types.ts';`],
    ['a time that was passed in', 'core/pki/x.ts', `const text = new Date(nowMs).toISOString();`],
    [
      'the words in comments and strings',
      'core/dns/x.ts',
      `// Date.now()\nconst a = "import x from 'left-pad'";`,
    ],
    ['a plugin its own files', 'plugins/a/x.ts', `import { a } from './config.ts';`],
    ['hashes in pure parts', 'core/dane/x.ts', `import { createHash } from 'node:crypto';`],
  ];
  for (const [title, path, text] of allowed) {
    it(`allows ${title}`, () => {
      expect(violations(parseSource(path, text))).to.deep.equal([]);
    });
  }
});
