/**
 * Prints docs/errors.md: every reason for "no", what it means and what mends it.
 *
 *     node scripts/generate-errors.ts > docs/errors.md
 *
 * The reasons are the closed lists of the code: the compiler refuses a table here that lacks one or has one too many.
 * The codes of errors are read from the sources. A test compares the committed file with what this prints.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { Decision } from '../core/acl/model.ts';
import { noIdentityReasons, type NoIdentityReason } from '../core/dane/types.ts';
import { EdeCode, Rcode, rcodeName } from '../core/dns/constants.ts';
import { validationReasons, type ValidationReason } from '../core/dnssec/status.ts';
import type { RefusalReason } from '../core/server/arrival.ts';
import type { ConnectionEnd } from '../core/server/service.ts';
import type { RelayReport } from '../plugins/xot/relay/relay.ts';
import { accessListLines } from './access-list-lines.ts';
import { questionRefusals } from './question-refusals.ts';

/** What it means, and what to do. */
type Row = readonly [meaning: string, mend: string];

const identityMends: Record<NoIdentityReason, string> = {
  'no-certificate':
    'Give the client its certificate and key, or a raw public key where it can show one (BIND: `cert-file` and `key-file` in `tls {}`; NSD: `client-cert` and `client-key` in `tls-auth`).',
  'bad-certificate': 'Make a new one with `danced keygen`; `detail` says what cannot be read.',
  'no-claim':
    'Make a certificate whose subjectAltName has the name: `danced keygen NAME` does. A raw public key needs a client that says its name in the extension `dane_clientid`, and a listener whose `claims` have `extension`; `detail` says what was missing.',
  'bad-name':
    'Configure the client with the name of its TLSA record, as in `danced tlsa`, without a dot at the end; `detail` says what is wrong with it. This client is refused also where `on-failure` is `anonymous`.',
  'not-admitted': 'If the client should be let in, put the name shown in `claims` into the access list.',
  'access-unavailable':
    'See that Redis runs and can be reached: the line `access list away` says what is wrong with it, and the metric `danced_access_up` since when.',
  'too-many-failures':
    'Look who claims the name: the lines `connection refused` before have addresses and reasons. A client that has proved the name within the last hour is let in from where it did; others have to wait a minute. `failures-per-name` is the limit.',
  'too-many-lookups':
    'Look at the refusals before this one: names without a record, or a DNS that does not answer. `detail` names the limit; raise it if so many new clients come at once from one address, or for one entry, and fail for a time.',
  'too-many-proofs':
    'See why the DNS of the domain is slow: `danced lookup NAME` shows where it waits. Clients come again, and those whose records are known are let in meanwhile. `detail` names the limit.',
  'no-tlsa':
    'Publish the record that `danced tlsa` prints for the client’s certificate or key, under exactly that name.',
  insecure:
    'Sign the zone, and see that its parent has the DS record; `danced lookup NAME` shows where the chain ends. With `validation: trust-ad`, if it is signed, the resolver of the gate does not validate: `danced check` tells.',
  bogus:
    'Mend the DNSSEC of the client’s zone: `danced lookup NAME` shows where it breaks, and [below](#validation) is what mends it.',
  'lookup-failed': 'See that the resolver runs and answers in time; `detail` says what it did.',
  'no-usable-record':
    'Publish a record of usage DANE-EE (3), as `danced tlsa` prints it. Usages PKIX-TA and PKIX-EE count only where the gate has `dane: { roots: FILE }`.',
  'weak-key': 'Give the client a new key, as `danced keygen` makes it, and publish its record.',
  'key-mismatch':
    'Publish the record of the key that the client has now. While a key is changed, publish both (RFC 7671 section 8.1).',
  'name-mismatch':
    'Give the certificate the claimed name as a dNSName, or publish a record of usage DANE-EE (3), for which names do not count (RFC 7671 section 5.1). A client that says another name than its certificate has is refused also where `on-failure` is `anonymous`.',
  'path-invalid':
    'Let the client send the certificates of its authorities; `detail` says what is wrong with the path: dates, names, or what an authority may not sign. `danced match` tries it without a connection.',
  'work-limit': 'Let the client send its own chain and nothing besides.',
};

