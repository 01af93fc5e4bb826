/** How far a long piece of work is: on a terminal one line that is written again, else a line now and then. */
import type { Output } from '../output.ts';

/** Where the line of a terminal is written; undefined where there is none. */
export type RewrittenLine = ((text: string) => void) | undefined;

const terminalMs = 200;
const plainMs = 5000;

export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #output: Output;
  readonly #line: RewrittenLine;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #saidMs: number;
  #isWritten = false;

  /**
   * @param total of what `note` is told
   * @param line that of this process's terminal, if not said
   */
  constructor(
    what: string,
    total: number,
    output: Output,
    {
      line = terminalLine(),
      nowMs = performance.now.bind(performance),
    }: { line?: RewrittenLine; nowMs?: () => number } = {},
  ) {
    this.#what = what;
    this.#total = total;
    this.#output = output;
    this.#line = line;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#saidMs = this.#startMs;
  }

  get seconds(): number {
    return (this.#nowMs() - this.#startMs) / 1000;
  }

  note(done: number): void {
    const now = this.#nowMs();
    if (now - this.#saidMs < (this.#line === undefined ? plainMs : terminalMs)) return;
    this.#saidMs = now;
    const percent = this.#total === 0 ? 100 : Math.floor((done / this.#total) * 100);
    const text = `${this.#what}: ${String(done)} of ${String(this.#total)} (${String(Math.min(percent, 100))} %)`;
    if (this.#line === undefined) {
      this.#output.remark(text);
      return;
    }
    this.#line(`\r${text}\u001b[K`);
    this.#isWritten = true;
  }

  /** Takes the line off the terminal. */
  end(): void {
    if (this.#isWritten) this.#line?.('\r\u001b[K');
    this.#isWritten = false;
  }
}

function terminalLine(): RewrittenLine {
  if (!process.stderr.isTTY || process.env['TERM'] === 'dumb') return undefined;
  return (text) => {
    process.stderr.write(text);
  };
}
