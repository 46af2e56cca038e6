import { expect, test } from 'vitest'
import type { Log, LogFields } from '../runtime/log.ts'
import { silentLog } from '../runtime/log.ts'
import { createLinkLog } from './link-log.ts'

const node = (name: string) => ({ node: name, incarnation: 'a' })

function rig() {
  const lines: string[] = []
  const warn = ({ peer, reason }: LogFields, message: string): void =>
    void lines.push([peer, message, reason].filter((each) => each !== undefined).join(' '))
  const log: Log = { ...silentLog, warn }
  return { lines, linkLog: createLinkLog(log) }
}

test('a peer that refuses again and again is one line, until its link is up', () => {
  const { lines, linkLog } = rig()
  for (let dial = 0; dial < 3; dial += 1) linkLog.observer.refusedBy?.('certificate_node', node('node-1'))
  linkLog.observer.refusedBy?.('certificate_node', node('node-2'))
  expect(lines).toEqual([
    'node-1 a peer refused a link certificate_node',
    'node-2 a peer refused a link certificate_node',
  ])
  linkLog.up(node('node-1'))
  linkLog.observer.refusedBy?.('certificate_node', node('node-1'))
  expect(lines).toHaveLength(3)
})

test('another trouble of the same peer is another line', () => {
  const { lines, linkLog } = rig()
  linkLog.observer.dialFailed?.(node('node-1'), new Error('socket hang up'))
  linkLog.observer.refused?.('certificate_role', node('node-1'))
  linkLog.observer.malformed?.('too_deep', node('node-1'))
  expect(lines).toEqual([
    'node-1 a peer cannot be reached',
    'node-1 a peer was refused a link certificate_role',
    'node-1 a frame broke the rules too_deep',
  ])
})

test('what a peer says as its reason is cut short', () => {
  const { lines, linkLog } = rig()
  linkLog.observer.refusedBy?.('x'.repeat(5_000), node('node-1'))
  expect(lines[0]?.length).toBeLessThan(200)
})

test('another observer hears everything, also what is not said again', () => {
  let heard = 0
  const { observer } = createLinkLog(silentLog, {
    dialFailed: () => void (heard += 1),
    frameSent: () => void (heard += 1),
  })
  for (let dial = 0; dial < 3; dial += 1) observer.dialFailed?.(node('node-1'), new Error('refused'))
  observer.frameSent?.(1, 1)
  expect(heard).toBe(4)
})
