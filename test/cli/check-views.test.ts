import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatFinding } from '../../cli/check/finding.ts';
import { check } from '../../cli/commands/check.ts';
import { writeIdentity } from '../../cli/identity-directory.ts';
import { tlsaFor } from '../../core/dane/tlsa.ts';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { makeResponse, type Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa } from '../../core/dns/rdata.ts';
import { issueIdentity } from '../../core/pki/issue.ts';
import { freePort, udpServer, type TestServer } from './check-servers.ts';

const owner = Name.parse('resolver.corp.example');
const nowMs = Date.parse('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;

describe('danced check of a resolver gate', () => {
  let identity: Awaited<ReturnType<typeof issueIdentity>>;
  let folder: string;
  let gatePort: number;
  const servers: TestServer[] = [];

  before(async () => {
    const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 365 * dayMs };
    identity = await issueIdentity({ name: owner, algorithm: 'p256', ...validity });
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'danced-check-'));
    gatePort = await freePort();
    await writeIdentity(join(folder, 'identity'), identity, { force: true });
    put('access.yaml', accessList('internal'));
    put('corp.zone', '@ 300 SOA ns1 hostmaster 1 3600 600 86400 300\n@ 300 NS ns1\n');
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  function put(file: string, text: string): void {
    writeFileSync(join(folder, file), text);
  }

  function accessList(view: string): string {
    return `version: 1
roles:
  staff: { allow: [{ action: resolve, view: ${view} }] }
clients:
  '*.staff.corp.example': { roles: [staff] }
  x.corp.example: { allow: [{ action: resolve, view: default }] }
`;
  }

  /** A resolver that recurses and says AD; its answer to anything else than our TLSA record has this code. */
  async function resolver({ rcode = 0, ra = true, record = true } = {}): Promise<string> {
    const server = await udpServer((query) => answerTo(query, { rcode, ra, record }));
    servers.push(server);
    return `127.0.0.1:${String(server.port)}`;
  }

  function answerTo(query: Message, of: { rcode: number; ra: boolean; record: boolean }): Message {
    const response = makeResponse(query, { rcode: of.rcode, ra: of.ra, ad: true });
    const [question] = query.questions;
    const isOurs = question?.name.toString().startsWith(`_${String(gatePort)}._tcp.resolver`) === true;
    if (!isOurs || !of.record) return response;
    const rdata = encodeTlsa(tlsaFor(identity, { usage: 3, selector: 1, matchingType: 1 }));
    const answer = { name: question.name, type: RrType.TLSA, class: RrClass.IN, ttl: 60, rdata };
    return { ...response, answers: [answer] };
  }

  /** What is wrong, in words, and the exit code's part of it. */
  async function found(
    given: { own?: string; upstreams?: readonly string[]; more?: string; roles?: string } = {},
  ): Promise<{ bad: string[]; ok: string[] }> {
    const upstreams = given.upstreams ?? [await resolver()];
    const more = given.more ?? 'zones: { corp.example: corp.zone }';
    put(
      'danced.yaml',
      `version: 1
identity: { name: ${owner.toString()}, directory: identity }
resolver: { validation: trust-ad, servers: ["${given.own ?? (await resolver())}"], timeout: 500ms }
access: { store: file, file: access.yaml }
plugins:
  - use: dot-resolver/gate
    listen: ["127.0.0.1:${String(gatePort)}"]
    views:
      default: { upstreams: ${JSON.stringify(upstreams)} }
      internal: { upstreams: ${JSON.stringify(upstreams)}, ${more} }
    roles: { ${given.roles ?? ''} }
`,
    );
    const { findings } = await check({ config: join(folder, 'danced.yaml'), nowMs });
    const words = (isOk: boolean): string[] =>
      findings.filter(({ severity }) => (severity === 'ok') === isOk).map(formatFinding);
    return { bad: words(false), ok: words(true) };
  }

  it('finds nothing wrong where files, upstreams, access list and TLSA record are right', async () => {
    const { bad, ok } = await found({ roles: 'staff: { rate: 10/s }' });
    expect(bad).to.deep.equal([]);
    expect(ok.join('\n')).to.match(/views\.internal: its 1 file can be used/);
    expect(ok.join('\n')).to.match(
      /views\.default\.upstreams\[0\]: the resolver 127\.0\.0\.1:\d+ answers, by UDP/,
    );
    expect(ok.join('\n')).to.match(/listen\[0\]: the TLSA record of _\d+\._tcp\.resolver\.corp\.example /);
  });

  it('finds a rule of the access list whose view no gate has, in a role and in an entry', async () => {
    put('access.yaml', accessList('intrenal').replace('view: default', 'view: defualt'));
    const { bad } = await found();
    expect(bad).to.have.length(2);
    expect(bad[0]).to.match(
      /danced\.yaml:4:\d+: access\.file: .*access\.yaml: role staff: allow 1: no resolver gate has a view "intrenal"/,
    );
    expect(bad[0]).to.match(/; write one of: default, internal$/);
    expect(bad[1]).to.match(/access\.yaml:6:1: .*allow 1: no resolver gate has a view "defualt"/);
  });

  it('finds limits of a role that nobody in the access list has', async () => {
    const { bad } = await found({ roles: 'stuff: { rate: 10/s }' });
    expect(bad).to.have.length(1);
    expect(bad[0]).to.match(
      /danced\.yaml:11:\d+: warning: plugins\[0\]\.roles\.stuff: nobody in the access list/,
    );
  });

  it('finds a list of names that is not there, and a line of a zone file that is wrong', async () => {
    const missing = await found({ more: 'blocked: ads.txt' });
    expect(missing.bad).to.have.length(1);
    expect(missing.bad[0]).to.match(
      /danced\.yaml:10:\d+: plugins\[0\]\.views\.internal: .*ads\.txt: .*no such file/,
    );
    put('corp.zone', '@ 300 SOA ns1 hostmaster 1 3600 600 86400 300\n@ 300 NS ns1\nwww 300 A 1.2.3\n');
    const broken = await found();
    expect(broken.bad).to.have.length(1);
    expect(broken.bad[0]).to.match(/corp\.zone:3:1: .*not an IPv4 address/);
  });

  it('asks every upstream by itself, though the gate could do with one', async () => {
    const dead = `127.0.0.1:${String(await freePort())}`;
    const { bad, ok } = await found({ upstreams: [await resolver(), dead] });
    expect(bad).to.have.length(2);
    for (const words of bad) expect(words).to.match(/upstreams\[1\]: resolver .* cannot be reached by UDP/);
    expect(ok.filter((words) => words.includes('upstreams[0]'))).to.have.length(2);
  });

  it('says that an upstream refuses us, does not recurse, or does not know the root', async () => {
    const upstreams = [
      await resolver({ rcode: Rcode.REFUSED }),
      await resolver({ ra: false }),
      await resolver({ rcode: Rcode.SERVFAIL }),
    ];
    const { bad } = await found({ upstreams });
    expect(bad).to.have.length(6);
    expect(bad[0]).to.match(
      /^[^ ]+danced\.yaml:9:\d+: .*upstreams\[0\]: .* refuses to answer us; .*access-control/,
    );
    expect(bad[1]).to.match(/warning: .*upstreams\[1\]: .* does not recurse/);
    expect(bad[2]).to.match(/warning: .*upstreams\[2\]: .* SERVFAIL when asked for the root/);
  });

  it('looks for the TLSA record of the port, by which agents know the gate, and for no other [RFC6698-3]', async () => {
    const { bad } = await found({ own: await resolver({ record: false }) });
    expect(bad).to.have.length(1);
    expect(bad[0]).to.match(
      /warning: plugins\[0\]\.listen\[0\]: _\d+\._tcp\.resolver\.corp\.example has no TLSA record, .*publish: _\d+\._tcp\.resolver\.corp\.example\. 3600 IN TLSA 3 1 1 /,
    );
  });
});
