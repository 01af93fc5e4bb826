/**
 * A program of ours in a process of its own, on the CPU that is measured. It is sent orders, one at a time, and answers each
 * with one value; `answerOrders` is its other end.
 */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { serverCpu } from './processes.ts';

type Answer = { readonly value: unknown } | { readonly wrong: string };

export class MeasuredProcess<Order extends object> {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the program; resolves when it takes orders. */
  static async start<Order extends object>(
    program: URL,
    execArgv: readonly string[] = [],
  ): Promise<MeasuredProcess<Order>> {
    const child = fork(fileURLToPath(program), { execArgv: [...execArgv] });
    await once(child, 'message');
    spawnSync('taskset', ['-a', '-p', '-c', String(serverCpu), String(child.pid)]);
    return new MeasuredProcess(child);
  }

  /** Throws what the program says is wrong. */
  async order(order: Order): Promise<unknown> {
    this.#child.send(order);
    const [answer] = (await once(this.#child, 'message')) as [Answer];
    if ('wrong' in answer) throw new Error(answer.wrong);
    return answer.value;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

/**
 * In the process that is measured: takes orders until the other end is gone.
 *
 * @param fulfil gets what the other end was typed to send
 */
export function answerOrders(fulfil: (order: never) => Promise<unknown>, onEnd: () => void): void {
  process.on('message', (order) => {
    fulfil(order as never).then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ wrong: String(error) }),
    );
  });
  process.on('disconnect', onEnd);
  process.send?.('ready');
}
