/**
 * What the PSP did for one payment against what its decisions say: one effect per operation, an intent before each, no
 * authorization beside another, and the same amounts on both sides.
 */
import type { BookEntry } from './book.ts'
import type { Operation, Report } from './operations.ts'
import type { PaymentLife } from './payment-life.ts'
import { isOpen } from './payment-machine.ts'

/** The PSP's minor units per one of ours, where they differ (Stripe: ISK and UGX in hundredths, MGA in whole ariary). */
const pspUnits: Readonly<Record<string, number>> = { ISK: 100, UGX: 100, MGA: 0.01 }

export function checkEffects(
  entries: readonly BookEntry[],
  life: PaymentLife | undefined,
  clockToleranceMs: number,
  report: Report,
): void {
  const effects = entries.filter(({ effect }) => effect)
  checkRepeats(effects, report)
  const isDouble = checkDouble(effects, life, report)
  const had = new Set<Operation>()
  for (const effect of effects) {
    const operation = operationOf(effect, life)
    if (operation === undefined) {
      const isExternal = effect.psp_reference !== null && life?.external.has(effect.psp_reference) === true
      if (!isExternal) report('phantom_effect', `${nameOf(effect)}: the journal plans no such operation`)
      continue
    }
    had.add(operation)
    checkEffect(effect, operation, effects, life, clockToleranceMs, isDouble, report)
  }
  for (const operation of life?.operations.all ?? []) {
    if (!operation.succeeded || operation.cause === 'external' || had.has(operation)) continue
    // a void that finds its authorization gone (expired, canceled in the PSP's pages) has done what was asked
    if (operation.kind === 'void' && (life?.external.size !== 0 || effects.some((each) => each.operation === 'void')))
      continue
    report('success_without_effect', `${operation.id} succeeded, and the PSP has no effect of it`)
  }
}

function checkRepeats(effects: readonly BookEntry[], report: Report): void {
  const once = new Set<string>()
  for (const effect of effects) {
    const name = nameOf(effect)
    if (once.has(name)) report('repeated_effect', `${name} took effect again at ${effect.at}`)
    once.add(name)
  }
}

function checkDouble(effects: readonly BookEntry[], life: PaymentLife | undefined, report: Report): boolean {
  const isGivenBack = ({ psp_reference, operation_id }: BookEntry): boolean =>
    effects.some((other) => other.operation === 'void' && other.psp_reference === psp_reference) ||
    life?.operations.get(operation_id ?? '')?.unwanted === true
  const standing = effects.filter((each) => each.operation === 'authorize' && !isGivenBack(each))
  const operations = new Set(standing.map(({ operation_id }) => operation_id))
  if (operations.size > 1) {
    report('double_charge', `${operations.size} authorizations stand: ${[...operations].map(String).join(', ')}`)
  }
  return operations.size > 1
}

function checkEffect(
  effect: BookEntry,
  operation: Operation,
  effects: readonly BookEntry[],
  life: PaymentLife | undefined,
  clockToleranceMs: number,
  isDouble: boolean,
  report: Report,
): void {
  const name = nameOf(effect)
  // a capture in the step that authorized has that step's intent
  const { plannedAt } = life?.operations.get(effect.operation_id ?? '') ?? operation
  if (effect.at + clockToleranceMs < plannedAt) {
    report('effect_before_intent', `${name} took effect at ${effect.at}, planned at ${plannedAt}`)
  }
  if (!operation.succeeded && !isOpen(operation.state)) {
    // an abort takes back an authorization that nobody had heard of: both end at the PSP
    const isAborted = effects.some(
      (other) => other.operation === 'void' && other.psp_reference === effect.psp_reference,
    )
    if (!(effect.operation === 'authorize' && (isAborted || isDouble))) {
      report('effect_denied', `${name} took effect and is journaled as ${operation.state}`)
    }
    return
  }
  if (effect.operation === 'void' || !operation.succeeded) return
  const currency = life?.currency ?? ''
  const journaled = operation.kind === 'authorize' ? operation.authorizedMinor : operation.amountMinor
  if ((effect.amount ?? 0) !== journaled * (pspUnits[currency] ?? 1) || effect.currency?.toUpperCase() !== currency) {
    const there = `${effect.amount ?? 0} ${effect.currency ?? ''}`
    report('amount_differs', `${name}: the PSP has ${there}, the journal ${journaled} ${currency}`)
  }
}

/** By its id, which is its PSP key; a capture in the step that authorized goes under the authorization's. */
function operationOf(effect: BookEntry, life: PaymentLife | undefined): Operation | undefined {
  const named = life?.operations.get(effect.operation_id ?? '')
  if (named === undefined || named.kind === effect.operation) return named
  if (effect.operation !== 'capture' || named.kind !== 'authorize') return undefined
  return (life?.operations.all ?? []).find(({ kind, attemptId }) => kind === 'capture' && attemptId === named.id)
}

function nameOf({ operation, operation_id }: BookEntry): string {
  return `${operation} ${operation_id ?? 'without an operation'}`
}
