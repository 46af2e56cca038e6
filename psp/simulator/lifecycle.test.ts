/** What time does to objects, and what the controls and the process keep to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { cleanUp, confirmed, testDirectory, testSimulator } from '../../test/support/simulator.ts'

const pay = '/v1/payment_intents'

describe('as time goes by', () => {
  it('a hold that nobody captures cancels itself after seven days', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const held = await simulator.post(pay, confirmed({ capture_method: 'manual', expand: ['latest_charge'] }))
    const path = `${pay}/${String(held.json['id'])}`
    clock.advance(7 * 24 * 3600 * 1000 - 1000)
    expect((await simulator.get(path)).json['status']).toBe('requires_capture')
    clock.advance(1000)
    expect((await simulator.get(path)).json).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'automatic',
      amount_capturable: 0,
    })
    expect((await simulator.post(`${path}/capture`, {})).json).toMatchObject({
      error: { payment_intent: { status: 'canceled' } },
    })
  })

  it('a pending refund succeeds, and a failing one fails after it had succeeded and can be tried again', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const refundOf = async (token: string): Promise<{ refund: string; intent: string; status: unknown }> => {
      const intent = String((await simulator.post(pay, confirmed({ payment_method: token }))).json['id'])
      const { json } = await simulator.post('/v1/refunds', { payment_intent: intent })
      return { refund: String(json['id']), intent, status: json['status'] }
    }
    const pending = await refundOf('pm_card_pendingRefund')
    const failing = await refundOf('pm_card_refundFail')
    expect([pending.status, failing.status]).toEqual(['pending', 'succeeded'])
    expect((await simulator.post('/v1/refunds', { payment_intent: failing.intent })).status).toBe(400)
    clock.advance(3000)
    expect((await simulator.get(`/v1/refunds/${pending.refund}`)).json['status']).toBe('succeeded')
    expect((await simulator.get(`/v1/refunds/${failing.refund}`)).json).toMatchObject({
      status: 'failed',
      failure_reason: 'unknown',
    })
    expect((await simulator.post('/v1/refunds', { payment_intent: failing.intent })).status).toBe(200)
  })

  it('several captures are possible where they were asked for, and only there', async () => {
    const simulator = await testSimulator()
    const once = await simulator.post(pay, confirmed({ capture_method: 'manual' }))
    const refused = await simulator.post(`${pay}/${String(once.json['id'])}/capture`, { final_capture: false })
    expect([refused.status, refused.json]).toMatchObject([400, { error: { param: 'final_capture' } }])
    const several = await simulator.post(
      pay,
      confirmed({
        capture_method: 'manual',
        payment_method_options: { card: { request_multicapture: 'if_available' } },
      }),
    )
    const capture = (fields: object) => simulator.post(`${pay}/${String(several.json['id'])}/capture`, { ...fields })
    expect((await capture({ amount_to_capture: 300, final_capture: false })).json).toMatchObject({
      status: 'requires_capture',
      amount_received: 300,
      amount_capturable: 700,
    })
    expect((await capture({ amount_to_capture: 100 })).json).toMatchObject({
      status: 'succeeded',
      amount_received: 400,
      amount_capturable: 0,
    })
  })
})

interface Running {
  readonly child: ChildProcess
  readonly url: string
}

async function spawnSimulator(directory: string, port: number | string = 0): Promise<Running> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, '--port', String(port), '--book', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cleanUp(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const ready = JSON.parse(line) as { ready: boolean; url: string; admin_url: string; pid: number }
  expect(ready).toEqual({ ready: true, url: ready.url, admin_url: `${ready.url}/_admin`, pid: child.pid })
  return { child, url: ready.url }
}

function charge(url: string, key: string): Promise<Response> {
  return fetch(`${url}${pay}`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer sk_test_x',
      'content-type': 'application/x-www-form-urlencoded',
      'idempotency-key': key,
    },
    body: 'amount=5&currency=usd&confirm=true&payment_method=pm_card_visa&return_url=https%3A%2F%2Fa.example&metadata[payment_id]=pay_a',
  })
}

describe('as a process', () => {
  it('says where it listens, survives kill -9 with everything it answered, and charges no key twice', async () => {
    const directory = await testDirectory()
    const before = await spawnSimulator(directory)
    const keys = Array.from({ length: 20 }, (_, index) => `att_${index}`)
    const answers = await Promise.all(keys.map(async (key) => (await charge(before.url, key)).text()))
    before.child.kill('SIGKILL')
    await once(before.child, 'exit')

    const after = await spawnSimulator(directory, new URL(before.url).port)
    expect(after.url).toBe(before.url)
    const replayed = await Promise.all(keys.map(async (key) => (await charge(after.url, key)).text()))
    expect(replayed).toEqual(answers)
    const book = (await (await fetch(`${after.url}/_admin/book?payment=pay_a`)).text()).trim().split('\n')
    const effects = book
      .map((line) => JSON.parse(line) as { operation: string; effect: boolean })
      .filter(({ effect }) => effect)
    expect(effects.filter(({ operation }) => operation === 'authorize')).toHaveLength(20)
    after.child.kill('SIGTERM')
    expect(await once(after.child, 'exit')).toEqual([0, null])
  })

  it('names what to change where its port is taken', async () => {
    const taken = await testSimulator()
    const main = fileURLToPath(new URL('main.ts', import.meta.url))
    const child = spawn(process.execPath, [main, '--port', new URL(taken.url).port, '--book', await testDirectory()], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(errors).toContain('is in use: set --port or SHARDPAY_SIMULATOR_PORT')
  })
})
