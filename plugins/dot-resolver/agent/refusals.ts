/** What a program gets in place of an answer: response codes with Extended DNS Errors (RFC 8914). */
import {
  EdeCode,
  Rcode,
  resolverFailureCodes,
  RrClass,
  RrType,
  type QueryOddity,
  type QueryReader,
  type SourceFailure,
} from '../../../core/index.ts';

export interface Refusal {
  readonly rcode: number;
  readonly error?: { readonly infoCode: number; readonly text: string };
}

const notSupported = (text: string): Refusal => ({
  rcode: Rcode.REFUSED,
  error: { infoCode: EdeCode.NOT_SUPPORTED, text },
});

const noRecursion = notSupported('only questions with RD are answered');
const noTransfers = notSupported('no zones are transferred here');
const otherClass = notSupported('only class IN is answered');

/** What is not of the form of a question; undefined: silence. */
export const oddities: Readonly<Record<QueryOddity, Refusal | undefined>> = {
  'not-a-query': undefined,
  malformed: { rcode: Rcode.FORMERR },
  opcode: { rcode: Rcode.NOTIMP },
  'edns-version': { rcode: Rcode.BADVERS },
  records: {
    rcode: Rcode.FORMERR,
    error: { infoCode: EdeCode.OTHER, text: 'a question with records, or TSIG' },
  },
};

/** Questions that no gate would answer, and no stub asks. */
export function refusalOf(reader: QueryReader): Refusal | undefined {
  if (!reader.recursionDesired) return noRecursion;
  if (reader.type === RrType.AXFR || reader.type === RrType.IXFR) return noTransfers;
  return reader.class === RrClass.IN ? undefined : otherClass;
}

/** So that the whole reply fits into a datagram. */
const longestText = 300;

export function unreachable({ failure, kind }: SourceFailure): Refusal {
  const what = kind === 'unreachable' ? 'no gate can be reached' : 'no gate answers';
  const text = `${what}: ${failure}`;
  const short = text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
  return { rcode: Rcode.SERVFAIL, error: { infoCode: resolverFailureCodes[kind], text: short } };
}

/** Our resolver asks us about the gate that it is to find. */
export const circle: Refusal = {
  rcode: Rcode.SERVFAIL,
  error: {
    infoCode: resolverFailureCodes.unreachable,
    text: 'the agent looks for this gate itself: its resolver (resolver.servers) must not ask the agent',
  },
};
