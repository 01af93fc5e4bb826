import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkClasses } from '../../cli/check/classes.ts';
import { formatFinding } from '../../cli/check/finding.ts';
import { loadConfigAndPlugins } from '../../cli/plugins.ts';
import { encodeMessage, makeResponse, parseMessage } from '../../core/dns/message.ts';
import { freePort, udpServer, type TestServer } from './check-servers.ts';

describe('danced check of a gate before authoritative servers', () => {
  let folder: string;
  let server: TestServer;
  /** What it says of a zone: response code and AA. */
  let says: Record<string, { readonly rcode: number; readonly aa: boolean; readonly ra?: boolean }>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'danced-check-'));
    says = { 'example.com': { rcode: 0, aa: true }, 'corp.example.com': { rcode: 0, aa: true } };
    server = await udpServer((query) =>
      makeResponse(query, says[query.questions[0]?.name.toString() ?? ''] ?? { rcode: 5, aa: false }),
    );
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function findings(classes: string, port = server.port): Promise<string[]> {
    writeFileSync(
      join(folder, 'access.yaml'),
      `version: 1
clients:
  resolver.example: { roles: [partner], allow: [{ action: query }] }
`,
    );
    const file = join(folder, 'danced.yaml');
    writeFileSync(
      file,
      `version: 1
identity: { name: gate.example, directory: identity }
resolver: { servers: [127.0.0.1] }
access: { store: file, file: access.yaml }
plugins:
  - use: recursive-auth/gate
    listen: ["127.0.0.1:8853"]
    upstreams: ["127.0.0.1:${String(port)}"]
    limits: { upstream-time: 300ms, upstream-retry: 50ms }
    classes:
${classes}
`,
    );
    return (await checkClasses(await loadConfigAndPlugins(file))).map((finding) =>
      formatFinding(finding).replaceAll(`${folder}/`, '').replaceAll(String(port), 'PORT'),
    );
  }

  const both = `      partner: {}
      strangers: { zones: [example.com], except: [corp.example.com] }`;

  it('says that the servers have the zones of the classes', async () => {
    expect(await findings(both)).to.deep.equal([
      'ok: plugins[0].upstreams[0]: the server 127.0.0.1:PORT has example.com',
      'ok: plugins[0].upstreams[0]: the server 127.0.0.1:PORT has corp.example.com',
    ]);
  });

  it('says which zone a server does not have, or not with authority', async () => {
    says = { 'example.com': { rcode: 0, aa: false } };
    const said = await findings(both);
    expect(said).to.have.length(2);
    expect(said[0]).to.include('answers for example.com without authority; give an authoritative server');
    expect(said[1]).to.include('answers REFUSED for corp.example.com; load the zone there');
  });

  it('says that a server does not answer, once', async () => {
    const said = await findings(both, await freePort());
    expect(said).to.have.length(1);
    expect(said[0]).to.match(
      /plugins\[0\]\.upstreams\[0\]: server 127\.0\.0\.1:PORT .*; start it, or correct address/,
    );
  });

  it('says that a server answers what is no message, once', async () => {
    const broken = createSocket('udp4');
    broken.on('message', (octets, { port, address }) => {
      const reply = encodeMessage(makeResponse(parseMessage(octets), {}));
      // A record in the answer, by the header alone.
      reply.writeUInt16BE(1, 6);
      broken.send(reply, port, address);
    });
    broken.bind(0, '127.0.0.1');
    await once(broken, 'listening');
    try {
      const said = await findings(both, broken.address().port);
      expect(said).to.have.length(1);
      expect(said[0]).to.include('its answer for example.com is malformed: ');
    } finally {
      broken.close();
    }
  });

  it('is content with any answer where no class names a zone', async () => {
    expect(await findings('      partner: {}')).to.deep.equal([
      'ok: plugins[0].upstreams[0]: the server 127.0.0.1:PORT answers, by UDP',
    ]);
  });

  it('warns of a server that recurses for the gate, where a class may ask for every name [RFC1035-4.1.1]', async () => {
    says = {
      '.': { rcode: 0, aa: false, ra: true },
      'example.com': { rcode: 0, aa: true },
      'corp.example.com': { rcode: 0, aa: true, ra: true },
    };
    const warning = (of: string): string =>
      `danced.yaml:8:17: warning: plugins[0].upstreams[0]: the server 127.0.0.1:PORT offers recursion (RA), so that it resolves any name for class ${of}, which may ask for every name; forbid it recursion for the address of the gate (BIND: recursion no), or give zones to the class`;
    expect((await findings(both)).slice(2)).to.deep.equal([warning('partner')]);
    const open = await findings('      partner: {}\n      strangers: {}');
    expect(open.slice(1)).to.deep.equal([warning('partner, strangers')]);
    const bounded = `      partner: { zones: [example.com] }
      strangers: { zones: [example.com], except: [corp.example.com] }`;
    expect(await findings(bounded)).to.have.length(2);
  });

  it('names a class that nobody is of', async () => {
    const said = await findings('      partner: {}\n      patner: {}');
    expect(said[1]).to.match(
      /^danced.yaml:12:15: warning: plugins\[0\]\.classes\.patner: nobody in the access list has this role/,
    );
  });
});
