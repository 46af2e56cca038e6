import { expect, test } from 'vitest'
import { codeOf, importsOf, withoutComments } from './source.ts'

test('comments and the insides of strings, templates and regular expressions are no code', () => {
  const source = [
    'const a = "Date.now() // no comment" // Date.now()',
    "const b = 'it\\'s Date.now()' /* Date.now() */ + `x ${Date.now() + `${f({})}`} Date.now()`",
    'const c = /Date\\.now\\(\\)["\'`/]/g.test(d) / 2 / Date.now()',
  ].join('\n')
  const code = codeOf(source)
  expect(code.match(/Date\.now\(\)/g)).toHaveLength(2)
  expect(code).toContain('${Date.now() + `${f({})}`}')
  expect(code).toMatch(/\.test\(d\) \/ 2 \/ Date\.now\(\)$/)
  expect(code.split('\n')).toHaveLength(3)
})

test('a string that looks like a comment hides nothing', () => {
  expect(withoutComments("const url = 'http://x' // y\nimport 'z'")).toContain("import 'z'")
})

test('every form of import is found, with its path and whether it is gone after compilation', () => {
  const source = `
import type { A } from './a.ts'
import { type B, C } from '../psp/b.ts'
import D from 'd'
import E, { F } from 'e'
import * as G from 'g'
import {
  H,
} from './h.ts'
import 'i'
export * from './j.ts'
export type { K } from './k.ts'
export { L } from './l.ts'
// import { no } from './commented.ts'
const text = "import { no } from './text.ts'"
const m = await import('./m.ts')
type N = import('./n.ts').N
export function from(value: number): number { return value }
`
  const found = importsOf('actors/x.ts', source).map(({ specifier, path, typeOnly }) => [specifier, path, typeOnly])
  expect(found).toEqual([
    ['./a.ts', 'actors/a.ts', true],
    ['../psp/b.ts', 'psp/b.ts', false],
    ['d', undefined, false],
    ['e', undefined, false],
    ['g', undefined, false],
    ['./h.ts', 'actors/h.ts', false],
    ['./j.ts', 'actors/j.ts', false],
    ['./k.ts', 'actors/k.ts', true],
    ['./l.ts', 'actors/l.ts', false],
    ['i', undefined, false],
    ['./m.ts', 'actors/m.ts', false],
    ['./n.ts', 'actors/n.ts', true],
  ])
})
