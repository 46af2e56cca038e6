/**
 * Versions of a payment for conditional reads: the ETag is the sequence of its last decision, so a client that polls with
 * `If-None-Match` is told 304 until something happened.
 */
import type { Payment } from '../domain/payment/state.ts'

export function etagOf({ seq }: Pick<Payment, 'seq'>): string {
  return `"${seq}"`
}

/** Whether `If-None-Match` names this version: one or more tags, weak or strong, or `*`. */
export function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.split(',').some((tag) => {
    const plain = tag.trim()
    return plain === '*' || plain === etag || plain === `W/${etag}`
  })
}
