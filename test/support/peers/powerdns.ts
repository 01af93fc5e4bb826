/**
 * PowerDNS as a secondary of a plain server, as an agent beside it is: it has no TLS. Zones in SQLite, made by
 * node:sqlite from PowerDNS's own schema; it asks for IXFR once it has a zone.
 */
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { secondary, type Secondary, type SecondaryOptions } from './secondaries.ts';
import { freePort, pathOf, type TestBed } from './test-bed.ts';

const schemaFile = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';

export async function startPowerdnsSecondary(bed: TestBed, options: SecondaryOptions): Promise<Secondary> {
  const { apex, moreZones = [], gate, port = await freePort() } = options;
  if (gate.certificateFile !== undefined) throw new RangeError('PowerDNS has no XoT');
  const name = `powerdns-secondary-${port}`;
  const folder = bed.folder(name);
  fillDatabase(`${folder}/zones.sqlite`, [apex, ...moreZones], `127.0.0.1:${gate.port}`);
  bed.write(
    `${name}/pdns.conf`,
    `launch=gsqlite3
gsqlite3-database=${folder}/zones.sqlite
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=${port}
socket-dir=${folder}
daemon=no
guardian=no
secondary=yes
xfr-cycle-interval=1
allow-notify-from=127.0.0.1
allow-axfr-ips=127.0.0.1
disable-axfr=no
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
receiver-threads=1
distributor-threads=1
retrieval-threads=2
max-tcp-connections=50
tcp-fast-open=0
loglevel=6
log-timestamp=no
version-string=anonymous
`,
  );
  const program = bed.start(pathOf('pdns_server'), [`--config-dir=${folder}`]);
  await program.waitForPort(port);
  return secondary(program, port, apex, /Unable to AXFR|Unable to XFR|Error while|Timeout|unable to/gi);
}

function fillDatabase(file: string, zones: readonly string[], primary: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(readFileSync(schemaFile, 'utf8'));
    const addZone = database.prepare("INSERT INTO domains (name, master, type) VALUES (?, ?, 'SLAVE')");
    const addIxfr = database.prepare(
      "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, 'IXFR', '1')",
    );
    for (const zone of zones) addIxfr.run(addZone.run(zone, primary).lastInsertRowid);
  } finally {
    database.close();
  }
}
