/**
 * One supervisor per state directory. The lock names a process by pid and start time, so that a lock left behind by a
 * killed supervisor, whose pid may belong to somebody else by now, holds nobody up. A supervisor that is just ending is
 * waited for, because that is what a restart by script looks like.
 */
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { startOf } from '../../persistence/os-process.ts'
import { StartError } from './start-error.ts'

export interface Lock {
  release(): Promise<void>
}

const pollMs = 50

/** @throws {StartError} `already_running` where another supervisor still lives after `waitMs`. */
export async function acquireLock(path: string, waitMs = 5_000): Promise<Lock> {
  const mine = `${process.pid}\n${await startOf(process.pid)}\n`
  const until = performance.now() + waitMs
  for (;;) {
    if (await create(path, mine)) return { release: () => rm(path, { force: true }) }
    const [pid = '', start = ''] = (await readFile(path, 'utf8').catch(absent)).trim().split('\n')
    const lives = Number(pid) > 0 && (await startOf(Number(pid))) === start
    if (!lives) await rm(path, { force: true })
    else if (performance.now() < until) await delay(pollMs)
    else throw new StartError('already_running', `npm start already runs here as process ${pid}: stop it first`)
  }
}

/** All of the text appears at once: nobody may take a lock that is just being written for one left behind. */
async function create(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}`
  try {
    await writeFile(draft, text, { mode: 0o600 })
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

function absent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
