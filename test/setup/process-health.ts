/**
 * Runs beside every test file: a process warning (a deprecation, a leaking emitter) and a polluted prototype fail the
 * file that caused them. Two things that no assertion of a test looks for, and that harm whoever comes next.
 */
import { setImmediate } from 'node:timers/promises'
import { afterAll, expect } from 'vitest'

/** kafkajs 2.2.4 sets a negative timeout on every connection; no other warning is let through. */
const knownWarnings: ReadonlySet<string> = new Set(['TimeoutNegativeWarning'])

const warnings: string[] = []
process.on('warning', (warning) => {
  if (!knownWarnings.has(warning.name)) warnings.push(warning.stack ?? `${warning.name}: ${warning.message}`)
})

afterAll(async () => {
  await setImmediate() // warnings are emitted on the next tick
  expect(warnings, 'process warnings').toEqual([])
  // hashring's cache is a plain object: a key such as `__proto__` would leave `value` behind on every object
  expect(Object.keys(Object.prototype), 'Object.prototype').toEqual([])
  expect('value' in Object, 'Object.value').toBe(false)
})
