/**
 * The keys of a TLS listener: building blocks that stand in the entry of every plugin that has one.
 *
 * Some need the TLS addon (core/tls/native). What is only the default goes on without it; what the file asks for by name and
 * cannot be had is an error, found by `missingAbilities`.
 *
 * Limitations: whether the addon is there is passed in.
 */
import type { YamlDocument } from './document.ts';
import type { ConfigPath, ConfigProblem } from './errors.ts';
import { choice, flag, wholeNumber, z } from './schema.ts';
import { issueMessage } from './words.ts';

/** What TLS can do on this machine. */
export interface TlsAbilities {
  readonly extension: boolean;
  readonly rawPublicKeys: boolean;
  readonly recordPadding: boolean;
  /** Whether the extension can have this number; not given: any. */
  readonly takesExtensionType?: (extensionType: number) => boolean;
  /** Why something is missing, and how to mend it. */
  readonly problem?: string;
}

/** For those who check a file for another machine. */
export const everyAbility: TlsAbilities = { extension: true, rawPublicKeys: true, recordPadding: true };

/** RFC 8446 section 5.1: the most that a record carries. */
const maximumPadding = 16_384;

/** By which these keys are known from a plugin's own of the same names. */
const marked = new WeakSet();

/** The keys; a plugin spreads them in its own `z.strictObject`. */
export function listenerKeys({ onFailure }: { readonly onFailure: 'alert' | 'anonymous' }) {
  const keys = {
    claims: z
      .array(choice(['extension', 'certificate-name']))
      .min(1)
      .max(2)
      .refine((sources) => new Set(sources).size === sources.length, { error: namedTwice })
      .refine(([first, ...others]) => first !== 'certificate-name' || others.length === 0, {
        error: wrongOrder,
      })
      .default(['extension', 'certificate-name'])
      .meta({
        description:
          'Where a client’s name is taken from: the TLS extension `dane_clientid`, in which it says it, or the dNSNames of its certificate. A name that the client says decides, and its certificate is not asked then. Without the TLS addon the default is `[certificate-name]`.',
        what: 'a list of sources of names',
        example: '[extension, certificate-name]',
      }),
    'on-failure': choice(['alert', 'anonymous']).default(onFailure).meta({
      description:
        'What a client gets that is not identified: the TLS alert `handshake_failure`, or service as an anonymous client, with what the access list gives to `anonymous`. Then who is not identified only because the DNS or the access list is away is tried again, and who was is served as an anonymous client meanwhile. A reload that makes it `alert` ends the connections of anonymous clients.',
    }),
    dialect: choice(['draft-13', 'draft-09']).default('draft-13').meta({
      description:
        'Version of the extension: that of draft-ietf-dance-client-auth-13, or the older one for old clients, in which a client may leave the name to its certificate.',
    }),
    'raw-public-keys': flag().default(true).meta({
      description:
        'Whether clients may show a raw public key instead of a certificate (RFC 7250). Without effect if `claims` has no `extension`: such a client has no other way to say its name. Without the TLS addon the default is `false`.',
    }),
    'record-padding': wholeNumber({ min: 0, max: maximumPadding, example: 512 }).default(0).meta({
      description:
        'Octets to a multiple of which TLS records are padded (RFC 8446 section 5.4), so that their sizes tell less; 0: not.',
    }),
  };
  marked.add(keys.claims);
  return keys;
}

const namedTwice = issueMessage({ wrong: 'names a source twice', example: '[extension, certificate-name]' });

const wrongOrder = issueMessage({
  wrong: 'puts certificate-name first, but a name that a client says decides (draft section 8.2)',
  example: '[extension, certificate-name]',
});

/** What the keys are read to. */
export interface ListenerConfig {
  readonly claims: readonly ('extension' | 'certificate-name')[];
  readonly 'on-failure': 'alert' | 'anonymous';
  readonly dialect: 'draft-13' | 'draft-09';
  readonly 'raw-public-keys': boolean;
  readonly 'record-padding': number;
}

/** The keys as the plugin contract has them (`ListenerTls`). */
export function listenerTls(config: ListenerConfig) {
  return {
    claims: config.claims,
    onFailure: config['on-failure'],
    dialect: config.dialect,
    rawPublicKeys: config['raw-public-keys'],
    recordPadding: config['record-padding'],
  } as const;
}

/** Number of the extension, at the top level under `dane`. */
export const extensionTypeKey = wholeNumber({ min: 1, max: 0xffff, example: 0xff5b }).default(0xff5b).meta({
  description:
    'Number of the TLS extension `dane_clientid`, the same at both ends. IANA has not assigned one; the default, 0xff5b, is of the range for private use (RFC 8446 section 11). Not one that the TLS library has itself.',
});

/** What the value that a key has in the file needs; undefined for nothing. */
const needs: Readonly<Record<string, (value: unknown, can: TlsAbilities) => string | undefined>> = {
  claims: (value, can) =>
    Array.isArray(value) && value.includes('extension') && !can.extension
      ? 'taking names from the extension'
      : undefined,
  dialect: (value, can) => (value === 'draft-09' && !can.extension ? 'this dialect' : undefined),
  'raw-public-keys': (value, can) =>
    value === true && !can.rawPublicKeys ? 'taking raw public keys' : undefined,
  'record-padding': (value, can) =>
    typeof value === 'number' && value > 0 && !can.recordPadding ? 'padding of TLS records' : undefined,
  'extension-type': (value, can) =>
    value !== undefined && !can.extension ? 'the number of the extension' : undefined,
};

/** The keys of a map of the file, those of `known`, that ask by name for what cannot be had on this machine. */
export function missingAbilities(
  document: YamlDocument,
  at: ConfigPath,
  written: Readonly<Record<string, unknown>>,
  can: TlsAbilities,
): ConfigProblem[] {
  return Object.entries(needs).flatMap(([key, need]) => {
    const what = need(written[key], can);
    if (what === undefined) return [];
    const wrong = `${what} needs the TLS addon: ${can.problem ?? 'this one cannot do it'}`;
    return [document.problem([...at, key], wrong, 'mend that, or leave this key out')];
  });
}

/** Whether a plugin's schema has the keys of a listener, those of this file and not some of its own by the same names. */
export function hasListenerKeys(schema: unknown): boolean {
  if (!(schema instanceof z.ZodObject)) return false;
  const { claims } = schema.shape as Record<string, z.ZodType | undefined>;
  return claims !== undefined && marked.has(claims);
}
