/** `version: 1`, the first key of every file that danced reads. */
import type { YamlDocument } from './document.ts';
import { ConfigError, type ConfigProblem } from './errors.ts';
import { describeValue } from './words.ts';

/**
 * What is wrong with the version of a document; empty if it is 1 and comes first. Throws ConfigError when the rest
 * cannot be judged: the document is no map, or is of another version, whose rules are not known.
 */
export function checkVersion(document: YamlDocument): ConfigProblem[] {
  const { value } = document;
  if (value === null) throw refusal(document, document.problem([], 'the file is empty', firstLine));
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw refusal(document, document.problem([], `the file ${describeValue(value)}, not a map`, firstLine));
  }
  if (!('version' in value)) return [document.problem(['version'], 'missing', firstLine)];
  if (value.version !== 1) {
    const wrong = `${describeValue(value.version)}, but this danced reads version 1`;
    throw refusal(document, document.problem(['version'], wrong, 'write: version: 1'));
  }
  const first = document.positionOf([]);
  const own = document.positionOfKey(['version']);
  if (own.line === first.line && own.column === first.column) return [];
  return [document.keyProblem(['version'], 'is not the first key', 'move it to the first line')];
}

const firstLine = 'the first line is: version: 1';

function refusal(document: YamlDocument, problem: ConfigProblem): ConfigError {
  return new ConfigError([...document.problems, problem]);
}