/** Reasons of validation, which `danced lookup` gives; `bogus`, `insecure` and `lookup-failed` above have them in `detail`. */
const validationMends: Record<ValidationReason, string> = {
  signed: 'Nothing.',
  denied: 'Nothing; if the record should be there, publish it.',
  'no-ds': 'Sign the zone, and see that its parent has the DS record.',
  'opt-out': 'Let the parent publish the DS record of the zone.',
  'unsupported-algorithm':
    'Sign the zone with algorithm 8, 10, 13, 14, 15 or 16; 13 (ECDSA P-256 with SHA-256) is what most validators have.',
  'unsupported-digest': 'Let the parent publish a DS record with digest type 2 (SHA-256).',
  'nsec3-iterations': 'Set the iterations of the zone to 0 (RFC 9276 section 3.1).',
  'negative-anchor': 'Take it out of `negative-trust-anchors` when the zone is mended.',
  'no-signature':
    'Sign the whole zone again. If only some servers of the zone leave signatures out, mend those; if all zones are so, it is the resolver.',
  'bad-signature': 'Sign the zone again; somebody, or something on the way, may have changed the records.',
  'signature-expired':
    'Sign the zone again, and see why that does not happen by itself. Check the clock of this machine.',
  'signature-not-yet-valid': 'Check the clock of this machine, then that of the signer.',
  'wrong-signer': 'Sign the zone in its own name; after a zone was split or joined, look at both.',
  'no-key': 'Publish the DNSKEY record of every key that signs, before it signs (RFC 6781 section 4.1).',
  'no-dnskey': 'Publish the zone’s keys, or take the DS record out of the parent.',
  'ds-mismatch':
    'Let the parent publish the DS record of a key that the zone has. If the zone is that of a trust anchor, bring the anchor up to date.',
  'denial-missing': 'See that the zone’s server gives NSEC or NSEC3 records; sign the zone again.',
  'denial-wrong': 'Sign the zone again; its chain of NSEC or NSEC3 records is broken.',
  'alias-limit': 'Point the alias at the record itself.',
  'work-limit':
    '`detail` names the limit. A zone that needs so much is under attack, attacks, or has been left in the middle of key rollovers.',
  'bad-answer': 'Ask another resolver; if all say the same, tell the operator of the zone.',
  'dnssec-stripped':
    'Name a resolver that passes DNSSEC records through, or turn that on ([interop.md](interop.md#resolvers)).',
  'no-anchor': 'Add a trust anchor for the name, or use `trust-anchors: builtin`.',
  servfail: 'Look in the log of the resolver; `detail` has its Extended DNS Error, if it gave one.',
  'no-answer': 'See that the resolver runs and can be reached; `detail` says what happened.',
};

type EarlyReason = Exclude<RefusalReason, NoIdentityReason>;

const earlyRefusals: Record<EarlyReason, Row> = {
  'tls-failed': [
    'the TLS handshake failed',
    '`detail` has the words of the TLS library: mostly a client without TLS 1.3, or one that does not trust our certificate.',
  ],
  'bad-client-id': [
    'the client sent the extension `dane_clientid` malformed, empty, or twice; it has been told by an alert',
    'Look at the client: see which version of the draft it has. The older one needs `dialect: draft-09`.',
  ],
  'no-alpn': [
    'the client did not offer ALPN `dot`',
    'Use a client that does zone transfer over TLS (RFC 9103 section 7.1).',
  ],
  gone: [
    'the client closed the connection before it was identified',
    'Nothing, if it is rare: scanners do so.',
  ],
  timeout: [
    'handshake and proof were not finished within `handshake-time`',
    'See whether the resolver is slow; else the client is.',
  ],
  'gate-closing': ['the gate was stopping', 'Nothing: clients come again.'],
  'internal-error': ['a defect of danced; the line `defect` before it has the error', 'Report it, please.'],
};

