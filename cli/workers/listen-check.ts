/**
 * Whether addresses are free, before workers listen there: with SO_REUSEPORT the system lets them listen beside another danced of
 * the same user, which would take a part of the connections.
 *
 * Limitations: for TCP; what begins to listen there a moment later is not seen.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { listenError } from '../../core/server/listen-error.ts';
import type { LoadedWithPlugins } from '../plugins.ts';
import { workerBounds, type WorkerBounds } from './bounds.ts';

/** Addresses where the plugins listen. Throws ConfigError for a port that the system is to choose: each worker would get another. */
export function listensOf({ config, document, plugins }: LoadedWithPlugins): readonly Endpoint[] {
  const listens = config.plugins.flatMap(({ use, path, config: own }) =>
    (plugins.get(use)?.endpoints(own).listens ?? []).map(({ at, path: rest }) => ({
      at,
      path: [...path, ...rest],
    })),
  );
  const problems = listens
    .filter(({ at }) => at.port === 0)
    .map(({ path }) =>
      document.problem(
        path,
        'port 0 means another port for each of the workers',
        'choose a port, or write workers: 1',
      ),
    );
  if (problems.length > 0) throw new ConfigError(problems);
  return listens.map(({ at }) => at);
}

/** Rejects with ListenError for the first that cannot be listened on, after a while: one that has just ended lets its ports go. */
export async function checkListens(
  listens: readonly Endpoint[],
  { takeOverMs, takeOverEveryMs }: Pick<WorkerBounds, 'takeOverMs' | 'takeOverEveryMs'> = workerBounds,
): Promise<void> {
  const untilMs = performance.now() + takeOverMs;
  for (const at of listens) {
    let error = await whyNot(at);
    while (error?.code === 'EADDRINUSE' && performance.now() < untilMs) {
      await sleep(takeOverEveryMs);
      error = await whyNot(at);
    }
    if (error !== undefined) throw listenError(at, error);
  }
}

/** Those of `after` that are not in `before`. */
export function newListens(before: readonly Endpoint[], after: readonly Endpoint[]): readonly Endpoint[] {
  const known = new Set(before.map(formatEndpoint));
  return after.filter((at) => !known.has(formatEndpoint(at)));
}

async function whyNot({ address, port }: Endpoint): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  try {
    server.listen({ host: address, port, exclusive: true });
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return undefined;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}
