/**
 * Decisions and states as bytes. Permanent: docs/journal-format.md describes them, others decode them.
 *
 * `data` is a msgpack map `{v, e, t}`: schema version, events, ledger transfers; within events and transfers frequent names
 * are small numbers (journal-words.ts). Personal data and payment-method tokens
 * never enter it: what an event carries under `private` goes into a second map `{v, p}`, by the event's index, stored in
 * a column of its own.
 */
import { Packr } from 'msgpackr'
import type { Transfer } from '../domain/ledger/transfer.ts'
import { assert } from '../runtime/assert.ts'
import { lengthen, shorten } from './journal-words.ts'

/** Newest schema written; every older one is upcast when read. */
export const schemaVersion = 1

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  int64AsType: 'number',
  encodeUndefinedAsNil: false,
  // Keys are numbers as well as texts.
  mapsAsObjects: false,
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
  let hidden: Map<number, unknown> | undefined
  const open = events.map((event, index) => {
    const { private: secret, ...rest } = event as WithPrivate & Record<string, unknown>
    if (secret === undefined) return shorten(event)
    hidden ??= new Map()
    hidden.set(index, shorten(secret))
    return shorten(rest)
  })
  const map = new Map<string, unknown>([
    ['v', schemaVersion],
    ['e', open],
  ])
  if (transfers.length > 0) map.set('t', shorten(transfers))
  return {
    data: packr.pack(map),
    private:
      hidden === undefined
        ? null
        : packr.pack(
            new Map<string, unknown>([
              ['v', schemaVersion],
              ['p', hidden],
            ]),
          ),
  }
}

export interface DecodedDecision<Event> {
  readonly events: readonly Event[]
  readonly transfers: readonly Transfer[]
}

/** @throws {AssertionFailure} where the bytes are not a decision of a schema this build knows. */
export function decodeDecision<Event>(data: Buffer, hidden: Buffer | null): DecodedDecision<Event> {
  const open = unpackVersioned(data)
  const events = lengthen(open.get('e'))
  assert(Array.isArray(events) && events.length > 0, 'a decision has at least one event')
  if (hidden !== null) {
    const secrets = unpackVersioned(hidden).get('p')
    assert(secrets instanceof Map, 'private data is by event')
    for (const [index, secret] of secrets as ReadonlyMap<number, unknown>) {
      const event = (events as Record<string, unknown>[])[index]
      assert(event !== undefined, 'private data belongs to an event', { index })
      event['private'] = lengthen(secret)
    }
  }
  return {
    events: events as readonly Event[],
    transfers: (lengthen(open.get('t')) ?? []) as readonly Transfer[],
  }
}

/** A state for a snapshot, as one map; the caller has taken personal data out. */
export function encodeState(state: object): Buffer {
  return packr.pack(
    new Map<string, unknown>([
      ['v', schemaVersion],
      ['s', shorten(state)],
    ]),
  )
}

export function decodeState<State>(data: Buffer): State {
  const state = lengthen(unpackVersioned(data).get('s'))
  assert(typeof state === 'object' && state !== null, 'a snapshot holds a state')
  return state as State
}

function unpackVersioned(bytes: Buffer): ReadonlyMap<string, unknown> {
  const value: unknown = packr.unpack(bytes)
  assert(value instanceof Map, 'stored bytes are a map')
  const map = value as ReadonlyMap<string, unknown>
  // Upcasters go here, oldest first, once a second version exists.
  assert(map.get('v') === schemaVersion, 'stored bytes have a known schema version', { version: map.get('v') })
  return map
}
