/**
 * Names at the end the tests that passed only when they were tried once more. Those that have to do with other servers and with
 * real time may need it on a busy machine; a test that stands here twice is to be mended.
 */
import type { Context, RootHookObject, Test } from 'mocha';

const titles: string[] = [];

export const mochaHooks: RootHookObject = {
  afterEach(this: Context) {
    const test = this.currentTest as (Test & { currentRetry(): number }) | undefined;
    if (test?.isPassed() === true && test.currentRetry() > 0) titles.push(test.fullTitle());
  },
  afterAll() {
    for (const title of titles) process.stdout.write(`  passed at the second try: ${title}\n`);
  },
};
