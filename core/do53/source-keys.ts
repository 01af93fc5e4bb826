/** Keys of a configuration that say from where something is taken in clear. */
import { textBlock, z } from '../config/schema.ts';
import { parseSource } from './sources.ts';

const maxSources = 100;

/** Those of this machine. */
export const ownSources = [parseSource('127.0.0.0/8'), parseSource('::1')];

export function sourceList(example = '127.0.0.0/8') {
  return z.array(textBlock({ what: 'an address or a prefix', example }, parseSource)).max(maxSources);
}

/** Who may ask an agent. */
export const allowKey = sourceList().min(1).default(ownSources).meta({
  what: 'a list of addresses',
  example: '["127.0.0.0/8", "::1"]',
  description:
    'Who may ask: addresses and prefixes. Nothing is encrypted here, and by UDP anybody can claim to be there: keep it on loopback.',
});
