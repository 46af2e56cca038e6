/** What the operating system knows of processes that this one may not have started: enough to end an orphan, and only it. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pollMs = 20

/** The process's command line, arguments joined by spaces; undefined where there is no such living process. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (!(await isAlive(pid))) return undefined
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(absent)
    return text?.replaceAll('\0', ' ').trim()
  }
  return (await ps(pid, 'command'))?.trim()
}

/** When the process started, in a form that only compares: a pid alone may have been given to another process meanwhile. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (!(await isAlive(pid))) return undefined
  if (process.platform === 'linux') return (await statFields(pid))?.[19]
  return (await ps(pid, 'lstart'))?.trim()
}

/** Whether the process runs. A zombie, dead but not yet waited for by its parent, does not. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
  if (process.platform !== 'linux') return !(await ps(pid, 'stat'))?.trim().startsWith('Z')
  const state = (await statFields(pid))?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(absent)
    if (text !== undefined) return text.split(' ').filter(Boolean).map(Number)
  }
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []))
}

/** Sends the signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Resolves to true once the process is gone, to false when it still runs after `timeoutMs`. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs
  while (await isAlive(pid)) {
    if (performance.now() >= end) return false
    await delay(pollMs)
  }
  return true
}

/** Fields of /proc/<pid>/stat from the third, the state, on; the second, the name, may hold spaces. */
async function statFields(pid: number): Promise<readonly string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(absent)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function ps(pid: number, column: string): Promise<string | undefined> {
  try {
    return (await run('ps', ['-o', `${column}=`, '-p', String(pid)])).stdout
  } catch (error) {
    // ps exits with 1 where no process matches
    if ((error as { code?: unknown }).code === 1) return undefined
    throw error
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
  throw error
}
