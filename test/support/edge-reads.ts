/** The read side of an edge over a whole node in memory: what its journal says, folded at every question. */
import { randomBytes } from 'node:crypto'
import { decodeDecision } from '../../actors/codec.ts'
import type { MemoryDatabase } from '../../actors/memory-database.ts'
import { addressOfPayment, shardCount } from '../../domain/ids.ts'
import type { RecordDispute } from '../../domain/payment/commands.ts'
import type { PaymentEvent } from '../../domain/payment/events.ts'
import { applyDecision } from '../../domain/payment/evolve.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { MemoryReads } from '../../gateway/read-testing.ts'
import type { EdgeOverHost } from './edge-over-host.ts'

export function readsOver(database: MemoryDatabase): MemoryReads {
  return new MemoryReads(() => statesIn(database))
}

function statesIn(database: MemoryDatabase): readonly Payment[] {
  const states = new Map<string, Payment>()
  for (let shard = 0; shard < shardCount; shard += 1) {
    for (const { entity, seq, at, epoch, type, data, private: hidden } of database.shard(shard).rows) {
      if (!type.startsWith('payment.')) continue
      const { events } = decodeDecision<PaymentEvent>(data, hidden)
      states.set(entity, applyDecision(states.get(entity), events, { seq, at, epoch }))
    }
  }
  return [...states.values()]
}

/** A shopper claims money of a captured payment back, and the PSP withdraws it. */
export async function openDispute({ host, clock }: EdgeOverHost, payment: string, amountMinor: number): Promise<void> {
  const address = addressOfPayment(payment)
  if (address === undefined) throw new TypeError('a payment is disputed')
  const payload: RecordDispute = {
    type: 'RecordDispute',
    pspReference: 'du_1',
    stage: 'chargeback',
    status: 'open',
    amountMinor,
    currency: 'EUR',
    feeMinor: 1_500,
    fundsWithdrawn: true,
    factId: 'evt_dispute',
  }
  const deadline = clock.monotonic() + 1_000
  const id = randomBytes(16).toString('hex')
  const about = { ...address, id, kind: 'payment', class: 'settle', bytes: 0, payload, attach: false } as const
  const routed = await host.route({ ...about, deadline, waitUntil: deadline })
  if (routed.kind !== 'answered') throw new Error('the dispute was not recorded', { cause: routed })
}
