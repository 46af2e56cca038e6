/**
 * Finds card numbers in text, so that they are refused at the edge and never stored, logged or echoed.
 *
 * A card number here is 12 to 19 digits that pass the Luhn check, in one piece or grouped by single blanks or hyphens
 * (`4242 4242 4242 4242`), also inside other text. Not taken for one, because one in ten would pass the check by chance:
 * numbers that begin with 0 or 1 (no scheme issues them, except 15 digits with 1; unix times in milliseconds begin with
 * 1), digits inside a hexadecimal word, UUIDs, and our own ids: of a million payments one has such a run of digits in its
 * id, and it must be possible to ask for that one too.
 *
 * Guarantees: linear time. Leaves to others: card numbers disguised on purpose.
 */
const digitsMin = 12
const digitsMax = 19

const idPattern =
  /\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?:pay|att|cap|void|re|dp|evt)_[0-9a-hjkmnp-tv-z]{26})(?![0-9a-z])/gi
const wordPattern = /[0-9A-Za-z]+/g
const allDigits = /^[0-9]+$/
const hexadecimal = /^[0-9a-f]+$/i
const digitRuns = /[0-9]+/g

export function containsCardNumber(text: string): boolean {
  if (!hasDigits(text, digitsMin)) return false
  const plain = text.replace(idPattern, ' ')
  /** All-digit words that follow each other with one blank or hyphen between. */
  let groups: string[] = []
  let end = -1
  for (const match of plain.matchAll(wordPattern)) {
    const word = match[0]
    const joined = match.index === end + 1 && (plain[end] === ' ' || plain[end] === '-')
    end = match.index + word.length
    if (allDigits.test(word)) {
      if (!joined) groups = []
      groups.push(word)
      if (endsCardNumber(groups)) return true
    } else {
      groups = []
      if (!hexadecimal.test(word) && (word.match(digitRuns) ?? []).some(isCardNumber)) return true
    }
  }
  return false
}

/** Whether a value that is expected to be opaque, such as an idempotency key, is nothing but a card number. */
export function isCardNumber(text: string): boolean {
  const digits = text.replace(/[ -]/g, '')
  if (digits.length < digitsMin || digits.length > digitsMax || !allDigits.test(digits)) return false
  if (digits[0] === '0' || (digits[0] === '1' && digits.length !== 15)) return false
  return passesLuhn(digits)
}

/** Whether the last groups, as many as there may be, make up a card number. */
function endsCardNumber(groups: readonly string[]): boolean {
  let digits = ''
  for (let index = groups.length - 1; index >= 0 && digits.length < digitsMax; index--) {
    digits = groups[index] + digits
    if (isCardNumber(digits)) return true
  }
  return false
}

function hasDigits(text: string, count: number): boolean {
  let seen = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0x30 && code <= 0x39 && ++seen === count) return true
  }
  return false
}

function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 0x30
    const doubled = place % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/**
 * The path of the first text in a parsed body that holds a card number, keys included; undefined where there is none.
 * The path itself never contains one.
 */
export function findCardNumber(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return containsCardNumber(value) ? path : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const key of Object.keys(value)) {
    if (containsCardNumber(key)) return path
    const found = findCardNumber((value as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
