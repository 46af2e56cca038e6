/**
 * One Stripe account: what POST requests do, under Stripe's idempotency rules, written to the book before they are
 * answered. Synchronous: a request is executed in one go, so requests never interleave.
 *
 * A request goes through {@link Engine.admit} (replay, refusal, or leave to run) and {@link Admission.run}; whoever holds
 * an admission may let time pass in between, during which the key counts as in use.
 */
import { createHash } from 'node:crypto'
import { assert } from '../../runtime/assert.ts'
import type { Clock } from '../../runtime/clock.ts'
import { concludeAction } from './authorization.ts'
import type { AnswerBody, Book, BookEntry, BookLine, StoredAnswer } from './book.ts'
import { afterDue, Courses } from './courses.ts'
import type { Call, Effect, Execution } from './execution.ts'
import { type ErrorFields, StripeFailure } from './failure.ts'
import type { IdempotencyStore } from './idempotency.ts'
import type { IdSource } from './ids.ts'
import { canonical, type FormTree, Parameters } from './parameters.ts'
import type { ClosedDayRecord } from './records.ts'
import type { Drift } from './reports/drift.ts'
import type { StripeLedger } from './reports/stripe-ledger.ts'
import { type Description, describe, type PostRoute, postRoute } from './routes.ts'
import { Snapshot } from './snapshot.ts'
import { newEvents, type StripeEventLog } from './stripe-events-log.ts'
import type { World } from './world.ts'

export interface PostRequest {
  readonly requestId: string
  readonly path: string
  readonly form: FormTree
  readonly route: PostRoute
  readonly idempotencyKey: string | null
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly replayed: boolean
}

/** An injected server error. `executed`: the request does its work first. */
export interface InjectedError {
  readonly executed: boolean
  readonly status: number
}

export type Admission =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'admitted'; readonly run: (injected?: InjectedError) => Answer }

/** What a person changes who is not the API's client. */
export type Change = Pick<Execution, 'records' | 'effects'>
export type PersonsCall = Omit<Call, 'parameters'>

export interface EngineOptions {
  readonly world: World
  readonly book: Book
  readonly ids: IdSource
  readonly idempotency: IdempotencyStore
  readonly events: StripeEventLog
  readonly ledger: StripeLedger
  /** What is to be wrong with reports that are made now. */
  readonly drift: () => Drift | null
  readonly clock: Clock
  /** The simulator's own address; known once it listens. */
  readonly publicUrl: () => string
}

/** Takes a line of the book into memory, at start and while running alike. */
export function applyLine(
  line: BookLine,
  to: Pick<EngineOptions, 'world' | 'ids' | 'idempotency' | 'events' | 'ledger'>,
): void {
  to.events.apply(line, to.world)
  to.ledger.apply(line, to.world)
  to.world.apply(line.records)
  to.ids.resumeAfter(line.ids)
  if (line.answer !== undefined) {
    to.idempotency.keep({ answer: line.answer, at: line.at, snapshot: new Snapshot(to.world, line.answer.body) })
  }
}

const serverError: ErrorFields = { type: 'api_error', message: 'An unknown error occurred.' }

export class Engine {
  readonly #options: EngineOptions
  readonly #courses: Courses

  constructor(options: EngineOptions) {
    this.#options = options
    const { world, clock } = options
    this.#courses = new Courses({ world, clock, conclude: (id) => this.#conclude(id) })
  }

  /** Lets time go on for what the book holds. */
  start(): void {
    const { world } = this.#options
    this.#courses.follow(world.charges())
    this.#courses.follow(world.refunds())
    this.#courses.follow(world.reportRuns())
  }

  stop(): void {
    this.#courses.stop()
  }

  /** A request that is refused without being looked at, or never reaches the account: kept in the book, nothing else. */
  note(request: PostRequest, status: string, reference: string | null = request.route.intent): void {
    const { clock } = this.#options
    const entries = this.#refusal(request, status).map((entry) => ({ ...entry, psp_reference: reference }))
    this.#write({ at: clock.now(), requestId: request.requestId, key: null, entries })
  }

