/** The records an answer shows, as they were when it was made: what a replay is rendered from. */
import type { AnswerBody } from './book.ts'
import type { ChargeRecord, IntentRecord, RefundRecord, ReportRunRecord } from './records.ts'
import { renderError, renderIntent, renderRefund, type JsonObject } from './render.ts'
import { renderReportRun } from './reports/stripe-runs.ts'
import type { World } from './world.ts'

export class Snapshot {
  readonly #intent: IntentRecord | undefined
  readonly #charge: ChargeRecord | undefined
  readonly #refund: RefundRecord | undefined
  readonly #refunds: readonly RefundRecord[]
  readonly #reportRun: ReportRunRecord | undefined

  constructor(world: World, body: AnswerBody) {
    const id = body.kind === 'object' ? body.id : (body.intent ?? '')
    this.#reportRun = world.reportRun(id)
    this.#refund = world.refund(id)
    this.#intent = world.intent(this.#refund?.intent ?? id)
    this.#charge = world.charge(this.#refund?.charge ?? this.#intent?.latestCharge ?? '')
    this.#refunds = this.#charge === undefined ? [] : world.refundsOf(this.#charge.id)
  }

  /** The answer's bytes. @param at unix seconds of the first answer. */
  render(body: AnswerBody, at: number): string {
    const context = {
      at,
      expand: body.kind === 'object' ? body.expand : [],
      charge: (id: string) => (this.#charge?.id === id ? this.#charge : undefined),
      intent: (id: string) => (this.#intent?.id === id ? this.#intent : undefined),
      refundsOf: (charge: string) => (this.#charge?.id === charge ? this.#refunds : []),
    }
    let json: JsonObject | undefined
    if (body.kind === 'error') json = renderError(body.error, this.#intent, context)
    else if (this.#refund !== undefined) json = renderRefund(this.#refund, context)
    else if (this.#reportRun !== undefined) json = renderReportRun(this.#reportRun)
    else if (this.#intent !== undefined) json = renderIntent(this.#intent, context)
    return JSON.stringify(json)
  }
}
