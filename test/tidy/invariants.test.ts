/** docs/INVARIANTS.md promises that what it names is there; code that cites an invariant cites one that exists. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { projectFiles, readProjectFile } from './source.ts'

const page = readProjectFile('docs/INVARIANTS.md')
const numbers = [...page.matchAll(/^### I(\d+)\. /gm)].map(([, number]) => Number(number))
const sections = page.split(/^(?=### )/m).slice(1)

test('invariants are numbered without gaps, and each has who keeps it and what shows it', () => {
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  expect(numbers.length).toBeGreaterThan(0)
  for (const section of sections) {
    expect(section).toMatch(/^- kept by `/m)
    expect(section).toMatch(/^- shown by `/m)
  }
})

test('every file that keeps an invariant exists', () => {
  const keepers = [...page.matchAll(/^- kept by (.+)$/gm)].flatMap(([, list = '']) =>
    [...list.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
  )
  const missing = keepers.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))
  expect(missing).toEqual([])
})

test('every test that shows an invariant exists under the words quoted', () => {
  const shown = [...page.matchAll(/^- shown by (.+)$/gm)].map(([, line = '']) => line)
  const wrong = shown.filter((line) => {
    const [, path = '', title = ''] = /^`([^`]+)`: "(.+)"$/.exec(line) ?? []
    return !existsSync(new URL(`../../${path}`, import.meta.url)) || !readProjectFile(path).includes(title)
  })
  expect(wrong).toEqual([])
})

test('every invariant that code cites exists', () => {
  const wrong = projectFiles()
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [...readProjectFile(path).matchAll(/\(I(\d+)\)/g)].map(([, number]) => ({ path, number })))
    .filter(({ number }) => !numbers.includes(Number(number)))
  expect(wrong).toEqual([])
})
