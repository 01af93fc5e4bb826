/**
 * What a server has used that is more than one process: every process of its group (proc(5), stat).
 *
 * Limitations: what a process used that has ended meanwhile is lost, so the group must be at its full number before it is
 * measured. The kernel counts in ticks of 10 ms.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** proc(5): sysconf(_SC_CLK_TCK), which Linux has as 100 wherever programs can see it. */
const ticksPerSecond = 100;

/** CPU time that the processes of a group have used so far, in seconds: their own and the kernel's for them. */
export function groupCpuSeconds(group: number): number {
  const ticks = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => ticksInGroup(pid, group));
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}

function ticksInGroup(pid: string, group: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended since the folder was read.
    return 0;
  }
  // The name of the program is in parentheses and may have anything in it; then come state, parent, group …
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [groupField, userTicks, systemTicks] = [2, 11, 12].map((index) => Number(fields[index]));
  return groupField === group ? (userTicks ?? 0) + (systemTicks ?? 0) : 0;
}
