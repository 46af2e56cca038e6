import { expect, test } from 'vitest'
import { fullEnvironment, scaled, scales } from './scale.ts'

test('a test is short unless the full form is asked for', () => {
  expect(scaled('faultRounds', {})).toBe(scales.faultRounds.short)
  expect(scaled('faultRounds', { SHARDPAY_TEST_FULL: '1' })).toBe(scales.faultRounds.full)
})

test('a variable wins over the short and the full form', () => {
  expect(scaled('propertyRuns', { SHARDPAY_PROPERTY_RUNS: '7' })).toBe(7)
  expect(scaled('propertyRuns', { SHARDPAY_PROPERTY_RUNS: '7', SHARDPAY_TEST_FULL: '1' })).toBe(7)
})

test.each(['0', '-1', '1.5', 'many', ' 5', '1e3'])(
  'a variable of %j is refused instead of making a test empty',
  (text) => {
    expect(() => scaled('propertyRuns', { SHARDPAY_PROPERTY_RUNS: text })).toThrow('SHARDPAY_PROPERTY_RUNS')
  },
)

test('the full form names every number in the environment, and keeps what is set', () => {
  const environment = fullEnvironment({ SHARDPAY_FAULT_ROUNDS: '9' })
  expect(environment).toEqual({
    SHARDPAY_TEST_FULL: '1',
    SHARDPAY_PROPERTY_RUNS: '20000',
    SHARDPAY_FAULT_ROUNDS: '9',
    SHARDPAY_RACE_ROUNDS: '100',
    SHARDPAY_SIMULATION_SEEDS: '10000',
    SHARDPAY_STORM_PAYMENTS: '10000',
    SHARDPAY_FUZZ_CASES: '100000',
    SHARDPAY_DUPLICATE_SENDS: '50',
  })
})
