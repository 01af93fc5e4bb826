/** Checks that every address we are to listen on can be had: by taking all of them for a moment. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { LoadedConfig } from '../../core/config/config.ts';
import { formatEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import { formatPath, type ConfigPath } from '../../core/config/errors.ts';
import { FindingsAt, type Fault, type Finding } from './finding.ts';

/** An address to listen on, and where the configuration has it. */
export interface Listen {
  readonly at: Endpoint;
  readonly path: ConfigPath;
}

export async function checkPorts({ document }: LoadedConfig, listens: readonly Listen[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const taken = new Map<string, ConfigPath>();
  for (const { at: endpoint, path } of listens) {
    const at = new FindingsAt(document, path);
    const text = formatEndpoint(endpoint);
    const earlier = taken.get(text);
    if (earlier !== undefined && endpoint.port !== 0) {
      const wrong = `${text} is also the address of ${formatPath(earlier)}`;
      findings.push(at.misconfigured({ wrong, right: 'choose another port or address for one of the two' }));
      continue;
    }
    taken.set(text, path);
    const fault = await tryToListen(endpoint);
    findings.push(fault === undefined ? at.ok(`${text} can be listened on`) : at.misconfigured(fault));
  }
  return findings;
}

async function tryToListen(endpoint: Endpoint): Promise<Fault | undefined> {
  const server = createServer();
  try {
    server.listen({ host: endpoint.address, port: endpoint.port, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return wordsFor(error, endpoint);
  } finally {
    await close(server);
  }
}

/** Resolves when the server is closed, also when it never listened. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

function wordsFor(error: unknown, endpoint: Endpoint): Fault {
  const text = formatEndpoint(endpoint);
  const port = String(endpoint.port);
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  switch (code) {
    case 'EADDRINUSE':
      return {
        wrong: `${text} is in use, by another program or by danced itself if it runs already`,
        right: `see who has it with: ss -lntp 'sport = :${port}', then stop that program or choose another port`,
      };
    case 'EACCES':
      return {
        wrong: `this user may not listen on ${text}`,
        right:
          'give the service AmbientCapabilities=CAP_NET_BIND_SERVICE (systemd), or choose a port from 1024 on',
      };
    case 'EADDRNOTAVAIL':
      return {
        wrong: `this machine has no address ${endpoint.address}`,
        right: 'choose one that "ip address" shows',
      };
    case 'EAFNOSUPPORT':
      return { wrong: `this machine has no IPv6, so not ${text}`, right: 'choose an IPv4 address' };
    default:
      return { wrong: `cannot listen on ${text} (${code})`, right: 'correct the address' };
  }
}
