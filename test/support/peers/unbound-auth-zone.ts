/**
 * Unbound with an auth-zone: a resolver that keeps a copy of a zone, which it transfers from a plain server, as an agent
 * beside it is. It hands its copy to nobody, but writes it to a file, which is what one can look at.
 */
import { readFileSync } from 'node:fs';
import { secondary, type Secondary, type SecondaryOptions } from './secondaries.ts';
import { freePort, pathOf, type TestBed } from './test-bed.ts';
import { recordLines } from './zone-text.ts';

export interface AuthZone extends Secondary {
  /** The records in its file as `dumpZone` gives them: one a line, sorted; none before the first transfer. */
  records(): readonly string[];
}

export async function startUnboundAuthZone(bed: TestBed, options: SecondaryOptions): Promise<AuthZone> {
  const { apex, gate, port = await freePort() } = options;
  const name = `unbound-secondary-${port}`;
  const folder = bed.folder(name);
  const file = `${folder}/zone`;
  const config = bed.write(
    `${name}/unbound.conf`,
    `server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: "${folder}/pid"
  use-syslog: no
  logfile: ""
  verbosity: 4
  do-daemonize: no
  module-config: "iterator"
remote-control:
  control-enable: no
auth-zone:
  name: "${apex}"
  primary: 127.0.0.1@${gate.port}
  allow-notify: 127.0.0.1
  for-downstream: yes
  for-upstream: no
  fallback-enabled: no
  zonefile: "${file}"
`,
  );
  const program = bed.start(pathOf('unbound'), ['-d', '-c', config]);
  await program.waitForPort(port);
  return {
    ...secondary(program, port, apex, /xfr stopped|failed/g),
    records: () => {
      try {
        return recordLines(readFileSync(file, 'utf8'));
      } catch {
        return [];
      }
    },
  };
}
