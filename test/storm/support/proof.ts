/**
 * The end of a storm, payment by payment: what the PSPs' book proves against what the journal says. The auditor leaves open
 * operations alone; here they have to be with a person, and only where the book shows no effect.
 */
import { type BookEntry, readBook } from '../../../loadtest/auditor/book.ts'
import type { Operation } from '../../../loadtest/auditor/operations.ts'
import type { PaymentLife } from '../../../loadtest/auditor/payment-life.ts'
import { isOpen } from '../../../loadtest/auditor/payment-machine.ts'
import { isAbortWithPerson, isWithPerson, JournalView } from './journal.ts'

/** What a storm must not do. */
const wrongs = [
  /** Two authorizations stand, or an operation has two effects. */
  'double charge',
  /** An operation has ended, and the book has no witness of that end. */
  'guessed outcome',
  /** Another attempt was planned though one had an effect, or may have. */
  'fallback while unknown',
  /** Something waits that nobody looks after, or for a person though the book tells. */
  'unsettled',
  /** The payment says something else than the book. */
  'other state than proved',
] as const
export type Wrong = (typeof wrongs)[number]

export interface Proof {
  /** With payment and detail. Empty: everything is proved. */
  readonly found: readonly string[]
  /** How often each wrong was found. */
  readonly wrongs: Readonly<Record<Wrong, number>>
  /** How much of what there was. */
  readonly counts: Readonly<Record<string, number>>
}

export async function prove(databaseUrl: string, bookUrl: string): Promise<Proof> {
  const book = new Map<string, BookEntry[]>()
  for await (const entry of readBook(bookUrl)) {
    const entries = book.get(entry.payment ?? '') ?? []
    book.set(entry.payment ?? '', entries)
    entries.push(entry)
  }
  const { lives, doubts, notices, events } = await JournalView.read(databaseUrl)
  const tally = new Tally()
  for (const [payment, life] of lives) {
    const told: Told = {
      life,
      entries: book.get(payment) ?? [],
      count: (what) => tally.count(what),
      find: (wrong, detail) => tally.find(wrong, `${payment}: ${detail}`),
    }
    for (const operation of life.operations.all) proveOperation(operation, told)
    proveSingle(told)
    proveFallbacks(told)
    provePayment(told)
  }
  for (const reason of doubts.values()) tally.count(`in doubt: ${reason}`)
  for (const standing of notices.values()) tally.count(`notice ${standing}`)
  for (const [event, times] of events) tally.count(event, times)
  return tally.proof()
}

class Tally {
  readonly #counts = new Map<string, number>()
  readonly #found: string[] = []
  readonly #wrongs = Object.fromEntries(wrongs.map((wrong) => [wrong, 0])) as Record<Wrong, number>

  count(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times)
  }

  find(wrong: Wrong, detail: string): void {
    this.#wrongs[wrong] += 1
    this.#found.push(`${wrong}: ${detail}`)
  }

  proof(): Proof {
    const counts = Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    return { found: this.#found, wrongs: this.#wrongs, counts }
  }
}

interface Told {
  readonly life: PaymentLife
  /** Of the payment, from the book. */
  readonly entries: readonly BookEntry[]
  readonly count: (what: string) => void
  readonly find: (wrong: Wrong, detail: string) => void
}

/**
 * An ending needs its witness: an effect for a success and none for everything else; a refusal for a decline; and nothing at
 * all of what was never sent, unless it was turned away at the door.
 */
function proveOperation(operation: Operation, { life, entries, count, find }: Told): void {
  const { id, kind, state } = operation
  const own = entries.filter((entry) => entry.operation_id === id)
  const isDone = hasEffect(operation, entries)
  count(`${kind} ${state}${isDone ? ', done at the PSP' : ''}`)
  if (isOpen(state)) {
    const isLeft = state !== 'manual' && !isAbortWithPerson(operation, life.operations.all)
    if (isLeft) find('unsettled', `${id} is still ${state}`)
    else if (isDone) find('unsettled', `${id} waits for a person, and took effect`)
  } else if (isDone !== (state === 'succeeded') && !isGivenBack(operation, entries)) {
    find('guessed outcome', `${id} is ${state}, and ${isDone ? 'took effect' : 'had no effect'}`)
  } else if (state === 'declined' && !own.some(isRefusal)) {
    find('guessed outcome', `${id} is declined, and nobody refused it`)
  } else if (state === 'not_sent' && own.some((entry) => !isRefusal(entry))) {
    find('guessed outcome', `${id} counts as not sent, and reached the PSP`)
  }
}

