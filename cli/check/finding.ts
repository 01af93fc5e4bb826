/** What `danced check` finds: one fact or one fault, with the place in the configuration that it is about. */
import type { YamlDocument } from '../../core/config/document.ts';
import { formatPath, formatProblem, type ConfigPath, type ConfigProblem } from '../../core/config/errors.ts';
import { printableText } from '../../core/observe/printable.ts';

/** Where a finding belongs. */
interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: ConfigPath;
}

/** All is well here. */
export interface GoodFinding extends Place {
  readonly severity: 'ok';
  readonly fact: string;
}

/** Something to mend. `about` decides the exit code: 2 for the configuration, 1 for what was tried and failed. */
export interface BadFinding extends Place {
  readonly severity: 'error' | 'warning';
  readonly about: 'configuration' | 'reachability';
  readonly wrong: string;
  readonly right: string;
}

export type Finding = GoodFinding | BadFinding;

/** What is wrong and what would be right. */
export interface Fault {
  readonly wrong: string;
  readonly right: string;
}

/** Makes findings about one key of the configuration. */
export class FindingsAt {
  readonly #place: Place;

  constructor(document: YamlDocument, path: ConfigPath) {
    this.#place = { file: document.file, ...document.positionOf(path), path };
  }

  ok(fact: string): Finding {
    return { severity: 'ok', ...this.#place, fact };
  }

  warning({ wrong, right }: Fault): Finding {
    return { severity: 'warning', about: 'configuration', ...this.#place, wrong, right };
  }

  /** The configuration asks for something that cannot be. */
  misconfigured({ wrong, right }: Fault): Finding {
    return { severity: 'error', about: 'configuration', ...this.#place, wrong, right };
  }

  /** Something was tried and did not work. */
  failed({ wrong, right }: Fault): Finding {
    return { severity: 'error', about: 'reachability', ...this.#place, wrong, right };
  }
}

export function findingOf(problem: ConfigProblem): Finding {
  return { severity: 'error', about: 'configuration', ...problem };
}

/** One line; an error in the form that editors and CI systems find their way by. */
export function formatFinding(finding: Finding): string {
  const path = formatPath(finding.path);
  if (finding.severity === 'ok') return `ok: ${path}: ${printableText(finding.fact)}`;
  const wrong = printableText(finding.wrong);
  const right = printableText(finding.right);
  const file = printableText(finding.file);
  if (finding.severity === 'error') return formatProblem({ ...finding, file, wrong, right });
  const where = `${file}:${String(finding.line)}:${String(finding.column)}`;
  return `${where}: warning: ${path}: ${wrong}; ${right}`;
}