const connectionEnds: Record<ConnectionEnd, Row> = {
  'client-closed': ['the client closed it', 'Nothing: this is how a connection should end.'],
  idle: ['nothing was asked for `idle-time`', 'Nothing.'],
  'request-too-slow': [
    'a request was begun and not finished within `message-time`',
    'Look at the network, or at the client.',
  ],
  'bad-framing': [
    'what came is not framed as DNS messages over TCP, or is longer than `request-octets`',
    'Look at the client.',
  ],
  'client-does-not-read': [
    'the client took nothing of its reply for `write-time`',
    'Look at the network, or at the client.',
  ],
  'proof-gone': [
    'the proof was made again, as it is before it runs out, and failed; or, of a client that waited for it as an anonymous one, it showed what is refused everywhere (`name-mismatch`)',
    '`detail` has the reason, from the list above. Where `on-failure` is `anonymous` and nobody could be asked, no connection ends by it, unless a reply was under way or all places for anonymous clients were taken.',
  ],
  'not-admitted': [
    'the access list lost the client while it was connected',
    'Put it back, if that was a mistake.',
  ],
  'anonymous-refused': [
    '`on-failure` was changed to `alert`, and the client was not identified; the line `anonymous connections ended` says how many there were',
    'Nothing, if that was meant. A client that should be known: the line `client is anonymous` says why it was not.',
  ],
  'reply-broken': ['a defect of danced; the line `defect` before it has the error', 'Report it, please.'],
  'gate-closing': ['the gate was stopping', 'Nothing: clients come again.'],
  'tls-error': ['the connection broke', 'Nothing, if it is rare.'],
};

type RequestReason =
  Exclude<Decision['reason'], 'allowed'> | 'zone-not-served' | 'not-supported' | 'too-many-at-once';

const requestRefusals: Record<RequestReason, Row> = {
  'no-entry': [
    'the access list lost the client after the connection was made; or the client is anonymous and the list has no `anonymous`',
    'Put it back, if that was a mistake. The line `client is anonymous` says why it is not known.',
  ],
  'no-rule': [
    'no rule of the client’s entry allows it this',
    'Add to the entry `{ action: transfer, zones: [ZONE] }`, or `{ action: resolve }` for a resolver.',
  ],
  denied: [
    'a deny rule of the client’s entry, or of one of its roles, forbids it; `rule` says which',
    'Take the rule out, if that was a mistake.',
  ],
  'not-now': [
    'the rule that would allow it has a `not-before` that is to come, or a `not-after` that has passed; `rule` says which',
    'Change the times, if that was a mistake.',
  ],
  'too-fast': [
    'the client asks more often than the rule allows (`rate`, `burst`); it is told SERVFAIL and comes again',
    'Nothing, if it is rare. Else look at why the client asks so often, or raise the `rate`.',
  ],
  'access-unavailable': [
    'the store of the access list cannot be asked, and of this name nothing is known, or what is older than `stale-max`',
    'See that Redis runs and can be reached.',
  ],
  'not-supported': [
    'not a well-formed SOA, AXFR or IXFR request; `detail` has what the client was told',
    'Nothing, if somebody tries dig. A secondary that sends TSIG: take the key out of its configuration.',
  ],
  'zone-not-served': [
    'the client may have the zone, but the gate does not serve it',
    'Add it to `zones` of the gate.',
  ],
  'too-many-at-once': [
    'a limit on transfers or queries at once was reached: of the gate, or of the rule (`requests-at-once`, `transfers-at-once`)',
    'Nothing, if it is rare: the client comes again. Else raise the limit.',
  ],
};

const transferOutcomes: Record<RelayReport['outcome'], Row> = {
  complete: ['the client got all of it', 'Nothing.'],
  'refused-by-primary': [
    'the primary answered with the response code in `reason`',
    'REFUSED: allow the gate’s address there. NOTAUTH: the primary does not have the zone. SERVFAIL: its own log says why the zone is not loaded.',
  ],
  failed: [
    'the primary was away, broke off, or sent what is no answer; the client was told by SERVFAIL and keeps nothing',
    '`reason` says which. Look at the primary.',
  ],
  cut: ['the client went away in mid-transfer, or the gate was stopping', 'Nothing, if it is rare.'],
};

