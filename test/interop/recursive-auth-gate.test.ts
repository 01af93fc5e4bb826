/**
 * The gate of recursive-auth before real authoritative servers: whoever asks through it is told what the server says when it is
 * asked itself, but for the order of records and the case of letters; a zone for the trust group is told to nobody else; and what is
 * said never depends on the name of the server that a client asks for (SNI).
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RrType, rcodeName } from '../../core/dns/constants.ts';
import { encodeMessage, parseMessage, type Message, type ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRecord } from '../../core/dns/present.ts';
import { ask, queryFor, type Inquiry } from '../../lab/ask.ts';
import { startLab, type Lab } from '../../lab/lab.ts';
import { startDanced, type DancedProcess } from '../support/danced-process.ts';
import { DotClient } from '../support/dot-client.ts';
import { TestClient } from '../support/gate-bed.ts';
import { until } from '../support/gate.ts';
import { makeIdentity, type IdentityFiles } from '../support/identity-files.ts';
import { primaryKinds } from '../support/peers/kinds.ts';
import { startPowerdnsSecondary } from '../support/peers/powerdns.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { numberedZone, signWithLdns, type ZoneText } from '../support/peers/zone-text.ts';

const publicZone = 'public.test';
const groupZone = 'corp.test';
const resolverName = 'resolver.member.example';

/** Starts the server with both zones, and gives its plain port. */
type StartServer = (bed: TestBed, zones: readonly ZoneText[]) => Promise<number>;

const servers: Readonly<Record<string, StartServer>> = {
  ...Object.fromEntries(
    Object.entries(primaryKinds).map(([kind, start]): [string, StartServer] => [
      kind,
      async (bed, zones) => (await start(bed, zones)).port,
    ]),
  ),
  PowerDNS: async (bed, zones) => {
    const [first, ...others] = zones.map(({ apex }) => apex);
    const { port: from } = await primaryKinds['BIND']!(bed, zones);
    const gate = { port: from };
    const { port } = await startPowerdnsSecondary(bed, { apex: first!, moreZones: others, gate });
    for (const { apex } of zones) {
      await until(
        `PowerDNS has ${apex}`,
        async () => (await ask({ address: '127.0.0.1', port }, soaOf(apex))).answers.length > 0,
        30_000,
      );
    }
    return port;
  },
};

const questions: readonly (readonly [title: string, name: string, type: number])[] = [
  ['an address', 'host-5.public.test', RrType.A],
  ['an address, in other letters', 'HOST-5.Public.TEST', RrType.A],
  ['an alias', 'alias.public.test', RrType.A],
  ['a name that a wildcard makes', 'any.wild.public.test', RrType.TXT],
  ['a name that does not exist', 'nope.public.test', RrType.A],
  ['a type that the name does not have', 'host-5.public.test', RrType.MX],
  ['a delegation', 'www.child.public.test', RrType.A],
  ['the keys of the zone', publicZone, RrType.DNSKEY],
  ['the DS records of a delegation', 'child.public.test', RrType.DS],
  ['more than a datagram holds', 'long.public.test', RrType.TXT],
  ['a zone that the server does not have', 'www.elsewhere.test', RrType.A],
];

const bits: readonly (readonly [title: string, bits: Partial<Inquiry>])[] = [
  ['plainly', {}],
  ['with RD', { rd: true }],
  ['with DO', { dnssecOk: true }],
  ['with RD, CD and DO', { rd: true, cd: true, dnssecOk: true }],
];

