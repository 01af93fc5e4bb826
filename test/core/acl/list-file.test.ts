import { expect } from 'chai';
import fc from 'fast-check';
import { parseAccessList } from '../../../core/acl/list-file.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import { Name } from '../../../core/dns/name.ts';

const rights = '{ roles: [secondary], allow: [{ action: transfer, zones: [example.com] }] }';

function problemsOf(text: string): string[] {
  try {
    parseAccessList(text, 'access.yaml');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

/** Place and path of every problem. */
function placesOf(text: string): string[] {
  return problemsOf(text).map((line) => line.split(': ').slice(0, 2).join(': '));
}

/** The same clients in the form that is read entry by entry, and in the one that is read whole. */
const forms = {
  'one by one': (clients: readonly string[]) =>
    `version: 1\nclients:\n${clients.map((line) => `  ${line}\n`).join('')}`,
  whole: (clients: readonly string[]) =>
    `version: 1\nclients: {\n${clients.map((line) => `  ${line},\n`).join('')}  }\n`,
};

describe('the access list file', () => {
  for (const [form, write] of Object.entries(forms)) {
    describe(`read ${form}`, () => {
      it('has clients with their roles and what they may do', () => {
        const list = parseAccessList(
          write([`ns2.Example.net.: ${rights}`, `"*.corp.example": ${rights}`]),
          'a',
        );
        expect(list.size).to.equal(2);
        const entry = list.entryFor(Name.parse('NS2.example.NET'));
        expect(entry).to.deep.include({ pattern: 'ns2.Example.net', line: 3 });
        expect(entry?.rights.roles).to.deep.equal(['secondary']);
        expect(entry?.rights.allow[0]?.zones?.has(Name.parse('example.com'))).to.equal(true);
        expect(list.entryFor(Name.parse('a.b.corp.example'))).to.deep.include({
          pattern: '*.corp.example',
          line: 4,
        });
      });

      const mistakes: readonly { what: string; client: string; says: string }[] = [
        {
          what: 'an unknown key',
          client: 'b.example: { allow: [], role: [x] }',
          says: '4:27: clients["b.example"].role: unknown key; did you mean roles?',
        },
        {
          what: 'a client without rules',
          client: 'b.example: { deny: [] }',
          says: '4:14: clients["b.example"].allow: missing; for example: allow: [{ action: transfer, zones: [example.com] }]',
        },
        {
          what: 'a client without anything',
          client: 'b.example: ',
          says: '4:3: clients["b.example"]: is empty; for example: b.example: { allow: [{ action: transfer, zones: [example.com] }] }',
        },
        {
          what: 'an action that there is not',
          client: 'b.example: { allow: [{ action: solve, zones: ["*"] }] }',
          says: '4:34: clients["b.example"].allow[0].action: is the text "solve"; did you mean resolve?',
        },
        {
          what: 'a zone that is no name',
          client: 'b.example: { allow: [{ action: transfer, zones: [..] }] }',
          says: '4:52: clients["b.example"].allow[0].zones[0]: ".." is not a domain name: an empty label in a name; for example: - example.com',
        },
        {
          what: 'a star inside a zone pattern',
          client: 'b.example: { allow: [{ action: transfer, zones: ["a.*.example"] }] }',
          says: '4:52: clients["b.example"].allow[0].zones[0]: "a.*.example" has a * that is not the whole first label; for example: - example.com',
        },
        {
          what: 'a role that is no word',
          client: 'b.example: { roles: [Second Ary], allow: [] }',
          says: '4:24: clients["b.example"].roles[0]: "Second Ary" is not a word of a-z, 0-9, - and _; for example: - secondary',
        },
        {
          what: 'a client name that is none',
          client: 'b..example: { allow: [] }',
          says: '4:3: clients["b..example"]: "b..example" is not a domain name: an empty label in a name; write a domain name or "*.name", for example: _xfr.ns2.example.net',
        },
        {
          what: 'a pattern that would be everybody',
          client: '"*.": { allow: [] }',
          says: '4:3: clients["*."]: "*." would be every name there is; write a domain name or "*.name", for example: _xfr.ns2.example.net',
        },
        {
          what: 'a star that is not followed by a dot',
          client: '"*b.example": { allow: [] }',
          says: '4:3: clients["*b.example"]: "*b.example" has a * that is not the whole first label; write a domain name or "*.name", for example: _xfr.ns2.example.net',
        },
        {
          what: 'the same client in other letters [RFC4343-3]',
          client: 'A.EXAMPLE.: { allow: [] }',
          says: '4:3: clients["A.EXAMPLE."]: the same client as in line 3; keep one of the two',
        },
        {
          what: 'the same client with an escape',
          client: '"\\\\097.example": { allow: [] }',
          says: '4:3: clients["\\\\097.example"]: the same client as in line 3; keep one of the two',
        },
        {
          what: 'an alias',
          client: 'b.example: *rights',
          says: '4:14: clients["b.example"]: an alias (*name) is not allowed; write the value out, or put a name like "*.example" in quotes',
        },
      ];
      for (const { what, client, says } of mistakes) {
        it(`shows ${what}`, () => {
          const text = write([`a.example: ${rights}`, client, `c.example: ${rights}`]);
          expect(problemsOf(text)).to.deep.equal([`access.yaml:${says}`]);
        });
      }

      it('reports every broken client at once', () => {
        const says = problemsOf(write(['a.example: { alow: [] }', `b.example: ${rights}`, 'c.example: 3']));
        expect(says.map((line) => line.split(':').slice(1, 3).join(':'))).to.deep.equal([
          '3:14',
          '3:16',
          '5:14',
        ]);
      });
    });
  }

  it('may have no clients', () => {
    expect(parseAccessList('version: 1\nclients: {}\n', 'a').size).to.equal(0);
  });

  const heads = {
    'access.yaml:1:1: clients: missing; write "clients:" and the clients below it, or clients: {} for nobody':
      'version: 1\n',
    'access.yaml:2:1: clients: is empty; write "clients:" and the clients below it, or clients: {} for nobody':
      'version: 1\nclients:\n',
    'access.yaml:2:10: clients: is a list, not a map; write "clients:" and the clients below it, or clients: {} for nobody':
      'version: 1\nclients: []\n',
    'access.yaml:1:1: version: missing; the first line is: version: 1': `clients:\n  a.example: ${rights}\n`,
    'access.yaml:1:10: version: is the number 2, but this danced reads version 1; write: version: 1': `version: 2\nclients:\n  a.example: ${rights}\n`,
    'access.yaml:2:1: version: the same key a second time; keep one of the two': `version: 1\nversion: 1\nclients:\n  a.example: ${rights}\n`,
    'access.yaml:2:12: anonymous.allow: missing; for example: allow: [{ action: transfer, zones: [example.com] }]': `version: 1\nanonymous: {}\nclients:\n  a.example: ${rights}\n`,
    'access.yaml:2:1: client: unknown key; did you mean clients?': `version: 1\nclient: 3\nclients:\n  a.example: ${rights}\n`,
  };
  for (const [says, text] of Object.entries(heads)) {
    it(`says ${says.slice(0, 60)}…`, () => {
      expect(problemsOf(text)).to.deep.equal([says]);
    });
  }

  const broken = {
    'a star without quotes as a client': [
      '  *.corp.example: { allow: [] }',
      'access.yaml:3:3: not YAML: a word that starts with * is an alias; put names like "*.example" in quotes',
    ],
    'a star without quotes as a client, of whom nothing is said': [
      '  *.corp.example: {}',
      'access.yaml:3:19: not YAML: a word that starts with * is an alias; put names like "*.example" in quotes',
    ],
    'a star without quotes as a zone': [
      '  a.example: { allow: [{ action: transfer, zones: [*] }] }',
      'access.yaml:3:52: not YAML: a word that starts with * is an alias; put names like "*.example" in quotes',
    ],
    'a missing colon': [
      '  a.example { allow: [] }',
      'access.yaml:3:25: not YAML: what stands here does not belong here; look before it for a missing colon, comma, quote or bracket',
    ],
    'a bracket that stays open': [
      '  a.example: { allow: [\n  b.example: { allow: [] }',
      'access.yaml:4:3: not YAML: a [ or { above is not closed; close it, and indent its lines deeper than its key',
    ],
    'a client at the end of its name': [
      '  a.example',
      'access.yaml:3:3: clients: is the text "a.example", not a map; write "clients:" and the clients below it, or clients: {} for nobody',
    ],
  };
  for (const [what, [client, says]] of Object.entries(broken)) {
    it(`explains ${what}`, () => {
      expect(problemsOf(`version: 1\nclients:\n${client ?? ''}\n`)[0]).to.equal(says);
    });
  }

  it('means the same whether it is read one by one or whole', () => {
    const label = fc.stringMatching(/^[a-c]$/);
    const key = fc.array(label, { minLength: 1, maxLength: 2 }).map((labels) => labels.join('.'));
    const pattern = fc.oneof(
      key,
      key.map((name) => `"*.${name}"`),
    );
    const value = fc.constantFrom(
      '{ allow: [] }',
      '{ allow: [{ action: transfer, zones: [a] }] } # why',
      '\n    allow:\n      - action: transfer\n        zones: [a,\n          b]',
      "{ roles: ['x'], allow: [] }",
      '{ rolse: [x], allow: [] }',
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(pattern, value), { minLength: 1, maxLength: 6, selector: ([name]) => name }),
        (clients) => {
          const text = `version: 1\nclients:\n${clients.map(([name, what]) => `  ${name}: ${what}\n`).join('')}`;
          // A key after the map makes the file one that is not split; the key itself is the only further problem.
          const unsplit = placesOf(`${text}end: 1\n`).filter((place) => !place.endsWith(': end'));
          expect(placesOf(text)).to.deep.equal(unsplit);
        },
      ),
    );
  });

  describe('with more clients than are read as one document', () => {
    const clients = Array.from({ length: 50_000 }, (_, index) => `n${index}.example.net: ${rights}`);

    it('is read in linear time and without a tree of all of them', () => {
      const started = performance.now();
      const list = parseAccessList(forms['one by one'](clients), 'access.yaml');
      expect(list.size).to.equal(50_000);
      expect(performance.now() - started).to.be.below(8000);
    });

    it('shows broken YAML where it is', () => {
      const [says] = problemsOf(
        forms['one by one']([...clients, 'a.example: { allow: [ }', 'b.example: {}']),
      );
      expect(says).to.match(/^access\.yaml:50003:\d+: not YAML: /);
    });

    it('must be one client after the other', () => {
      expect(problemsOf(`version: 1\nclients: {${' '.repeat(4 * 1024 * 1024)}}\n`)).to.deep.equal([
        'access.yaml:1:1: has more than 4194304 octets and is not one client after the other; write "clients:" as the last key, and every client on lines of its own below it',
      ]);
    });

    it('shows no more problems than will be read', () => {
      const started = performance.now();
      const says = problemsOf(forms['one by one'](clients.map((client) => client.replace('roles', 'rolse'))));
      expect(says.at(-1)).to.equal('… and 900 more');
      expect(performance.now() - started).to.be.below(8000);
    });
  });
});
