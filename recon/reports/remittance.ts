/**
 * What remittance texts say of payouts, and nothing else of them: a bank statement has names and business of others in it.
 */
import { reportLimits } from '../../runtime/limits.ts'

/** Adyen's payout and batch, Stripe's payout, PayPal's transfer. Bounded repetitions alone: a text may be made to be hard. */
const patterns: readonly RegExp[] = [
  /\bTX[0-9A-Z]{4,40}XT\b/g,
  /\bbatch [1-9][0-9]{0,8}\b/gi,
  /\bpo_[0-9A-Za-z]{8,64}\b/g,
  /\bPAYPAL [0-9A-Z]{8,20}\b/g,
]

export function payoutReferences(text: string): readonly string[] {
  const found = new Set<string>()
  for (const pattern of patterns) {
    for (const [reference] of text.matchAll(pattern)) {
      if (found.size === reportLimits.remittanceReferencesMax) return [...found]
      found.add(reference.toLowerCase().startsWith('batch ') ? reference.toLowerCase() : reference)
    }
  }
  return [...found]
}
