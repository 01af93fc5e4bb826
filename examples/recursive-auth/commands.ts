/** What to type in another terminal while the example runs, and what comes of it. */
import type { Trial } from '../programs.ts';

/** Ports of the example, as its configuration files have them. */
export const ports = {
  gate: 18855,
  metrics: 19855,
  resolver: 15304,
  nsd: 15305,
  unbound: 15306,
  bind: 15307,
  agent: 15308,
} as const;

const gate = `@127.0.0.1 -p ${String(ports.gate)}`;
const resolver = '_domain-s.resolver.member.example';

/** Without a certificate if nobody is named. */
function kdig(client: string | undefined, what: string): string {
  const shown =
    client === undefined
      ? ''
      : ` +tls-certfile=run/${client}/certificate.pem +tls-keyfile=run/${client}/key.pem`;
  return `kdig ${gate} +tls${shown} +norec ${what}`;
}

function dig(port: number, what: string): string {
  return `dig @127.0.0.1 -p ${String(port)} ${what}`;
}

/** For a shell in this folder. */
export const trials: readonly Trial[] = [
  {
    words: 'The known resolver gets the zone of the group, here with kdig in its place:',
    commands: [kdig('member', 'www.group.example')],
  },
  {
    words:
      'A stranger gets what is public, and REFUSED for the rest; so does the name of the resolver with another key:',
    commands: [
      kdig(undefined, 'www.public.example'),
      kdig(undefined, 'www.group.example'),
      kdig('impostor', 'www.group.example'),
    ],
  },
  {
    words: 'The clients of the resolver, by Unbound, which validates (flag ad):',
    commands: [dig(ports.unbound, 'www.group.example +dnssec')],
  },
  {
    words: 'BIND in the place of Unbound:',
    commands: ['named -g -c named.conf', dig(ports.bind, 'www.group.example +dnssec')],
  },
  {
    words: 'What the rest of the world sees of the two zones:',
    commands: [dig(ports.resolver, 'www.public.example'), dig(ports.resolver, 'www.group.example')],
  },
  {
    words: 'What the gate would say of the resolver, and of the impostor:',
    commands: [
      `npx danced verify -c gate.yaml ${resolver} --chain run/member/certificate.pem`,
      `npx danced verify -c gate.yaml ${resolver} --chain run/impostor/certificate.pem`,
    ],
  },
  {
    words: 'How each class was served:',
    commands: [`curl -s http://127.0.0.1:${String(ports.metrics)}/metrics | grep ^danced_authoritative_`],
  },
];
