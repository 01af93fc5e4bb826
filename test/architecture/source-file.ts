/**
 * A TypeScript source as the architecture rules see it: what it imports, which globals it names, what it exports.
 * Read with the TypeScript parser, so that words in comments and strings do not count.
 *
 * Limitations: syntax only, no types; an `import()` of a computed name is not seen.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface ImportLine {
  /** A path from the repository's root for our own files ("core/dns/name.ts"), else the specifier ("node:net"). */
  readonly target: string;
  readonly isOurs: boolean;
  readonly typeOnly: boolean;
  readonly names: readonly string[];
  readonly line: number;
}

export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly imports: readonly ImportLine[];
  /** Calls and property reads that matter to purity: "Date.now", "new Date()", "setTimeout"… */
  readonly impurities: readonly { readonly what: string; readonly line: number }[];
  readonly hasDefaultExport: boolean;
  readonly lineCount: number;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const timers = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'process']);

/** Every TypeScript file below the given folders that exist; tests beside them are not there by our layout. */
export function readSources(folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(root, { withFileTypes: true }).some((entry) => entry.name === folder)
      ? readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.ts'))
          .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
          .sort()
          .map((path) => parseSource(path, readFileSync(`${root}/${path}`, 'utf8')))
      : [],
  );
}

/** Reads one source; `path` says where it stands (or would stand, for a made-up one). */
export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const imports: ImportLine[] = [];
  const impurities: { what: string; line: number }[] = [];
  let hasDefaultExport = false;
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
  const addImport = (node: ts.Node, specifier: string, typeOnly: boolean, names: string[]): void => {
    const isOurs = specifier.startsWith('.');
    const target = isOurs ? posix.normalize(posix.join(posix.dirname(path), specifier)) : specifier;
    imports.push({ target, isOurs, typeOnly, names, line: lineOf(node) });
  };

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      addImport(node, node.moduleSpecifier.text, isTypeOnlyImport(node), importedNames(node));
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      addImport(node, node.moduleSpecifier.text, node.isTypeOnly, exportedNames(node));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier && ts.isStringLiteral(specifier)) addImport(node, specifier.text, false, []);
    } else if (ts.isExportAssignment(node) || hasDefaultModifier(node)) {
      hasDefaultExport = true;
    } else {
      const what = impurity(node);
      if (what !== undefined) impurities.push({ what, line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return { path, imports, impurities, hasDefaultExport, lineCount: text.trimEnd().split('\n').length };
}

function isTypeOnlyImport(node: ts.ImportDeclaration): boolean {
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

function importedNames(node: ts.ImportDeclaration): string[] {
  const bindings = node.importClause?.namedBindings;
  if (bindings === undefined) return node.importClause?.name === undefined ? [] : ['default'];
  return ts.isNamedImports(bindings)
    ? bindings.elements.map((element) => (element.propertyName ?? element.name).text)
    : ['*'];
}

function exportedNames(node: ts.ExportDeclaration): string[] {
  const clause = node.exportClause;
  return clause !== undefined && ts.isNamedExports(clause)
    ? clause.elements.map((element) => (element.propertyName ?? element.name).text)
    : ['*'];
}

function hasDefaultModifier(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword) ?? false)
  );
}

/** Names what in this node reads the clock, waits, or reaches out of the process; undefined for anything else. */
function impurity(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const text = `${node.expression.text}.${node.name.text}`;
    if (text === 'Date.now' || text === 'performance.now' || text === 'Math.random') return text;
    if (node.expression.text === 'process') return 'process';
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') {
    // `new Date(ms)` only formats a time that was passed in.
    return (node.arguments?.length ?? 0) === 0 ? 'new Date()' : undefined;
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && timers.has(node.expression.text)) {
    return node.expression.text;
  }
  return undefined;
}
