/**
 * The gate with real recursive resolvers behind it, over each transport that they have: what a member gets is what the
 * resolver says when it is asked itself.
 */
import { expect } from 'chai';
import { EdeCode } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { ask } from '../../lab/ask.ts';
import type { Lab } from '../../lab/lab.ts';
import { startDanced, type DancedProcess } from '../support/danced-process.ts';
import { DotClient } from '../support/dot-client.ts';
import { dotAuthority, pemOf } from '../support/dot-server.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import {
  bits,
  essenceOf,
  memberZone,
  questions,
  startQuestionsLab,
} from '../support/peers/recursive-questions.ts';
import { recursiveServers, upstreamName } from '../support/peers/recursive.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import type { Resolver } from '../support/peers/unbound.ts';

/** How a view asks its upstream, by words of the configuration; undefined for what the resolver does not have. */
const ways = {
  udp: ({ address, port }: Resolver) => `upstreams: ["${address}:${String(port)}"], transport: udp`,
  tcp: ({ address, port }: Resolver) => `upstreams: ["${address}:${String(port)}"], transport: tcp`,
  tls: ({ address, tlsPort }: Resolver) =>
    tlsPort > 0 ? `upstreams: ["${address}:${String(tlsPort)}#${upstreamName}"], ca: ca.pem` : undefined,
  'udp-with-proxy': proxied('udp'),
  'tcp-with-proxy': proxied('tcp'),
};
type Way = keyof typeof ways;

function proxied(transport: 'udp' | 'tcp') {
  return ({ address, proxyPort }: Resolver) =>
    proxyPort > 0
      ? `upstreams: ["${address}:${String(proxyPort)}"], transport: ${transport}, proxy-protocol: true`
      : undefined;
}

/** What each of them has. */
const offers: Readonly<Record<string, readonly Way[]>> = {
  Unbound: ['udp', 'tcp', 'tls', 'udp-with-proxy', 'tcp-with-proxy'],
  BIND: ['udp', 'tcp', 'tls'],
  'Knot Resolver': ['udp', 'tcp', 'tls', 'udp-with-proxy', 'tcp-with-proxy'],
  'PowerDNS Recursor': ['udp', 'tcp'],
};
/** Those that say why a name is bogus. */
const tellsOfBogus = new Set(['Unbound', 'Knot Resolver']);
const timeoutMs = 8_000;

for (const [server, start] of Object.entries(recursiveServers)) {
  describe(`${server} behind the gate`, () => {
    const bed = new TestBed();
    const offered = offers[server] ?? [];
    const members = new Map<Way, DotClient>();
    let lab: Lab;
    let upstream: Resolver;
    let gate: DancedProcess;

    before(async () => {
      lab = await startQuestionsLab();
      upstream = await start(bed, lab);
      // Before the gate starts, because it looks at once for the records of those whom its list names.
      const identities = new Map<Way, IdentityFiles>();
      for (const way of offered) {
        const identity = await makeIdentity(bed, memberOf(way));
        lab.publishTlsa(identity.name, [identity.tlsa]);
        identities.set(way, identity);
      }
      gate = await startDanced(bed, {
        name: 'gate.example',
        resolver: lab.resolver,
        anchor: lab.rootAnchor(),
        access: `clients:\n${offered.map(entryOf).join('')}`,
        use: 'dot-resolver/gate',
        plugin: `    default-view: udp\n    views:\n${offered.map((way) => viewOf(way, upstream)).join('')}`,
        files: { 'ca.pem': pemOf(dotAuthority) },
      });
      for (const [way, identity] of identities) {
        members.set(way, await DotClient.connect(gate.port, identity));
      }
    });
    after(async () => {
      for (const member of members.values()) member.close();
      await bed.close();
      await lab.close();
    });

    for (const way of offered) {
      for (const [title, name, type] of questions) {
        it(`answers as it does itself, over ${way}: ${title}`, async () => {
          for (const [asked, flags] of bits) {
            const inquiry = { name: Name.parse(name), type, rd: true, timeoutMs, ...flags };
            const direct = essenceOf(await ask(upstream, inquiry));
            // The first has come from the upstream; the second is from the cache, where it may be kept.
            for (const time of ['first', 'second']) {
              const got = essenceOf(await members.get(way)!.ask(inquiry));
              expect(got, `${asked}, the ${time} time`).to.deep.equal(direct);
            }
          }
        });
      }
    }

    it('is asked over the transport that the view names, and every answer is there', async () => {
      const octets = await gate.metrics();
      for (const way of ['udp', 'tcp', 'tls'].filter((one) => offered.some((other) => other === one))) {
        expect(octets).to.match(new RegExp(`transport="${way}"`));
      }
    });

    const tells = tellsOfBogus.has(server);
    it(`says no to a bogus name${tells ? ', and why [RFC8914-4.7]' : ''}`, async () => {
      const inquiry = { name: Name.parse('www.broken.example'), type: 1, rd: true, dnssecOk: true };
      const { rcode, answers, errors } = essenceOf(await members.get('tcp')!.ask(inquiry));
      expect([rcode, answers]).to.deep.equal(['SERVFAIL', []]);
      const bogus = errors.filter((error) => error.startsWith(`${String(EdeCode.DNSSEC_BOGUS)} `));
      if (tells) expect(bogus).to.have.length(1);
    });
  });
}

function memberOf(way: Way): string {
  return `${way}.${memberZone}`;
}

function entryOf(way: Way): string {
  return `  ${memberOf(way)}: { allow: [{ action: resolve, view: ${way} }] }\n`;
}

function viewOf(way: Way, upstream: Resolver): string {
  const keys = ways[way](upstream);
  if (keys === undefined) throw new Error(`this resolver cannot be asked by ${way}`);
  return `      ${way}: { ${keys} }\n`;
}
