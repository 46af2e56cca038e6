import { afterEach, expect, test } from 'vitest'
import { cloneIn, uncoloured } from './testing.ts'

const ended: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

const limits = ['merchant', 'limits', 'mer_a']
const ofEuros = ['--mode', 'live', '--currency', 'EUR']

test('limits are set and cleared one by one, and shown alone or with their merchant', async () => {
  const { run } = await cloneIn(ended)
  expect((await run('merchant', 'create', 'mer_a', '--name', 'A', '--route', 'stripe-test')).code).toBe(0)
  expect(uncoloured((await run(...limits)).out)).toBe('no limits\n')
  const set = await run(...limits, ...ofEuros, '--set', 'max_amount=500', '--set', 'hourly_count=3')
  expect(uncoloured(set.out)).toMatch(/^live +EUR +500 +– +3 +– +–$/m)
  const cleared = await run(...limits, ...ofEuros, '--clear', 'hourly_count')
  expect(uncoloured(cleared.out)).toMatch(/EUR +500 +– +– +– +–$/m)
  const shown = uncoloured((await run('merchant', 'show', 'mer_a')).out)
  expect(shown).toMatch(/^mer_a {2}A\nstatus active, rate tier standard, 1 routes, working keys none\n/)
  expect(shown).toMatch(/^live +EUR +500/m)
  expect(JSON.parse((await run(...limits, '--json')).out)).toMatchObject([{ mode: 'live', max_amount: 500 }])
})

test('what the API refuses is said with its code', async () => {
  const { run } = await cloneIn(ended)
  await run('merchant', 'create', 'mer_a', '--name', 'A')
  const wide = await run(...limits, ...ofEuros, '--set', 'hourly_count=9', '--set', 'daily_count=8', '--json')
  expect(wide.code).not.toBe(0)
  expect(JSON.parse(wide.err)).toMatchObject({
    error: {
      code: 'limits_contradictory',
      message: expect.stringContaining('hourly_count would be greater') as string,
    },
  })
  expect((await run('merchant', 'show', 'mer_b')).err).toContain('merchant_not_found')
})

test.each([
  [['--set', 'max_amount=5']],
  [[...ofEuros, '--set', 'max_amount=-5']],
  [[...ofEuros, '--set', 'max_amount=0']],
  [[...ofEuros, '--set', 'max_amount=1.5']],
  [[...ofEuros, '--set', 'max_amount=9007199254740992']],
  [[...ofEuros, '--set', 'max_amount']],
  [[...ofEuros, '--set', 'weekly=5']],
  [[...ofEuros, '--clear', 'weekly']],
])('%j is no change of limits: exit code 2, and nothing is sent', async (args) => {
  const { run, actors } = await cloneIn(ended)
  expect((await run(...limits, ...args)).code).toBe(2)
  expect(actors.envelopes).toEqual([])
})
