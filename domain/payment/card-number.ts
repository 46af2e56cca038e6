/**
 * Whether a payment method's token is, or holds, a card number. Card numbers never reach this system; this is the last look
 * before one would be journaled.
 *
 * Of a plain token every run of digits counts. Of a JSON text (a wallet's, or the card that a PSP's page has encrypted) only
 * whole values do: of what is encrypted, one hash in a hundred has such a run by chance. A member by the name of a card's
 * number or code is refused whatever it holds: an encrypted one has another name.
 */
import type { PaymentMethod } from './operations.ts'

const digitRuns = /[0-9]{12,19}/g
const wholeNumber = /^[0-9]{12,19}$/
const rawMembers: ReadonlySet<string> = new Set(['number', 'cardNumber', 'pan', 'cvc', 'cvv', 'securityCode'])

export function holdsCardNumber({ type, token }: PaymentMethod): boolean {
  const parsed = token.startsWith('{') ? parse(token) : undefined
  if (parsed === undefined) return [...token.matchAll(digitRuns)].some(([digits]) => passesLuhn(digits))
  // Not by recursion: the text may be nested as deeply as it is long.
  const left: unknown[] = [parsed]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value).replaceAll(/[ -]/g, '')
      if (wholeNumber.test(text) && passesLuhn(text)) return true
    } else if (typeof value === 'object' && value !== null) {
      if (type === 'card' && Object.keys(value).some((name) => rawMembers.has(name))) return true
      const members: readonly unknown[] = Object.values(value)
      left.push(...members)
    }
  }
  return false
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let n = 0; n < digits.length; n += 1) {
    const digit = Number(digits[digits.length - 1 - n])
    const doubled = n % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
