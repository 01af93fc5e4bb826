/**
 * Every way for a client to say its name, right and wrong, at a real gate: {X.509, raw public key} × {P-256, P-384, Ed25519,
 * RSA-2048} × {extension, certificate name} × the conditions of client-id-matrix/conditions.ts, with `on-failure: alert` and with
 * `on-failure: anonymous`. The client decides every octet itself (test/support/scripted-tls), the DNS is the lab's.
 *
 * Of each is said what the client heard, what the gate wrote, what the DNS was asked, and that nothing came to the primary that
 * should not.
 */
import { expect } from 'chai';
import { noIdentityReasons } from '../../core/dane/types.ts';
import { Name } from '../../core/dns/name.ts';
import { cells, keyKinds, saidBy, type Cell } from './client-id-matrix/cells.ts';
import { MatrixGates, type Encounter, type OnFailure } from './client-id-matrix/gates.ts';

/** One row has every kind of key. */
const rows = Array.from({ length: cells.length / keyKinds.length }, (_, row) =>
  cells.slice(row * keyKinds.length, (row + 1) * keyKinds.length),
);

const policies: readonly OnFailure[] = ['alert', 'anonymous'];
const cellCount = cells.length * policies.length;

const formTitles = { x509: 'X.509', 'raw-public-key': 'raw public key [DANCE-9]' } as const;
const sourceTitles = {
  extension: 'name in the extension',
  'certificate-name': 'name in the certificate',
} as const;
const noNameTitle = 'no name';

function titleOf({ condition, form, source }: Cell): string {
  const where =
    form === 'raw-public-key' && source === 'certificate-name' ? noNameTitle : sourceTitles[source];
  return `${condition.title}: ${formTitles[form]}, ${where}`;
}

/** What is said of a cell. */
interface Report {
  readonly heard: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly asked: readonly string[];
}

/** What must come of a cell: see draft-ietf-dance-client-auth-13 section 8.2 for what the listener may choose. */
function expected(cell: Cell, onFailure: OnFailure): Report {
  const { outcome, source, form } = cell;
  const isAsked = outcome.kind === 'identity' || outcome.asks;
  // Draft section 8.2: directly as the query name.
  const claimed = isAsked ? Name.parse(saidBy(cell).toString('latin1')).toString() : '';
  const asked = isAsked ? [`TLSA ${claimed}`] : [];
  if (outcome.kind === 'identity') {
    const fields = { client: claimed, claim: source, key: form };
    return { heard: 'the SOA record', event: 'connection', fields, asked };
  }
  const { reason } = outcome;
  if (outcome.kind === 'unproved' && onFailure === 'anonymous') {
    return { heard: 'the SOA record', event: 'connection', fields: { anonymous: reason }, asked };
  }
  const alert = outcome.kind === 'abort' ? outcome.alert : 'handshake_failure';
  // What fails inside of the handshake fails before the gate has seen the key; and a certificate may have none to see.
  const isSeen = reason in noIdentityReasons && reason !== 'bad-certificate';
  const fields = isSeen ? { reason, key: form } : { reason };
  return { heard: `alert ${alert}`, event: 'connection refused', fields, asked };
}

const judgedFields = ['client', 'claim', 'key', 'anonymous', 'reason'];

function reported({ heard, line: { event, fields }, asked }: Encounter): Report {
  const judged = Object.entries(fields).filter(
    ([key, value]) => judgedFields.includes(key) && value !== undefined,
  );
  return { heard, event, fields: Object.fromEntries(judged), asked };
}

function byKey<T>(row: readonly Cell[], of: (cell: Cell, at: number) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(row.map((cell, at) => [cell.key, of(cell, at)]));
}

describe(`a client that says its name, in ${String(cellCount)} cells`, function () {
  this.timeout(60_000);

  for (const onFailure of policies) {
    describe(`at a gate with on-failure: ${onFailure}`, () => {
      let gates: MatrixGates;

      before(async () => {
        gates = await MatrixGates.start(onFailure);
      });

      after(() => gates.close());

      for (const row of rows) {
        it(titleOf(row[0]!), async () => {
          const before = gates.requestsPassed;
          const encounters = await Promise.all(row.map((cell) => gates.meet(cell)));
          expect(byKey(row, (_, at) => reported(encounters[at]!))).to.deep.equal(
            byKey(row, (cell) => expected(cell, onFailure)),
          );
          const answered = encounters.filter(({ heard }) => heard === 'the SOA record').length;
          expect(gates.requestsPassed - before, 'requests at the primary').to.equal(answered);
        });
      }
    });
  }
});
