/**
 * Plain values as YAML (YAML 1.2.2) in one fixed form: what fits on a line stands on one, in brackets; what does not is
 * taken apart. The same value always gives the same octets.
 *
 * Text is quoted unless no reader, of YAML 1.1 either, could take it for anything else than text.
 *
 * Limitations: maps, lists, text, whole numbers and booleans; keys in the order in which they come.
 */

/** Characters of a line, where a value can be taken apart; one word may be longer. */
const maxLine = 120;

/** `key: value` as lines, each with its line break. */
export function yamlPair(key: string, value: unknown, indent: number): string {
  return pairAfter(' '.repeat(indent), key, value, indent);
}

/** A value on one line, whatever its length. */
export function yamlFlow(value: unknown): string {
  if (typeof value === 'string') return yamlScalar(value);
  if (Array.isArray(value)) return `[${value.map(yamlFlow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, item]) => `${yamlScalar(key)}: ${yamlFlow(item)}`);
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
  }
  return String(value);
}

/** Text that is read back as the same text. */
export function yamlScalar(text: string): string {
  if (isPlain(text)) return text;
  // A domain name may be so long that backslashes written twice would make its key longer than YAML's 1024 characters.
  if (/^[ -~]*$/.test(text) && /["\\]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  return `"${text.replace(/["\\\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter)}"`;
}

/** @param start what stands before the key: its indentation, or the dash of a list */
function pairAfter(start: string, key: string, value: unknown, indent: number): string {
  const written = `${start}${yamlScalar(key)}:`;
  const line = `${written} ${yamlFlow(value)}`;
  if (line.length <= maxLine || !isBreakable(value)) return `${line}\n`;
  return `${written}\n${lines(value, indent + 2)}`;
}

function lines(value: object, indent: number): string {
  const pad = ' '.repeat(indent);
  if (Array.isArray(value))
    return value.map((item: unknown) => itemLines(`${pad}- `, item, indent + 2)).join('');
  return Object.entries(value)
    .map(([key, item]) => pairAfter(pad, key, item, indent))
    .join('');
}

function itemLines(dash: string, item: unknown, indent: number): string {
  const line = dash + yamlFlow(item);
  if (line.length <= maxLine || !isBreakable(item) || Array.isArray(item)) return `${line}\n`;
  const pad = ' '.repeat(indent);
  return Object.entries(item)
    .map(([key, part], at) => pairAfter(at === 0 ? dash : pad, key, part, indent))
    .join('');
}

function isBreakable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function isPlain(text: string): boolean {
  if (/^\d{1,10}\/[smh]$/.test(text)) return true;
  return /^[A-Za-z_][\w.-]*$/.test(text) && !otherMeaning.test(text);
}

/** Words that are null or a boolean to some reader. */
const otherMeaning = /^(?:null|true|false|yes|no|on|off|y|n)$/i;

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = character.codePointAt(0) ?? 0;
  if (code > 0xffff) return `\\U${code.toString(16).padStart(8, '0')}`;
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
