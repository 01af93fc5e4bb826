import fs from 'node:fs';
import { expect } from 'chai';
import { noIdentityReasons } from '../../core/dane/types.ts';
import { errorsPage, pageFile } from '../../scripts/generate-errors.ts';

describe('docs/errors.md', () => {
  it('is what scripts/generate-errors.ts prints', async () => {
    expect(fs.readFileSync(pageFile, 'utf8')).to.equal(await errorsPage());
  });

  it('has every reason for which a client is not identified, and a code of each part', async () => {
    const page = await errorsPage();
    for (const reason of Object.keys(noIdentityReasons)) expect(page).to.include(`| \`${reason}\``);
    for (const code of [
      'DNS_FORMAT',
      'PKI_FORMAT',
      'TLS_IDENTITY',
      'CFG_INVALID',
      'XFR_FORMAT',
      'XOT_UPSTREAM',
    ]) {
      expect(page).to.include(`\`${code}\``);
    }
  });
});
