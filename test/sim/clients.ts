/**
 * The merchants of a simulated world: each payment has a life of requests (create, capture, refund, cancel, read), some
 * of them at once, some repeated with the same key through another gateway before the first was answered. A client never
 * gives up a request whose outcome it does not know: it repeats it with its key until it has a final answer.
 */
import type { Envelope, RouteAnswer, TrafficClass } from '../../cluster/router.ts'
import { paymentIdOfEntity } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type {
  CompleteAction,
  MerchantCommand,
  MerchantRequest,
  ReadPayment,
  RecordDispute,
  RecordOutcome,
} from '../../domain/payment/commands.ts'
import type { Payment } from '../../domain/payment/state.ts'
import type { Chance } from './chance.ts'
import type { AnswerChecker } from './checkers/answer-checker.ts'
import type { Loop } from './loop.ts'
import { SimProcess } from './process.ts'

type Fact = RecordDispute | RecordOutcome
type Command = MerchantCommand | ReadPayment | CompleteAction | Fact
type Answer = RouteAnswer<PaymentAnswer>

/** A gateway's process as a client reaches it. */
export interface Door {
  readonly process: SimProcess
  route(envelope: Envelope): Promise<Answer>
}

export interface ClientsOptions {
  readonly payments: number
  readonly shards: number
  /** Virtual milliseconds within which payments begin. */
  readonly withinMs: number
  /** Share of requests that are sent twice at once. */
  readonly impatience: number
  /** Share of payments whose follow-up requests are sent without waiting for one another. */
  readonly races: number
}

interface Life {
  readonly entity: string
  readonly shard: number
  readonly amountMinor: number
  keys: number
}

/** A request that its client wants answered, however often it has to ask. */
interface Wish {
  readonly life: Life
  readonly command: Command
  readonly class: TrafficClass
  readonly key: string | undefined
  tries: number
  isDone: boolean
  done(answer: Answer & { kind: 'answered' }): void
}

export const merchant = 'mer_1'
const deadlineMs = 6_000
const waitMs = 3_000
/** After this a client takes its request for lost. */
const patienceMs = 8_000
const finalPauseMsMax = 3_000

export class Clients {
  readonly process: SimProcess
  readonly #loop: Loop
  readonly #chance: Chance
  readonly #options: ClientsOptions
  readonly #checker: AnswerChecker
  readonly #doors: () => readonly Door[]
  readonly #act: (call: { operationId: string; paymentId: string }, approve: boolean) => void
  readonly #lives: Life[] = []
  readonly #open = new Set<Wish>()
  readonly #acted = new Set<string>()
  #commands = 0
  answers = 0
  tries = 0

  constructor(
    loop: Loop,
    chance: Chance,
    options: ClientsOptions,
    checker: AnswerChecker,
    doors: () => readonly Door[],
    act: (call: { operationId: string; paymentId: string }, approve: boolean) => void,
  ) {
    this.process = new SimProcess(loop, 1, 'clients')
    this.#loop = loop
    this.#chance = chance
    this.#options = options
    this.#checker = checker
    this.#doors = doors
    this.#act = act
  }

  /** Requests that have no final answer. */
  get open(): readonly { readonly entity: string; readonly command: string; readonly tries: number }[] {
    return [...this.#open].map(({ life, command, tries }) => ({ entity: life.entity, command: command.type, tries }))
  }

  start(): void {
    for (let n = 0; n < this.#options.payments; n += 1) {
      const shard = this.#chance.below(this.#options.shards)
      const head = ((shard << 2) | this.#chance.below(4)).toString(16).padStart(3, '0')
      const life = {
        entity: head + this.#chance.hex(15).slice(1),
        shard,
        amountMinor: this.#chance.between(2, 900),
        keys: 0,
      }
      this.#lives.push(life)
      this.process.after(this.#chance.below(this.#options.withinMs * 1000), () => this.#begin(life))
    }
  }

  /** Every payment is read once more. */
  readAll(): void {
    for (const life of this.#lives) this.#read(life)
  }

  /** A PSP tells of an operation or a dispute; it repeats that until it is heard. */
  deliver(paymentId: string, fact: Fact): void {
    const life = this.#lives.find(({ entity }) => paymentIdOfEntity(entity) === paymentId)
    if (life !== undefined) this.#wish(life, fact, 'settle', undefined, () => undefined)
  }

  #begin(life: Life): void {
    const chance = this.#chance
    const confirm = chance.happens(0.9)
    const create: MerchantCommand = {
      type: 'CreatePayment',
      request: this.#request(life),
      amountMinor: life.amountMinor,
      currency: 'EUR',
      captureMethod: chance.happens(0.5) ? 'automatic' : 'manual',
      confirm,
      paymentMethod: { type: 'card', token: 'pm_card_visa' },
      returnUrl: 'https://shop.example/back',
      metadata: {},
    }
    const follow = chance.below(4)
    const atOnce = chance.happens(this.#options.races)
    const next = (left: number): void => {
      if (left === 0) return
      if (atOnce) {
        for (let n = 0; n < left; n += 1) this.#follow(life, () => undefined)
      } else this.#follow(life, () => next(left - 1))
    }
    this.#ask(life, create, 'begin', () => {
      if (confirm) next(follow)
      else this.#ask(life, { type: 'ConfirmPayment', request: this.#request(life) }, 'begin', () => next(follow))
    })
  }

  #follow(life: Life, then: () => void): void {
    const chance = this.#chance
    const amountMinor = chance.between(1, life.amountMinor)
    const request = this.#request(life)
    const draw = chance.float()
    const part = chance.happens(0.6) ? { amountMinor } : {}
    this.process.after(chance.latency(200_000), () => {
      if (draw < 0.35)
        this.#ask(life, { type: 'CapturePayment', request, final: chance.happens(0.5), ...part }, 'settle', then)
      else if (draw < 0.6) this.#ask(life, { type: 'RefundPayment', request, ...part }, 'settle', then)
      else if (draw < 0.75) this.#ask(life, { type: 'CancelPayment', request }, 'settle', then)
      else this.#read(life, then)
    })
  }

  #read(life: Life, then: () => void = () => undefined): void {
    this.#wish(life, { type: 'ReadPayment', merchant, mode: 'test' }, 'read', undefined, then)
  }

