/** Owners that go on writing while their shards are taken from them, and nobody ends their sessions. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { acquireOne, appendAll, idOf, kindsOf, recordOf } from '../actors/journal-conformance.ts'
import type { JournalRow, Ownership } from '../actors/journal.ts'
import { type PostgresHarness, type PostgresTestNode, postgresHarness } from '../test/support/journal-harness.ts'

const attemptsMax = 3

let harness: PostgresHarness

beforeEach(async () => {
  harness = await postgresHarness()
})

afterEach(async () => {
  await harness.close()
})

/** Appends to one entity of each shard, several decisions per flush, until something is refused. */
class BusyOwner {
  readonly acknowledged: string[] = []
  readonly node: PostgresTestNode
  readonly #owned: readonly Ownership[]
  readonly #round: number
  /** Resolves when it has been stopped by the journal. */
  readonly deposed: Promise<void>

  constructor(node: PostgresTestNode, owned: readonly Ownership[], round: number) {
    this.node = node
    this.#owned = owned
    this.#round = round
    this.deposed = this.#run()
  }

  async #run(): Promise<void> {
    const lastSeqs = new Map<number, number>()
    for (const { shard } of this.#owned) {
      const { rows } = await this.node.journal.load({ shard, entity: idOf(1) })
      lastSeqs.set(shard, rows.at(-1)?.seq ?? 0)
    }
    const writing = new Set(this.#owned)
    while (writing.size > 0) {
      const records = [...writing].flatMap(({ shard }) => {
        const last = lastSeqs.get(shard) ?? 0
        lastSeqs.set(shard, last + 3)
        return [1, 2, 3].map((n) =>
          recordOf(shard, 0, last + n, { command: idOf((this.#round * 1_000 + shard) * 1_000_000 + last + n) }),
        )
      })
      const outcomes = await appendAll(this.node.journal, [...writing], records)
      for (const [index, outcome] of outcomes.entries()) {
        const { shard, command } = records[index] ?? recordOf(0, 0, 1)
        if (outcome.kind === 'durable') this.acknowledged.push(command)
        else for (const own of writing) if (own.shard === shard) writing.delete(own)
        if (outcome.kind !== 'durable') expect(outcome.kind, outcome.error.message).toBe('fenced')
      }
    }
  }
}

function faultsOf(rows: readonly JournalRow[]): string[] {
  const faults: string[] = []
  let epoch = 0
  let seq = 0
  for (const [index, row] of rows.entries()) {
    if (row.position !== index + 1) faults.push(`position ${row.position} after ${index}`)
    if (row.epoch < epoch) faults.push(`epoch ${row.epoch} after ${epoch}`)
    if (row.epoch > epoch !== (row.type === 'epoch')) faults.push(`epoch ${row.epoch} does not begin with its record`)
    epoch = row.epoch
    if (row.type === 'epoch') continue
    if (row.seq !== seq + 1) faults.push(`sequence ${row.seq} after ${seq}`)
    seq = row.seq
  }
  return faults
}

test('akka/akka-core#30604: two writers with the same sequence numbers never corrupt the journal', async () => {
  const shards = [5, 6, 7]
  const first = await harness.start('node-1')
  const owners = [new BusyOwner(first, await first.journal.acquire(shards), 1)]
  for (let round = 2; round <= 9; round += 1) {
    const busy = owners.at(-1)
    if (busy === undefined) throw new Error('there is an owner')
    while (busy.acknowledged.length < 30) await nextTurn()
    const next = await harness.start(`node-${round}`, {}, { terminates: false })
    await busy.node.declareDead()
    const taken = await next.journal.acquire(shards)
    // while the owner before still writes: the same entity, the same next sequence
    owners.push(new BusyOwner(next, taken, round))
    expect(taken.map(({ shard }) => shard)).toEqual(shards)
    expect(next.journal.stats.epochCollisions).toBeLessThanOrEqual(shards.length * (attemptsMax - 1))
    await busy.deposed
  }
  const last = owners.at(-1)
  for (const shard of shards) await harness.raiseEpoch(shard)
  await last?.deposed

  const acknowledged = owners.flatMap((owner) => owner.acknowledged).toSorted()
  const stored: string[] = []
  for (const shard of shards) {
    const rows = await harness.rows(shard)
    expect(faultsOf(rows)).toEqual([])
    stored.push(...rows.filter(({ type }) => type !== 'epoch').map(({ command }) => command))
  }
  expect(stored.toSorted()).toEqual(acknowledged)
})

test('a hot shard is taken without ending its owner’s sessions, in three attempts at most', async () => {
  const collisions: number[] = []
  let busy = await harness.start('node-1')
  let owner = new BusyOwner(busy, [await acquireOne(busy.journal, 5)], 1)
  for (let round = 2; round <= 12; round += 1) {
    while (owner.acknowledged.length < 9) await nextTurn()
    const next = await harness.start(`node-${round}`, {}, { terminates: false })
    await busy.declareDead()
    const own = await acquireOne(next.journal, 5)
    collisions.push(next.journal.stats.epochCollisions)
    await owner.deposed
    busy = next
    owner = new BusyOwner(next, [own], round)
  }
  await harness.raiseEpoch(5)
  await owner.deposed
  expect(Math.max(...collisions)).toBeLessThan(attemptsMax)
  expect(faultsOf(await harness.rows(5))).toEqual([])
})

test('an owner whose connection stands still within its statement does not keep its shard without termination', async () => {
  const node = await harness.start('node-1')
  const own = await acquireOne(node.journal, 5)
  const frozen = node.proxy.atNextSync('hold_sync')
  const outcomes = appendAll(node.journal, own, [recordOf(5, 1, 1)])
  await frozen
  const next = await harness.start('node-2', {}, { terminates: false })
  await node.declareDead()
  // The server ends the frozen session at its transaction timeout; until then the taker's epoch record waits for its row.
  let taken: readonly Ownership[] = []
  while (taken.length === 0) taken = await next.journal.acquire([5]).catch(() => [])
  node.proxy.resume()
  expect(kindsOf(await outcomes)).toEqual(['unknown'])
  expect(kindsOf(await appendAll(next.journal, taken, [recordOf(5, 1, 1)]))).toEqual(['durable'])
  expect(faultsOf(await harness.rows(5))).toEqual([])
})

test('shards of an incarnation that the membership database has forgotten are their node’s, under its next one', async () => {
  const first = await harness.start('node-1')
  const old = await acquireOne(first.journal, 5)
  const next = await harness.start('node-1')
  // as after a fail-over of the membership database that lost its last rows: the shard is in a database that did not
  await harness.admin.query('DELETE FROM node_lease WHERE incarnation = $1', [first.incarnation])
  const other = await harness.start('node-2')
  expect(await other.journal.acquire([5])).toEqual([])
  expect(await next.journal.acquire([5])).toMatchObject([{ shard: 5, epoch: 2 }])
  expect(kindsOf(await appendAll(first.journal, [old], [recordOf(5, 1, 1)]))).toEqual(['fenced'])
})
