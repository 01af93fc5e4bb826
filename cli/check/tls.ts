/** What TLS can do on this machine, and what the listeners ask of it that an operator should know of. */
import type { LoadedConfig } from '../../core/config/config.ts';
import { hasListenerKeys, type ListenerConfig } from '../../core/config/listener.ts';
import type { TlsFeatures } from '../../core/tls/native/native.ts';
import type { LoadedWithPlugins } from '../plugins.ts';
import { FindingsAt, type Fault, type Finding } from './finding.ts';

export function checkTls(loaded: LoadedWithPlugins, features: TlsFeatures): Finding[] {
  return [checkFeatures(loaded, features), ...checkListeners(loaded)];
}

function checkFeatures({ document }: LoadedConfig, features: TlsFeatures): Finding {
  const at = new FindingsAt(document, ['plugins']);
  const parts = [
    ['names from the extension dane_clientid', features.extension],
    ['raw public keys', features.rawPublicKeys],
    ['alerts', features.alerts],
    ['padding of records', features.recordPadding],
  ] as const;
  const listed = (isThere: boolean): string =>
    parts
      .filter(([, there]) => there === isThere)
      .map(([what]) => what)
      .join(', ');
  const missing = listed(false);
  if (missing === '') return at.ok(`TLS has ${listed(true)} (OpenSSL ${features.openssl})`);
  const [why, mend] = inTwo(features.problem ?? 'this Node does not have what it takes');
  const right = mend ?? 'use a Node of one of the versions in package.json';
  return at.warning({ wrong: `TLS lacks ${missing}: ${why}`, right });
}

function checkListeners({ config, document, plugins }: LoadedWithPlugins): Finding[] {
  return config.plugins.flatMap(({ use, path, config: own }) => {
    if (!hasListenerKeys(plugins.get(use)?.schema)) return [];
    const { dialect } = own as ListenerConfig;
    return dialect === 'draft-09' ? [new FindingsAt(document, [...path, 'dialect']).warning(oldDialect)] : [];
  });
}

const oldDialect: Fault = {
  wrong: 'draft-09 is an older version of the extension than clients of today speak',
  right: 'leave this key out as soon as no client needs it',
};

/** A problem of core/tls says what is wrong and, after a semicolon, what to do. */
function inTwo(problem: string): [wrong: string, right: string | undefined] {
  const [wrong = problem, ...right] = problem.split('; ');
  return [wrong, right.length > 0 ? right.join('; ') : undefined];
}
