/** docs/metrics.md is what the code registers, and no metric of the code is missing from it. */
import { expect, test } from 'vitest'
import { metricsPage } from '../../bin/metrics-page.ts'
import { isTestCode, projectFiles, readProjectFile, withoutComments } from './source.ts'

const page = readProjectFile('docs/metrics.md')

/** Any call that registers, also through a helper of one of those names: its first text is the metric's. */
const registration = /\b(?:counter|gauge|histogram)(?:<[^>]*>)?\(\s*(?:\{\s*name:\s*)?'([a-z_]+)'/g

const registered = projectFiles()
  .filter((path) => /^(?:actors|bin|cluster|gateway|persistence|psp|runtime)\/.*\.ts$/.test(path) && !isTestCode(path))
  .flatMap((path) =>
    [...withoutComments(readProjectFile(path)).matchAll(registration)].map(([, name]) => ({
      path,
      name: `pay_${name}`,
    })),
  )

test('docs/metrics.md is current (npm run docs writes it)', () => {
  expect(page).toBe(metricsPage())
})

test('every metric that code registers is on the page', () => {
  expect(registered.length).toBeGreaterThan(30)
  expect(registered.filter(({ name }) => !page.includes(`| \`${name}\` |`))).toEqual([])
})

test('every metric on the page is registered once per part, and says what it means', () => {
  const rows = [...page.matchAll(/^\| `(pay_[a-z_]+)` \| (\w+) \| (.*?) \| (.+) \|$/gm)]
  expect(rows.length).toBe(registered.length)
  expect(new Set(rows.map(([, name]) => name)).size).toBe(rows.length)
  for (const [, name, , , meaning] of rows) expect(meaning, name).toMatch(/\.$/)
})

test('documents name no metric that there is not', () => {
  const names = new Set([...page.matchAll(/`(pay_[a-z_]+)`/g)].map(([, name]) => name))
  const unknown = projectFiles()
    .filter((path) => path.endsWith('.md') && !path.startsWith('test/'))
    .flatMap((path) =>
      [...readProjectFile(path).matchAll(/`(pay_[a-z]+(?:_[a-z]+)+)(?:\{[^`]*\})?`/g)].map(([, name]) => ({
        path,
        name,
      })),
    )
    .filter(({ name }) => !names.has(name) && !/^pay_(?:live|test)_/.test(name ?? ''))
  expect(unknown).toEqual([])
})
