/** The example examples/xfr as a process, and its folder left as it was. */
import { exampleOf } from './example.ts';

export const { folder: exampleFolder, startIn: startInExample, start: startExample } = exampleOf('xfr');
