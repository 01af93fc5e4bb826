import { expect } from 'chai';
import { commentsOfPart, editYaml } from '../../../core/config/yaml-edit.ts';

describe('editing YAML', () => {
  const edit = (text: string, ...edits: Parameters<typeof editYaml>[1]) =>
    editYaml(text, edits, { last: 'z' });

  it('keeps order, and comments but those in what goes', () => {
    const text =
      '# top\na: 1 # one\n\n# maps\nm:\n  # first\n  x:\n    # inner\n    b: 1 # ib\n\n  # why\n  y: { q: 1 } # ye\n  # last\nz: # end\n';
    expect(edit(text, { path: ['m', 'x'], value: { b: [1] } }, { path: ['m', 'y'], value: 1 })).to.equal(
      '# top\na: 1 # one\n\n# maps\nm:\n  # first\n  # inner\n  # ib\n  x: { b: [ 1 ] }\n\n  # why\n  y: 1 # ye\n  # last\nz: # end\n',
    );
    expect(
      edit(text, { path: ['m', 'x'], value: undefined }, { path: ['m', 'y'], value: undefined }),
    ).to.equal('# top\na: 1 # one\n\n# maps\n# first\n# why\n# last\nz: # end\n');
    expect(edit(text, { path: ['a'], value: undefined })).to.match(/^# top\n# maps\nm:\n  # first\n  x:\n/m);
  });

  it('puts what is new before the last key, and takes away a map that is empty', () => {
    const added = edit('a: 1\nz:\n', { path: ['m', 'null'], value: 1 }, { path: ['k'], value: 2 });
    expect(added).to.equal('a: 1\nm:\n  "null": 1\nk: 2\nz:\n');
    expect(edit(added, { path: ['m', 'null'], value: undefined })).to.equal('a: 1\nk: 2\nz:\n');
    expect(edit('a: 1\n', { path: ['z', 'k'], value: 1 })).to.equal('a: 1\nz:\n  k: 1\n');
  });

  it('keeps the line breaks of the text', () => {
    expect(edit('a: 1\r\nz:\r\n', { path: ['a'], value: 2 })).to.equal('a: 2\r\nz:\r\n');
  });

  it('refuses what is no map of maps', () => {
    expect(() => edit('[a]', { path: ['a'], value: 1 })).to.throw(RangeError);
  });

  const parts: Record<string, { text: string; end: string; comments: string[]; endsWithComment?: boolean }> =
    {
      'nothing but an entry': { text: '  a: 1\n', end: '  a: 1\n', comments: [] },
      'a comment at its end': {
        text: '  a: "#" # one\n  # next\n\n',
        end: '  a: "#" # one\n',
        comments: ['# one'],
        endsWithComment: true,
      },
      'comments within': {
        text: '  a: # one\n    # two\n    b: 1\n',
        end: '  a: # one\n    # two\n    b: 1\n',
        comments: ['# one', '# two'],
      },
      'what only looks like one': {
        text: '  a: >-\n    # text\n  # next\n',
        end: '  a: >-\n    # text\n',
        comments: [],
      },
      'a bracket on a line of its own': {
        text: '  a: {\n  }\n  # next\n',
        end: '  a: {\n  }\n',
        comments: [],
      },
      'no line break at its end': { text: '  a: 1', end: '  a: 1', comments: [] },
    };
  for (const [title, { text, end, comments, endsWithComment = false }] of Object.entries(parts)) {
    it(`finds the comments and the end of ${title}`, () => {
      const found = commentsOfPart(text);
      expect([text.slice(0, found.end), found.comments, found.endsWithComment]).to.deep.equal([
        end,
        comments,
        endsWithComment,
      ]);
    });
  }
});
