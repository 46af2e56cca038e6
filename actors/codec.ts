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
import { assert, AssertionFailure } from '../runtime/assert.ts'
import { shorten } from './journal-words.ts'
import { WordReader } from './word-reader.ts'

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
  let events: unknown
  let transfers: unknown = none
  readVersioned(data, (key, reader) => {
    const value = reader.value()
    if (key === 'e') events = value
    else if (key === 't') transfers = value
  })
  assert(Array.isArray(events) && events.length > 0, 'a decision has at least one event')
  assert(Array.isArray(transfers), 'transfers are a list')
  if (hidden !== null) readPrivate(hidden, events as readonly Record<string, unknown>[])
  return { events: events as readonly Event[], transfers: transfers as readonly Transfer[] }
}

const none: readonly Transfer[] = Object.freeze([])

/** Puts what is private of each event into it. */
function readPrivate(hidden: Buffer, events: readonly Record<string, unknown>[]): void {
  readVersioned(hidden, (key, reader) => {
    if (key !== 'p') return void reader.value()
    for (let left = reader.map(); left > 0; left -= 1) {
      const index = reader.value()
      const event = typeof index === 'number' ? events[index] : undefined
      assert(event !== undefined, 'private data belongs to an event')
      event['private'] = reader.value()
    }
  })
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
  let state: unknown
  readVersioned(data, (key, reader) => {
    const value = reader.value()
    if (key === 's') state = value
  })
  assert(typeof state === 'object' && state !== null, 'a snapshot holds a state')
  return state as State
}

/** Several states of one entity: the last, and earlier ones by sequence, as a list of pairs. */
export function encodeStates(state: object, earlier: ReadonlyMap<number, object>): Buffer {
  const map = new Map<string, unknown>([
    ['v', schemaVersion],
    ['s', shorten(state)],
  ])
  if (earlier.size > 0)
    map.set(
      'a',
      [...earlier].map(([seq, each]) => [seq, shorten(each)]),
    )
  return packr.pack(map)
}

export interface DecodedStates {
  readonly state: object
  readonly earlier: ReadonlyMap<number, object>
}

export function decodeStates(data: Buffer): DecodedStates {
  let state: unknown
  let earlier: unknown = []
  readVersioned(data, (key, reader) => {
    const value = reader.value()
    if (key === 's') state = value
    else if (key === 'a') earlier = value
  })
  assert(typeof state === 'object' && state !== null, 'there is a last state')
  assert(Array.isArray(earlier), 'earlier states are a list')
  return { state, earlier: new Map(earlier as readonly [number, object][]) }
}

/** @param member reads the value of each member but the version. */
function readVersioned(bytes: Buffer, member: (key: string, reader: WordReader) => void): void {
  const reader = new WordReader(bytes)
  let version: unknown
  for (let left = reader.map(); left > 0; left -= 1) {
    const key = reader.key()
    if (key === 'v') version = reader.value()
    else member(key, reader)
  }
  reader.end()
  // Upcasters go here, oldest first, once a second version exists.
  if (version !== schemaVersion) throw new AssertionFailure('stored bytes have a known schema version', { version })
}
