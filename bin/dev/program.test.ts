import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeExit, startProgram } from './program.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'

function script(text: string): string {
  const path = join(temporaryDirectory(), 'program.mjs')
  writeFileSync(path, text)
  return path
}

const wait = 'setInterval(() => {}, 1000);'
const shown: string[] = []
const show = (line: string): void => void shown.push(line)

test('a program is ready with its first JSON line; what it writes besides is shown', async () => {
  shown.length = 0
  const lines = ['hello', '{"ready":true,"url":"http://x"}', '{"a":1}']
  const file = script(`console.log(${JSON.stringify(lines.join('\n'))}); ${wait}`)
  const program = await startProgram({ name: 'it', file, show })
  expect(program.ready).toEqual({ ready: true, url: 'http://x' })
  const exit = await program.stop(5_000)
  expect(describeExit(exit)).toBe('by SIGTERM')
  expect(shown).toEqual(['hello', '{"a":1}'])
})

test('a program that ends before it is ready fails with its last lines', async () => {
  const file = script("console.error('no database'); console.error('giving up'); process.exitCode = 3")
  await expect(startProgram({ name: 'it', file, show })).rejects.toMatchObject({
    code: 'process_failed',
    message: 'it ended with exit code 3 before it was ready\n  no database\n  giving up',
  })
})

test('a program that is never ready is killed', async () => {
  await expect(startProgram({ name: 'it', file: script(wait), show, readyTimeoutMs: 300 })).rejects.toMatchObject({
    message: 'it was not ready after 300 ms',
  })
})

test('an interrupted start ends the program', async () => {
  const abort = new AbortController()
  const starting = startProgram({ name: 'it', file: script(wait), show, signal: abort.signal })
  abort.abort()
  await expect(starting).rejects.toMatchObject({ code: 'process_failed' })
})

test('a program drains on SIGTERM, and is killed when patience ends', async () => {
  const drains = script(`process.on('SIGTERM', () => process.exit(0)); console.log('{}'); ${wait}`)
  expect(await (await startProgram({ name: 'it', file: drains, show })).stop(5_000)).toEqual({ code: 0, signal: null })
  const hangs = script(`process.on('SIGTERM', () => {}); console.log('{}'); ${wait}`)
  expect(await (await startProgram({ name: 'it', file: hangs, show })).stop(200)).toEqual({
    code: null,
    signal: 'SIGKILL',
  })
})