/** What the client gets, and when. */
const answers: readonly { readonly rcode: number; readonly infoCode?: number; readonly when: string }[] = [
  {
    rcode: Rcode.REFUSED,
    infoCode: EdeCode.PROHIBITED,
    when: 'the access list does not give this client this zone',
  },
  {
    rcode: Rcode.REFUSED,
    infoCode: EdeCode.NOT_SUPPORTED,
    when: 'the request is no SOA, AXFR or IXFR query, or is signed by TSIG',
  },
  {
    rcode: Rcode.NOTAUTH,
    infoCode: EdeCode.NOT_AUTHORITATIVE,
    when: 'the client may have the zone, but the gate does not serve it',
  },
  {
    rcode: Rcode.SERVFAIL,
    infoCode: EdeCode.OTHER,
    when: 'too many transfers or queries at once, or too often',
  },
  { rcode: Rcode.SERVFAIL, infoCode: EdeCode.NOT_READY, when: 'the access list cannot be asked' },
  { rcode: Rcode.SERVFAIL, infoCode: EdeCode.NO_REACHABLE_AUTHORITY, when: 'the primary cannot be reached' },
  {
    rcode: Rcode.SERVFAIL,
    infoCode: EdeCode.NETWORK_ERROR,
    when: 'the connection to the primary broke, in mid-transfer too',
  },
  { rcode: Rcode.SERVFAIL, infoCode: EdeCode.INVALID_DATA, when: 'the primary sent a malformed answer' },
  { rcode: Rcode.FORMERR, when: 'the request is malformed' },
  { rcode: Rcode.BADVERS, when: 'the request has an EDNS version other than 0' },
];

/** The text of docs/errors.md. */
export async function errorsPage(): Promise<string> {
  const identity = Object.entries(noIdentityReasons).map(([reason, meaning]) => [
    code(reason),
    meaning,
    identityMends[reason as NoIdentityReason],
  ]);
  const validation = Object.entries(validationReasons).map(([reason, meaning]) => [
    code(reason),
    meaning,
    validationMends[reason as ValidationReason],
  ]);
  const text = `# Every "no", and what mends it

<!-- Made by scripts/generate-errors.ts from the lists in the code. Do not edit. -->

The peer learns little, the operator everything: a client that is not identified gets the TLS alert \`handshake_failure\`,
whatever the reason, one that asks for too much gets a response code, and the reason is in the log.

## Not identified

Line \`connection refused\`, field \`reason\`; metric \`danced_connections_total\`, label \`outcome\`. Where \`on-failure\` is
\`anonymous\` the line is \`client is anonymous\`, the field the same, and the connection goes on without identity; for
clients that showed nothing to be looked up or judged it is at level debug, as their \`connection\` line is.

There, who is anonymous because nobody could be asked (\`lookup-failed\`, \`access-unavailable\`, \`timeout\`) or because we did not
ask (\`too-many-…\`) is tried again by itself, every half minute at last, on the same connection. So is a client that was known
and whose proof has run out meanwhile: another line \`client is anonymous\`, with \`client\`, and \`timesAnonymous\` in the line
\`connection\`. Once the proof can be made the line is \`client identified\`, and the field \`identifiedAfterMs\`. Metric:
\`danced_client_changes_total\`; \`danced_anonymous_clients\` says how many are anonymous now.

${table(['reason', 'meaning', 'what to do'], identity)}

Before anybody could be identified:

${table(['reason', 'meaning', 'what to do'], rows(earlyRefusals))}

## Validation

Member \`reason\` of \`danced lookup --json\`; \`danced lookup NAME\` shows at which step of the way from the trust anchor it
came up. Only \`secure\` identifies anybody.

${table(['reason', 'meaning', 'what to do'], validation)}

## Not allowed

Line \`request refused\`, field \`reason\`.

${table(['reason', 'meaning', 'what to do'], rows(requestRefusals))}

At a resolver gate (metric \`danced_resolve_refused_total\`) also

${table(['reason', 'meaning', 'what to do'], rows(questionRefusals))}

## The access list

Lines of the log. Metrics: \`danced_access_up\`, \`danced_access_age_seconds\`, \`danced_access_revision\`, \`danced_access_broken_total\`.

${table(
  ['line', 'meaning', 'what to do'],
  accessListLines.map(([event, meaning, mend]) => [code(event), meaning, mend]),
)}

## What the client gets

${table(['response code', 'Extended DNS Error', 'when'], answers.map(answerRow))}

Extended DNS Errors (RFC 8914) go only to clients whose request had EDNS.

## How a transfer ends

Line \`transfer\`, field \`outcome\`; metric \`danced_xot_transfers_total\`.

${table(['outcome', 'meaning', 'what to do'], rows(transferOutcomes))}

## How a connection ends

Line \`connection\`, field \`ended\`.

${table(['ended', 'meaning', 'what to do'], rows(connectionEnds))}

## Codes of errors

Errors in the log and in the API carry a \`code\`, and in \`blame\` whose fault it is: the peer's, ours, the upstream
server's, or the configuration's.

${table(['code', 'class', 'blame', 'meaning'], errorClasses())}
`;
  return format(text, { ...(await resolveConfig(pageFile)), parser: 'markdown' });
}

