/** One view of the gate: where its answers come from, whose memory they are kept in, and what its members may do together. */
import type { Metrics, ReplyCounts } from '../../../core/index.ts';
import type { View } from '../view/view.ts';
import type { GateViewConfig } from './config.ts';
import { replyCounts } from './metrics.ts';
import type { TotalsMeter } from './standing.ts';

/** Numbers of views are below those of single questions (nextScopeOfOne): one more for each file that was read anew. */
let lastScope = 0;

function nextScope(): number {
  lastScope += 1;
  return lastScope;
}

export class GateView {
  readonly name: string;
  readonly config: GateViewConfig;
  readonly view: View;
  readonly meter: TotalsMeter;
  readonly counts: ReplyCounts;
  #scope = 0;
  #generation = -1;

  constructor(name: string, config: GateViewConfig, view: View, meter: TotalsMeter, metrics: Metrics) {
    this.name = name;
    this.config = config;
    this.view = view;
    this.meter = meter;
    this.counts = replyCounts(metrics, name);
  }

  /**
   * Whose memory its answers are in. A number of its own for each view, and a new one when what it answers itself has changed:
   * what was remembered before is not found any more, and is forgotten when there is need of room.
   */
  get scope(): number {
    if (this.#generation !== this.view.generation) {
      this.#generation = this.view.generation;
      this.#scope = nextScope();
    }
    return this.#scope;
  }
}
