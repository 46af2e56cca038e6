import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { exitWithParent, orphanExitCode } from './parent.ts'

const parentModule = JSON.stringify(new URL('./parent.ts', import.meta.url).href)

function start(script: string, supervised: string) {
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, SHARDPAY_SUPERVISED: supervised },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

test('a process whose supervisor closed the pipe exits although it still has work', async () => {
  const script = `import { exitWithParent } from ${parentModule}
    exitWithParent(); setInterval(() => {}, 1000); console.log('ready')`
  const child = start(script, '1')
  await once(child.stdout, 'data')
  child.stdin.destroy()
  expect(await once(child, 'exit')).toEqual([orphanExitCode, null])
})

test('a process that has nothing left to do ends by itself, supervised or not', async () => {
  for (const supervised of ['1', '']) {
    const child = start(`import { exitWithParent } from ${parentModule}; exitWithParent()`, supervised)
    expect(await once(child, 'exit')).toEqual([0, null])
  }
})

test('a process without a supervisor does not look at its stdin', () => {
  const stdin = new PassThrough()
  const codes: number[] = []
  exitWithParent({ environment: {}, stdin, exit: (code) => codes.push(code) })
  stdin.end()
  expect(stdin.listenerCount('end')).toBe(0)
  expect(codes).toEqual([])
})
