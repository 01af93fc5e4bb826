/** The gate of the demo and of the examples: the daemon as `danced run` starts it, in this process. */
import { createLog } from '../../core/observe/log.ts';
import type { LogStream } from '../../core/observe/log.ts';
import { Daemon } from '../daemon.ts';
import { loadConfigAndPlugins } from '../plugins.ts';

/** Something that listens for secondaries. */
export interface RunningGate {
  stop(): Promise<void>;
}

/** Starts a gate from a configuration file; its log goes to the stream, as JSON. */
export type StartGate = (configFile: string, log: LogStream) => Promise<RunningGate>;

/** Milliseconds for transfers under way to finish. */
const stopTimeMs = 1000;

/** Starts the real gate. Rejects with ConfigError, IdentityError or ListenError. */
export const startGate: StartGate = async (configFile, destination) => {
  const loaded = await loadConfigAndPlugins(configFile);
  const log = createLog({ level: 'info', format: 'json', destination });
  const daemon = await Daemon.start({ loaded, log });
  return { stop: () => daemon.stop(stopTimeMs) };
};
