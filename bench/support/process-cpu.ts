/**
 * CPU time of a process and all its children, from /proc. For Postgres the postmaster's id is enough: backends are its
 * children, and what ended since is in its own counters.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

interface ProcessTimes {
  readonly parent: number
  readonly own: number
  readonly endedChildren: number
}

let ticksPerSecond: number | undefined

/** Milliseconds of user and system time spent so far by `pid` and its children, or undefined where there is no /proc. */
export function treeCpuMs(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const root = timesOf(pid)
  if (root === undefined) return undefined
  let ticks = root.own + root.endedChildren
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    const times = timesOf(Number(name))
    if (times?.parent === pid) ticks += times.own
  }
  return inMs(ticks)
}

/** Milliseconds of user and system time of one process without its children; undefined where it has ended, or there is no /proc. */
export function processCpuMs(pid: number): number | undefined {
  const times = process.platform === 'linux' ? timesOf(pid) : undefined
  return times === undefined ? undefined : inMs(times.own)
}

/** Undefined where the process has ended meanwhile. */
function timesOf(pid: number): ProcessTimes | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
  // The second field is the command in parentheses and may hold blanks; the third and on are plain.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  return { parent: field(4), own: field(14) + field(15), endedChildren: field(16) + field(17) }
}

/** Milliseconds of user and system time that children of this process spent which have ended; NaN where there is no /proc. */
export function endedChildrenCpuMs(): number {
  if (process.platform !== 'linux') return Number.NaN
  return inMs(timesOf(process.pid)?.endedChildren ?? 0)
}

/** Milliseconds in which processors of the machine were not idle, or were taken away by its host; NaN where there is no /proc. */
export function machineBusyMs(): number {
  if (process.platform !== 'linux') return Number.NaN
  const [total = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [user, nice, system, , , irq, softirq, steal] = total.split(/ +/).slice(1).map(Number)
  return inMs((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0) + (steal ?? 0))
}

function inMs(ticks: number): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return (ticks * 1000) / ticksPerSecond
}
