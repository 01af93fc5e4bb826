/** The gate's log, held so that the demo can show what the gate itself says of each connection. */

/** One line of the log. */
export interface GateLine {
  readonly event: string;
  /** A field as text; undefined if the line has none of that name. */
  field(key: string): string | undefined;
}

/** How long a line may stay away after the client has seen the end of its request. */
const lineTimeMs = 5000;

/** A destination for `createLog` with format `json`. */
export class GateLog {
  readonly #lines: GateLine[] = [];
  readonly #waiting = new Set<() => void>();

  /** How many lines there are: where to look from, later. */
  get length(): number {
    return this.#lines.length;
  }

  write(text: string): void {
    for (const line of text.split('\n').filter((each) => each !== '')) this.#lines.push(parseLine(line));
    for (const look of [...this.#waiting]) look();
  }

  /** The first line of this event from the given place on; waits for it. Undefined when it does not come. */
  find(event: string, from = 0): Promise<GateLine | undefined> {
    return new Promise((resolve) => {
      const look = (): void => {
        const line = this.#lines.slice(from).find((each) => each.event === event);
        if (line !== undefined) end(line);
      };
      const end = (line: GateLine | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(line);
      };
      const timer = setTimeout(end, lineTimeMs, undefined);
      this.#waiting.add(look);
      look();
    });
  }
}

function parseLine(text: string): GateLine {
  const fields = JSON.parse(text) as Record<string, unknown>;
  const field = (key: string): string | undefined => {
    const value = fields[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  return { event: field('event') ?? '', field };
}
