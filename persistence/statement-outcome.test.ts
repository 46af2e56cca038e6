import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { causeOf, describe as describeError, isDefinite, isDoubtfulNotice, isReadOnly } from './statement-outcome.ts'

function errorOf(code: string, fields: Partial<DatabaseError> = {}): DatabaseError {
  return Object.assign(new DatabaseError('Failing row contains (5, 4242424242424242)', 0, 'error'), { code, ...fields })
}

describe('an ERROR followed by ReadyForQuery', () => {
  test.each(['23505', '23514', '40001', '40P01', '53100', '55P03', '57014', '25006'])('%s is definite', (code) => {
    expect(isDefinite(errorOf(code))).toBe(true)
  })

  test.each(['08006', '08003', '57P01', '57P02', '57P03', '40003'])('%s leaves the outcome unknown', (code) => {
    expect(isDefinite(errorOf(code))).toBe(false)
  })
})

test('warnings and shutdown notices make a success doubtful, others do not', () => {
  expect(['01000', '57P01', '00000', undefined].map(isDoubtfulNotice)).toEqual([true, true, false, false])
})

describe('the cause of a definite failure', () => {
  test('a collision on the primary key names its shard', () => {
    const error = errorOf('23505', { detail: 'Key (shard, "position")=(77, 9) already exists.' })
    expect(causeOf(error)).toEqual({ about: 'position', shard: 77 })
  })

  test('a repeated sequence names shard, entity and sequence', () => {
    const entity = '0123456789abcdef0123456789abcdef'
    const error = errorOf('23505', { detail: `Key (shard, entity, seq)=(77, \\x${entity}, 3) already exists.` })
    expect(causeOf(error)).toEqual({ about: 'sequence', shard: 77, entity, seq: 3 })
  })

  test('a collision whose detail the server withholds is about some row', () => {
    expect(causeOf(errorOf('23505'))).toEqual({ about: 'row' })
  })

  test.each(['23514', '22001', '22P02', '54000', 'P0001'])('%s is about some row', (code) => {
    expect(causeOf(errorOf(code))).toEqual({ about: 'row' })
  })

  test.each(['53100', '55P03', '57014', '40P01', '40001', '25006', '42P01', 'XX000'])(
    '%s is about the server',
    (code) => {
      expect(causeOf(errorOf(code))).toEqual({ about: 'server' })
    },
  )
})

test('a read-only server is told by its code', () => {
  expect([isReadOnly(errorOf('25006')), isReadOnly(errorOf('23505'))]).toEqual([true, false])
})

test('an error is described without the values that Postgres quotes', () => {
  expect(describeError(errorOf('23514', { constraint: 'journal_type_check' }))).toBe(
    'SQLSTATE 23514 journal_type_check',
  )
  expect(describeError(Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' }))).toBe(
    'ECONNREFUSED',
  )
  expect(describeError(new AggregateError([errorOf('57P01'), new Error('timeout')]))).toBe('SQLSTATE 57P01; timeout')
  expect(describeError('text')).toBe('unknown error')
})
