import { expect, test } from 'vitest'
import { namesMax, StatementNames } from './queries-names.ts'

test('the same text has the same name, whatever its values, and no other text has it', () => {
  const names = new StatementNames()
  const first = names.named({ text: 'SELECT $1', values: [1] })
  expect(names.named({ text: 'SELECT $1', values: [2] })).toEqual({ name: first.name, text: 'SELECT $1', values: [2] })
  expect(names.named({ text: 'SELECT $1, 2', values: [1] }).name).not.toBe(first.name)
})

test('names are bounded: who asks in ever new ways fills no session with plans', () => {
  const names = new StatementNames()
  const given = Array.from({ length: namesMax + 5 }, (_, index) => names.named({ text: `SELECT ${index}` }).name)
  expect(new Set(given.slice(0, namesMax)).size).toBe(namesMax)
  expect(given.slice(namesMax)).toEqual(Array.from({ length: 5 }, () => undefined))
  expect(names.named({ text: 'SELECT 0' }).name).toBe(given[0])
})
