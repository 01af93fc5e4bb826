/** A unit of systemd, read as far as the tests of ours need: sections, and keys that may stand there more than once. */
import { readFileSync } from 'node:fs';

export class UnitFile {
  readonly #values = new Map<string, string[]>();

  /** Throws for a line that is neither section, comment nor assignment. */
  constructor(file: string) {
    let section = '';
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const name = /^\[(\w+)\]$/.exec(line)?.[1];
      if (name !== undefined) {
        section = name;
        continue;
      }
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (key === undefined || value === undefined) throw new Error(`${file}: what is this? ${line}`);
      const path = `${section}.${key}`;
      this.#values.set(path, [...(this.#values.get(path) ?? []), value]);
    }
  }

  /** All values of `Section.Key`. */
  all(path: string): readonly string[] {
    return this.#values.get(path) ?? [];
  }

  /** The only value. Throws if there is another number of them. */
  one(path: string): string {
    const [value, ...more] = this.all(path);
    if (value === undefined || more.length > 0)
      throw new Error(`${path} is there ${String(this.all(path).length)} times`);
    return value;
  }
}
