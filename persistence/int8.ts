/** Postgres' 64-bit integers as numbers: the one place where they are parsed. */
import { type CustomTypesConfig, types } from 'pg'
import { assert } from '../runtime/assert.ts'

const int8Oid = 20

export function parseInt8(text: string): number {
  const value = Number(text)
  assert(Number.isSafeInteger(value), 'a 64-bit integer of the database is a safe integer', { text })
  return value
}

const parserOf = types.getTypeParser as (oid: number, format?: string) => (value: string) => unknown

/** For the `types` of a client's configuration. */
export const safeIntegerTypes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: string) =>
    oid === int8Oid && format !== 'binary' ? parseInt8 : parserOf(oid, format),
}
