import { expect, it } from 'vitest'
import type { Entity } from './entity.ts'
import { MemoryBound, memoryPlace } from './memory-bound.ts'

interface Told {
  readonly name: string
  idle: boolean
  readonly closed: boolean
}

function entity(name: string, { idle = true, closed = true }: Partial<Told> = {}): Entity & Told {
  const told = { name, idle, closed, bytes: 0, state: {}, place: memoryPlace(), kind: { isClosed: () => closed } }
  return told as unknown as Entity & Told
}

/** A bound for no entity at all: whoever may leave, leaves. */
function leaveAll(memory: MemoryBound): string[] {
  const left: string[] = []
  memory.enforce((each) => {
    left.push((each as Entity & Told).name)
    memory.forget(each)
  })
  return left
}

it('the longest idle leave first, closed ones before open ones', () => {
  const memory = new MemoryBound(0)
  const [a, b, c, open] = [entity('a'), entity('b'), entity('c'), entity('open', { closed: false })]
  for (const each of [open, a, b, c, a]) memory.touch(each)
  expect(leaveAll(memory)).toEqual(['b', 'c', 'a', 'open'])
  expect([memory.entities, memory.bytes]).toEqual([0, 0])
})

it('who is busy stays, and may leave once it is idle again', () => {
  const memory = new MemoryBound(0)
  const [busy, later] = [entity('busy', { idle: false }), entity('later')]
  memory.touch(busy)
  memory.touch(later)
  later.idle = false
  expect(leaveAll(memory)).toEqual([])
  busy.idle = true
  memory.touch(busy)
  expect(leaveAll(memory)).toEqual(['busy'])
  expect(memory.entities).toBe(1)
})

it('nobody leaves within the bound, and only as many as are too much beyond it', () => {
  const memory = new MemoryBound(5_000)
  const [a, b, c] = [entity('a'), entity('b'), entity('c')]
  memory.touch(a)
  memory.touch(b)
  expect(leaveAll(memory)).toEqual([])
  memory.touch(c)
  expect(leaveAll(memory)).toEqual(['a'])
  memory.forget(b)
  memory.forget(b)
  expect(memory.entities).toBe(1)
})
