/** What is wrong with keys of a gate that are right each by itself. */
import { issueMessage, proofFaults, type ProofFault } from '../../../core/index.ts';
import type { XotGateConfig } from './config.ts';

type Checked = Omit<XotGateConfig, 'limits' | 'claims'>;

export function gateFaults(config: Checked): readonly ProofFault[] {
  const { primary, notify, dane, roots, pins } = config;
  const named = [
    ...primary.map((server, index) => ({ ...server, path: ['primary', index] })),
    ...(notify?.to ?? []).map((server, index) => ({ ...server, path: ['notify', 'to', index] })),
  ].flatMap(({ path, text, name }) => (name === undefined ? [] : [{ path, text, name }]));
  const isAsked = dane !== undefined || roots !== undefined || pins.length > 0;
  const proof = named.length > 0 || isAsked ? proofFaults(config, named) : [];
  return [...zoneFaults(config), ...serveFaults(config), ...proof];
}

function zoneFaults({ primary, zones, catalogs, tsig, update }: Checked): ProofFault[] {
  if ('directory' in zones) {
    const right = 'take it out, or write zones as a list';
    return [
      ...(primary.length > 0 ? [fault(['primary'], 'is given, and zones come from files', right)] : []),
      ...(catalogs.length > 0
        ? [fault(['catalogs'], 'needs a primary, and zones come from files', right)]
        : []),
      ...(update ? [fault(['update'], 'needs a primary, and zones come from files', right)] : []),
    ];
  }
  const found: ProofFault[] = [];
  if (primary.length === 0)
    found.push(fault(['primary'], 'is missing', 'for example: primary: 127.0.0.1:53'));
  if (zones.length === 0 && catalogs.length === 0)
    found.push(fault(['zones'], 'names no zone', 'for example: zones: [example.com]'));
  if (tsig !== undefined && primary.every(({ name }) => name !== undefined))
    found.push(fault(['tsig'], 'is for primaries in clear, and there is none', 'take it out'));
  return found;
}

function serveFaults({ serve, zones, catalogs, catalog, notify }: Checked): ProofFault[] {
  if (serve === 'cached') return [];
  const wrong = 'needs zones that are kept, and serve is relayed';
  const right = 'write serve: cached';
  return [
    ...('directory' in zones ? [fault(['zones'], wrong, right)] : []),
    ...(catalogs.length > 0 ? [fault(['catalogs'], wrong, right)] : []),
    ...(catalog === undefined ? [] : [fault(['catalog'], wrong, right)]),
    ...((notify?.to.length ?? 0) > 0 ? [fault(['notify', 'to'], wrong, right)] : []),
  ];
}

function fault(path: (string | number)[], wrong: string, right: string): ProofFault {
  return { path, message: issueMessage({ wrong, right }) };
}
