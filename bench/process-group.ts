/**
 * What a server uses that is more than one process: every process of its group (proc(5), stat).
 *
 * Limitations: what a process used that has ended meanwhile is lost, so the group must be at its full number before it is
 * measured. The kernel counts in ticks of 10 ms.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { rssMib } from './processes.ts';

/** proc(5): sysconf(_SC_CLK_TCK), which Linux has as 100 wherever programs can see it. */
const ticksPerSecond = 100;

/** CPU time that the processes of a group have used so far, in seconds: their own and the kernel's for them. */
export function groupCpuSeconds(group: number): number {
  const ticks = membersOf(group).map(({ userTicks, systemTicks }) => userTicks + systemTicks);
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}

/** Memory that the processes of a group have in RAM, in octets; what they share counts for each. */
export function groupRssOctets(group: number): number {
  const sizes = membersOf(group).map(({ pid }) => rssMib(pid));
  return sizes.reduce((sum, each) => sum + each, 0) * 1024 * 1024;
}

interface Member {
  readonly pid: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

function membersOf(group: number): Member[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => memberOf(pid, group));
}

/** The process if it is of the group, or nothing. */
function memberOf(pid: string, group: number): Member[] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended since the folder was read.
    return [];
  }
  // The name of the program is in parentheses and may have anything in it; then come state, parent, group …
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [groupField, userTicks = 0, systemTicks = 0] = [2, 11, 12].map((index) => Number(fields[index]));
  return groupField === group ? [{ pid: Number(pid), userTicks, systemTicks }] : [];
}
