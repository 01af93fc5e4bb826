/**
 * Our side, in a process of its own on the CPU that is measured; ours-process.ts is what runs there.
 */
import { MeasuredProcess } from '../measured-process.ts';
import type { World } from './world.ts';

/** What the process is asked for; it answers each with one number. */
export type Order =
  | { readonly do: 'open'; readonly port: number; readonly anchor: string; readonly first: string }
  | { readonly do: 'look-up'; readonly names: readonly string[] }
  | { readonly do: 'identity'; readonly name: string }
  | { readonly do: 'memory'; readonly names: readonly string[] };

export class Ours {
  readonly #process: MeasuredProcess<Order>;
  readonly #world: World;

  private constructor(process: MeasuredProcess<Order>, world: World) {
    this.#process = process;
    this.#world = world;
  }

  static async start(world: World): Promise<Ours> {
    return new Ours(await MeasuredProcess.start(new URL('./ours-process.ts', import.meta.url)), world);
  }

  /** Looks the names up with empty caches but for the keys of the root; gives milliseconds of CPU. */
  async coldCpuMs(names: readonly string[]): Promise<number> {
    const { port, anchor, flatNames } = this.#world;
    await this.#order({ do: 'open', port, anchor, first: flatNames[0] ?? '' });
    return this.#order({ do: 'look-up', names });
  }

  /** Looks the names up with what is known by now; gives milliseconds of CPU. */
  async warmCpuMs(names: readonly string[]): Promise<number> {
    return this.#order({ do: 'look-up', names: names.slice(1) });
  }

  /** Mean time from a claim to its identity when everything is cached. */
  identityMicroseconds(): Promise<number> {
    return this.#order({ do: 'identity', name: this.#world.flatNames[0] ?? '' });
  }

  /** Memory of the process, in MiB, after it has looked all the names up. */
  async rssMib(names: readonly string[]): Promise<number> {
    const { port, anchor } = this.#world;
    await this.#order({ do: 'open', port, anchor, first: names[0] ?? '' });
    return this.#order({ do: 'memory', names });
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  async #order(order: Order): Promise<number> {
    return (await this.#process.order(order)) as number;
  }
}
