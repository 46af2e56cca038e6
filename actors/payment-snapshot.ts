/** A payment's state from its stored parts: of a snapshot, or of a row of the read side. */
import type { RequestRecord } from '../domain/decision.ts'
import type { Payment } from '../domain/payment/state.ts'
import type { SnapshotParts } from './entity-kind.ts'

export function restorePayment(parts: SnapshotParts): Payment {
  const { requests, ...rest } = parts.state as Omit<Payment, 'requests'> & { readonly requests: RequestRecord[] }
  const byKey = Object.fromEntries(requests.map((request) => [request.idempotencyKey, request]))
  return { ...rest, ...parts.private, requests: byKey }
}
