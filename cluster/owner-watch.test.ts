import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { clusterLimits } from './cluster-limits.ts'
import { OwnerWatch } from './owner-watch.ts'
import { type HintSource, type OwnerStore, OwnerTable, type ShardOwner } from './owners.ts'

const limits = clusterLimits()
const owner = { node: 'node-1', incarnation: 'a1' }

/** Reads wait until they are answered. */
class HeldStore implements OwnerStore {
  rows: readonly ShardOwner[] = []
  readonly reads: { answer(rows?: readonly ShardOwner[]): void; fail(): void }[] = []

  owners(): Promise<readonly ShardOwner[]> {
    return new Promise((resolve, reject) => {
      this.reads.push({
        answer: (rows = this.rows) => resolve(rows),
        fail: () => reject(new Error('away')),
      })
    })
  }
}

describe('the watch over owners', () => {
  let clock: VirtualClock
  let store: HeldStore
  let table: OwnerTable
  let watch: OwnerWatch
  let failures: unknown[]
  let hint: (about: 'owners' | 'members') => void

  beforeEach(() => {
    clock = new VirtualClock()
    store = new HeldStore()
    store.rows = [0, 1, 2, 3].map((shard) => ({ shard, epoch: 1, owner, released: false }))
    table = new OwnerTable(4)
    failures = []
    const hints: HintSource = {
      subscribe(listener) {
        hint = listener
        return () => {
          hint = () => undefined
        }
      },
    }
    watch = new OwnerWatch({ table, store, clock, limits, hints, failed: (error) => failures.push(error) })
  })

  async function answerAll(): Promise<void> {
    for (const read of store.reads.splice(0)) read.answer()
    await nextTurn()
  }

  async function pass(ms: number): Promise<void> {
    clock.advance(ms)
    await nextTurn()
  }

  async function start(): Promise<void> {
    const starting = watch.start()
    await answerAll()
    await starting
  }

  test('reads at once, then at its interval', async () => {
    await start()
    expect(table.get(3).owner).toEqual(owner)
    await pass(limits.ownersPollMs - 1)
    expect(store.reads).toHaveLength(0)
    await pass(1)
    expect(store.reads).toHaveLength(1)
  })

  test('a hint is a read at once; hints while it runs are one more, whatever their number', async () => {
    await start()
    hint('owners')
    for (let n = 0; n < 10; n += 1) hint('owners')
    expect(store.reads).toHaveLength(1)
    await answerAll()
    expect(store.reads).toHaveLength(1)
    await answerAll()
    expect(store.reads).toHaveLength(0)
    hint('members')
    expect(store.reads).toHaveLength(0)
  })

  test('who asks while a read runs waits for one that began after', async () => {
    await start()
    const first = watch.refresh()
    const [older] = store.reads.splice(0)
    const second = watch.refresh()
    older?.answer([])
    await first
    expect(store.reads).toHaveLength(1)
    store.reads[0]?.answer([{ shard: 2, epoch: 5, owner, released: true }])
    expect(await second).toBe(true)
    expect(table.get(2)).toMatchObject({ epoch: 5, released: true })
  })

  test('a read that fails or hangs is told, and the next one comes; what a hung one brings later is dropped', async () => {
    await start()
    const failing = watch.refresh()
    store.reads.splice(0)[0]?.fail()
    expect(await failing).toBe(false)
    const hanging = watch.refresh()
    const [hung] = store.reads.splice(0)
    await pass(limits.pollTimeoutMs)
    expect(await hanging).toBe(false)
    expect(failures).toHaveLength(2)
    expect(failures[1]).toMatchObject({ code: 'poll_timeout' })
    await pass(limits.ownersPollMs)
    expect(store.reads).toHaveLength(1)
    await answerAll()
    hung?.answer([{ shard: 0, epoch: 9, owner, released: false }])
    await nextTurn()
    expect(table.get(0).epoch).toBe(1)
  })

  test('without contact it is stale, and it says which databases were silent', async () => {
    expect(watch.stale).toBe(true)
    await start()
    expect(watch.stale).toBe(false)
    expect([...watch.silentShards]).toEqual([])
    store.rows = store.rows.slice(0, 2)
    void watch.refresh()
    await answerAll()
    expect([...watch.silentShards]).toEqual([2, 3])
    for (let passed = 0; passed <= limits.staleAfterMs; passed += 500) {
      await pass(500)
      for (const read of store.reads.splice(0)) read.fail()
      await nextTurn()
    }
    expect(watch.stale).toBe(true)
  })

  test('stopped, it reads no more and leaves no timer', async () => {
    await start()
    const running = watch.refresh()
    watch.stop()
    await answerAll()
    await running
    hint('owners')
    expect(await watch.refresh()).toBe(false)
    expect(store.reads).toHaveLength(0)
    expect(clock.pending).toBe(0)
  })
})
