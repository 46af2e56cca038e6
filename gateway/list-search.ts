/**
 * The small language of `GET /v1/payments/search`: terms that must all hold, separated by blanks or ` AND `.
 *
 *     status:captured currency:eur amount>=1000 created<1767225600
 *     merchant_reference~"order 17"
 *
 * A term is field, operator, value. `:` is equal, `~` begins with; amounts and times take `>`, `>=`, `<`, `<=` too. A value
 * with blanks stands in quotation marks, in which `\"` and `\\` are `"` and `\`. Each field with each kind of operator once.
 * There is no OR and no NOT: what cannot be found by an index is not offered.
 */
import { httpLimits } from '../runtime/limits.ts'
import { after, createdBetween } from './list-query.ts'
import { paymentStatuses } from './payment-schema.ts'
import type { PaymentFilter } from './read-port.ts'

export type SearchResult =
  | { readonly ok: true; readonly filter: PaymentFilter }
  /** In words of ours, nothing of the query's. */
  | { readonly ok: false; readonly message: string }

type Operator = ':' | '~' | '>' | '>=' | '<' | '<='

/** Of each field its operators, as the refusals name them. */
const operators: ReadonlyMap<string, readonly Operator[]> = new Map([
  ['status', [':']],
  ['currency', [':']],
  ['psp', [':']],
  ['merchant_reference', [':', '~']],
  ['review', [':']],
  ['amount', [':', '>', '>=', '<', '<=']],
  ['created', ['>', '>=', '<', '<=']],
])

interface Term {
  readonly field: string
  readonly operator: Operator
  readonly value: string
}

const termForm = /([a-z_]{1,32})(>=|<=|>|<|:|~)(?:"((?:[^"\\]|\\["\\])*)"|([^\s"]+))(?:\s+(?:AND\s+)?|$)/y
const wholeNumber = /^(?:0|[1-9][0-9]{0,15})$/
const controlCharacter = /\p{Cc}/u

export function parseSearch(query: string): SearchResult {
  const terms = termsOf(query.trim())
  if (typeof terms === 'string') return { ok: false, message: terms }
  let filter: PaymentFilter = {}
  const seen = new Set<string>()
  for (const term of terms) {
    const name = `${term.field} ${kindOf(term.operator)}`
    if (seen.has(name)) return { ok: false, message: `query limits ${term.field} twice in the same way.` }
    seen.add(name)
    const part = readTerm(term)
    if (typeof part === 'string') return { ok: false, message: part }
    filter = { ...filter, ...part }
  }
  return { ok: true, filter }
}

/** The terms, or what is wrong with them. */
function termsOf(query: string): readonly Term[] | string {
  const terms: Term[] = []
  for (let at = 0; at < query.length; at = termForm.lastIndex) {
    termForm.lastIndex = at
    const match = termForm.exec(query)
    if (match === null) return 'query is terms of a field, an operator and a value, such as status:captured.'
    const [, field = '', operator, quoted, plain = ''] = match
    const allowed = operators.get(field)
    if (allowed === undefined) return `query can name: ${[...operators.keys()].join(', ')}.`
    if (!allowed.includes(operator as Operator)) return `${field} takes: ${allowed.join(' ')}.`
    const value = quoted?.replaceAll(/\\(["\\])/g, '$1') ?? plain
    if (value === '' || controlCharacter.test(value)) return `${field} needs a value without control characters.`
    terms.push({ field, operator: operator as Operator, value })
    if (terms.length > httpLimits.searchTermsMax) return `query has at most ${httpLimits.searchTermsMax} terms.`
  }
  return terms.length === 0 ? 'query needs a term.' : terms
}

/** Lower and upper bounds go together; two of a kind do not. */
function kindOf(operator: Operator): 'from' | 'to' | 'is' {
  if (operator === '>' || operator === '>=') return 'from'
  return operator === '<' || operator === '<=' ? 'to' : 'is'
}

/** What the term asks for, or what is wrong with it. */
function readTerm({ field, operator, value }: Term): PaymentFilter | string {
  switch (field) {
    case 'status': {
      const status = paymentStatuses.find((each) => each === value)
      return status === undefined ? `status is one of: ${paymentStatuses.join(', ')}.` : { status }
    }
    case 'currency':
      return /^[A-Za-z]{3}$/.test(value) ? { currency: value.toUpperCase() } : 'currency is three letters.'
    case 'psp':
      return { psp: value }
    case 'merchant_reference':
      return operator === '~' ? { merchantReferencePrefix: value } : { merchantReference: value }
    case 'review':
      return value === 'true' || value === 'false' ? { review: value === 'true' } : 'review is true or false.'
    default: {
      const number = wholeNumber.test(value) ? Number(value) : undefined
      const max = field === 'amount' ? Number.MAX_SAFE_INTEGER : httpLimits.unixSecondsMax
      if (number === undefined || number > max) return `${field} is a whole number, at most ${max}.`
      return field === 'amount' ? amountBetween(operator, number) : createdBy(operator, number)
    }
  }
}

function amountBetween(operator: Operator, amount: number): PaymentFilter {
  switch (operator) {
    case '>':
      return { amountFrom: amount + 1 }
    case '>=':
      return { amountFrom: amount }
    case '<':
      return { amountTo: amount - 1 }
    case '<=':
      return { amountTo: amount }
    default:
      return { amountFrom: amount, amountTo: amount }
  }
}

function createdBy(operator: Operator, second: number): PaymentFilter {
  const bound = operator === '>' || operator === '<=' ? after(second) : second
  return createdBetween(kindOf(operator) === 'from' ? { from: [bound], before: [] } : { from: [], before: [bound] })
}
