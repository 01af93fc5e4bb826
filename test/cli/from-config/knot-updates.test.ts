/** Which records a rule of knot.conf lets be updated. */
import { expect } from 'chai';
import { readKnot } from '../../../cli/from-config/knot.ts';
import { readTexts, showConfig, type ShownConfig } from './shown-config.ts';

/** What becomes of an acl with these lines, in two zones. */
function read(...lines: readonly string[]): ShownConfig {
  const text = `key:
  - id: host.example
    algorithm: hmac-sha256
    secret: c2VjcmV0
acl:
  - id: a
    key: host.example
    action: [transfer, update]
${lines.map((line) => `    ${line}\n`).join('')}zone:
  - domain: one.example
    acl: a
  - domain: two.example
    acl: a
`;
  return showConfig(readTexts(readKnot, { 'knot.conf': text }));
}

function updates({ peers }: ShownConfig): string[] {
  return peers.filter((line) => line.includes(' update')).map((line) => line.slice(line.indexOf(': ') + 2));
}

describe('records that knot.conf lets be updated', () => {
  const cases: [title: string, lines: string[], updates: string[]][] = [
    ['by type', ['update-type: [A, aaaa]'], ['one.example two.example [A,AAAA of all]']],
    ['by the key', ['update-owner: key'], ['one.example two.example [all of host.example *.host.example]']],
    [
      'by the key alone',
      ['update-owner: key', 'update-owner-match: equal'],
      ['one.example two.example [all of host.example]'],
    ],
    [
      'by the zone',
      ['update-owner: zone', 'update-owner-match: sub', 'update-type: TXT'],
      ['one.example [TXT of *.one.example]', 'two.example [TXT of *.two.example]'],
    ],
    [
      'by names, of which some are relative to the zone',
      ['update-owner: name', 'update-owner-match: equal', 'update-owner-name: [www, other.example.]'],
      [
        'one.example [all of www.one.example other.example]',
        'two.example [all of www.two.example other.example]',
      ],
    ],
  ];
  for (const [title, lines, expected] of cases) {
    it(`${title} are carried over, beside the right to transfer`, () => {
      const shown = read(...lines);
      expect(updates(shown)).to.deep.equal(expected);
      expect(shown.peers.filter((line) => line.includes(' transfer '))).to.have.length(1);
      expect(shown.unknown).to.deep.equal([]);
    });
  }

  const reported = [
    ['update-type: ADDRESS'],
    ['update-owner: name', 'update-owner-match: pattern', 'update-owner-name: "*.example."'],
    ['update-owner: name'],
    ['update-owner: somebody'],
  ];
  for (const lines of reported) {
    it(`by ${lines.join(', ')} are reported, and not given`, () => {
      const shown = read(...lines);
      expect(updates(shown)).to.deep.equal([]);
      expect(shown.unknown).to.have.length(1);
    });
  }
});
