/**
 * Names at the end what failed and then passed when it was tried once more, and why it had failed: tests, and what is done before them
 * (which mocha's `retries` leaves out, so that it is tried again here). What has to do with other servers and with real time may need
 * it on a busy machine; what stands here again is to be mended.
 */
import Mocha, { type RootHookObject } from 'mocha';

/** By the full title: the words of the first failure. */
const failures = new Map<string, string>();

// Hooks hear of no failure that is to be repeated; the runner says it.
const { EVENT_TEST_RETRY, EVENT_TEST_FAIL } = Mocha.Runner.constants;
type Run = (this: Mocha.Runner, ...args: unknown[]) => Mocha.Runner;
const run = Reflect.get(Mocha.Runner.prototype, 'run') as Run;
Mocha.Runner.prototype.run = function (this: Mocha.Runner, ...args: unknown[]) {
  this.on(EVENT_TEST_RETRY, (test: Mocha.Test, error: Error) => {
    failures.set(test.fullTitle(), error.message);
  });
  // A hook that fails is said by the same event.
  this.on(EVENT_TEST_FAIL, (test: Mocha.Runnable) => {
    failures.delete(test.fullTitle());
  });
  return Reflect.apply(run, this, args);
};

type Done = (error?: Error) => void;
type RunHook = (this: Mocha.Hook, done: Done) => void;
const runHook = Reflect.get(Mocha.Hook.prototype, 'run') as RunHook;
Mocha.Hook.prototype.run = function (this: Mocha.Hook, done: Done) {
  const isBefore = this.title.startsWith('"before ');
  Reflect.apply(runHook, this, [
    (error?: Error) => {
      if (!isBefore || error === undefined) {
        done(error);
        return;
      }
      failures.set(this.fullTitle(), error.message);
      Reflect.apply(runHook, this, [done]);
    },
  ]);
};

export const mochaHooks: RootHookObject = {
  afterAll() {
    for (const [title, words] of failures) {
      const [first = ''] = words.split('\n');
      process.stdout.write(`  passed at the second try: ${title}: ${first}\n`);
    }
  },
};
