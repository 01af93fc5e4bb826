/**
 * Who may do what by BIND's named.conf (9.18 and 9.20): allow-transfer, allow-notify, allow-update, allow-update-forwarding and
 * update-policy of every zone, as inherited from its view and from `options`, and within what the view lets in.
 *
 * Limitations: what a primary may notify by being in `primaries` is no permission of its own; zones that named has from
 * elsewhere (catalogs, databases, rndc) are reported and not found.
 */
import { BindPeers } from './bind-peers.ts';
import { BindScopes } from './bind-scopes.ts';
import { readBindTree } from './bind-tree.ts';
import type { ListFiles, OldConfig, ReadFile } from './old-config.ts';

/**
 * Reads named.conf and what it includes. Throws OldConfigError.
 *
 * @param choices `view`: the only view to read
 */
export function readBind(
  file: string,
  readFile: ReadFile,
  listFiles: ListFiles = () => [],
  choices: { readonly view?: string | undefined } = {},
): OldConfig {
  const { statements, missing } = readBindTree(file, readFile, listFiles);
  const scopes = new BindScopes(statements);
  const found = new BindPeers(scopes, choices.view, file).find();
  return {
    kind: 'bind',
    ...found,
    unknown: [...missing, ...scopes.unknown, ...scopes.servers.unknown, ...found.unknown],
    notes: [...scopes.notes, ...found.notes],
    notAboutAccess: scopes.passedOver,
  };
}
