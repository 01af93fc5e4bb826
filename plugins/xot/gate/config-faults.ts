/** What is wrong with keys of a gate that are right each by itself. */
import { configFault, proofFaults, type ConfigFault } from '../../../core/index.ts';
import type { XotGateConfig } from './config.ts';

type Checked = Omit<XotGateConfig, 'limits' | 'claims'>;

export function gateFaults(config: Checked): readonly ConfigFault[] {
  const { primary, notify, dane, roots, pins } = config;
  const named = [
    ...primary.map((server, index) => ({ ...server, path: ['primary', index] })),
    ...(notify?.to ?? []).map((server, index) => ({ ...server, path: ['notify', 'to', index] })),
  ].flatMap(({ path, text, name }) => (name === undefined ? [] : [{ path, text, name }]));
  const isAsked = dane !== undefined || roots !== undefined || pins.length > 0;
  const proof = named.length > 0 || isAsked ? proofFaults(config, named) : [];
  return [...zoneFaults(config), ...serveFaults(config), ...proof];
}

function zoneFaults({ primary, zones, catalogs, tsig, update }: Checked): ConfigFault[] {
  if ('directory' in zones) {
    const right = 'take it out, or write zones as a list';
    return [
      ...(primary.length > 0 ? [configFault(['primary'], 'is given, and zones come from files', right)] : []),
      ...(catalogs.length > 0
        ? [configFault(['catalogs'], 'needs a primary, and zones come from files', right)]
        : []),
      ...(update ? [configFault(['update'], 'needs a primary, and zones come from files', right)] : []),
    ];
  }
  const found: ConfigFault[] = [];
  if (primary.length === 0)
    found.push(configFault(['primary'], 'is missing', 'for example: primary: 127.0.0.1:53'));
  if (zones.length === 0 && catalogs.length === 0)
    found.push(configFault(['zones'], 'names no zone', 'for example: zones: [example.com]'));
  if (tsig !== undefined && primary.every(({ name }) => name !== undefined))
    found.push(configFault(['tsig'], 'is for primaries in clear, and there is none', 'take it out'));
  return found;
}

function serveFaults({ serve, zones, catalogs, catalog, notify }: Checked): ConfigFault[] {
  if (serve === 'cached') return [];
  const wrong = 'needs zones that are kept, and serve is relayed';
  const right = 'write serve: cached';
  return [
    ...('directory' in zones ? [configFault(['zones'], wrong, right)] : []),
    ...(catalogs.length > 0 ? [configFault(['catalogs'], wrong, right)] : []),
    ...(catalog === undefined ? [] : [configFault(['catalog'], wrong, right)]),
    ...((notify?.to.length ?? 0) > 0 ? [configFault(['notify', 'to'], wrong, right)] : []),
  ];
}
