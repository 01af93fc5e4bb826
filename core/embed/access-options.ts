/** How a program says where its access list is: as the configuration has it, or by an object that decides. */
import type { AccessControl } from '../acl/access-control.ts';
import { accessSchema, finishAccess, type AccessConfig } from '../config/access-config.ts';
import { YamlDocument } from '../config/document.ts';
import { checkOptions, hasFunctions, OptionsError } from './options.ts';

/** Where the access list is: the keys of `access` in docs/configuration.md, with their defaults. */
export type AccessOptions =
  | { readonly store: 'file'; readonly file: string }
  | {
      readonly store: 'redis';
      readonly redis: {
        readonly servers: readonly string[];
        readonly mode?: 'single' | 'sentinel' | 'cluster';
        readonly master?: string;
        readonly username?: string;
        readonly 'password-file'?: string;
        readonly 'sentinel-password-file'?: string;
        readonly tls?:
          | true
          | {
              readonly ca?: string;
              readonly certificate?: string;
              readonly key?: string;
              readonly name?: string;
            };
        readonly database?: number;
        readonly prefix?: string;
      };
      readonly limits?: Readonly<Record<string, number | string>>;
    };

/** The list to open; or what decides itself. */
export type CheckedAccess =
  | { readonly config: AccessConfig; readonly control?: undefined }
  | { readonly config?: undefined; readonly control: AccessControl };

/** Throws OptionsError. */
export function checkAccess(options: string | AccessOptions | AccessControl): CheckedAccess {
  if (typeof options === 'string') return { config: { store: 'file', file: options } };
  if (isControl(options)) return { control: options };
  const checked = checkOptions(accessSchema, options, ['access']);
  // The schema has seen it, so it is plain data.
  const document = YamlDocument.parse(JSON.stringify({ access: options }), 'options');
  const { config, problems } = finishAccess(document, checked);
  if (config === undefined) throw new OptionsError(problems);
  return { config };
}

function isControl(options: AccessOptions | AccessControl): options is AccessControl {
  return hasFunctions(options, 'admit', 'decide');
}
