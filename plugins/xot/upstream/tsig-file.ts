/** The key that messages to a primary are signed with, its secret read from a file of its own. */
import { readFileSync } from 'node:fs';
import {
  parseTsigSecret,
  schema,
  tsigAlgorithms,
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

/** The keys; they are spread in a `z.strictObject`. `where` is where the key is known too. */
export function tsigKeys(where: string) {
  return {
    key: schema.domainName('xfr.example').meta({ description: `The name of the key, the same ${where}.` }),
    algorithm: schema
      .choice(Object.keys(tsigAlgorithms) as [TsigAlgorithm, ...TsigAlgorithm[]])
      .default('hmac-sha256')
      .meta({ description: `The algorithm of the key, the same ${where}.` }),
    'secret-file': schema.filePath('/etc/danced/tsig.secret').meta({
      description:
        'A file with the secret in base64 and nothing else; only danced should be able to read it.',
    }),
  };
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
