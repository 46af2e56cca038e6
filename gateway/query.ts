/**
 * Reads a query. It never throws (the router calls it outside of every handler), never drops anything, and gives the
 * schemas what they can judge: numbers as numbers, `expand` in any of its spellings as one list, and everything that was
 * given twice as a list, which no other parameter may be.
 */
import { unescape } from 'node:querystring'
import { httpLimits } from '../runtime/limits.ts'

export const expandParameter = 'expand[]'

const expandPattern = /^expand(?:\[[0-9]{0,2}\])?$/
const wholeNumber = /^(?:0|-?[1-9][0-9]{0,14})$/
const numeric: ReadonlySet<string> = new Set(['limit', 'created[gte]', 'created[gt]', 'created[lte]', 'created[lt]'])

type QueryValue = string | number | readonly (string | number)[]

export function parseQuery(text: string): Record<string, QueryValue> {
  const query = Object.create(null) as Record<string, QueryValue>
  if (text === '') return query
  const pairs = text.split('&', httpLimits.queryParametersMax + 1)
  // No route knows a parameter without a name.
  if (pairs.length > httpLimits.queryParametersMax) query[''] = ''
  for (const pair of pairs) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decoded(at < 0 ? pair : pair.slice(0, at))
    const value = at < 0 ? '' : decoded(pair.slice(at + 1))
    if (expandPattern.test(name)) query[expandParameter] = listed(query[expandParameter], value)
    else {
      const typed = numeric.has(name) && wholeNumber.test(value) ? Number(value) : value
      const before = query[name]
      query[name] = before === undefined ? typed : listed(before, typed)
    }
  }
  return query
}

function listed(before: QueryValue | undefined, value: string | number): readonly (string | number)[] {
  if (before === undefined) return [value]
  return [...(typeof before === 'object' ? before : [before]), value]
}

function decoded(text: string): string {
  return unescape(text.replaceAll('+', ' '))
}
