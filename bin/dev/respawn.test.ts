import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { type Program, startProgram } from './program.ts'
import { Respawn, type RespawnLimits } from './respawn.ts'

/** Ready at once; then it lives until it is told to end, or dies by itself as its argument says. */
const source = `
  if (process.argv[2] === 'stillborn') process.exit(4)
  console.log(JSON.stringify({ ready: true }))
  process.stdin.resume().on('end', () => process.exit(0))
  if (process.argv[2] === 'mortal') { console.error('last words'); setTimeout(() => process.exit(3), 20) }
`
type Life = 'lives' | 'mortal' | 'stillborn'

const brief: RespawnLimits = { pauseMs: 30, deathsMax: 4, withinMs: 600_000 }
let rigs: { readonly respawn: Respawn }[] = []

afterEach(() => {
  for (const { respawn } of rigs) respawn.kill()
  rigs = []
})

/** @param lives of the incarnations in turn; the last one is repeated. */
function rig(lives: readonly Life[], limits = brief) {
  const file = join(temporaryDirectory(), 'program.mjs')
  writeFileSync(file, source)
  const saw: string[] = []
  const started: Program[] = []
  const waiting: { text: string; resolve: () => void }[] = []
  const note = (text: string): void => {
    saw.push(text)
    for (const each of waiting) if (text.startsWith(each.text)) each.resolve()
  }
  const start = async (): Promise<Program> => {
    const life = lives[Math.min(started.length, lives.length - 1)] ?? 'lives'
    const program = await startProgram({ name: 'tiny', file, args: [life], show: () => undefined })
    started.push(program)
    return program
  }
  const respawn = new Respawn(
    'tiny',
    start,
    {
      died: (_dead, { code, signal }) => note(`died ${signal ?? code}`),
      respawned: () => note('respawned'),
      gaveUp: (how, lines) => note(`gave up: ${[how, ...lines].join(' | ')}`),
    },
    limits,
  )
  /** Resolves when something that begins like this was seen from now on. */
  const seen = (text: string): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ text, resolve })
    })
  const all = { respawn, saw, started, seen }
  rigs.push(all)
  return all
}

test('a program that is killed runs again after the pause, as another process', async () => {
  const { respawn, saw, started, seen } = rig(['lives'])
  const first = await respawn.start()
  const again = seen('respawned')
  const death = seen('died')
  process.kill(first.pid, 'SIGKILL')
  await death
  expect(respawn.program).toBeUndefined()
  await again
  expect(saw).toEqual(['died SIGKILL', 'respawned'])
  expect(respawn.program?.pid).toBe(started[1]?.pid)
  expect(started[1]?.pid).not.toBe(first.pid)
})

test('one that dies again and again is given up, with its last words', async () => {
  const { respawn, saw, started, seen } = rig(['mortal'])
  const end = seen('gave up')
  await respawn.start()
  await end
  expect(saw.filter((each) => each === 'died 3')).toHaveLength(brief.deathsMax - 1)
  expect(saw.at(-1)).toBe('gave up: ended with exit code 3, 4 times within 600 s | last words')
  expect(started).toHaveLength(brief.deathsMax)
})

test('deaths that are long enough apart are not counted together', async () => {
  const { respawn, saw, started, seen } = rig(['mortal', 'mortal', 'mortal', 'lives'], {
    pauseMs: 30,
    deathsMax: 2,
    withinMs: 1,
  })
  await respawn.start()
  for (let life = 1; life < 4; life += 1) await seen('respawned')
  expect(saw.filter((each) => each === 'died 3')).toHaveLength(3)
  expect(started).toHaveLength(4)
})

test('one that cannot be started again is given up with the reason; the first start is the caller’s to judge', async () => {
  const { respawn, saw, seen } = rig(['mortal', 'stillborn'])
  const end = seen('gave up')
  await respawn.start()
  await end
  expect(saw.at(-1)).toMatch(/^gave up: tiny ended with exit code 4 before it was ready/)
  await expect(rig(['stillborn']).respawn.start()).rejects.toMatchObject({ code: 'process_failed' })
})

test('stopped it stays stopped: while it runs, while it is dead, and while it is being started', async () => {
  const running = rig(['lives'])
  await running.respawn.start()
  expect(await running.respawn.stop(10_000)).toEqual({ code: null, signal: 'SIGTERM' })

  const dead = rig(['mortal', 'lives'], { ...brief, pauseMs: 600_000 })
  const death = dead.seen('died')
  await dead.respawn.start()
  await death
  expect(await dead.respawn.stop(10_000)).toBeUndefined()

  const starting = rig(['mortal', 'lives'], { ...brief, pauseMs: 0 })
  const fall = starting.seen('died')
  await starting.respawn.start()
  await fall
  await starting.respawn.stop(10_000)
  for (const { saw, started } of [running, dead, starting]) {
    expect(saw.filter((each) => !each.startsWith('died'))).toEqual([])
    for (const program of started) await program.exited
  }
})
