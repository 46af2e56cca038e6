/** Limits of the lease store, and how they relate. The ttl that others judge by belongs to the cluster's membership. */
import { assert } from '../runtime/assert.ts'

export interface LeaseLimits {
  /** A renewal, its connection included; then it is given up, and the connection with it. */
  readonly renewalTimeoutMs: number
  /** What the server is told of a renewal's statement: it ends there before it is given up here, and nothing of it is left. */
  readonly renewalStatementTimeoutMs: number
  /** Every other statement, as the server is told. */
  readonly statementTimeoutMs: number
  /** Every other statement, as seen from here. */
  readonly queryTimeoutMs: number
  readonly connectTimeoutMs: number
  /** Connections for all but renewals. */
  readonly poolMax: number
}

export const defaultLeaseLimits: LeaseLimits = {
  renewalTimeoutMs: 400,
  renewalStatementTimeoutMs: 250,
  statementTimeoutMs: 1_000,
  queryTimeoutMs: 1_500,
  connectTimeoutMs: 1_000,
  poolMax: 2,
}

export function leaseLimits(changes: Partial<LeaseLimits> = {}): LeaseLimits {
  const limits = { ...defaultLeaseLimits, ...changes }
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value > 1, 'a limit is a whole number above 1', { name, value })
  }
  assert(
    limits.renewalStatementTimeoutMs < limits.renewalTimeoutMs,
    'the server gives a renewal up before its process does',
  )
  assert(limits.statementTimeoutMs < limits.queryTimeoutMs, 'the server gives a statement up before its caller does')
  return limits
}
