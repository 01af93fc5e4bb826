/**
 * Catalog zones (RFC 9432) between us and others: BIND and Knot DNS serve what our catalog lists, and we keep what theirs list.
 */
import { expect } from 'chai';
import { Rcode, RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeResponse, type ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { parseRecords } from '../../core/dns/record-text.ts';
import { frame } from '../../core/dns/framing.ts';
import { MessageWriter } from '../../core/dns/writer.ts';
import { Metrics } from '../../core/observe/metrics.ts';
import { ZoneSet } from '../../core/acl/zone-set.ts';
import { cacheLimits } from '../../plugins/xot/cache/limits.ts';
import { ServerSource } from '../../plugins/xot/cache/server-source.ts';
import { ZoneCache } from '../../plugins/xot/cache/zone-cache.ts';
import { CatalogConsumer } from '../../plugins/xot/catalog/consumer.ts';
import { CatalogProducer } from '../../plugins/xot/catalog/producer.ts';
import { transferLimits } from '../../plugins/xot/limits.ts';
import { PlainUpstream } from '../../plugins/xot/upstream/plain-upstream.ts';
import { DnsServer, type HeardQuery } from '../support/dns-server.ts';
import { limitsOf } from '../support/limits.ts';
import { memoryLog } from '../support/memory-log.ts';
import { sendNotify } from '../support/peers/notify.ts';
import { freePort, pathOf, TestBed, type RunningProgram } from '../support/peers/test-bed.ts';
import { servedSerial } from '../support/peers/zone-text.ts';

const catalog = 'members.example';

/** A primary on plain TCP and UDP that has zones as lists of records, the SOA record first. */
class RecordServer {
  readonly zones = new Map<string, readonly ResourceRecord[]>();
  #server: DnsServer | undefined;

  async start(): Promise<number> {
    this.#server = await DnsServer.start((query) => this.#answer(query));
    return this.#server.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #answer({ message, over, send }: HeardQuery): void {
    const [question] = message.questions;
    const records = question === undefined ? undefined : this.zones.get(question.name.key);
    const reply = (octets: Buffer): void => send(over === 'tcp' ? frame(octets) : octets);
    const [soa] = records ?? [];
    if (question === undefined || records === undefined || soa === undefined) {
      reply(encodeMessage(makeResponse(message, { rcode: Rcode.REFUSED })));
    } else if (question.type === RrType.SOA || over === 'udp') {
      reply(encodeMessage(makeResponse(message, { aa: true, answers: [soa] })));
    } else {
      const writer = new MessageWriter({ id: message.header.id, qr: true, aa: true });
      writer.addQuestion(question);
      for (const record of [...records, soa]) writer.tryAdd('answer', record);
      reply(writer.finish());
    }
  }
}

function memberZone(name: string, serial = 1): [key: string, records: ResourceRecord[]] {
  const text = `${name}. 60 IN SOA ns. admin. ${serial} 1 1 1000 1\n${name}. 60 IN NS ns.invalid.\n`;
  return [Name.parse(name).key, parseRecords(text)];
}

interface Consumer {
  readonly program: RunningProgram;
  readonly port: number;
}

async function startBind(bed: TestBed, primary: number): Promise<Consumer> {
  const port = await freePort();
  const folder = bed.folder('bind');
  const config = bed.write(
    'bind/named.conf',
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
  catalog-zones { zone "${catalog}" default-primaries { 127.0.0.1 port ${primary}; } min-update-interval 1; };
};
controls { };
zone "${catalog}" { type secondary; file "catalog"; primaries port ${primary} { 127.0.0.1; }; min-retry-time 1; max-retry-time 1; };
`,
  );
  const program = bed.start(pathOf('named'), ['-g', '-n', '1', '-c', config]);
  await program.waitForPort(port);
  return { program, port };
}

async function startKnot(bed: TestBed, primary: number): Promise<Consumer> {
  const port = await freePort();
  const folder = bed.folder('knot');
  const config = bed.write(
    'knot/knot.conf',
    `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
remote:
  - id: primary
    address: 127.0.0.1@${primary}
acl:
  - id: news
    address: 127.0.0.0/8
    action: [notify, transfer]
template:
  - id: member
    storage: "${folder}"
    master: primary
    acl: news
zone:
  - domain: ${catalog}
    storage: "${folder}"
    master: primary
    acl: news
    catalog-role: interpret
    catalog-template: member
`,
  );
  const program = bed.start(pathOf('knotd'), ['-c', config]);
  await program.waitForPort(port);
  return { program, port };
}

for (const [title, start] of Object.entries({ BIND: startBind, 'Knot DNS': startKnot })) {
  describe(`our catalog and ${title} as its consumer`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    const server = new RecordServer();
    const producer = new CatalogProducer(Name.parse(catalog), Date.now);
    let consumer: Consumer;

    async function publish(...names: readonly string[]): Promise<void> {
      for (const name of names) server.zones.set(...memberZone(name));
      producer.setZones(names.map((name) => Name.parse(name)));
      server.zones.set(producer.name.key, producer.records());
      await sendNotify(consumer.port, catalog);
    }

    function serves(name: string, serial: number | undefined): Promise<void> {
      return consumer.program.waitFor(
        `${name} at ${String(serial)}`,
        async () => (await servedSerial(consumer.port, name)) === serial,
      );
    }

    before(async () => {
      server.zones.set(producer.name.key, producer.records());
      consumer = await start(bed, await server.start());
    });

    after(async () => {
      await bed.close();
      await server.close();
    });

    it('adds and removes the zones that it lists [RFC9432-4.1]', async () => {
      await publish('a.example', 'b.example');
      await serves('a.example', 1);
      await serves('b.example', 1);
      await publish('b.example', 'c.example');
      await serves('c.example', 1);
      await serves('a.example', undefined);
      await serves('b.example', 1);
    });
  });
}

interface Producer {
  readonly port: number;
  /** Lists these zones. */
  list(names: readonly string[]): Promise<void>;
}

function zoneText(name: string, serial: number): string {
  return `${name}. 60 IN SOA ns. admin. ${serial} 1 1 1000 1\n${name}. 60 IN NS ns.invalid.\n`;
}

/** BIND makes no catalogs; its operators write them. */
async function bindProducer(bed: TestBed): Promise<Producer> {
  const port = await freePort();
  const folder = bed.folder('bind');
  let serial = 0;
  const write = (names: readonly string[]): void => {
    serial += 1;
    const members = names.map(
      (name, index) => `n${index}-${name.replaceAll('.', '-')}.zones.${catalog}. 0 IN PTR ${name}.\n`,
    );
    bed.write(
      'bind/catalog',
      `${zoneText(catalog, serial)}version.${catalog}. 0 IN TXT "2"\n${members.join('')}`,
    );
    for (const name of names) bed.write(`bind/${name}`, zoneText(name, 5));
    const zones = [catalog, ...names].map(
      (name) => `zone "${name}" { type primary; file "${name === catalog ? 'catalog' : name}"; };\n`,
    );
    bed.write(
      'bind/named.conf',
      `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no; allow-transfer { 127.0.0.1; };
};
controls { };
${zones.join('')}`,
    );
  };
  write([]);
  const program = bed.start(pathOf('named'), ['-g', '-n', '1', '-c', `${folder}/named.conf`]);
  await program.waitForPort(port);
  return {
    port,
    list: async (names) => {
      write(names);
      program.signal('SIGHUP');
      await program.waitFor('the new catalog', async () => (await servedSerial(port, catalog)) === serial);
    },
  };
}

async function knotProducer(bed: TestBed): Promise<Producer> {
  const port = await freePort();
  const folder = bed.folder('knot');
  const write = (names: readonly string[]): void => {
    for (const name of names) bed.write(`knot/${name}.zone`, zoneText(name, 5));
    const zones = names.map(
      (name) =>
        `  - domain: ${name}\n    storage: "${folder}"\n    acl: all\n    catalog-role: member\n    catalog-zone: ${catalog}\n`,
    );
    bed.write(
      'knot/knot.conf',
      `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${folder}"
acl:
  - id: all
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: ${catalog}
    storage: "${folder}"
    acl: all
    catalog-role: generate
${zones.join('')}`,
    );
  };
  write([]);
  const program = bed.start(pathOf('knotd'), ['-c', `${folder}/knot.conf`]);
  await program.waitForPort(port);
  return {
    port,
    list: (names) => {
      write(names);
      program.signal('SIGHUP');
      return Promise.resolve();
    },
  };
}

for (const [title, start] of Object.entries({ BIND: bindProducer, 'Knot DNS': knotProducer })) {
  describe(`the catalog of ${title} and we as its consumer`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    const log = memoryLog();
    let producer: Producer;
    let cache: ZoneCache;
    let consumer: CatalogConsumer;

    before(async () => {
      producer = await start(bed);
      const limits = limitsOf(cacheLimits, { 'refresh-min': 100, 'first-retry': 100 });
      const times = limitsOf(transferLimits);
      const upstream = new PlainUpstream({ address: '127.0.0.1', port: producer.port }, times);
      const source = new ServerSource(upstream, () => limits);
      cache = new ZoneCache({
        ...{ sources: () => [source], limits, log, nowMs: Date.now },
        ...{ check: () => Promise.resolve(undefined), spillDirectory: bed.directory, metrics: new Metrics() },
      });
      consumer = new CatalogConsumer({
        ...{ cache, log },
        settings: {
          ...{ catalogs: [Name.parse(catalog)], zones: [], limits: { 'catalog-members': 10 } },
          admitted: new ZoneSet([{ kind: 'below', name: Name.parse('example') }]),
        },
      });
      cache.start();
    });

    after(async () => {
      consumer.close();
      cache.close();
      await bed.close();
    });

    async function keeps(...names: readonly string[]): Promise<void> {
      const until = Date.now() + 20_000;
      for (;;) {
        const kept = [...cache.zones]
          .filter(({ version }) => version !== undefined)
          .map(({ name }) => name.toString());
        const found = kept.filter((name) => name !== catalog).sort();
        if (found.join() === [...names].sort().join()) return;
        if (Date.now() > until)
          throw new Error(
            `${found.join()} is kept, not ${names.join()}: ${JSON.stringify(log.lines.slice(-8))}`,
          );
        cache.zone(Name.parse(catalog))?.notify();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }

    it('keeps the zones that it lists, as long as it does [RFC9432-5.3]', async () => {
      await producer.list(['a.example', 'b.example', 'elsewhere.test']);
      await keeps('a.example', 'b.example');
      await producer.list(['b.example', 'c.example']);
      await keeps('b.example', 'c.example');
      expect(consumer.members.map(String).sort()).to.deep.equal(['b.example', 'c.example']);
      expect(log.of('catalog not processed')).to.deep.equal([]);
    });
  });
}
