/**
 * Rights on the command line: rules as `transfer example.com,*.example.net`, or as they stand in the list:
 * `{ action: transfer, zones: [example.com], rate: 10/s }`. They are checked as those of a file are, with the same words.
 */
import type { AccessRights, RuleSet } from '../../core/acl/model.ts';
import { rightsSchema, roleSchema } from '../../core/acl/schema.ts';
import { YamlDocument } from '../../core/config/document.ts';
import { ConfigError, formatPath, quote, type ConfigPath } from '../../core/config/errors.ts';
import type { ConfigSchema } from '../../core/config/schema.ts';
import { explainIssue, wordsOfIssue } from '../../core/config/words.ts';
import { CommandError } from '../output.ts';

/** What the options say. */
export interface RightsArguments {
  readonly role?: readonly string[];
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly comment?: string;
}

/** The rights of an entry, or of anonymous clients. Throws CommandError. */
export function rightsOf(written: RightsArguments): AccessRights {
  return checked(rightsSchema, written, {
    ...(written.role !== undefined && { roles: written.role }),
    ...rulesOf(written),
  });
}

/** The rules of a role. Throws CommandError. */
export function roleOf(word: string, written: RightsArguments): RuleSet {
  return checked(roleSchema(word), written, rulesOf(written));
}

function rulesOf({ allow, deny, comment }: RightsArguments): Record<string, unknown> {
  return {
    ...(allow !== undefined && { allow: allow.map((text) => readRule('allow', text)) }),
    ...(deny !== undefined && { deny: deny.map((text) => readRule('deny', text)) }),
    ...(comment !== undefined && { comment }),
  };
}

function readRule(option: string, text: string): unknown {
  if (text.trimStart().startsWith('{')) return readFlow(option, text);
  const [action = '', zones, more] = text.trim().split(/\s+/);
  if (more !== undefined || action === '') {
    throw new CommandError(
      `--${option} ${quote(text)}: write an action and its zones, as "transfer example.com,*.example.net"; for more write "{ action: transfer, zones: [example.com], rate: 10/s }"`,
    );
  }
  return { action, ...(zones !== undefined && { zones: zones.split(',') }) };
}

function readFlow(option: string, text: string): unknown {
  try {
    const document = YamlDocument.parse(text, `--${option}`);
    if (document.problems.length > 0) throw document.error([]);
    return document.value;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const words = error.problems.map(({ wrong, right }) => `${wrong}; ${right}`);
    throw new CommandError(`--${option} ${quote(text)}: ${words.join(', and ')}`, { cause: undefined });
  }
}

function checked<T>(schema: ConfigSchema<T>, written: RightsArguments, value: unknown): T {
  const result = schema.safeParse(value, { error: explainIssue });
  if (result.success) return result.data;
  const words = result.error.issues
    .flatMap((issue) => wordsOfIssue(issue, []))
    .map(({ path, wrong, right }) => `${placeOf(path, written)}: ${wrong}; ${right}`);
  throw new CommandError(words.slice(0, maxWords).join(', and '));
}

const maxWords = 5;

/** The option that a problem is about, with its text, and where in it. */
function placeOf([option, index, ...rest]: ConfigPath, written: RightsArguments): string {
  if (option === 'roles') return '--role';
  if ((option !== 'allow' && option !== 'deny') || typeof index !== 'number')
    return `--${String(option ?? 'allow')}`;
  const at = rest.length === 0 ? '' : `: ${formatPath(rest)}`;
  return `--${option} ${quote(written[option]?.[index] ?? '')}${at}`;
}