  describe(request: PostRequest): Description {
    return describe(request.route, request.form, request.idempotencyKey, this.#options.world)
  }

  admit(request: PostRequest): Admission {
    const { idempotency, clock } = this.#options
    const { idempotencyKey: key } = request
    if (key === null) return { kind: 'admitted', run: (injected) => this.#run(request, '', injected) }
    const fingerprint = fingerprintOf(request)
    const state = idempotency.look(key, fingerprint, clock.now())
    switch (state.kind) {
      case 'kept': {
        const { answer, at, snapshot } = state.kept
        this.note(request, 'replayed', answer.body.kind === 'object' ? answer.body.id : answer.body.intent)
        const body = snapshot.render(answer.body, seconds(at))
        return { kind: 'answered', answer: { status: answer.status, body, replayed: true } }
      }
      case 'running':
        this.note(request, 'idempotency_key_in_use')
        return this.#refused(409, {
          type: 'idempotency_error',
          code: 'idempotency_key_in_use',
          message: 'There is currently another in-progress request using this Idempotency Key.',
        })
      case 'other_parameters':
        this.note(request, 'idempotency_error')
        return this.#refused(400, {
          type: 'idempotency_error',
          message: 'Keys for idempotent requests can only be used with the same parameters they were first used with.',
        })
      case 'free':
        idempotency.begin(key, fingerprint)
        return {
          kind: 'admitted',
          run: (injected) => {
            idempotency.end(key)
            return this.#run(request, fingerprint, injected)
          },
        }
    }
  }

  /** The request once more, past its key: nobody hears the answer. */
  runAgain(request: PostRequest): void {
    this.#run({ ...request, idempotencyKey: null }, '', undefined)
  }

  /** The shopper's answer on the authentication page. False where the intent does not wait for one. */
  concludeAction(intent: string, succeeded: boolean): boolean {
    const idempotencyKey = this.#options.world.intent(intent)?.authorizedBy?.idempotencyKey ?? null
    const change = this.change((call) => concludeAction({ ...call, idempotencyKey }, intent, succeeded), idempotencyKey)
    return change !== undefined
  }

  /** A call of the API as people make it in Stripe's own pages, without a key. */
  byHand(path: string, form: FormTree): Answer {
    const route = postRoute(path, form)
    assert(route !== undefined, "people's calls are calls of the API", { path })
    return this.#run(
      { requestId: this.#options.ids.next('req'), path, form, route, idempotencyKey: null },
      '',
      undefined,
    )
  }

  /**
   * A change that no request of the API asks for: a person made it. Undefined where there is nothing to change.
   * @param idempotencyKey of the API's request that it goes back to, for the book.
   */
  change(make: (call: PersonsCall) => Change | undefined, idempotencyKey: string | null = null): Change | undefined {
    const at = this.#options.clock.now()
    const made = make({ ...this.#surroundings(at), idempotencyKey: null })
    if (made === undefined) return undefined
    const requestId = this.#options.ids.next('req')
    const entries = made.effects.map((effect) => entryOf(effect, at, requestId, idempotencyKey))
    this.#write({ at, requestId, key: null, entries, records: made.records })
    return made
  }

  /** Ends the day of the balance that goes on, and pays it out. @param end unix seconds; default: now */
  endDay(end?: number): ClosedDayRecord {
    const { ledger, ids, clock } = this.#options
    const at = clock.now()
    const day = ledger.endedDay(ids, seconds(at), end)
    this.#write({ at, requestId: null, key: null, entries: [], records: [day] })
    return day
  }

  #conclude(id: string): void {
    const { world, ids, clock } = this.#options
    const record = world.charge(id) ?? world.refund(id) ?? world.reportRun(id)
    const records = record === undefined ? [] : afterDue(record, world, ids)
    this.#write({ at: clock.now(), requestId: null, key: null, entries: [], records })
  }

  #run(request: PostRequest, fingerprint: string, injected: InjectedError | undefined): Answer {
    const { clock, world } = this.#options
    const { idempotencyKey: key, requestId } = request
    const at = clock.now()
    const store = (status: number, body: AnswerBody): StoredAnswer | undefined =>
      key === null ? undefined : { key, fingerprint, status, body }
    const injectedBody: AnswerBody = { kind: 'error', error: serverError, intent: null }

    if (injected?.executed === false) {
      const answer = injected.status === 500 ? store(500, injectedBody) : undefined
      this.#write({ at, requestId, key, entries: this.#refusal(request, `error_${injected.status}_before`), answer })
      return this.#answer(injected.status, injectedBody, at)
    }
    const execution = this.#execute(request, at)
    if (execution instanceof StripeFailure && !execution.stored) {
      const body: AnswerBody = { kind: 'error', error: execution.fields, intent: execution.intent?.id ?? null }
      this.#write({ at, requestId, key, entries: this.#refusal(request, statusOf(execution)) })
      return this.#answer(execution.status, body, at)
    }
    const outcome = outcomeOf(execution)
    const entries =
      execution instanceof StripeFailure
        ? this.#refusal(request, statusOf(execution))
        : execution.effects.map((effect) => entryOf(effect, at, requestId, key))
    const stored = injected?.status === 500 ? store(500, injectedBody) : store(outcome.status, outcome.body)
    const records = execution instanceof StripeFailure ? [] : execution.records
    this.#write({ at, requestId, key, entries, records, answer: stored })
    assert(
      outcome.body.kind === 'error' ||
        world.intent(outcome.body.id) ||
        world.refund(outcome.body.id) ||
        world.reportRun(outcome.body.id),
      'what is answered exists',
    )
    return injected === undefined
      ? this.#answer(outcome.status, outcome.body, at)
      : this.#answer(injected.status, injectedBody, at)
  }

  #execute(request: PostRequest, at: number): Execution | StripeFailure {
    try {
      return request.route.run({
        ...this.#surroundings(at),
        parameters: new Parameters(request.form),
        idempotencyKey: request.idempotencyKey,
      })
    } catch (failure) {
      if (failure instanceof StripeFailure) return failure
      throw failure
    }
  }

  #surroundings(at: number): Omit<PersonsCall, 'idempotencyKey'> {
    const { world, ids, publicUrl, ledger, drift } = this.#options
    return { world, ids, now: seconds(at), publicUrl: publicUrl(), ledger, drift: drift() }
  }

  #write(parts: {
    readonly at: number
    readonly requestId: string | null
    /** The idempotency key of the request that caused it. */
    readonly key: string | null
    readonly entries: readonly BookEntry[]
    readonly records?: BookLine['records']
    readonly answer?: StoredAnswer | undefined
  }): void {
    const { book, ids, world } = this.#options
    const { at, requestId, key, entries, records = [], answer } = parts
    if (entries.length === 0 && records.length === 0 && answer === undefined) return
    const list = newEvents(world, ids, records)
    const line: BookLine = {
      at,
      request_id: requestId,
      entries,
      records,
      ids: ids.count,
      ...(answer === undefined ? {} : { answer }),
      ...(list.length === 0 ? {} : { events: { idempotency_key: key, list } }),
    }
    book.append(line)
    applyLine(line, this.#options)
    this.#courses.follow(records)
  }

  #answer(status: number, body: AnswerBody, at: number): Answer {
    return { status, body: new Snapshot(this.#options.world, body).render(body, seconds(at)), replayed: false }
  }

  #refused(status: number, error: ErrorFields): Admission {
    const answer = this.#answer(status, { kind: 'error', error, intent: null }, this.#options.clock.now())
    return { kind: 'answered', answer }
  }

  #refusal(request: PostRequest, status: string): BookEntry[] {
    const { paymentMethod: _, operation, ...description } = this.describe(request)
    if (operation === null) return []
    const at = this.#options.clock.now()
    return [{ at, operation, ...description, effect: false, status, request_id: request.requestId }]
  }
}

function outcomeOf(execution: Execution | StripeFailure): { status: number; body: AnswerBody } {
  const failure = execution instanceof StripeFailure ? execution : execution.failure
  if (failure !== undefined) {
    return {
      status: failure.status,
      body: { kind: 'error', error: failure.fields, intent: failure.intent?.id ?? null },
    }
  }
  const { status, id, expand } = execution as Execution
  return { status, body: { kind: 'object', id, expand } }
}

function entryOf(effect: Effect, at: number, requestId: string, key: string | null): BookEntry {
  return { at, ...effect, idempotency_key: key, request_id: requestId }
}

function statusOf(failure: StripeFailure): string {
  return failure.fields.code ?? failure.fields.type
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}

function fingerprintOf(request: PostRequest): string {
  return createHash('sha256')
    .update(`${request.path}\n${canonical(request.form)}`)
    .digest('base64url')
}
