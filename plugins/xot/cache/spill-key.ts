/** Where zones go that are too large for memory, in the configuration of gate and agent. */
import { schema } from '../../../core/index.ts';

export const spillDirectoryKey = schema.filePath('/var/tmp').default('/var/tmp').meta({
  what: 'a folder',
  example: '/var/tmp',
  description:
    'Where zones go that do not fit into `memory-octets`: files without a name, which only danced can read, and which are gone when it ends.',
});
