/** The demo in words: what stands on the stage, what happens in each act, and how it ended. */
import { rcodeName, RrClass, RrType } from '../../core/dns/constants.ts';
import { presentRecord } from '../../core/dns/present.ts';
import type { ActFacts, ActKey, RequestFacts } from './facts.ts';
import type { Style } from '../terminal.ts';
import { tlsaTtlSeconds, zone, type ShownFile, type Stage } from './stage.ts';

type Row = readonly [label: string, text: string];

/** The scene before the first act. */
export function stageInWords({ lab, parties, files, gatePort }: Stage, style: Style): string {
  const { resolver, primary } = lab;
  const { name, tlsa } = parties.secondary;
  const record = { name, type: RrType.TLSA, class: RrClass.IN, ttl: tlsaTtlSeconds, rdata: tlsa };
  const rows: Row[] = [
    ['DNS', 'a signed tree of zones: ., example, ns2.example, stranger.example'],
    ['resolver', `port ${resolver.port}; the gate believes only what it validates by itself`],
    [
      'primary',
      `port ${primary.port}; ${zone}, ${count(primary.records.length, 'record')}, serial ${primary.zone.serial}; plain TCP, no TSIG`,
    ],
    ['gate', `port ${gatePort}; danced before the primary, started with these files:`],
  ];
  return [
    style('bold', 'Zone transfer over TLS to a secondary that is known by its name'),
    'Everything runs in this process, on 127.0.0.1, and is gone when it ends.',
    '',
    ...table(rows, style),
    '',
    ...files.flatMap((file) => fileInWords(file, style)),
    '',
    'The operator of ns2.example has published the key of the secondary:',
    style('cyan', `  ${presentRecord(record)}`),
  ].join('\n');
}

function fileInWords({ name, text }: ShownFile, style: Style): string[] {
  const lines = text.trimEnd().split('\n');
  return [`  ${name}:`, ...lines.map((line) => style('cyan', `    ${line}`))];
}

interface ActWords {
  readonly title: string;
  /** What the client comes with. */
  readonly shows: string;
  /** What is the case in the DNS. */
  readonly dns: string;
}

const acts: Readonly<Record<ActKey, ActWords>> = {
  stranger: {
    title: '1. A stranger',
    shows: 'a certificate for _xfr.stranger.example',
    dns: 'has that key under that name, signed',
  },
  'wrong-key': {
    title: '2. The right name, the wrong key',
    shows: 'a certificate for _xfr.ns2.example that somebody else has made',
    dns: 'has another key under that name',
  },
  'right-key': {
    title: '3. The right name, the right key',
    shows: 'the certificate of the secondary, for _xfr.ns2.example',
    dns: 'has this key under that name, signed',
  },
  withdrawn: {
    title: '4. The same client, after its TLSA record is withdrawn',
    shows: 'the same certificate as before',
    dns: `now proves that there is no such record; its TTL of ${tlsaTtlSeconds} s has passed`,
  },
};

/** One act. */
export function actInWords(facts: ActFacts, style: Style): string {
  const { title, shows, dns } = acts[facts.act];
  const { keyShown, keyPublished } = facts;
  const isOtherKey = keyPublished !== undefined && keyPublished !== keyShown;
  const rows: Row[] = [
    ['shows', shows],
    ...(isOtherKey ? [['', keyShown] as const] : []),
    ['DNS', `${dns}; ${queriesInWords(facts.dnsQueries)}`],
    ...(isOtherKey ? [['', keyPublished] as const] : []),
    ...facts.requests.flatMap(requestInWords),
    ...reasonInWords(facts),
  ];
  const verdict = style(facts.asExpected ? 'green' : 'red', verdictInWords(facts));
  return [`${style('bold', title)}: ${verdict}`, ...table(rows, style)].join('\n');
}

function verdictInWords({ outcome, expected, asExpected }: ActFacts): string {
  if (asExpected) return outcome;
  return outcome === expected
    ? `${outcome}, but NOT as it should be`
    : `${outcome}; it should be ${expected}`;
}

/** The last line. */
export function endInWords(outcomes: readonly ActFacts[], durationMs: number, style: Style): string {
  const right = outcomes.filter(({ asExpected }) => asExpected).length;
  const words =
    right === outcomes.length
      ? style(['bold', 'green'], `All ${right} outcomes are as they should be`)
      : style(
          ['bold', 'red'],
          `${outcomes.length - right} of ${outcomes.length} outcomes are not as they should be`,
        );
  return `${words} (${(durationMs / 1000).toFixed(1)} s).`;
}

function requestInWords(request: RequestFacts): Row[] {
  const answer: Row = [request.type, answerInWords(request)];
  if (request.fromSerial === undefined) return [answer];
  return [['then', 'on the primary two records come and one goes'], answer];
}

function answerInWords(request: RequestFacts): string {
  const { outcome, rcode, records, messages, octets, serial, fromSerial, form, copy } = request;
  if (outcome === 'closed' && records === 0) return 'nothing: the gate closes the connection';
  if (outcome === 'error-code') return rcodeName(rcode ?? 0);
  const soas = form === 'full' ? ' (SOA first and last)' : '';
  const size = `${count(records, 'record')}${soas} in ${count(messages, 'message')}, ${count(octets, 'octet')}`;
  if (outcome !== 'complete') return `no whole answer (${outcome}), but ${size}`;
  const serials =
    fromSerial === undefined ? `serial ${serial ?? '?'}` : `serial ${fromSerial} to ${serial ?? '?'}`;
  if (copy === undefined) return `${serials}: ${size}`;
  const comparison = copy.equalsPrimary ? 'equals' : 'DIFFERS from';
  return `${serials}: ${size}; the copy ${comparison} the primary's zone, ${count(copy.records, 'record')}`;
}

function reasonInWords({ proof, reason, why }: ActFacts): Row[] {
  if (reason !== undefined) return [['log', `connection refused: ${reason}: ${why ?? ''}`]];
  return proof === undefined ? [] : [['log', `transfer complete; proof of the client's name: ${proof}`]];
}

function queriesInWords(queries: readonly string[]): string {
  const kinds = [...new Set(queries)].join(', ');
  if (queries.length === 0) return 'no query was sent';
  return `${count(queries.length, 'query', 'queries')}: ${kinds}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** Columns. A key as a TLSA record has it, 70 columns, just fits beside the labels of an act. */
const lineWidth = 80;

/** Labels on the left, text on the right, long text on several lines. */
function table(rows: readonly Row[], style: Style): string[] {
  const labelWidth = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows.flatMap(([label, text]) =>
    wrap(text, lineWidth - labelWidth - 2).map(
      (line, index) => `  ${style('dim', (index === 0 ? label : '').padEnd(labelWidth))}${line}`,
    ),
  );
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
