/**
 * Reads knot.conf (knot.conf(5), Knot DNS 3.2, and what later versions added): the zones, and from their acls who may transfer
 * them, send NOTIFY and update.
 *
 * Limitations: the configuration database of `knotc conf-import` is not read (export it first: `knotc conf-export FILE`).
 * What of knot.conf has nothing to do with access is in knot-options.ts.
 */
import { Grants } from './grants.ts';
import { IncludedFiles } from './included-files.ts';
import { KnotBlocks } from './knot-blocks.ts';
import { applyKnotBlocks } from './knot-rights.ts';
import type { ListFiles, OldConfig, ReadFile } from './old-config.ts';

/** Reads the file and what it includes. Throws OldConfigError when its syntax is broken or a limit is passed. */
export function readKnot(file: string, readFile: ReadFile, listFiles?: ListFiles): OldConfig {
  const grants = new Grants();
  const files = new IncludedFiles(readFile, listFiles);
  const blocks = new KnotBlocks(grants);
  blocks.readFile(file, files.first(file), files);
  applyKnotBlocks(blocks, grants);
  const zones = [...blocks.blocks.zone.keys()];
  return { kind: 'knot', zones, ...grants.found(), notAboutAccess: blocks.notAboutAccess };
}
