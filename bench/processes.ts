/**
 * Processes on a CPU of their own, and what they have used: the server under test on one, the load on the other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** Servers that are measured run here, one at a time. */
export const serverCpu = 0;
/** Load and everything that is not measured run here. */
export const loadCpu = 1;

/** Command and arguments that run a program on one CPU. */
export function pinned(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  return ['taskset', ['-c', String(cpu), command, ...args]];
}

/**
 * Command and arguments that run a program before all others on its CPU, as far as this user may (nice(1), and sched(7) on
 * autogroups), and with as many file descriptors as it may have.
 */
export function preferred([command, args]: readonly [string, readonly string[]]): [string, string[]] {
  const first = 'ulimit -n "$(ulimit -Hn)"; { echo -19 >/proc/self/autogroup; } 2>/dev/null';
  const script = `${first}; exec nice -n -19 "$0" "$@"`;
  return ['sh', ['-c', script, command, ...args]];
}

/** Moves this process, with all its threads, to one CPU. */
export function pinThisProcess(cpu: number): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(process.pid)]);
  if (status !== 0) throw new Error(`taskset: ${String(stderr)}`);
}

/** CPU time that a process has used so far, all threads together, in milliseconds (proc(5), schedstat). */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${String(pid)}/task`);
  const nanoseconds = threads.map((thread) => {
    const [ran = '0'] = readFileSync(`/proc/${String(pid)}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ran);
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}

/** Memory that a process has in RAM, in MiB (proc(5), VmRSS). */
export function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) / 1024;
}