  #ask(life: Life, command: MerchantCommand, traffic: TrafficClass, then: () => void): void {
    this.#wish(life, command, traffic, command.request.idempotencyKey, then)
  }

  #request(life: Life): MerchantRequest {
    life.keys += 1
    const idempotencyKey = `key ${life.keys}`
    return {
      merchant,
      mode: 'test',
      idempotencyKey,
      fingerprint: `${life.entity} ${idempotencyKey}`,
      requestId: `req_${life.keys}`,
      apiVersion: '2026-11-01',
    }
  }

  #wish(life: Life, command: Command, traffic: TrafficClass, key: string | undefined, then: () => void): void {
    const wish: Wish = {
      life,
      command,
      class: traffic,
      key,
      tries: 0,
      isDone: false,
      done: ({ answer }) => {
        if (wish.isDone) return
        wish.isDone = true
        this.#open.delete(wish)
        if (answer.kind === 'payment') this.#shopper(life, answer.state)
        then()
      },
    }
    this.#open.add(wish)
    this.#try(wish)
    if (key !== undefined && this.#chance.happens(this.#options.impatience)) {
      this.process.after(this.#chance.below(50_000), () => this.#try(wish))
    }
  }

  #try(wish: Wish): void {
    if (wish.isDone) return
    const chance = this.#chance
    const doors = this.#doors()
    const { life, command, key } = wish
    wish.tries += 1
    this.tries += 1
    this.#commands += 1
    const id = this.#commands.toString(16).padStart(32, '0')
    const sent = { entity: life.entity, command: id, key, floor: this.#checker.floor(life.entity) }
    let isHeard = false
    const again = (): void => {
      const pause = Math.min(200 * 2 ** Math.min(wish.tries, 4), finalPauseMsMax)
      this.process.after(chance.between(1, pause) * 1000, () => this.#try(wish))
    }
    this.process.after(patienceMs * 1000, () => {
      if (!isHeard) again()
      isHeard = true
    })
    const attach = chance.happens(0.7)
    const there = chance.latency(500)
    const back = chance.latency(500)
    if (doors.length === 0) return
    const door = chance.pick(doors)
    this.#loop.add(door.process, there, () => {
      const now = door.process.clock.monotonic()
      void door
        .route({
          id,
          shard: life.shard,
          entity: life.entity,
          kind: 'payment',
          class: wish.class,
          bytes: 200,
          payload: command,
          deadline: now + deadlineMs,
          waitUntil: now + waitMs,
          attach,
        })
        .then((answer) => {
          this.#loop.add(this.process, back, () => {
            this.answers += 1
            this.#loop.mark(answer.kind)
            this.#checker.received(sent, answer)
            if (isHeard) return
            isHeard = true
            if (isFinal(answer)) wish.done(answer)
            else again()
          })
        })
    })
  }

  /** Shoppers come back from the PSP's page, now and then twice, now and then never. */
  #shopper(life: Life, state: Payment): void {
    const { lifecycle } = state
    if (lifecycle.status !== 'requires_action' || this.#acted.has(lifecycle.attemptId)) return
    this.#acted.add(lifecycle.attemptId)
    const attempt = state.attempts.find(({ id }) => id === lifecycle.attemptId)
    if (attempt === undefined || this.#chance.happens(0.1)) return
    const approve = this.#chance.happens(0.8)
    this.process.after(this.#chance.latency(800_000), () => {
      this.#act({ operationId: attempt.id, paymentId: state.id }, approve)
      const complete: CompleteAction = { type: 'CompleteAction', attemptId: attempt.id, nonce: attempt.nonce }
      this.#wish(life, complete, 'settle', undefined, () => undefined)
    })
  }
}

/** Nothing is gained by asking again: a refusal, or an outcome that will not change. */
function isFinal(answer: Answer): answer is Answer & { kind: 'answered' } {
  if (answer.kind !== 'answered' || answer.answer.kind === 'in_use') return false
  const { answer: said } = answer
  return said.kind === 'rejected' || said.request === undefined || said.request.concludedSeq !== undefined
}
