/** What to type in another terminal while the example runs, and what comes of it. */
import type { Trial } from '../programs.ts';

/** Ports of the example, as its configuration files have them. */
export const ports = {
  gate: 18854,
  metrics: 19854,
  resolver: 15302,
  unbound: 15303,
  agent: 15355,
  stubby: 15356,
  branch: 15357,
} as const;

const gate = `@127.0.0.1 -p ${String(ports.gate)}`;

function kdig(client: string, what: string): string {
  return `kdig ${gate} +tls +tls-certfile=run/${client}/certificate.pem +tls-keyfile=run/${client}/key.pem ${what}`;
}

/** dig 9.18 shows its certificate only to a server whose own it can check. */
function dig(client: string, what: string): string {
  const server = '+tls-ca=run/gate/certificate.pem +tls-hostname=resolver.corp.example';
  const own = `+tls-certfile=run/${client}/certificate.pem +tls-keyfile=run/${client}/key.pem`;
  return `dig ${gate} +tls ${server} ${own} ${what}`;
}

function plainDig(port: number, what: string): string {
  return `dig @127.0.0.1 -p ${String(port)} ${what}`;
}

/** For a shell in this folder. */
export const trials: readonly Trial[] = [
  {
    words: 'A laptop of the staff sees the inside, here with kdig and by itself:',
    commands: [kdig('laptop', 'intranet.corp.example')],
  },
  {
    words: 'A guest sees what the world sees, here with dig, which checks the gate as well:',
    commands: [dig('phone', 'www.corp.example'), dig('phone', 'intranet.corp.example')],
  },
  {
    words: 'A stranger gets no answer, nor does the name of the laptop with another key:',
    commands: [kdig('stranger', 'www.corp.example'), kdig('impostor', 'www.corp.example')],
  },
  {
    words: 'Any program of the laptop, through the agent:',
    commands: [plainDig(ports.agent, 'intranet.corp.example')],
  },
  {
    words: 'Stubby before the agent:',
    commands: ['stubby -C stubby.yml', plainDig(ports.stubby, 'wiki.corp.example')],
  },
  {
    words: 'Unbound of a branch office before the agent; what it validates is secure there too:',
    commands: [
      'unbound -d -c branch.conf',
      plainDig(ports.branch, 'www.shop.example +dnssec'),
      plainDig(ports.branch, 'www.corp.example'),
    ],
  },
  {
    words: 'What the gate would say of the laptop, and of the impostor:',
    commands: [
      'npx danced verify -c danced.yaml laptop1.staff.corp.example --chain run/laptop/certificate.pem',
      'npx danced verify -c danced.yaml laptop1.staff.corp.example --chain run/impostor/certificate.pem',
    ],
  },
];
