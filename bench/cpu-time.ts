/**
 * Owns the CPU time of processes, as Linux counts it: all threads, in user and in kernel mode. Elsewhere it is not known.
 */
import { readFileSync } from 'node:fs';

/** The kernel shows times in hundredths of a second, whatever it counts in. */
const US_PER_TICK = 10_000;
/** Fields of /proc/<pid>/stat after the name in parentheses, counted from 0. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** CPU time that processes have used so far, in microseconds, summed up by name; null where it is not known. */
export type CpuTimes = ReadonlyMap<string, number | null>;

/** A process and the name it is counted under. */
export type Counted = readonly [name: string, pid: number | undefined];

/** The CPU times of processes now. */
export function cpuTimes(processes: readonly Counted[]): CpuTimes {
  const times = new Map<string, number | null>();
  for (const [name, pid] of processes) {
    const before = times.get(name);
    const used = cpuTimeUs(pid);
    times.set(name, before === null || used === null ? null : (before ?? 0) + used);
  }
  return times;
}

/** What was used between two looks, in microseconds. */
export function cpuUsed(before: CpuTimes, after: CpuTimes): Record<string, number | null> {
  return Object.fromEntries(
    [...after].map(([name, now]) => {
      const then = before.get(name) ?? null;
      return [name, now === null || then === null ? null : now - then];
    }),
  );
}

/** The whole machine's time so far, in ticks of all cores together. */
export interface MachineTime {
  readonly total: number;
  readonly idle: number;
  /** Taken by other tenants of the hardware. */
  readonly steal: number;
}

/** Fields of the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
const IDLE_FIELDS = [3, 4] as const;
const STEAL_FIELD = 7;
const FIELDS = 8;

/** The machine's time now; null where it is not known. */
export function machineTime(): MachineTime | null {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
    const fields = line
      .split(/\s+/)
      .slice(1, FIELDS + 1)
      .map(Number);
    const total = fields.reduce((sum, field) => sum + field, 0);
    const idle = IDLE_FIELDS.reduce((sum, index) => sum + (fields[index] ?? 0), 0);
    return { total, idle, steal: fields[STEAL_FIELD] ?? 0 };
  } catch {
    return null;
  }
}

/** Shares of the machine's time between two looks, from 0 to 1; null where they are not known. */
export function machineShares(
  before: MachineTime | null,
  after: MachineTime | null,
): { readonly idle: number; readonly steal: number } | null {
  if (before === null || after === null || after.total <= before.total) return null;
  const total = after.total - before.total;
  return { idle: (after.idle - before.idle) / total, steal: (after.steal - before.steal) / total };
}

function cpuTimeUs(pid: number | undefined): number | null {
  if (pid === undefined) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * US_PER_TICK;
  } catch {
    return null;
  }
}