export const pageFile = fileURLToPath(new URL('../docs/errors.md', import.meta.url));

/** Classes with a `code` of their own, as [code, class, blame, first sentence of the comment above it]. */
function errorClasses(): string[][] {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const sources = ['core', 'plugins', 'cli']
    .flatMap((folder) => fs.globSync(`${folder}/**/*.ts`, { cwd: root }))
    .map((file) => fs.readFileSync(`${root}/${file}`, 'utf8'));
  return sources.flatMap(errorClassesIn).sort((a, b) => (a.join() < b.join() ? -1 : 1));
}

const errorClass = /\/\*\*((?:(?!\*\/)[^])*?)\*\/\nexport class (\w+) extends Error \{\n([^]*?)\n\}\n/g;

function errorClassesIn(source: string): string[][] {
  return [...source.matchAll(errorClass)].flatMap(([, comment = '', name = '', body = '']) => {
    const codes = valuesOf('code', body);
    if (codes.length === 0) return [];
    const words = comment.replace(/\n? \* ?/g, ' ').trim();
    const meaning = words.split(/\.(?=\s)/, 1)[0]?.replace(/\.$/, '') ?? '';
    return [[codes.map(code).join(', '), name, valuesOf('blame', body).join(', '), meaning]];
  });
}

/** The texts that a field may have: its value, or those of its type. */
function valuesOf(field: string, body: string): string[] {
  const declaration = new RegExp(`^  readonly ${field}(?:: | = )(.*);$`, 'm').exec(body)?.[1] ?? '';
  return [...declaration.matchAll(/'(\w+)'/g)].map(([, value = '']) => value);
}

function answerRow({ rcode, infoCode, when }: (typeof answers)[number]): string[] {
  return [rcodeName(rcode), infoCode === undefined ? 'none' : `${infoCode} (${edeTitle(infoCode)})`, when];
}

/** As RFC 8914 section 5.2 writes it: `No Reachable Authority`. */
function edeTitle(infoCode: number): string {
  const mnemonic = Object.entries(EdeCode).find(([, value]) => value === infoCode)?.[0] ?? '';
  return mnemonic
    .replace(/([A-Z])([A-Z]*)_?/g, (_, first: string, rest: string) => `${first}${rest.toLowerCase()} `)
    .trim();
}

function rows(reasons: Readonly<Record<string, Row>>): string[][] {
  return Object.entries(reasons).map(([reason, words]) => [code(reason), ...words]);
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(heading: readonly string[], cells: readonly (readonly string[])[]): string {
  const lines = [heading, heading.map(() => '---'), ...cells];
  return lines.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

if (import.meta.main) process.stdout.write(await errorsPage());
