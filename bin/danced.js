#!/usr/bin/env node
/**
 * The command `danced`: checks that this Node can run the program, then starts it.
 * Plain JavaScript of an old kind up to the check, so that an old Node reaches the words below.
 * A checkout has the TypeScript sources, which Node runs as they are; an installed package has only dist/. The sources go
 * first, so that a dist/ left over from an earlier build is never mistaken for them.
 */
import { existsSync } from 'node:fs';

const version = process.versions.node;
const [major, minor] = version.split('.').map(Number);
const isNewEnough = (major === 24 && minor >= 21) || (major === 26 && minor >= 10) || major > 26;

if (isNewEnough) {
  const sources = new URL('../cli/main.ts', import.meta.url);
  await import(existsSync(sources) ? sources.href : new URL('../dist/cli/main.js', import.meta.url).href);
} else {
  process.stderr.write(
    `danced needs Node 24.21 or later of the 24 line, or Node 26.10 or later; this is Node ${version}.\n` +
      'Older versions call a resumed TLS session without a certificate authorized.\n' +
      'In a checkout, "npm ci" brings a Node that fits: use "npm run danced -- <arguments>".\n',
  );
  process.exitCode = 2;
}
