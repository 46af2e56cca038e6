/** What the links' benchmark carries: an envelope with a payment's command, and an answer, of the size of real ones. */
import type { Incarnation } from '../../cluster/member.ts'

export const nodePeer: Incarnation = { node: 'node-1', incarnation: 'bench' }

export interface BenchEnvelope {
  readonly id: string
  readonly entity: string
  readonly payload: { readonly amountMinor: number }
}

export function envelope(index: number): BenchEnvelope {
  const id = index.toString(16).padStart(32, '0')
  return {
    id,
    shard: index % 1_024,
    entity: id,
    kind: 'payment',
    class: 'begin',
    bytes: 420,
    deadline: 15_000,
    waitUntil: 10_000,
    attach: false,
    payload: {
      type: 'CreatePayment',
      merchant: 'mer_bench_000001',
      mode: 'test',
      amountMinor: index,
      currency: 'EUR',
      captureMethod: 'automatic',
      method: { kind: 'card', token: 'pm_card_visa' },
      reference: `order-${index}`,
      fingerprint: id,
    },
  } as BenchEnvelope
}

export interface BenchAnswer {
  readonly entity: string
  readonly amountMinor: number
}

export function answerTo({ entity, payload }: BenchEnvelope): BenchAnswer {
  return {
    kind: 'answered',
    entity,
    status: 'captured',
    amountMinor: payload.amountMinor,
    capturedMinor: payload.amountMinor,
    refundedMinor: 0,
    currency: 'EUR',
    seq: 2,
    at: 1_795_000_000_000,
  } as BenchAnswer
}
