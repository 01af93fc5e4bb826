/** Why a gate of dot-resolver refuses a question, besides what the access list says: for the page of errors. */
export const questionRefusals: Readonly<Record<string, [meaning: string, mend: string]>> = {
  'unknown-view': [
    'the rule names a view that the gate does not have',
    'Correct `view` in the access list, or add the view to `views`; `danced check` names them.',
  ],
  'no-recursion': [
    'a question without RD',
    'Nothing: what others have asked is not told. In dig leave `+norec` out.',
  ],
  transfer: ['AXFR or IXFR', 'Ask the primary, or a gate for transfers (`xot/gate`).'],
  class: ['a class other than IN', 'Nothing: version.bind and the like are not answered.'],
  opcode: [
    'NOTIFY, UPDATE or another opcode than QUERY',
    'Nothing, if it is rare. Send updates to the primary.',
  ],
  'edns-version': ['a version of EDNS that is not 0', 'Nothing: the client is told BADVERS, and falls back.'],
  records: [
    'a question with records in it, as of TSIG',
    'Take the key out of the client: its certificate says who it is.',
  ],
  malformed: ['octets that are no DNS query', 'Look at the client.'],
};
