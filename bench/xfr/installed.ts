/**
 * danced as an installed package has it: compiled, without the sources that a checkout runs. Node takes the types out of those when
 * it starts, and what it needs for that stays in memory.
 */
import { copyFileSync, cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram, type TestBed } from '../../test/support/peers/test-bed.ts';

const compileTimeMs = 5 * 60_000;

/** Compiles into a folder of the bed; gives the path of the program. Throws with the compiler's words. */
export async function install(bed: TestBed): Promise<string> {
  const checkout = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const folder = bed.folder('installed');
  const tsc = checkout('node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', checkout('tsconfig.build.json'), '--outDir', join(folder, 'dist')];
  const { stdout } = await runProgram(process.execPath, args, { timeoutMs: compileTimeMs });
  if (!existsSync(join(folder, 'dist/cli/main.js'))) throw new Error(`danced does not compile:\n${stdout}`);
  copyFileSync(checkout('package.json'), join(folder, 'package.json'));
  symlinkSync(checkout('node_modules'), join(folder, 'node_modules'));
  if (existsSync(checkout('prebuilds')))
    cpSync(checkout('prebuilds'), join(folder, 'prebuilds'), { recursive: true });
  cpSync(checkout('bin'), join(folder, 'bin'), { recursive: true });
  return join(folder, 'bin/danced.js');
}
