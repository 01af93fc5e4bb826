/** The gates of the matrix, and what one client of a cell meets there. */
import { Rcode, RrClass, RrType } from '../../../core/dns/constants.ts';
import { frame } from '../../../core/dns/framing.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import type { Lab } from '../../../lab/lab.ts';
import { TestGate, until } from '../../support/gate.ts';
import type { MemoryLogLine } from '../../support/memory-log.ts';
import { scriptedVerdict } from '../../support/scripted-tls/scripted-client.ts';
import type { Verdict } from '../../support/scripted-tls/session.ts';
import { publishCells, scriptOf, type Cell } from './cells.ts';
import { admittedZones, strangersZone } from './conditions.ts';

/** What becomes of a client that is not identified. */
export type OnFailure = 'alert' | 'anonymous';

const zone = 'example.com';
const soaQuery = frame(
  encodeMessage(makeQuery({ id: 7, name: Name.parse(zone), type: RrType.SOA, class: RrClass.IN })),
);

/** What a client met, from all sides. */
export interface Encounter {
  /** What it heard, as 'answer NOERROR' or 'alert handshake_failure'. */
  readonly heard: string;
  /** The last word of the gate's log on it. */
  readonly line: MemoryLogLine;
  /** What the gate asked the resolver for names of the cell, as 'TLSA name'; of other types only if none was TLSA. */
  readonly asked: readonly string[];
}

/** Two listeners that differ in whether they ask for the extension. */
export class MatrixGates {
  readonly onFailure: OnFailure;
  readonly #asking: TestGate;
  readonly #notAsking: TestGate;

  private constructor(onFailure: OnFailure, asking: TestGate, notAsking: TestGate) {
    this.onFailure = onFailure;
    this.#asking = asking;
    this.#notAsking = notAsking;
  }

  static async start(onFailure: OnFailure): Promise<MatrixGates> {
    const gates = await Promise.all(
      ['[extension, certificate-name]', '[certificate-name]'].map((claims) =>
        TestGate.start({
          lab: {
            zones: ['ns2.example', 'broken.example', strangersZone],
            unsignedZones: ['unsigned.example'],
            transferZone: { name: zone, records: 10 },
          },
          clients: Object.fromEntries(admittedZones.map((apex) => [`*.${apex}`, [zone]])),
          anonymous: [zone],
          listener: { claims, 'on-failure': onFailure },
        }),
      ),
    );
    for (const { lab } of gates) {
      publishCells(lab);
      lab.setZoneState('broken.example', 'broken');
    }
    const [asking, notAsking] = gates;
    return new MatrixGates(onFailure, asking!, notAsking!);
  }

  /** Requests that came through to the primaries. */
  get requestsPassed(): number {
    return this.#asking.lab.primary.requests.length + this.#notAsking.lab.primary.requests.length;
  }

  async meet(cell: Cell): Promise<Encounter> {
    const gate = cell.condition.isUnsolicited === true ? this.#notAsking : this.#asking;
    const { log, lab, endpoint } = gate;
    const isOfCell = ({ event, fields }: MemoryLogLine): boolean =>
      String(fields['remote']).startsWith(`${cell.address}:`) &&
      (event === 'connection' || event === 'connection refused');
    const verdict = await scriptedVerdict({
      ...scriptOf(cell),
      host: endpoint.address,
      port: endpoint.port,
      localAddress: cell.address,
      alpn: ['dot'],
      firstData: soaQuery,
    });
    await until('the last word on the connection', () => log.lines.some(isOfCell));
    const [line, ...more] = log.lines.filter(isOfCell);
    if (line === undefined || more.length > 0) throw new Error('more than one last word');
    return { heard: inWords(verdict), line, asked: questionsAbout(cell, lab) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#asking.close(), this.#notAsking.close()]);
  }
}

function questionsAbout({ label }: Cell, { resolver }: Lab): readonly string[] {
  const questions = resolver.queries.filter(({ name }) => name.key.includes(label));
  // A validator may have more to ask, as whether there is a zone cut; again, if it does not like what it hears.
  const tlsa = questions
    .filter(({ type }) => type === RrType.TLSA)
    .map(({ name }) => `TLSA ${name.toString()}`);
  return tlsa.length > 0 ? [...new Set(tlsa)] : questions.map(({ name }) => name.toString());
}

function inWords(verdict: Verdict): string {
  // What is not encrypted is no answer of this server, and a warning ends nothing.
  if (verdict.kind === 'alert') {
    const { level, protection, name } = verdict;
    return level === 2 && protection !== 'none'
      ? `alert ${name}`
      : `${protection} alert ${name} of level ${String(level)}`;
  }
  if (verdict.kind !== 'data') return verdict.kind;
  const { header, answers } = parseMessage(verdict.octets.subarray(2));
  const isAnswer = header.rcode === Rcode.NOERROR && answers.some(({ type }) => type === RrType.SOA);
  return isAnswer ? 'the SOA record' : `rcode ${String(header.rcode)}`;
}
