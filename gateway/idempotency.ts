/**
 * The idempotency key of a request, from whichever place the merchant put it, and the fingerprint that tells a repeat
 * from another request under the same key.
 *
 * The key decides which payment a create means, so there is exactly one way to read it, and a request that could be read
 * in two ways is refused.
 */
import { hash } from 'node:crypto'
import type { RequestOperation } from '../domain/decision.ts'
import { httpLimits } from '../runtime/limits.ts'
import { isCardNumber } from './card-number.ts'

export type KeyRefusal =
  | 'idempotency_key_required'
  | 'idempotency_key_conflict'
  | 'idempotency_key_invalid'
  | 'pan_not_allowed'

export type KeyResult = { readonly ok: true; readonly key: string } | { readonly ok: false; readonly code: KeyRefusal }

const visibleAscii = /^[\x21-\x7e]+$/
/** A structured-field string, the form that the IETF draft gives the header. */
const quotedPattern = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/

/** Each place's value, undefined where the request leaves it out. Headers that came twice never get here. */
export interface KeySources {
  readonly idempotencyKey: string | undefined
  readonly xIdempotencyKey: string | undefined
  readonly body: string | undefined
}

export function idempotencyKeyOf(sources: KeySources): KeyResult {
  const keys: string[] = []
  for (const header of [sources.idempotencyKey, sources.xIdempotencyKey]) {
    if (header === undefined) continue
    const key = unquoted(header)
    if (key === undefined) return { ok: false, code: 'idempotency_key_invalid' }
    keys.push(key)
  }
  if (sources.body !== undefined) keys.push(sources.body)
  const [key] = keys
  if (key === undefined) return { ok: false, code: 'idempotency_key_required' }
  if (keys.some((other) => other !== key)) return { ok: false, code: 'idempotency_key_conflict' }
  if (key.length > httpLimits.idempotencyKeyCharactersMax || !visibleAscii.test(key)) {
    return { ok: false, code: 'idempotency_key_invalid' }
  }
  if (isCardNumber(key)) return { ok: false, code: 'pan_not_allowed' }
  return { ok: true, key }
}

/** `"abc"` is `abc`; undefined where the text begins like the quoted form and is not. */
function unquoted(header: string): string | undefined {
  if (!header.startsWith('"')) return header
  return quotedPattern.exec(header)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
}

/** The key as a header says it: only a key that itself begins with a quotation mark needs the quoted form. */
export function idempotencyKeyHeader(key: string): string {
  return key.startsWith('"') ? `"${key.replaceAll(/["\\]/g, '\\$&')}"` : key
}

/**
 * Permanent: `v1` marks how it is computed, and a repeat is compared with what the journal holds. The order of members
 * does not count; everything else that the merchant wrote does, also a default written out.
 */
export function fingerprintOf(operation: RequestOperation, paymentId: string, body: object): string {
  return `v1:${hash('sha256', `${operation}\n${paymentId}\n${canonicalJson(body)}`, 'hex')}`
}

/** JSON without blanks, members in order of their keys' UTF-16 code units. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson((value as Record<string, unknown>)[key])}`)
  return `{${members.join(',')}}`
}
