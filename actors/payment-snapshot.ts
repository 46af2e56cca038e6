/** A payment's state from its stored parts: of a snapshot, or of a row of the read side. */
import type { Payment } from '../domain/payment/state.ts'
import type { SnapshotParts } from './entity-kind.ts'

export function restorePayment(parts: SnapshotParts): Payment {
  return { ...(parts.state as Payment), ...parts.private }
}
