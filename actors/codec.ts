/**
 * Decisions and states as bytes. Permanent: docs/journal-format.md describes them, others decode them.
 *
 * `data` is a msgpack map `{v, e, t}`: schema version, events, ledger transfers. Personal data and payment-method tokens
 * never enter it: what an event carries under `private` goes into a second map `{v, p}`, by the event's index, stored in
 * a column of its own.
 */
import { Packr } from 'msgpackr'
import type { Transfer } from '../domain/ledger/transfer.ts'
import { assert } from '../runtime/assert.ts'

/** Newest schema written; every older one is upcast when read. */
export const schemaVersion = 1

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  int64AsType: 'number',
  encodeUndefinedAsNil: false,
})

export interface EncodedDecision {
  readonly data: Buffer
  readonly private: Buffer | null
}

interface WithPrivate {
  readonly private?: object
}

export function encodeDecision(events: readonly object[], transfers: readonly Transfer[]): EncodedDecision {
  assert(events.length > 0, 'a decision has at least one event')
  let hidden: Record<number, object> | undefined
  const open = events.map((event, index) => {
    const secret = (event as WithPrivate).private
    if (secret === undefined) return event
    hidden ??= {}
    hidden[index] = secret
    const { private: _left, ...rest } = event as WithPrivate & Record<string, unknown>
    return rest
  })
  const data = packr.pack(
    transfers.length === 0 ? { v: schemaVersion, e: open } : { v: schemaVersion, e: open, t: transfers },
  )
  return { data, private: hidden === undefined ? null : packr.pack({ v: schemaVersion, p: hidden }) }
}

export interface DecodedDecision<Event> {
  readonly events: readonly Event[]
  readonly transfers: readonly Transfer[]
}

/** @throws {AssertionFailure} where the bytes are not a decision of a schema this build knows. */
export function decodeDecision<Event>(data: Buffer, hidden: Buffer | null): DecodedDecision<Event> {
  const open = unpackVersioned(data)
  assert(Array.isArray(open['e']) && open['e'].length > 0, 'a decision has at least one event')
  const events = open['e'] as Record<string, unknown>[]
  if (hidden !== null) {
    const secrets = unpackVersioned(hidden)['p'] as Record<string, object>
    for (const [index, secret] of Object.entries(secrets)) {
      const event = events[Number(index)]
      assert(event !== undefined, 'private data belongs to an event', { index })
      event['private'] = secret
    }
  }
  return { events: events as readonly Event[], transfers: (open['t'] ?? []) as readonly Transfer[] }
}

/** A state for a snapshot, as one map; the caller has taken personal data out. */
export function encodeState(state: object): Buffer {
  return packr.pack({ v: schemaVersion, s: state })
}

export function decodeState<State>(data: Buffer): State {
  const { s } = unpackVersioned(data)
  assert(typeof s === 'object' && s !== null, 'a snapshot holds a state')
  return s as State
}

function unpackVersioned(bytes: Buffer): Record<string, unknown> {
  const value: unknown = packr.unpack(bytes)
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), 'stored bytes are a map')
  const record = value as Record<string, unknown>
  // Upcasters go here, oldest first, once a second version exists.
  assert(record['v'] === schemaVersion, 'stored bytes have a known schema version', { version: record['v'] })
  return record
}
