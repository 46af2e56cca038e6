import { afterEach, describe, expect, test } from 'vitest'
import { addressOfPayment } from '../../domain/ids.ts'
import { create, says, succeeded } from '../../domain/payment/testing/fixtures.ts'
import { given, idOf, nothing, payment } from '../../domain/payment/testing/scenario.ts'
import { type Clone, cloneIn } from './testing.ts'

const ended: (() => unknown)[] = []
const clone = (): Promise<Clone> => cloneIn(ended)

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

test('payment show and journal show say that a payment is archived, where, and since when', async () => {
  const { run, journal } = await clone()
  const pending = given(nothing(), create())
  const state = payment(given(pending, says(idOf(pending, 'att'), succeeded())))
  const { shard = 0, entity = '' } = addressOfPayment(state.id) ?? {}
  const at = { closedAt: Date.UTC(2025, 0, 2), archivedAt: Date.UTC(2026, 1, 3) }
  journal.archives = [{ shard, entity, seq: state.seq, epoch: 1, ...at, file: 'payments-1.archive', state }]
  for (const command of ['payment', 'journal']) {
    const { code, out } = await run(command, 'show', state.id)
    expect(code).toBe(0)
    expect(out).toContain(
      `archived 2026-02-03T00:00:00, closed since 2025-01-02T00:00:00 (UTC): decisions 1 to ${state.seq} are in payments-1.archive`,
    )
  }
  expect((await run('payment', 'show', state.id)).out).toContain(`${state.id}: ${state.lifecycle.status}, `)
  expect(JSON.parse((await run('payment', 'show', state.id, '--json')).out)).toMatchObject({
    archived: { file: 'payments-1.archive', seq: state.seq, closed_at: '2025-01-02T00:00:00.000Z' },
    decisions: [],
  })
  const verify = await run('journal', 'verify', String(shard))
  expect([verify.code, verify.err]).toEqual([1, expect.stringContaining(`1 payments of shard ${shard} are archived`)])
})

describe('journal archive and restore', () => {
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }

  test.each([
    [2, ['archive'], "required option '--to <directory>'"],
    [2, ['archive', '--to', '/nowhere'], '/nowhere is not a directory'],
    [2, ['archive', '1024', '--to', '/tmp'], 'there is no shard 1024'],
    [2, ['archive', '--to', '/tmp', '--closed-for', '-1'], 'Days, such as 400.'],
    [3, ['archive', '--to', '/tmp'], 'it was broken off'],
    [2, ['restore'], "missing required argument 'files'"],
    [2, ['restore', 'x.archive', '--payment', 'pay_x'], 'pay_x is not a payment’s id'],
    [2, ['verify', '--archive', '/nowhere'], '/nowhere is not a directory'],
  ])('exit %d for %j, and it says why', async (code, args, why) => {
    const { runWith } = await clone()
    const ran = await runWith(env, 'journal', ...args)
    expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(why)])
    expect(ran.err).not.toContain('    at ')
  })
})
