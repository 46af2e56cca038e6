/** Every row of docs/bad-input.md has a test whose title carries its number, and every number in a title has a row. */
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readProjectFile } from './source.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const rows = [...readProjectFile('docs/bad-input.md').matchAll(/^\| (B\d+) \|/gm)].map(([, row]) => row as string)

/** Texts that begin with a number stand in titles, or are titles of a table of cases. */
function titled(): Set<string> {
  const found = new Set<string>()
  for (const path of globSync(['gateway/*.test.ts', 'test/gateway/*.test.ts'], { cwd: root })) {
    const source = readProjectFile(path)
    for (const [, numbers = ''] of source.matchAll(/['"`]((?:[BS]\d+ ?)+)/g)) {
      for (const [number] of numbers.matchAll(/B\d+/g)) found.add(number)
    }
  }
  return found
}

test('the page of bad input has 75 rows, each once', () => {
  // B58 is about load, not input; its test stands with the others of keys.
  const numbers = Array.from({ length: 76 }, (_, n) => n + 1).filter((number) => number !== 58)
  expect(new Set(rows)).toEqual(new Set(numbers.map((number) => `B${number}`)))
  expect(rows).toHaveLength(75)
})

test('every row of bad input has a test, and every number in a title a row', () => {
  const tests = titled()
  expect(new Set([...tests].filter((number) => number !== 'B58'))).toEqual(new Set(rows))
})
