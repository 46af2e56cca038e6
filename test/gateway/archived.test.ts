/** A payment whose decisions were moved to an archive, as its merchant sees it: over the real host, machine and gateway. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { archivedOf } from '../../actors/archived.ts'
import type { StatesOf } from '../../actors/entity-kind.ts'
import { foldHistory } from '../../actors/fold.ts'
import { paymentStates } from '../../actors/payment-kind.ts'
import { addressOfPayment } from '../../domain/ids.ts'
import { assert } from '../../runtime/assert.ts'
import { type EdgeOverHost, edgeOverHost, methods } from '../support/edge-over-host.ts'

const day = 86_400_000
const states = paymentStates as StatesOf
const card = { amount: 1_000, currency: 'eur', payment_method: methods.card, description: 'tea', customer: 'cus_1' }

let edge: EdgeOverHost
let id: string

beforeEach(async () => {
  edge = await edgeOverHost()
  id = (await edge.send('/v1/payments', { key: 'k', body: { ...card, capture_method: 'manual' } })).json<{
    id: string
  }>().id
  await edge.send(`/v1/payments/${id}/capture`, { key: 'c', body: {} })
})

afterEach(() => edge.close())

/** Moves its rows away, as `shardpay journal archive` does, and lets another process serve it. */
async function archive(): Promise<void> {
  const address = addressOfPayment(id)
  assert(address !== undefined, 'it is a payment')
  await edge.host.flush()
  const { database, clock } = edge
  const rows = database.shard(address.shard).rows.filter(({ entity }) => entity === address.entity)
  const history = foldHistory(states, { archived: undefined, snapshot: undefined, rows }, rows.length)
  const parts = archivedOf(states, history, clock.now())
  assert(parts !== undefined, 'it is closed')
  // Below every cursor: rows of another payment came after it.
  const shard = database.shard(address.shard)
  const cursor = { position: shard.rows.length + 1, epoch: shard.epoch }
  const before = [shard.cursor, shard.readCursor]
  shard.cursor = shard.readCursor = cursor
  assert(database.archive({ ...address, ...parts }), 'it may be archived')
  ;[shard.cursor, shard.readCursor] = before as [typeof cursor, typeof cursor]
  await edge.close()
  edge = await edgeOverHost({ database, clock })
}

it('is read as before, and its old keys answer as before without asking the PSP', async () => {
  const requests = [
    () => edge.send(`/v1/payments/${id}`),
    () => edge.send('/v1/payments', { key: 'k', body: { ...card, capture_method: 'manual' } }),
    () => edge.send(`/v1/payments/${id}/capture`, { key: 'c', body: {} }),
    () => edge.send('/v1/payments', { key: 'k', body: { ...card, amount: 7 } }),
  ]
  const ask = async (): Promise<readonly [number, string][]> => {
    const answers: [number, string][] = []
    for (const request of requests) {
      const { statusCode, body } = await request()
      answers.push([statusCode, body.replaceAll(/req_[0-9a-z]+/g, 'req')])
    }
    return answers
  }
  const before = await ask()
  expect(before.map(([status]) => status)).toEqual([200, 201, 201, 422])
  await archive()
  expect(await ask()).toEqual(before)
  expect(edge.psp.calls).toEqual([])
})

it('a key that is too old is refused with the payment inside, and charges nobody', async () => {
  edge.clock.advance(400 * day)
  await edge.settle()
  await archive()
  const again = await edge.send('/v1/payments', { key: 'k', body: { ...card, capture_method: 'manual' } })
  expect(again.statusCode).toBe(409)
  expect(again.json()).toMatchObject({
    error: { code: 'idempotency_key_expired', payment: { id, status: 'captured' } },
  })
  expect(edge.psp.calls).toEqual([])
})

it('is refunded on what stands in for its decisions', async () => {
  await archive()
  const refund = await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 400 } })
  expect(refund.json()).toMatchObject({ object: 'refund', amount: 400, status: 'succeeded' })
  expect((await edge.send(`/v1/payments/${id}`)).json()).toMatchObject({ amount_refunded: 400 })
})

it('says that its events are archived, with a status and a code of its own', async () => {
  await archive()
  const events = await edge.send(`/v1/payments/${id}/events`)
  expect(events.statusCode).toBe(410)
  expect(events.json()).toMatchObject({ error: { code: 'payment_events_archived' } })
})
