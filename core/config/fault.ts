/** What is wrong with keys that are right each by itself. */
import type { z } from 'zod';
import { issueMessage } from './words.ts';

export interface ConfigFault {
  /** Below the map that is checked. */
  readonly path: (string | number)[];
  readonly message: string;
}

export function configFault(path: (string | number)[], wrong: string, right: string): ConfigFault {
  return { path, message: issueMessage({ wrong, right }) };
}

/** For `superRefine` of a map: refuses it for these faults. */
export function refuseFaults<C>(faultsOf: (config: C) => readonly ConfigFault[]) {
  return (config: C, context: z.RefinementCtx): void => {
    for (const { path, message } of faultsOf(config)) {
      context.addIssue({ code: 'custom', path, message, input: config });
    }
  };
}
