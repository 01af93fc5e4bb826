/**
 * Keeps docs/rfc.md honest: what it calls implemented is cited in the code and named in a test's title, and every
 * clause that a test names has its row.
 *
 * Limitations: it finds the citation, it cannot judge whether the code beside it obeys.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

interface Row {
  readonly clause: string;
  readonly rule: string;
  readonly status: string;
}

const root = join(import.meta.dirname, '..');

describe('docs/rfc.md', () => {
  const rows = parseRows(readFileSync(join(root, 'docs/rfc.md'), 'utf8'));
  const cited = new Set(sources('core', 'plugins', 'cli', 'lab').flatMap(citations));
  const tagged = new Set(sources('test').flatMap(tags));

  it('has rows, each clause once', () => {
    expect(rows).to.have.length.greaterThan(40);
    const clauses = rows.map(({ clause }) => clause);
    expect(clauses.filter((clause, at) => clauses.indexOf(clause) !== at)).to.deep.equal([]);
  });

  it('uses the words yes, implied, partial, later and no', () => {
    expect(rows.filter(({ status }) => !/^(yes|implied|partial|later|no)$/.test(status))).to.deep.equal([]);
  });

  it('says what the rule is in every row', () => {
    expect(rows.filter(({ rule }) => rule.length < 10)).to.deep.equal([]);
  });

  it('calls implemented only what the code cites', () => {
    expect(rows.filter(({ clause, status }) => status === 'yes' && !cited.has(clause))).to.deep.equal([]);
  });

  it('calls implemented only what a test names', () => {
    expect(rows.filter(({ clause, status }) => status === 'yes' && !tagged.has(clause))).to.deep.equal([]);
  });

  it('has a row for every clause that a test names', () => {
    const known = new Set(rows.map(({ clause }) => clause));
    expect([...tagged].filter((clause) => !known.has(clause)).sort()).to.deep.equal([]);
  });
});

describe('the reading of citations', () => {
  const cases: [text: string, clauses: string[]][] = [
    ['// RFC 7766 section 8: framing', ['RFC7766-8']],
    ['// RFC 1035 section 4.1.4.', ['RFC1035-4.1.4']],
    ['/**\n * as RFC 7671\n * section 5.1 says\n */', ['RFC7671-5.1']],
    [
      '// RFC 4035 sections 3.1.3.1 and 5.4, RFC 4034 appendix B',
      ['RFC4035-3.1.3.1', 'RFC4035-5.4', 'RFC4034-B'],
    ],
    ['// RFC 6891 sections 6.1.1, 6.1.3 and 7', ['RFC6891-6.1.1', 'RFC6891-6.1.3', 'RFC6891-7']],
    [
      '// draft-ietf-dance-client-auth-13 sections 7 and 8.2; draft section 9',
      ['DANCE-7', 'DANCE-8.2', 'DANCE-9'],
    ],
    ['// see RFC 9103', []],
  ];
  for (const [text, clauses] of cases) {
    it(`finds ${clauses.join(', ') || 'nothing'} in ${JSON.stringify(text)}`, () => {
      expect(citations(text)).to.deep.equal(clauses);
    });
  }
});

/** The rows of every table whose first cell is a clause. */
function parseRows(markdown: string): Row[] {
  return markdown
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => /^(RFC\d+|DANCE)-/.test(cells[1] ?? ''))
    .map(([, clause = '', rule = '', status = '']) => ({ clause, rule, status }));
}

/** Clauses that a source's comments cite, in the short form. */
function citations(text: string): string[] {
  // A comment may break anywhere, so line ends and the marks at their start are blanks.
  const flat = text.replace(/\n\s*(\*|\/\/)?\s*/g, ' ');
  const section = String.raw`(?:\d+|[A-Z](?![A-Za-z]))(?:\.\d+)*`;
  const pattern = new RegExp(
    String.raw`(?:RFC (\d+)|[Dd]raft(?:-ietf-dance-client-auth(?:-13)?)?) (?:sections?|appendix|appendices) (${section}(?:(?:, and |, | and )${section})*)`,
    'g',
  );
  return [...flat.matchAll(pattern)].flatMap(([, rfc, list = '']) =>
    list.split(/, and |, | and /).map((part) => `${rfc === undefined ? 'DANCE' : `RFC${rfc}`}-${part}`),
  );
}

function tags(text: string): string[] {
  return [...text.matchAll(/\[((?:RFC\d+|DANCE)-[0-9A-Z]+(?:\.[0-9A-Z]+)*)\]/g)].map(
    ([, clause = '']) => clause,
  );
}

function sources(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|cc|h)$/.test(name) && name !== 'rfc.test.ts')
      .map((name) => readFileSync(join(root, folder, name), 'utf8')),
  );
}
