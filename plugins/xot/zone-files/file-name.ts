/**
 * Names of zones as names of files, and back: `example.com` is in `example.com.zone`.
 *
 * Letters are small; what is not a letter, a digit, a hyphen or an underscore is written as % and two hexadecimal digits, so
 * that no name leads out of its folder (`/`, leading dots) or is hidden in it; the root zone is `@.zone`.
 */
import { createHash } from 'node:crypto';
import { Name } from '../../../core/index.ts';

export const zoneSuffix = '.zone';
/** Of a whole file name; file systems take 255 octets, and `replaceFile` adds a few. */
const maxFileName = 240;
const keptOfLong = 180;
const rootText = '@';

/** The name of the file that a zone is written to. A name that makes too long a one is cut, and has a digest at its end. */
export function fileNameOfZone(zone: Name): string {
  const text = zone.labelCount === 0 ? rootText : labelsOf(zone).join('.');
  if (text.length + zoneSuffix.length <= maxFileName) return text + zoneSuffix;
  const digest = createHash('sha256').update(zone.canonicalWire()).digest('hex').slice(0, 32);
  // No name has %% in it otherwise.
  return `${text.slice(0, keptOfLong)}%%${digest}${zoneSuffix}`;
}

function labelsOf(zone: Name): string[] {
  return zone.labels().map((label) =>
    label
      .toString('latin1')
      .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      .replace(/[^a-z0-9_-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`),
  );
}

/** What a file in a folder of zones is: the zone that it has, or why it is left alone. */
export type FileMeaning = { readonly zone: Name } | { readonly ignored: string };

const useSuffix = 'a zone is in a file NAME.zone';

/** What the name of a file says: `example.com.zone` and `example.com` are the zone example.com. */
export function meaningOfFileName(fileName: string): FileMeaning {
  if (fileName.startsWith('.')) return { ignored: 'its name begins with a dot' };
  if (/~$|^#.*#$/.test(fileName)) return { ignored: 'it looks like a copy that an editor keeps' };
  const hasSuffix = fileName.toLowerCase().endsWith(zoneSuffix);
  const text = hasSuffix ? fileName.slice(0, -zoneSuffix.length) : fileName;
  if (!hasSuffix) {
    if (!text.includes('.'))
      return { ignored: `${useSuffix}, or in one that is called as the zone and has a dot` };
    const ending = /\.[^.]*$/.exec(text)?.[0].toLowerCase() ?? '';
    if (otherEndings.has(ending)) return { ignored: `it ends with ${ending}; ${useSuffix}` };
    if (/^db\./i.test(text)) return { ignored: `it begins with db.; ${useSuffix}` };
  }
  const zone = zoneOf(text);
  return zone === undefined ? { ignored: `its name is no domain name; ${useSuffix}` } : { zone };
}

/** What stands beside zone files and is none. */
const otherEndings: ReadonlySet<string> = new Set([
  ...[
    '.bak',
    '.old',
    '.orig',
    '.rej',
    '.save',
    '.swp',
    '.swo',
    '.tmp',
    '.new',
    '.part',
    '.dpkg-dist',
    '.dpkg-old',
  ],
  ...['.jnl', '.jbk', '.key', '.private', '.state', '.inc', '.include', '.signed', '.raw', '.db', '.log'],
  ...[
    '.md',
    '.txt',
    '.yaml',
    '.yml',
    '.json',
    '.conf',
    '.pem',
    '.gz',
    '.xz',
    '.bz2',
    '.zst',
    '.zip',
    '.tar',
    '.sh',
  ],
]);

function zoneOf(text: string): Name | undefined {
  if (text === rootText) return Name.root;
  if (!/^(?:[\w-]|%[0-9a-f]{2})+(?:\.(?:[\w-]|%[0-9a-f]{2})+)*$/i.test(text)) return undefined;
  try {
    const labels = text
      .split('.')
      .map((label) =>
        label.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16))),
      );
    return Name.fromLabels(labels.map((label) => Buffer.from(label, 'latin1')));
  } catch {
    // Too long a name, or label.
    return undefined;
  }
}
