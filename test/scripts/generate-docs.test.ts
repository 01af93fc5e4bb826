import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { builtinPlugins } from '../../cli/plugins.ts';
import { parseAccessList } from '../../core/acl/list-file.ts';
import { checkConfig } from '../../core/config/config.ts';
import { YamlDocument } from '../../core/config/document.ts';
import {
  configurationReference,
  exampleAccessList,
  exampleConfig,
  exampleRedisAccess,
} from '../../scripts/generate-docs.ts';

const root = join(import.meta.dirname, '../..');

/** Complete YAML files that stand in a page, or are one. */
function yamlIn(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  const all = page.endsWith('.yaml')
    ? [text]
    : [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  return all.filter((block) => /^version:/m.test(block));
}

describe('docs/configuration.md', () => {
  it('is what the schemas say (renew it with: node scripts/generate-docs.ts > docs/configuration.md)', async () => {
    const committed = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
    expect(committed).to.equal(await configurationReference());
  });

  it('shows a configuration that loads', () => {
    const { config } = checkConfig(YamlDocument.parse(exampleConfig, 'danced.yaml'), builtinPlugins);
    expect(config.plugins).to.have.lengthOf(1);
  });

  it('shows an access list that loads', () => {
    expect(parseAccessList(exampleAccessList, 'access.yaml').size).to.equal(3);
  });

  it('shows an access list in Redis that loads', () => {
    const text = exampleConfig.replace(/^access:\n(?: .*\n)+/m, exampleRedisAccess);
    const { config } = checkConfig(YamlDocument.parse(text, 'danced.yaml'), builtinPlugins);
    expect(config.access?.store).to.equal('redis');
  });

  it('describes every key', async () => {
    const reference = await configurationReference();
    const undescribed = reference.split('\n').filter((line) => /^\| `.*\|\s*\|$/.test(line));
    expect(undescribed).to.deep.equal([]);
  });
});

describe('the YAML that we show', () => {
  const pages = globSync(['*.md', '{docs,plugins,examples}/**/*.{md,yaml}'], { cwd: root }).filter(
    (page) => yamlIn(page).length > 0,
  );
  for (const page of pages.sort()) {
    it(`in ${page} loads`, () => {
      for (const text of yamlIn(page)) {
        if (/^clients:/m.test(text)) parseAccessList(text, page);
        else checkConfig(YamlDocument.parse(text, page), builtinPlugins);
      }
    });
  }
});
