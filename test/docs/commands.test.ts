import fs from 'node:fs';
import { expect } from 'chai';
import type { LookupFacts, StepFacts } from '../../cli/lookup-facts.ts';
import type { MatchFacts } from '../../cli/match-facts.ts';
import type { ProbeFacts } from '../../cli/probe-facts.ts';
import type { VerifyFacts } from '../../cli/verify-facts.ts';
import { noAnswerReasons } from '../../core/client/reasons.ts';

const page = fs.readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');

// The compiler refuses a member too many here, or one too few.
const members: {
  readonly lookup: Record<keyof LookupFacts, true>;
  readonly step: Record<keyof StepFacts, true>;
  readonly match: Record<keyof MatchFacts, true>;
  readonly verify: Record<keyof VerifyFacts, true>;
  readonly probe: Record<keyof ProbeFacts, true>;
} = {
  lookup: {
    name: true,
    type: true,
    status: true,
    rcode: true,
    reason: true,
    chain: true,
    records: true,
    expires: true,
  },
  step: { kind: true, name: true, status: true, detail: true, server: true },
  match: { ok: true, usage: true, selector: true, matching: true, depth: true, reason: true },
  verify: {
    name: true,
    ok: true,
    reason: true,
    steps: true,
    lookup: true,
    match: true,
    accepts: true,
    may: true,
    mayNot: true,
    gates: true,
    until: true,
  },
  probe: {
    server: true,
    address: true,
    ok: true,
    reason: true,
    steps: true,
    lookup: true,
    version: true,
    cipher: true,
    alpn: true,
    proof: true,
    until: true,
    asksForCertificate: true,
    asksForName: true,
    shown: true,
    name: true,
    serial: true,
    records: true,
  },
};

/** The members that the tables of the page name, table by table. */
function tables(): string[][] {
  return page
    .split(/\n(?=\| member)/)
    .slice(1)
    .map((table) =>
      table
        .split('\n\n', 1)[0]!
        .split('\n')
        .slice(2)
        .filter((row) => row.startsWith('|'))
        .flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)),
    );
}

describe('docs/commands.md', () => {
  it('names every member of what the commands print, in its order, and no other', () => {
    expect(tables()).to.deep.equal(
      [members.lookup, members.step, members.match, members.verify, members.probe].map((shape) =>
        Object.keys(shape),
      ),
    );
  });

  it('says what every reason of a server that is not used means', () => {
    const rows = [...page.matchAll(/^\| `([\w-]+)` +\| ([^|]+?) +\|$/gm)].map(([, reason, words]) => [
      reason,
      words,
    ]);
    for (const pair of Object.entries(noAnswerReasons)) expect(rows).to.deep.include(pair);
  });
});
