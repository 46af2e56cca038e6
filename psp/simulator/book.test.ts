import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { Book, type BookLine } from './book.ts'
import { cleanUp, confirmed, testDirectory, testSimulator } from '../../test/support/simulator.ts'

const pay = '/v1/payment_intents'

describe('the book', () => {
  it('brings everything back after a restart: objects, keys, refunds left, ids never given twice', async () => {
    const directory = await testDirectory()
    const clock = new VirtualClock()
    const before = await testSimulator({ directory, clock })
    const held = await before.post(
      pay,
      confirmed({ capture_method: 'manual', metadata: { payment_id: 'pay_a' } }),
      'att_1',
    )
    const intent = String(held.json['id'])
    const declined = await before.post(pay, confirmed({ payment_method: 'pm_card_chargeDeclined' }), 'att_2')
    await before.behave([{ action: 'error_500_after', times: 1 }])
    const failed = await before.post(pay, confirmed(), 'att_3')
    const captured = await before.post(`${pay}/${intent}/capture`, { amount_to_capture: 600 }, 'cap_1')
    const refund = await before.post('/v1/refunds', { payment_intent: intent, amount: 200 }, 're_1')
    const seen = await before.get(`${pay}/${intent}?expand[]=latest_charge`)
    const list = await before.get(pay)
    const book = await before.book()
    await before.close()

    const after = await testSimulator({ directory, clock })
    expect(await after.book()).toEqual(book)
    expect((await after.get(`${pay}/${intent}?expand[]=latest_charge`)).text).toBe(seen.text)
    expect((await after.get(pay)).text).toBe(list.text)
    expect(
      (await after.post(pay, confirmed({ capture_method: 'manual', metadata: { payment_id: 'pay_a' } }), 'att_1')).text,
    ).toBe(held.text)
    expect((await after.post(pay, confirmed({ payment_method: 'pm_card_chargeDeclined' }), 'att_2')).text).toBe(
      declined.text,
    )
    const stored = await after.post(pay, confirmed(), 'att_3')
    expect([stored.status, stored.text]).toEqual([500, failed.text])
    expect((await after.post(`${pay}/${intent}/capture`, { amount_to_capture: 600 }, 'cap_1')).text).toBe(captured.text)
    expect((await after.post('/v1/refunds', { payment_intent: intent, amount: 200 }, 're_1')).text).toBe(refund.text)
    expect((await after.post('/v1/refunds', { payment_intent: intent, amount: 401 })).status).toBe(400)
    const next = await after.post(pay, confirmed())
    expect((await after.get(pay)).json['data']).toHaveLength((list.json['data'] as unknown[]).length + 1)
    expect(list.text).not.toContain(String(next.json['id']))
    expect((await after.book('pay_a')).filter(({ effect }) => effect)).toHaveLength(3)
  })

  it('tells each request once: what was asked, by whom, and whether anything was effected', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const fields = confirmed({ metadata: { payment_id: 'pay_a', operation_id: 'att_1' } })
    const intent = (await simulator.post(pay, fields, 'key')).json['id']
    await simulator.post(pay, fields, 'key')
    await simulator.behave([{ action: 'timeout_after', times: 1 }])
    const hanging = fetch(`${simulator.url}${pay}`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_x', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'amount=5&currency=usd&confirm=true&payment_method=pm_card_visa&return_url=https%3A%2F%2Fa.example&metadata[payment_id]=pay_a',
    }).catch(() => 'hung up')
    const ours = (): Promise<object[]> => simulator.book('pay_a')
    await expect.poll(async () => (await ours()).length).toBe(5)
    const common = {
      at: clock.now(),
      currency: 'eur',
      payment: 'pay_a',
      operation_id: 'att_1',
      idempotency_key: 'key',
      amount: 1000,
    }
    expect(await ours()).toMatchObject([
      { ...common, operation: 'authorize', effect: true, status: 'succeeded' },
      { ...common, operation: 'capture', effect: true, status: 'succeeded' },
      { ...common, operation: 'authorize', effect: false, status: 'replayed', psp_reference: intent },
      { operation: 'authorize', effect: true, amount: 5, currency: 'usd', operation_id: null, idempotency_key: null },
      { operation: 'capture', effect: true },
    ])
    expect(await simulator.book('pay_nobody')).toEqual([])
    expect(await simulator.book()).toHaveLength(5)
    await simulator.close()
    expect(await hanging).toBe('hung up')
  })

  it('cuts off half a line that a killed process left, and goes on behind what is whole', async () => {
    const directory = await testDirectory()
    const before = await testSimulator({ directory })
    await before.post(pay, confirmed({ metadata: { payment_id: 'pay_a' } }), 'att_1')
    await before.close()
    const path = join(directory, 'book.jsonl')
    const whole = await readFile(path, 'utf8')
    await appendFile(path, whole.slice(0, 300))
    const after = await testSimulator({ directory })
    expect((await stat(path)).size).toBe(Buffer.byteLength(whole))
    await after.post(pay, confirmed({ metadata: { payment_id: 'pay_a' } }), 'att_2')
    expect(await after.book('pay_a')).toHaveLength(4)
    await after.close()
    // on a slow machine what Stripe does with a charge some time later is a line too
    expect(await readFile(path, 'utf8')).toMatch(/^(?:\{.*\}\n){2,4}$/)
  })

  it('starts empty where nothing but half a line was written', async () => {
    const directory = await testDirectory()
    await writeFile(join(directory, 'book.jsonl'), `{"at":1,"${'x'.repeat(200_000)}`)
    const lines: BookLine[] = []
    const book = await Book.open(directory, (line) => lines.push(line))
    cleanUp(() => Promise.resolve(book.close()))
    expect(lines).toEqual([])
    expect((await stat(book.path)).size).toBe(0)
  })

  it('refuses to start on a line that is whole and no line of a book: it is evidence, not to be skipped', async () => {
    const directory = await testDirectory()
    await writeFile(join(directory, 'book.jsonl'), 'not json\n')
    await expect(testSimulator({ directory })).rejects.toThrow('JSON')
  })
})
