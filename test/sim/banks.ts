/**
 * The shoppers' banks: some of what was captured is inquired about, disputed, and decided. The PSP tells of each step, late, in
 * any order and now and then twice.
 */
import type { RecordDispute } from '../../domain/payment/commands.ts'
import { type ModelPsp, takenMinor } from '../../domain/payment/testing/model-psp.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Chance } from './chance.ts'
import type { Loop } from './loop.ts'
import { server } from './storage-server.ts'

export interface BanksOptions {
  readonly loop: Loop
  readonly clock: Pick<Clock, 'now'>
  readonly chance: Chance
  /** Share of effects after which the payment is disputed. */
  readonly rate: number
  deliver(paymentId: string, fact: RecordDispute): void
}

const feeMinor = 15
const stepUsMax = 2_000_000

export class Banks {
  readonly #options: BanksOptions
  #disputes = 0

  constructor(options: BanksOptions) {
    this.#options = options
  }

  /** Something was done at the PSP for this payment. */
  effect(paymentId: string, psp: ModelPsp): void {
    const { loop, chance, rate } = this.#options
    if (!chance.happens(rate)) return
    loop.add(server, chance.between(1_000, stepUsMax), () => this.#dispute(paymentId, psp))
  }

  #dispute(paymentId: string, psp: ModelPsp): void {
    const { clock, chance } = this.#options
    const attempts = `att_${paymentId.slice('pay_'.length)}_`
    const authorizations = [...psp.authorizations.values()].filter((each) => each.operationId.startsWith(attempts))
    const taken = authorizations.reduce((sum, each) => sum + takenMinor(each), 0)
    if (taken === 0) return
    this.#disputes += 1
    const fact = {
      type: 'RecordDispute',
      pspReference: `dispute ${this.#disputes}`,
      stage: 'chargeback',
      amountMinor: chance.between(1, taken),
      currency: 'EUR',
      ...(chance.happens(0.5) && { evidenceBy: clock.now() + chance.between(500, 20_000) }),
    } as const
    const untouched = { feeMinor: 0, fundsWithdrawn: false }
    const withdrawn = { feeMinor, fundsWithdrawn: true }
    if (chance.happens(0.3)) this.#tell(paymentId, { ...fact, ...untouched, stage: 'inquiry', status: 'inquiry' })
    if (chance.happens(0.9)) this.#tell(paymentId, { ...fact, ...withdrawn, status: 'open' })
    const status = chance.pick(['open', 'won', 'lost'] as const)
    if (status !== 'open') this.#tell(paymentId, { ...fact, ...withdrawn, status })
  }

  #tell(paymentId: string, fact: Omit<RecordDispute, 'factId'>): void {
    const { loop, chance } = this.#options
    const told = { ...fact, factId: `${fact.pspReference} ${fact.status}` }
    for (let copies = chance.happens(0.2) ? 2 : 1; copies > 0; copies -= 1) {
      loop.add(server, chance.between(1_000, stepUsMax), () => this.#options.deliver(paymentId, told))
    }
  }
}
