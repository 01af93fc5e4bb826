/** The key that messages to a primary are signed with, its secret read from a file of its own. */
import { readFileSync } from 'node:fs';
import {
  parseTsigSecret,
  type Name,
  type PluginHost,
  type TsigAlgorithm,
  type TsigKey,
} from '../../../core/index.ts';

export interface TsigConfig {
  readonly key: Name;
  readonly algorithm: TsigAlgorithm;
  /** A path, as written. */
  readonly 'secret-file': string;
}

/** Reads the secret. Throws Error with words for the operator, which have nothing of the secret in them. */
export function readTsigKey(config: TsigConfig, host: Pick<PluginHost, 'absolutePath'>): TsigKey {
  const file = host.absolutePath(config['secret-file']);
  try {
    return {
      name: config.key,
      algorithm: config.algorithm,
      secret: parseTsigSecret(readFileSync(file, 'utf8')),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the secret of the TSIG key ${config.key.toString()} in ${file} cannot be used: it ${why}`,
      {
        cause: error,
      },
    );
  }
}
