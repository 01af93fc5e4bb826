/** A gate where the TLS addon is missing: a process of its own, since a process has it or has it not. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);

const script = `
import { TestGate, makeIdentity } from '${new URL('../support/gate.ts', import.meta.url).href}';
const name = '_xfr.ns2.example';
const gate = await TestGate.start({
  lab: { zones: ['ns2.example'], transferZone: { name: 'example.com', records: 10 } },
  clients: { [name]: ['example.com'] },
});
const known = await gate.transfer(await gate.client(name));
const stranger = await gate.transfer(await makeIdentity(name));
const nobody = await gate.transfer(undefined);
await gate.lines('connection refused', 2);
const fieldsOf = (event) => gate.log.of(event).map(({ fields }) => fields);
process.stdout.write(JSON.stringify({
  outcomes: [known, stranger, nobody].map(({ outcome, error }) => [outcome, error]),
  missing: fieldsOf('TLS addon is missing'),
  served: fieldsOf('connection').map(({ client, claim, key }) => ({ client, claim, key })),
  refused: fieldsOf('connection refused').map(({ reason }) => reason),
}));
await gate.close();
`;

interface Facts {
  readonly outcomes: readonly (readonly [outcome: string, error: string | undefined])[];
  readonly missing: readonly { readonly problem: string }[];
  readonly served: readonly object[];
  readonly refused: readonly string[];
}

describe('a gate without the TLS addon', () => {
  let facts: Facts;

  before(async function () {
    this.timeout(60_000);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, DANCED_WITHOUT_ADDON: '1' },
    });
    facts = JSON.parse(stdout) as Facts;
  });

  it('says so once', () => {
    expect(facts.missing).to.have.length(1);
    expect(facts.missing[0]?.problem).to.include('DANCED_WITHOUT_ADDON');
  });

  it('knows clients by the names of their certificates', () => {
    expect(facts.outcomes[0]?.[0]).to.equal('complete');
    expect(facts.served).to.deep.equal([
      { client: '_xfr.ns2.example', claim: 'certificate-name', key: 'x509' },
    ]);
  });

  it('refuses the others, by a close without an alert', () => {
    expect(facts.refused).to.deep.equal(['key-mismatch', 'no-certificate']);
    for (const [outcome, error] of facts.outcomes.slice(1)) {
      expect(outcome).to.equal('closed');
      expect(error ?? '').not.to.match(/alert/i);
    }
  });
});
