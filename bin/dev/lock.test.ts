import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startOf } from '../../persistence/os-process.ts'
import { acquireLock } from './lock.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'

const freshPath = (): string => join(temporaryDirectory(), 'supervisor')

test('a second supervisor is refused while the first lives, and let in when it has released', async () => {
  const path = freshPath()
  const first = await acquireLock(path)
  await expect(acquireLock(path, 60)).rejects.toMatchObject({ code: 'already_running' })
  await first.release()
  await (await acquireLock(path, 0)).release()
})

test('the lock of a process that is gone holds nobody up', async () => {
  const path = freshPath()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  writeFileSync(path, `${child.pid}\n${await startOf(child.pid ?? 0)}\n`)
  await expect(acquireLock(path, 0)).rejects.toMatchObject({ code: 'already_running' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await acquireLock(path, 0)
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid}\n`))
})

test('a pid that belongs to another process by now holds nobody up', async () => {
  const path = freshPath()
  writeFileSync(path, `${process.pid}\nanother start\n`)
  await acquireLock(path, 0)
  expect(readFileSync(path, 'utf8')).not.toContain('another start')
})

test('a lock that was cut off while it was written holds nobody up', async () => {
  const path = freshPath()
  writeFileSync(path, '')
  await acquireLock(path, 0)
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid}\n`))
})
