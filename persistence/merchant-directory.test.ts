import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { MerchantRow } from '../actors/journal.ts'
import type { ApiKey, MerchantConfiguration } from '../domain/merchant/state.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { PollingMerchantDirectory } from './merchant-directory.ts'

function key(hash: string, more: Partial<ApiKey> = {}): ApiKey {
  return {
    id: `key_${hash}`,
    hash,
    prefix: 'sk_test_ab12…',
    mode: 'test',
    scopes: ['payments:write'],
    apiVersion: '2026-11-01',
    createdAt: 1,
    ...more,
  }
}

function merchant(id: string, version: number, keys: readonly ApiKey[] = []): MerchantConfiguration {
  return { id, name: id, status: 'active', version, rateTier: 'standard', routes: [], limits: [], keys }
}

/** Rows as the database has them, and how the next reads of it go. */
class FakeSource {
  rows = new Map<string, MerchantRow>()
  reads: string[][] = []
  fails = false
  /** Set: `readVersions` waits until it is called. */
  hold: { promise: Promise<void>; release: () => void } | undefined

  put(configuration: MerchantConfiguration, data = pack(configuration)): void {
    const { id, version } = configuration
    this.rows.set(id, { shard: 0, entity: id, merchant: id, version, data })
  }

  async readVersions(): Promise<Map<string, number>> {
    if (this.fails) throw new Error('no connection')
    const versions = new Map([...this.rows.values()].map((row) => [row.merchant, row.version]))
    await this.hold?.promise
    return versions
  }

  async read(merchants: readonly string[]): Promise<MerchantRow[]> {
    this.reads.push([...merchants])
    return merchants.flatMap((id) => this.rows.get(id) ?? [])
  }
}

function setUp(): { source: FakeSource; clock: VirtualClock; directory: PollingMerchantDirectory } {
  const source = new FakeSource()
  const clock = new VirtualClock()
  return { source, clock, directory: new PollingMerchantDirectory({ source, clock, log: silentLog }) }
}

/** Lets everything that is ready run. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function hold(): NonNullable<FakeSource['hold']> {
  let release = (): void => {}
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return { promise, release }
}

describe('the polled directory of merchants', () => {
  it('is stale until the first poll succeeded, then finds merchants and keys, revoked ones included', async () => {
    const { source, directory } = setUp()
    source.put(merchant('mer_a', 1, [key('a1'), key('a2', { revokedAt: 5 })]))
    expect(directory.stale).toBe(true)
    await directory.refresh()
    expect(directory.stale).toBe(false)
    expect(directory.get('mer_a')?.version).toBe(1)
    expect(directory.findByKeyHash('a1')?.merchant.id).toBe('mer_a')
    expect(directory.findByKeyHash('a2')?.key.revokedAt).toBe(5)
    expect(directory.findByKeyHash('none')).toBe(undefined)
  })

  it('a revoked key is seen within one second, and only what changed is read', async () => {
    const { source, clock, directory } = setUp()
    source.put(merchant('mer_a', 1, [key('a1')]))
    source.put(merchant('mer_b', 1, [key('b1')]))
    await directory.start()
    source.put(merchant('mer_b', 2, [key('b1', { revokedAt: 7 })]))
    for (let elapsed = 0; elapsed < 1_000; elapsed += 100) {
      clock.advance(100)
      await turn()
    }
    expect(directory.findByKeyHash('b1')?.key.revokedAt).toBe(7)
    expect(source.reads).toEqual([['mer_a', 'mer_b'], ['mer_b']])
    directory.stop()
  })

  it('turns stale five seconds after the last contact began, keeps what it knows, and recovers by itself', async () => {
    const { source, clock, directory } = setUp()
    source.put(merchant('mer_a', 1))
    await directory.start()
    source.fails = true
    for (let elapsed = 0; elapsed < 4_900; elapsed += 100) {
      clock.advance(100)
      await turn()
    }
    expect(directory.stale).toBe(false)
    clock.advance(100)
    await turn()
    expect(directory.stale).toBe(true)
    expect(directory.get('mer_a')?.version).toBe(1)
    source.fails = false
    clock.advance(400)
    await turn()
    expect(directory.stale).toBe(false)
    directory.stop()
  })

  it('a poll that hangs counts as failed, and what it brings later is dropped', async () => {
    const { source, clock, directory } = setUp()
    source.put(merchant('mer_a', 1, [key('a1')]))
    const held = hold()
    source.hold = held
    const poll = directory.refresh()
    clock.advance(2_000)
    await poll
    source.hold = undefined
    source.put(merchant('mer_a', 2, [key('a1', { revokedAt: 9 })]))
    await directory.refresh()
    held.release()
    await turn()
    expect(directory.get('mer_a')?.version).toBe(2)
  })

  it('the age counts from the start of a poll, not from its answer', async () => {
    const { source, clock, directory } = setUp()
    const held = hold()
    source.hold = held
    const poll = directory.refresh()
    clock.advance(1_900)
    held.release()
    await poll
    clock.advance(3_099)
    expect(directory.stale).toBe(false)
    clock.advance(1)
    expect(directory.stale).toBe(true)
  })

  it('a version never goes back, and a merchant that is gone is gone', async () => {
    const { source, directory } = setUp()
    source.put(merchant('mer_a', 2, [key('a1')]))
    await directory.refresh()
    source.put(merchant('mer_a', 1, [key('old')]))
    await directory.refresh()
    expect(directory.get('mer_a')?.version).toBe(2)
    expect(directory.findByKeyHash('old')).toBe(undefined)
    source.rows.clear()
    await directory.refresh()
    expect(directory.get('mer_a')).toBe(undefined)
    expect(directory.findByKeyHash('a1')).toBe(undefined)
  })

  it('a key that two merchants claim works for neither', async () => {
    const { source, directory } = setUp()
    source.put(merchant('mer_a', 1, [key('same'), key('a1')]))
    source.put(merchant('mer_b', 1, [key('same')]))
    await directory.refresh()
    expect(directory.findByKeyHash('same')).toBe(undefined)
    expect(directory.findByKeyHash('a1')?.merchant.id).toBe('mer_a')
  })

  it('a row that cannot be read takes its merchant out, harms no other, and is read again once it changed', async () => {
    const { source, directory } = setUp()
    source.put(merchant('mer_a', 1, [key('a1')]))
    source.put(merchant('mer_b', 1, [key('b1')]))
    await directory.refresh()
    source.put(merchant('mer_a', 2), Buffer.from([0xc1]))
    await directory.refresh()
    await directory.refresh()
    expect(directory.get('mer_a')).toBe(undefined)
    expect(directory.findByKeyHash('a1')).toBe(undefined)
    expect(directory.findByKeyHash('b1')?.merchant.id).toBe('mer_b')
    expect(directory.stale).toBe(false)
    expect(source.reads).toHaveLength(2)
    source.put(merchant('mer_a', 3, [key('a1')]))
    await directory.refresh()
    expect(directory.findByKeyHash('a1')?.merchant.version).toBe(3)
  })

  it('after stop it asks no more', async () => {
    const { clock, directory } = setUp()
    await directory.start()
    directory.stop()
    expect(clock.pending).toBe(0)
  })
})
