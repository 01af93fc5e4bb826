/** A resolver on loopback that asks another one and may change what that says. */
import { ask } from '../../lab/ask.ts';
import { RrType } from '../../core/dns/constants.ts';
import { frame } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Message, type ResourceRecord } from '../../core/dns/message.ts';
import type { Endpoint } from '../../core/config/endpoint.ts';
import { DnsServer, type HeardQuery } from './dns-server.ts';

/** What becomes of an answer; undefined: nobody is answered. */
export type Change = (answer: Message, query: HeardQuery) => Message | undefined;

/** Starts a relay to the resolver that `to` names at the time of each query. */
export function startRelay(to: () => Endpoint, change: Change = (answer) => answer): Promise<DnsServer> {
  return DnsServer.start((query) => {
    void relay(to(), change, query);
  });
}

async function relay(to: Endpoint, change: Change, query: HeardQuery): Promise<void> {
  const { message, over, send } = query;
  const [{ name, type }] = message.questions as [Message['questions'][0]];
  const { rd, cd } = message.header;
  const heard = await ask(to, { name, type, rd, cd, dnssecOk: message.edns?.dnssecOk === true });
  const { header, answers, authorities, edns } = heard;
  const answer = change(
    makeResponse(message, { ra: true, rcode: header.rcode, answers, authorities, ...(edns && { edns }) }),
    query,
  );
  if (!answer) return;
  const octets = encodeMessage(answer);
  if (over === 'tcp') send(frame(octets));
  else if (octets.length <= 1232) send(octets);
  else send(encodeMessage(makeResponse(message, { tc: true })));
}

/** A resolver that knows nothing of DNSSEC. */
export const strip: Change = (answer) => ({
  ...answer,
  answers: answer.answers.filter(isPlain),
  authorities: answer.authorities.filter(isPlain),
});

function isPlain({ type }: ResourceRecord): boolean {
  return type !== RrType.RRSIG && type !== RrType.NSEC;
}

/** A change of the answers to questions of one type only. */
export function onlyFor(type: number, change: Change): Change {
  return (answer, query) => (answer.questions[0]?.type === type ? change(answer, query) : answer);
}

/** Somebody on the way who changes one octet of each record. */
export const spoil: Change = (answer) => ({
  ...answer,
  answers: answer.answers.map((record) => {
    const rdata = Buffer.from(record.rdata);
    rdata[rdata.length - 1] = (rdata.at(-1) ?? 0) ^ 1;
    return { ...record, rdata };
  }),
});
