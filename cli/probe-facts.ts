/**
 * What a client meets at a server, as facts, which `--json` prints, and in words.
 *
 * The facts are an API: keys stay, and so do the words of `reason`, `step` and `shown`. The words of `detail` may change.
 */
import { formatEndpoint } from '../core/config/endpoint.ts';
import { presentTime } from '../core/config/time.ts';
import type { Name } from '../core/dns/name.ts';
import { printableText } from '../core/observe/printable.ts';
import { lookupFacts, wholeSecond, type LookupFacts } from './lookup-facts.ts';
import type { ProbeReason, ProbeResult, ProbeStep, ShownToServer } from './probe-server.ts';
import { colours, type Marks, type Style } from './terminal.ts';

/** What `danced probe --json` prints. */
export interface ProbeFacts {
  /** The name that the server had to prove; null when pins alone decide. */
  readonly server: string | null;
  /** As 192.0.2.1:853; null when the name has no address. */
  readonly address: string | null;
  /** Whether the server answered other than REFUSED; with a zone, whether it gave the whole of it. */
  readonly ok: boolean;
  readonly reason: ProbeReason;
  /** In the order of a client; the first that fails is the last. */
  readonly steps: readonly ProbeStep[];
  /** As `danced lookup --json`; null when nothing was looked up, or somebody else validated. */
  readonly lookup: LookupFacts | null;
  /** As TLSv1.3 and TLS_AES_128_GCM_SHA256; null when there was no handshake. */
  readonly version: string | null;
  readonly cipher: string | null;
  /** Null when the server took no application protocol. */
  readonly alpn: string | null;
  /** By what the server was proved, as 'DANE-EE SPKI SHA2-256'; null when it was not. */
  readonly proof: string | null;
  /** Until when that counts, as 2026-12-01T12:00:00Z; null when it has no end. */
  readonly until: string | null;
  /** Whether the server asked for a certificate, and for a name; null when it did not come to that. */
  readonly asksForCertificate: boolean | null;
  readonly asksForName: boolean | null;
  /** What we showed, and the name that we said; null when it did not come to that, or none was said. */
  readonly shown: ShownToServer['key'] | null;
  readonly name: string | null;
  /** Of the zone. */
  readonly serial: number | null;
  /** Records of the transfer, the SOA record at both ends. */
  readonly records: number | null;
}

export interface ProbedServer {
  readonly name: Name | undefined;
  readonly port: number;
}

export function probeFacts(server: ProbedServer, result: ProbeResult): ProbeFacts {
  const { ok, reason, steps, address, lookup, tls, verdict, asked, shown } = result;
  const isEndless = verdict === undefined || verdict.endsMs === Infinity;
  return {
    server: server.name?.toString() ?? null,
    address: address === undefined ? null : formatEndpoint({ address, port: server.port }),
    ok,
    reason,
    steps: steps.map((step) => ({ ...step, detail: printableText(step.detail) })),
    lookup: lookup?.verdict === undefined ? null : lookupFacts(lookup.verdict),
    version: tls?.version ?? null,
    cipher: tls?.cipher ?? null,
    alpn: tls?.alpn === undefined ? null : printableText(tls.alpn),
    proof: verdict?.proof ?? null,
    until: isEndless ? null : presentTime(wholeSecond(verdict.endsMs)),
    asksForCertificate: asked?.certificate ?? null,
    asksForName: asked?.name ?? null,
    shown: shown?.key ?? null,
    name: shown?.name?.toString() ?? null,
    serial: result.serial ?? null,
    records: result.records ?? null,
  };
}

const longestStep = 'admitted'.length;

/**
 * The whole, for people.
 *
 * @param host whom the arguments named, for a server that need prove no name and has no address
 * @param asks whom lookups asked, and who said so; undefined if there was none
 */
export function probeInWords(
  facts: ProbeFacts,
  host: string,
  asks: string | undefined,
  marks: Marks,
  style: Style,
): string {
  const who = facts.server ?? facts.address ?? host;
  const ends = [
    ...(asks === undefined ? [] : [`asked ${asks}`]),
    ...(facts.until === null ? [] : [`the proof of the server counts until ${facts.until}`]),
  ];
  const end = facts.reason === 'transferred' ? 'it gives us the zone' : 'it answers us';
  const lines = [
    style(['bold', facts.ok ? colours.secure : colours.bogus], `${who}: ${facts.ok ? end : facts.reason}`),
    ...facts.steps.map(({ step, ok, detail }) => {
      const status = ok ? 'secure' : 'bogus';
      return `  ${style(colours[status], `${marks[status]} ${step.padEnd(longestStep)}`)}  ${detail}`;
    }),
    ...(ends.length === 0 ? [] : ['', ends.join('; ')]),
  ];
  return lines.join('\n');
}
