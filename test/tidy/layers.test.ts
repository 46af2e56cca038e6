import { expect, test } from 'vitest'
import { layerOf, mayImport } from './layers.ts'

const production = { typeOnly: false, testCode: false }
const types = { typeOnly: true, testCode: false }
const tests = { typeOnly: false, testCode: true }

test('the domain imports assertions and nothing else', () => {
  expect(mayImport('domain/payment/decide.ts', 'domain/money/currency.ts', production)).toBe(true)
  expect(mayImport('domain/payment/decide.ts', 'runtime/assert.ts', production)).toBe(true)
  expect(mayImport('domain/payment/decide.ts', 'runtime/clock.ts', types)).toBe(false)
  expect(mayImport('domain/payment/decide.ts', 'psp/connector.ts', types)).toBe(false)
})

test('actors know the cluster and the PSPs by their types only', () => {
  expect(mayImport('actors/host.ts', 'cluster/router.ts', types)).toBe(true)
  expect(mayImport('actors/host.ts', 'cluster/router.ts', production)).toBe(false)
  expect(mayImport('actors/host.ts', 'persistence/postgres-journal.ts', types)).toBe(false)
})

test('the gateway reaches the cluster through the router and the database through the read model', () => {
  expect(mayImport('gateway/app.ts', 'cluster/router.ts', production)).toBe(true)
  expect(mayImport('gateway/app.ts', 'cluster/status.ts', types)).toBe(true)
  expect(mayImport('gateway/app.ts', 'cluster/status.ts', production)).toBe(false)
  expect(mayImport('gateway/app.ts', 'persistence/read-model.ts', production)).toBe(true)
  expect(mayImport('gateway/app.ts', 'persistence/postgres-journal.ts', production)).toBe(false)
  expect(mayImport('gateway/app.ts', 'actors/host.ts', production)).toBe(false)
})

test('nothing but composition roots and tests reaches the simulator', () => {
  expect(mayImport('gateway/app.ts', 'psp/simulator/main.ts', types)).toBe(false)
  expect(mayImport('psp/stripe/connector.ts', 'psp/simulator/server.ts', production)).toBe(false)
  expect(mayImport('psp/stripe/connector.test.ts', 'psp/simulator/server.ts', tests)).toBe(true)
  expect(mayImport('bin/start.ts', 'psp/simulator/main.ts', production)).toBe(true)
  expect(mayImport('psp/simulator/server.ts', 'gateway/app.ts', production)).toBe(false)
})

test('a test may use harnesses, twins and conformance suites of other folders', () => {
  const from = 'persistence/postgres-journal.pg.test.ts'
  for (const to of ['test/support/postgres.ts', 'actors/journal-memory.ts', 'actors/journal-conformance.ts']) {
    expect(mayImport(from, to, tests)).toBe(true)
    expect(mayImport('persistence/postgres-journal.ts', to, production)).toBe(false)
  }
  expect(mayImport(from, 'gateway/app.ts', tests)).toBe(false)
})

test('a folder without a row has no layer', () => {
  expect(layerOf('helpers/things.ts')).toBeUndefined()
  expect(layerOf('psp/simulator/book.ts')).toBe('psp/simulator')
  expect(layerOf('psp/stripe/wire.ts')).toBe('psp')
  expect(layerOf('vitest.config.ts')).toBe('')
})
