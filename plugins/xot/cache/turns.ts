/** So many at once, the others in their order. Bounded by who calls it: one turn for each zone. */
export class Turns {
  readonly #atOnce: () => number;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(atOnce: () => number) {
    this.#atOnce = atOnce;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#atOnce()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#underWay++;
    try {
      return await work();
    } finally {
      // The turn is handed on, or given back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }
}
