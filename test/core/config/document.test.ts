import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { YamlDocument } from '../../../core/config/document.ts';
import { ConfigError, formatPath, maxPrintedProblems } from '../../../core/config/errors.ts';
import { configBounds } from '../../../core/config/limits-table.ts';
import { z, type ConfigSchema } from '../../../core/config/schema.ts';

function errorOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no ConfigError was thrown');
}

/** Checks a whole document. Throws ConfigError. */
function check(document: YamlDocument, schema: ConfigSchema<unknown>): void {
  const checked = document.checkPart(schema, document.value, []);
  if (!checked.ok || document.problems.length > 0) throw document.error(checked.ok ? [] : checked.problems);
}

describe('YamlDocument', () => {
  const text = 'version: 1\nlist:\n  - one\n  - { two: 2 }\nempty:\n';
  const document = YamlDocument.parse(text, 'a.yaml');

  const positions: [path: (string | number)[], value: string, key: string][] = [
    [[], '1:1', '1:1'],
    [['version'], '1:10', '1:1'],
    [['list'], '3:3', '2:1'],
    [['list', 0], '3:5', '3:5'],
    [['list', 1, 'two'], '4:12', '4:7'],
    [['empty'], '5:1', '5:1'],
    [['list', 1, 'missing'], '4:5', '4:5'],
    [['missing', 'below'], '1:1', '1:1'],
    [['list', 7], '3:3', '3:3'],
  ];
  for (const [path, value, key] of positions) {
    it(`finds the place of ${formatPath(path) || 'the whole'}`, () => {
      const { line, column } = document.positionOf(path);
      const ofKey = document.positionOfKey(path);
      expect([`${line}:${column}`, `${ofKey.line}:${ofKey.column}`]).to.deep.equal([value, key]);
    });
  }

  it('finds places in a long map in linear time', () => {
    const count = 20_000;
    const keys = Array.from({ length: count }, (_, index) => `key${index}`);
    const long = YamlDocument.parse(keys.map((key) => `${key}: 0\n`).join(''), 'long.yaml');
    const started = performance.now();
    const last = keys.map((key) => long.positionOfKey([key]).line).at(-1);
    expect(last).to.equal(count);
    // A search from the start for every key would take 200 million steps.
    expect(performance.now() - started).to.be.below(2000);
  });

  it('refuses nesting that would run the parser out of stack', () => {
    const error = errorOf(() => YamlDocument.parse(`a: ${'['.repeat(4_000)}`, 'deep.yaml'));
    expect(error.message).to.equal(
      'deep.yaml:1:1: maps or lists are nested too deep to be read; at most 32 are allowed inside each other',
    );
  });

  it('refuses nesting that is merely absurd, where it begins', () => {
    const deep = YamlDocument.parse(`a: ${'['.repeat(40)}${']'.repeat(40)}`, 'deep.yaml');
    expect(errorOf(() => check(deep, z.unknown())).message).to.match(
      /^deep\.yaml:1:35: .* is nested more than 32 deep/,
    );
  });

  it('prints no more problems than a person will read, and counts the rest', () => {
    const many = YamlDocument.parse(`[${'x, '.repeat(150)}]`, 'many.yaml');
    const lines = errorOf(() => check(many, z.array(z.number()))).message.split('\n');
    expect(lines).to.have.lengthOf(maxPrintedProblems + 1);
    expect(lines.at(-1)).to.equal('… and 50 more');
  });

  it('says in plain words what schemas without words of their own find', () => {
    const schema = z.strictObject({
      a: z.string(),
      b: z.number(),
      c: z.enum(['red', 'blue']),
      d: z.array(z.string()),
    });
    const wrong = YamlDocument.parse('a: 1\nb: x\nc: rde\nd: { e: f }\n', 'w.yaml');
    expect(errorOf(() => check(wrong, schema)).message.split('\n')).to.deep.equal([
      'w.yaml:1:4: a: is the number 1, not text; see the configuration reference for this key',
      'w.yaml:2:4: b: is the text "x", not a number; see the configuration reference for this key',
      'w.yaml:3:4: c: is the text "rde", not red or blue; did you mean red?',
      'w.yaml:4:4: d: is a map, not a list; see the configuration reference for this key',
    ]);
  });

  it("keeps the words of a plugin's own schema", () => {
    const even = z.number().refine((value) => value % 2 === 0, 'is odd');
    const odd = YamlDocument.parse('n: 3', 'w.yaml');
    expect(errorOf(() => check(odd, z.strictObject({ n: even }))).message).to.include(
      'w.yaml:1:4: n: is odd;',
    );
  });
});

describe('reading a configuration file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'danced-config-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function problemOf(content: string | Buffer | undefined): { code: string; says: string } {
    const file = join(folder, 'danced.yaml');
    if (content !== undefined) writeFileSync(file, content);
    const error = errorOf(() => YamlDocument.read(file));
    return { code: error.code, says: error.message.replace(`${folder}/`, '') };
  }

  it('that is not there', () => {
    expect(problemOf(undefined)).to.deep.equal({
      code: 'CFG_UNREADABLE',
      says: 'danced.yaml:1:1: there is no such file; create it, or correct the path',
    });
  });

  it('that is a directory', () => {
    const error = errorOf(() => YamlDocument.read(folder));
    expect(error.message).to.equal(`${folder}:1:1: is not a file; give the path of a text file`);
  });

  it('that is not UTF-8', () => {
    expect(problemOf(Buffer.from('a: b\nc: \xe4\n', 'latin1'))).to.deep.equal({
      code: 'CFG_INVALID',
      says: 'danced.yaml:2:1: this line is not UTF-8 text; save the file with the encoding UTF-8',
    });
  });

  it('that is larger than any configuration', () => {
    const file = join(folder, 'danced.yaml');
    writeFileSync(file, '');
    truncateSync(file, configBounds.documentOctets + 1);
    expect(errorOf(() => YamlDocument.read(file)).message).to.match(
      /has 4194305 octets, more than the 4194304/,
    );
  });
});
