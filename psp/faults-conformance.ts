/** What goes wrong on the road, and what that proves: at the first send, at the repeat, at the look-up. */
import { expect, test } from 'vitest'
import type { OperationOutcome, PspCall } from '../domain/payment/operations.ts'
import {
  type Bench,
  effectsOfSuccess,
  inTime,
  isRepeatable,
  nothingToAsk,
  operationOf,
  type PspTraits,
  type Scenario,
  settle,
  success,
} from './scenarios-conformance.ts'
import type { BehaviourRule } from './simulator/behaviour.ts'

interface Fault {
  readonly name: string
  readonly rule: Pick<BehaviourRule, 'action' | 'status'>
  /** What a first send is told, the second step of an authorization aside: that is told nothing for certain. */
  readonly first: Partial<OperationOutcome>
  /** The PSP did what was asked. */
  readonly executed: boolean
  /** The PSP keeps the error under the key: a repeat would only replay it. */
  readonly kept?: true
  /** There is no answer until the connector gives up. */
  readonly hangs?: true
}

const timeout: Partial<OperationOutcome> = { kind: 'unknown', reason: 'timeout' }
const lost: Partial<OperationOutcome> = { kind: 'unknown', reason: 'connection_lost' }
const keptError: Partial<OperationOutcome> = { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }
const passingError: Partial<OperationOutcome> = { kind: 'unknown', reason: 'psp_error' }

const resetBefore: Fault = {
  ...{ name: 'a reset before the effect', rule: { action: 'reset_before' } },
  ...{ first: lost, executed: false },
}
const resetAfter: Fault = {
  ...{ name: 'a reset after the effect', rule: { action: 'reset_after' } },
  ...{ first: lost, executed: true },
}

const faults: readonly Fault[] = [
  {
    ...{ name: 'silence before the effect', rule: { action: 'timeout_before' }, hangs: true },
    ...{ first: timeout, executed: false },
  },
  {
    ...{ name: 'silence after the effect', rule: { action: 'timeout_after' }, hangs: true },
    ...{ first: timeout, executed: true },
  },
  resetBefore,
  resetAfter,
  { name: 'half an answer', rule: { action: 'cut_answer' }, first: lost, executed: true },
  {
    ...{ name: 'HTML with status 200', rule: { action: 'html_after' } },
    ...{ first: { kind: 'unknown', reason: 'unreadable_answer' }, executed: true },
  },
  {
    ...{ name: 'a kept 500 before the effect', rule: { action: 'error_500_before' }, kept: true },
    ...{ first: keptError, executed: false },
  },
  {
    ...{ name: 'a kept 500 after the effect', rule: { action: 'error_500_after' }, kept: true },
    ...{ first: keptError, executed: true },
  },
  ...([502, 503, 504] as const).flatMap((status): Fault[] => [
    {
      ...{ name: `a ${status} before the effect`, rule: { action: 'error_500_before', status } },
      ...{ first: passingError, executed: false },
    },
    {
      ...{ name: `a ${status} after the effect`, rule: { action: 'error_500_after', status } },
      ...{ first: passingError, executed: true },
    },
  ]),
  {
    ...{ name: 'a limiter’s 429', rule: { action: 'rate_limit_429' } },
    ...{ first: { kind: 'not_sent' }, executed: false },
  },
  {
    ...{ name: 'a 429 because the payment is in use', rule: { action: 'lock_timeout_429' } },
    ...{ first: { kind: 'not_sent' }, executed: false },
  },
  {
    ...{ name: 'a 400 before processing', rule: { action: 'invalid_request_400' } },
    ...{ first: { kind: 'declined' }, executed: false },
  },
]

const repeat = { repeatAllowed: true }
const lookUp = { repeatAllowed: false }