for (const [server, start] of Object.entries(servers)) {
  describe(`${server} behind the gate of recursive-auth`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let lab: Lab;
    let port: number;
    let gate: DancedProcess;
    let identity: IdentityFiles;
    let known: DotClient;
    let stranger: DotClient;

    before(async () => {
      lab = await startLab({ zones: ['member.example'], unsignedZones: [] });
      port = await start(bed, [await signWithLdns(bed, publicText()), numberedZone(groupZone, 1, 10)]);
      identity = await makeIdentity(bed, resolverName);
      lab.publishTlsa(identity.name, [identity.tlsa]);
      gate = await startDanced(bed, {
        name: 'gate.example',
        resolver: lab.resolver,
        anchor: lab.rootAnchor(),
        access: `roles:
  group: { allow: [{ action: query }] }
anonymous: { allow: [{ action: query }] }
clients:
  ${resolverName}: { roles: [group] }
`,
        use: 'recursive-auth/gate',
        plugin: `    upstreams: ["127.0.0.1:${String(port)}"]
    classes:
      group: { weight: 10 }
      strangers: { except: [${groupZone}] }
`,
      });
      [known, stranger] = [await DotClient.connect(gate.port, identity), await DotClient.connect(gate.port)];
    });

    after(async () => {
      known.close();
      stranger.close();
      await bed.close();
      await lab.close();
    });

    for (const [title, name, type] of questions) {
      it(`says what it says itself, to known resolvers and to strangers: ${title}`, async () => {
        for (const [how, asked] of bits) {
          const inquiry = { name: Name.parse(name), type, ...asked };
          const direct = allOf(await ask({ address: '127.0.0.1', port }, inquiry));
          // The second is from memory, where it may be kept.
          for (const time of ['first', 'second']) {
            expect(allOf(await known.ask(inquiry)), `known, ${how}, the ${time} time`).to.deep.equal(direct);
            expect(allOf(await stranger.ask(inquiry)), `stranger, ${how}, the ${time} time`).to.deep.equal(
              direct,
            );
          }
        }
      });
    }

    it('tells the zone of the trust group to those who are of it, and to nobody else', async () => {
      const inquiry = { name: Name.parse(`host-5.${groupZone}`), type: RrType.A, dnssecOk: true };
      for (let time = 0; time < 2; time += 1) {
        expect((await known.ask(inquiry)).answers).to.have.length(1);
        const no = await stranger.ask(inquiry);
        expect([rcodeName(no.header.rcode), no.answers, no.authorities]).to.deep.equal(['REFUSED', [], []]);
        expect(no.edns?.options.map(({ code, data }) => [code, data.readUInt16BE(0)])).to.deep.equal([
          [15, 18],
        ]);
      }
    });

    it('says the same whatever name of the server is asked for [RFC9539-3.3]', async () => {
      const replies = new Set<string>();
      for (const servername of ['', 'gate.example', groupZone, 'host-5.public.test', '192.0.2.1.nip.test']) {
        const client = new TestClient(gate.port, { servername });
        await client.connected;
        for (const name of ['host-5.public.test', `host-5.${groupZone}`]) {
          client.send(encodeMessage(queryFor({ name: Name.parse(name), type: RrType.A, rd: false })));
        }
        replies.add(
          JSON.stringify((await client.received(2)).map((octets) => allOf(parseMessage(octets))).map(String)),
        );
        expect(client.socket.getPeerX509Certificate()?.raw.equals(certificateOf(gate))).to.equal(true);
        client.socket.destroy();
      }
      expect(replies.size).to.equal(1);
    });
  });
}

function certificateOf(gate: DancedProcess): Buffer {
  const text = readFileSync(gate.certificateFile, 'latin1');
  return Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

function publicText(): ZoneText {
  const strings = Array.from({ length: 20 }, (_, at) => `"${String(at).padEnd(200, '-')}"`);
  return numberedZone(publicZone, 1, 30, [
    `alias.${publicZone}. 3600 IN CNAME host-6.${publicZone}.`,
    `*.wild.${publicZone}. 3600 IN TXT "wild"`,
    `child.${publicZone}. 3600 IN NS ns.child.${publicZone}.`,
    `child.${publicZone}. 3600 IN DS 1 13 2 ${'ab'.repeat(32)}`,
    `ns.child.${publicZone}. 3600 IN A 192.0.2.53`,
    ...strings.map((text) => `long.${publicZone}. 3600 IN TXT ${text}`),
  ]);
}

function soaOf(apex: string): Inquiry {
  return { name: Name.parse(apex), type: RrType.SOA };
}

/** All of a message but its ID, the order of its records, and what belongs to one hop. */
function allOf({ header, questions: asked, answers, authorities, additionals, edns }: Message): unknown[] {
  const { aa, tc, rd, ra, ad, cd, rcode } = header;
  return [
    { aa, tc, rd, ra, ad, cd, rcode: rcodeName(rcode), dnssecOk: edns?.dnssecOk },
    asked.map(({ name, type }) => `${name.toString()} ${String(type)}`),
    lines(answers),
    lines(authorities),
    lines(additionals),
  ];
}

function lines(records: readonly ResourceRecord[]): string {
  return (
    records
      // What is in memory bears the letters of the first who asked (RFC 4343 section 4.1).
      .map((record) => presentRecord(record).toLowerCase())
      .sort()
      .join('\n')
  );
}
