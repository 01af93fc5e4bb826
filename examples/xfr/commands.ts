/** What to type in another terminal while the example runs, and what comes of it. */
import type { Trial } from '../programs.ts';

/** Ports of the example, as its configuration files have them. */
export const ports = {
  gate: 18853,
  resolver: 15301,
  primary: 15300,
  bind: 15353,
  nsd: 15354,
  agent: 15355,
  knot: 15356,
} as const;

const gate = `@127.0.0.1 -p ${ports.gate}`;

function kdig(client: string, what: string): string {
  return `kdig ${gate} +tls +tls-certfile=run/${client}/certificate.pem +tls-keyfile=run/${client}/key.pem ${what}`;
}

/** dig 9.18 shows its certificate only to a server whose own it can check. */
function dig(client: string, what: string): string {
  const server = '+tls-ca=run/gate/certificate.pem +tls-hostname=gate.example';
  const own = `+tls-certfile=run/${client}/certificate.pem +tls-keyfile=run/${client}/key.pem`;
  return `dig ${gate} +tls ${server} ${own} ${what}`;
}

/** For a shell in this folder. */
export const trials: readonly Trial[] = [
  { words: 'The secondary gets the zone:', commands: [kdig('ns2', 'AXFR example.com')] },
  {
    words: 'With dig, which checks the gate as well; then only what is new since serial 1:',
    commands: [dig('ns2', 'AXFR example.com'), dig('ns2', 'IXFR=1 example.com')],
  },
  { words: 'A stranger gets nothing:', commands: [kdig('stranger', 'AXFR example.com')] },
  {
    words: 'Nor does the name of the secondary with another key:',
    commands: [kdig('impostor', 'AXFR example.com')],
  },
  {
    words: 'What the gate reads in the DNS, and why it believes it:',
    commands: ['npx danced lookup -c danced.yaml _xfr.ns2.example'],
  },
  {
    words: 'What it would say of the secondary, and of the impostor:',
    commands: [
      'npx danced verify -c danced.yaml _xfr.ns2.example --chain run/ns2/certificate.pem',
      'npx danced verify -c danced.yaml _xfr.ns2.example --chain run/impostor/certificate.pem',
    ],
  },
  {
    words: 'BIND as secondary, and what it has then:',
    commands: ['named -g -c named.conf', `dig @127.0.0.1 -p ${ports.bind} SOA example.com`],
  },
  {
    words: 'NSD as secondary, and what it has then:',
    commands: ['nsd -d -c nsd.conf', `dig @127.0.0.1 -p ${ports.nsd} SOA example.com`],
  },
  {
    words: 'The agent beside a secondary that speaks no TLS, and what it has for it:',
    commands: ['npx danced run -c agent.yaml', `dig @127.0.0.1 -p ${ports.agent} SOA example.com`],
  },
  {
    words: 'Knot DNS as that secondary, and what it has then:',
    commands: ['knotd -c knot.conf', `dig @127.0.0.1 -p ${ports.knot} SOA example.com`],
  },
];
