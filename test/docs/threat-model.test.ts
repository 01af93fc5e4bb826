import fs from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url);
const rows = fs
  .readFileSync(new URL('docs/threat-model.md', root), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| --'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells[3] !== 'code');

function filesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
}

describe('docs/threat-model.md', () => {
  it('names code and a test for every attack, and all of them exist', () => {
    expect(rows.length).to.be.above(30);
    for (const [, attack, , code = '', test = ''] of rows) {
      expect(filesIn(code), attack).not.to.deep.equal([]);
      expect(filesIn(test), attack).not.to.deep.equal([]);
      for (const file of filesIn(test)) expect(file).to.match(/^test\/.+\.test\.ts$/);
      for (const file of [...filesIn(code), ...filesIn(test)]) {
        expect(fs.existsSync(new URL(file, root)), file).to.equal(true);
      }
    }
  });
});
