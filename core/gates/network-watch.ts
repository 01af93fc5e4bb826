/**
 * Watches whether the machine has slept, or is in another network than before: then connections lead nowhere, and what failed
 * before may work.
 *
 * Sleep is seen by two clocks that went on by different times: the wall clock goes on while the machine sleeps, the monotonic
 * clock of Linux does not. Where it does, the timer of this watch comes late. Another network is seen by addresses of
 * interfaces that came or went.
 *
 * Limitations: a network with the same addresses as the one before is not told apart from it.
 */
import { networkInterfaces } from 'node:os';

/** What is watched; a test has its own. */
export interface NetworkSigns {
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** Differs when the addresses of this machine do. */
  readonly addresses: () => string;
}

export const systemSigns: NetworkSigns = {
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  addresses: () =>
    Object.entries(networkInterfaces())
      .flatMap(([name, all = []]) =>
        all.filter(({ internal }) => !internal).map(({ cidr, address }) => `${name} ${cidr ?? address}`),
      )
      .sort()
      .join('\n'),
};

/** Milliseconds between two clocks, or of a timer, that are no sleep: a machine under load, a clock that is set right. */
const sleptMs = 10_000;

export class NetworkWatch {
  readonly #signs: NetworkSigns;
  readonly #onChange: (why: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #everyMs = 0;
  #wallMs = 0;
  #monotonicMs = 0;
  #addresses = '';

  /** `onChange` gets in words what has happened. */
  constructor(signs: NetworkSigns, onChange: (why: string) => void) {
    this.#signs = signs;
    this.#onChange = onChange;
  }

  start(everyMs: number): void {
    this.stop();
    this.#everyMs = everyMs;
    this.#remember(this.#signs.addresses());
    this.#timer = setInterval(() => {
      this.look();
    }, everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Called by the timer. */
  look(): void {
    const { nowMs, monotonicMs } = this.#signs;
    const wentMs = monotonicMs() - this.#monotonicMs;
    const driftMs = Math.abs(nowMs() - this.#wallMs - wentMs);
    const lateMs = wentMs - this.#everyMs;
    const addresses = this.#signs.addresses();
    const isElsewhere = addresses !== this.#addresses;
    this.#remember(addresses);
    if (Math.max(driftMs, lateMs) > sleptMs) this.#onChange('the machine has slept, or its clock was set');
    else if (isElsewhere) this.#onChange('the addresses of this machine have changed');
  }

  #remember(addresses: string): void {
    this.#wallMs = this.#signs.nowMs();
    this.#monotonicMs = this.#signs.monotonicMs();
    this.#addresses = addresses;
  }
}
