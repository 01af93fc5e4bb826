/**
 * Names at the end the tests that failed and then passed when they were tried once more, and why they had failed. Those that have to
 * do with other servers and with real time may need it on a busy machine; a test that stands here again is to be mended.
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
  this.on(EVENT_TEST_FAIL, (test: Mocha.Test) => {
    failures.delete(test.fullTitle());
  });
  return Reflect.apply(run, this, args);
};

export const mochaHooks: RootHookObject = {
  afterAll() {
    for (const [title, words] of failures) {
      const [first = ''] = words.split('\n');
      process.stdout.write(`  passed at the second try: ${title}: ${first}\n`);
    }
  },
};