export function describeFaults(scenario: Scenario, traits: PspTraits, bench: Bench): void {
  const effected = effectsOfSuccess(scenario, traits)
  const repeatable = isRepeatable(scenario, traits)
  const operation = operationOf(scenario.kind, traits)
  /** A second step that is a read: the shopper has done it. */
  const isDoneBefore = scenario.kind === 'complete' && traits.completesBy === 'read'
  const prepare = (): Promise<PspCall> => scenario.prepare(bench.at(), traits, bench.newPayment())
  const send = (call: PspCall): Promise<OperationOutcome> => bench.at().connector.send(call, inTime(bench.at()))
  const inquire = (call: PspCall, options: typeof repeat): Promise<OperationOutcome> =>
    bench.at().connector.inquire(call, options)

  /** What a look-up says. */
  function seen(call: PspCall, isDone: boolean): Partial<OperationOutcome> {
    if (!traits.reads) return nothingToAsk
    return isDone ? success(scenario, traits, call) : { kind: 'absent' }
  }

  /** Asks while the fault strikes one request; none, where none is made. */
  async function during(
    { rule, hangs }: Fault,
    asked: 'the operation' | 'anything',
    ask: () => Promise<OperationOutcome>,
  ): Promise<OperationOutcome> {
    const at = bench.at()
    await at.behave([{ ...rule, times: 1, ...(asked === 'the operation' && { match: { operation } }) }])
    const asking = ask()
    if (hangs === true) {
      const answered = asking.then(() => true)
      while (!(await Promise.race([answered, at.isSpent()]))) settle(at)
      at.clock.advance(60_000)
    }
    const outcome = await asking
    await at.behave([])
    return outcome
  }

  test('succeeds once, whatever is asked afterwards', async () => {
    const call = await prepare()
    const outcome = await send(call)
    expect(outcome).toMatchObject(success(scenario, traits, call))
    if (outcome.kind === 'succeeded') expect([undefined, call.operationId]).toContain(outcome.echoedOperationId)
    expect(await bench.effects(call)).toEqual(effected)
    expect(await inquire(call, repeat)).toMatchObject(success(scenario, traits, call))
    expect(await inquire(call, lookUp)).toMatchObject(seen(call, true))
    const { pspReference } = outcome as { readonly pspReference: string }
    const byReference = await bench.at().connector.inquire(call, { pspReference, repeatAllowed: false })
    expect(byReference).toMatchObject(seen(call, true))
    expect(await bench.effects(call)).toEqual(effected)
  })

  test.each(faults)('$name at the first send proves what it proves and no more', async (fault) => {
    const call = await prepare()
    const first = await during(fault, 'the operation', () => send(call))
    bench.remember(call, first)
    // That the second step went wrong says nothing about the first.
    expect(first).toMatchObject(call.kind === 'complete' ? { kind: 'unknown' } : fault.first)
    const isDone = fault.executed || isDoneBefore
    expect(await bench.effects(call)).toEqual(isDone ? effected : [])
    if (first.kind !== 'unknown') return
    expect(await inquire(call, lookUp)).toMatchObject(seen(call, isDone))
    const isKept = fault.kept === true && repeatable
    const repeated = await inquire(call, repeat)
    if (isKept) expect(repeated).toMatchObject({ kind: 'unknown', repeatIsUseless: true })
    else expect(repeated).toMatchObject(repeatable ? success(scenario, traits, call) : seen(call, isDone))
    expect(await bench.effects(call)).toEqual(isDone || (repeatable && !isKept) ? effected : [])
  })

  test.each(faults)('$name at the repeat of what never arrived leaves it unknown', async (fault) => {
    const call = await prepare()
    await during(resetBefore, 'the operation', () => send(call))
    const repeated = await during(fault, 'anything', () => inquire(call, repeat))
    expect(repeated.kind).toBe('unknown')
    const isDone = isDoneBefore || (fault.executed && repeatable)
    expect(await bench.effects(call)).toEqual(isDone ? effected : [])
    const again = await inquire(call, repeat)
    if (fault.kept === true && repeatable) expect(again.kind).toBe('unknown')
    else expect(again).toMatchObject(repeatable ? success(scenario, traits, call) : seen(call, isDone))
  })

  const atLookUp = traits.reads ? 'leaves it unknown' : 'is never met: nothing can be looked up there'
  test.each(faults)(`$name at the look-up of what was done ${atLookUp}`, async (fault) => {
    const call = await prepare()
    await during(resetAfter, 'the operation', () => send(call))
    const found = await during(fault, 'anything', () => inquire(call, lookUp))
    expect(found).toMatchObject(traits.reads ? { kind: 'unknown' } : nothingToAsk)
    expect(await inquire(call, lookUp)).toMatchObject(seen(call, true))
    expect(await bench.effects(call)).toEqual(effected)
  })
}