/** What was captured in the step that authorized goes under the authorization's id. */
function hasEffect({ id, kind, attemptId }: Operation, entries: readonly BookEntry[]): boolean {
  return entries.some(
    ({ effect, operation, operation_id: by }) =>
      effect && operation === kind && (by === id || (kind === 'capture' && by === attemptId)),
  )
}

/** An abort takes an authorization back before anybody has heard of it: then it is none, and had an effect. */
function isGivenBack({ id, kind, state }: Operation, entries: readonly BookEntry[]): boolean {
  if (kind !== 'authorize' || state !== 'absent') return false
  const authorized = entries.find(({ effect, operation_id }) => effect && operation_id === id)
  return authorized !== undefined && entries.some((entry) => voids(entry, authorized))
}

function voids({ effect, operation, psp_reference }: BookEntry, authorized: BookEntry): boolean {
  return effect && operation === 'void' && psp_reference === authorized.psp_reference
}

/** Neither an effect nor an injected fault: an answer of the PSP's own. */
function isRefusal({ effect, status }: BookEntry): boolean {
  return !effect && !/^(?:timeout_|error_\d)/.test(status)
}

function proveSingle({ entries, find }: Told): void {
  const effects = entries.filter(({ effect }) => effect)
  const once = new Set<string>()
  for (const { operation, operation_id: id } of effects) {
    const name = `${operation} ${String(id)}`
    if (once.has(name)) find('double charge', `${name} took effect twice`)
    once.add(name)
  }
  const standing = effects.filter(
    (each) => each.operation === 'authorize' && !effects.some((other) => voids(other, each)),
  )
  if (standing.length > 1) find('double charge', `${standing.length} authorizations stand`)
}

/** Another attempt follows one that is known to have come to nothing. */
function proveFallbacks({ life, entries, count, find }: Told): void {
  const attempts = life.operations.all.filter(({ kind }) => kind === 'authorize')
  for (const [index, attempt] of attempts.entries()) {
    const next = attempts[index + 1]
    if (next === undefined) continue
    count(`fallback after ${attempt.state}`)
    if (isOpen(attempt.state))
      find('fallback while unknown', `${next.id} after ${attempt.id}, which is ${attempt.state}`)
    else if (hasEffect(attempt, entries))
      find('fallback while unknown', `${next.id} after ${attempt.id}, which took effect`)
  }
}

/** What a merchant is told is what the PSPs did; where a person has to find that out, the payment may be pending. */
function provePayment({ life, entries, count, find }: Told): void {
  const { status, captured, refunded } = life.view()
  count(`payment ${status}${isWithPerson(life) ? ', with a person' : ''}`)
  const sumOf = (what: BookEntry['operation']): number =>
    entries.reduce((sum, { effect, operation, amount }) => sum + (effect && operation === what ? (amount ?? 0) : 0), 0)
  const [capturedThere, refundedThere] = [sumOf('capture'), sumOf('refund')]
  const proved = statusesOf(sumOf('authorize') - sumOf('void'), capturedThere)
  if (!proved.includes(status) && !(status === 'pending' && isWithPerson(life))) {
    find('other state than proved', `it is ${status}, not ${proved.join(' or ')}`)
  }
  if (captured !== capturedThere || refunded !== refundedThere) {
    const there = `at the PSPs ${capturedThere} and ${refundedThere}`
    find('other state than proved', `${captured} captured and ${refunded} refunded, ${there}`)
  }
}

function statusesOf(heldMinor: number, capturedMinor: number): readonly string[] {
  if (capturedMinor > 0) return ['captured']
  return heldMinor > 0 ? ['authorized'] : ['failed', 'canceled']
}
