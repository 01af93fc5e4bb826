/** A lab with what recursive resolvers are asked about, the questions, and an answer as a value that tests compare. */
import { EdnsOptionCode, rcodeName, RrType } from '../../../core/dns/constants.ts';
import { parseExtendedError } from '../../../core/dns/edns.ts';
import type { Message, ResourceRecord } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { presentRecord } from '../../../core/dns/present.ts';
import { encodeA, encodeName, encodeTxt } from '../../../core/dns/rdata.ts';
import { startLab, type Lab } from '../../../lab/lab.ts';

/** Whose TLSA records the tests publish. */
export const memberZone = 'member.example';

/** Starts the lab with zones of every kind, and names in them. */
export async function startQuestionsLab(): Promise<Lab> {
  const lab = await startLab({
    zones: [memberZone, 'corp.example', 'other.example', 'broken.example', 'stranger.example'],
    transferZone: { name: 'example.com', records: 3 },
  });
  const address = (name: string, text: string) => lab.publish(name, RrType.A, [encodeA(text)]);
  const alias = (name: string, to: string) => lab.publish(name, RrType.CNAME, [encodeName(Name.parse(to))]);
  address('www.corp.example', '192.0.2.80');
  address('deep.down.corp.example', '192.0.2.81');
  alias('alias.corp.example', 'second.corp.example');
  alias('second.corp.example', 'www.other.example');
  address('www.other.example', '192.0.2.82');
  alias('astray.corp.example', 'nowhere.other.example');
  address('www.unsigned.example', '192.0.2.83');
  address('www.broken.example', '192.0.2.84');
  lab.publish('long.corp.example', RrType.TXT, texts(12, 1));
  lab.publish('longest.corp.example', RrType.TXT, texts(60, 4));
  lab.setZoneState('broken.example', 'broken');
  return lab;
}

/** Records of so many strings of 240 octets. BIND takes 100 records of a type, and not more. */
function texts(records: number, strings: number): Buffer[] {
  return Array.from({ length: records }, (_, n) =>
    encodeTxt(Array.from({ length: strings }, () => Buffer.from(String(n).padEnd(240, '-')))),
  );
}

/** What is asked, with a word for the title of the test. */
export const questions: readonly (readonly [title: string, name: string, type: number])[] = [
  ['an address in a signed zone', 'www.corp.example', RrType.A],
  ['an address in an unsigned zone', 'www.unsigned.example', RrType.A],
  ['a chain of aliases through two zones', 'alias.corp.example', RrType.A],
  ['an alias that leads nowhere', 'astray.corp.example', RrType.A],
  ['a name that does not exist', 'nope.corp.example', RrType.A],
  ['a type that the name does not have', 'www.corp.example', RrType.AAAA],
  ['an empty non-terminal', 'down.corp.example', RrType.A],
  ['a name whose signature is wrong', 'www.broken.example', RrType.A],
  ['a denial whose signature is wrong', 'nope.broken.example', RrType.A],
  ['the keys of the root', '.', RrType.DNSKEY],
  ['the DS records of a zone', 'corp.example', RrType.DS],
  ['3 kB of text', 'long.corp.example', RrType.TXT],
  ['58 kB of text', 'longest.corp.example', RrType.TXT],
];

/** The bits that a client can ask with. */
export const bits: readonly (readonly [title: string, bits: { dnssecOk?: true; ad?: true; cd?: true }])[] = [
  ['plainly', {}],
  ['with AD', { ad: true }],
  ['with DO', { dnssecOk: true }],
  ['with DO and CD', { dnssecOk: true, cd: true }],
];

/** What of an answer counts: everything but ID, AA, TTLs and the order of records. */
export interface Essence {
  readonly rcode: string;
  readonly flags: string;
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  /** Extended DNS Errors, as "6 words". */
  readonly errors: readonly string[];
}

export function essenceOf({ header, answers, authorities, edns }: Message): Essence {
  const { tc, ra, ad, cd } = header;
  const errors = edns?.options.filter(({ code }) => code === EdnsOptionCode.EXTENDED_ERROR) ?? [];
  return {
    rcode: rcodeName(header.rcode),
    // With CD a resolver says AD where it has validated the same before, for somebody else: that comes and goes.
    flags: Object.entries({ tc, ra, ad: ad && !cd, cd })
      .flatMap(([flag, isSet]) => (isSet ? [flag] : []))
      .join(' '),
    answers: lines(answers),
    authorities: lines(authorities),
    errors: errors.map((option) => {
      const { code, text } = parseExtendedError(option);
      return `${String(code)} ${text}`.trimEnd();
    }),
  };
}

function lines(records: readonly ResourceRecord[]): string[] {
  return records.map((record) => presentRecord({ ...record, ttl: 0 })).sort();
}
