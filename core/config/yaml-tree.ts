/**
 * A parsed YAML tree (YAML 1.2.2, core schema) as plain values, and where in the text each of them stands.
 *
 * Of YAML only what a configuration needs: maps with text keys, lists, text, numbers, booleans, nothing. Aliases and
 * tags are refused: a few nested aliases ("billion laughs") make a small file huge, and tags choose a reader's types.
 *
 * Limitations: of a duplicated key the first value counts, and the second is a problem.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap } from 'yaml';
import { configBounds } from './limits-table.ts';
import type { ConfigPath } from './errors.ts';

type Pairs = ReadonlyMap<string, { readonly key: ParsedNode; readonly value: ParsedNode | null }>;

/** A mistake at an octet offset of the text; the document makes a ConfigProblem of it. */
export interface TreeProblem {
  readonly offset: number;
  readonly path: ConfigPath;
  readonly wrong: string;
  readonly right: string;
}

export class YamlTree {
  readonly value: unknown;
  readonly problems: TreeProblem[] = [];
  readonly #root: ParsedNode | null;
  // One index per map, so that finding many positions in a long map is not quadratic.
  readonly #pairs = new Map<YAMLMap.Parsed, Pairs>();

  constructor(root: ParsedNode | null) {
    this.#root = root;
    this.value = this.#toValue(root, []);
  }

  /** Offset of the value at `path`; of its key if the value is empty; of the innermost map that exists if it does not. */
  offsetOfValue(path: ConfigPath): number {
    let node = this.#root;
    let offset = startOf(node);
    for (const step of path) {
      const next = this.#child(node, step);
      if (next === undefined) break;
      const empty = next.value === null || (isScalar(next.value) && next.value.value === null);
      offset = empty && next.key !== undefined ? startOf(next.key) : startOf(next.value);
      node = next.value;
    }
    return offset;
  }

  /** Offset of the last key of `path`; the same as `offsetOfValue` for an item of a list. */
  offsetOfKey(path: ConfigPath): number {
    let node = this.#root;
    for (const [at, step] of path.entries()) {
      const next = this.#child(node, step);
      if (next === undefined) break;
      if (at === path.length - 1 && next.key !== undefined) return startOf(next.key);
      node = next.value;
    }
    return this.offsetOfValue(path);
  }

  #child(
    node: ParsedNode | null,
    step: string | number,
  ): { key?: ParsedNode; value: ParsedNode | null } | undefined {
    if (isMap(node)) return this.#pairs.get(node)?.get(String(step));
    const item = isSeq(node) && typeof step === 'number' ? node.items[step] : undefined;
    return item === undefined ? undefined : { value: item };
  }

  #toValue(node: ParsedNode | null, path: ConfigPath): unknown {
    if (node === null) return null;
    if (isAlias(node)) {
      this.#problem(
        node,
        path,
        'an alias (*name) is not allowed',
        'write the value out, or put a name like "*.example" in quotes',
      );
      return null;
    }
    if (node.tag !== undefined) {
      this.#problem(node, path, 'a tag (!name) is not allowed', 'write the value without it');
      return null;
    }
    if (isScalar(node)) return node.value;
    if (path.length >= configBounds.depth) {
      this.#problem(node, path, `is nested more than ${String(configBounds.depth)} deep`, 'write it flatter');
      return null;
    }
    return isMap(node)
      ? this.#toObject(node, path)
      : node.items.map((item, at) => this.#toValue(item, [...path, at]));
  }

  #toObject(node: YAMLMap.Parsed, path: ConfigPath): Record<string, unknown> {
    // No prototype: a key "__proto__" is a key like any other, and unknown.
    const value = Object.create(null) as Record<string, unknown>;
    const pairs = new Map<string, { key: ParsedNode; value: ParsedNode | null }>();
    this.#pairs.set(node, pairs);
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
      if (key === undefined || pair.key.tag !== undefined) {
        this.#problem(pair.key, path, 'a key that is not plain text', 'write a word before the colon');
        continue;
      }
      const first = pairs.get(key);
      if (first !== undefined) {
        this.#problem(pair.key, [...path, key], 'the same key a second time', 'keep one of the two');
        continue;
      }
      pairs.set(key, { key: pair.key, value: pair.value });
      value[key] = this.#toValue(pair.value, [...path, key]);
    }
    return value;
  }

  #problem(node: ParsedNode, path: ConfigPath, wrong: string, right: string): void {
    if (this.problems.length >= configBounds.problems) return;
    this.problems.push({ offset: startOf(node), path, wrong, right });
  }
}

function startOf(node: ParsedNode | null): number {
  return node?.range[0] ?? 0;
}
