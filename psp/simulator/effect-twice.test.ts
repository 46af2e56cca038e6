/** A PSP with a defect: one key, two effects. */
import { expect, it } from 'vitest'
import { payment, paymentId, testAdyen } from '../../test/support/adyen-simulator.ts'
import { confirmed, testSimulator } from '../../test/support/simulator.ts'

it('Stripe charges twice for one key, answers for the first, and tells of both under our operation’s id', async () => {
  const simulator = await testSimulator()
  await simulator.behave([{ action: 'effect_twice', times: 1 }])
  const ours = { operation_id: 'att_1', payment_id: 'pay_1' }
  const { json } = await simulator.post('/v1/payment_intents', confirmed({ metadata: ours }), 'att_1')
  const effects = (await simulator.book('pay_1')).filter(({ effect }) => effect)
  expect(effects.map(({ operation, operation_id }) => [operation, operation_id])).toEqual([
    ['authorize', 'att_1'],
    ['capture', 'att_1'],
    ['authorize', 'att_1'],
    ['capture', 'att_1'],
  ])
  expect(effects[0]?.psp_reference).toBe(json['id'])
  expect(effects[2]?.psp_reference).not.toBe(json['id'])
  const again = await simulator.post('/v1/payment_intents', confirmed({ metadata: ours }), 'att_1')
  expect(again.json['id']).toBe(json['id'])
})

it('Adyen authorises twice for one key, answers for the first, and tells of both under our reference', async () => {
  const adyen = await testAdyen()
  await adyen.behave([{ action: 'effect_twice', times: 1 }])
  const { json } = await adyen.call('/payments', payment(), { key: 'key' })
  const effects = (await adyen.book(paymentId)).filter(({ effect }) => effect)
  expect(effects.map(({ operation }) => operation)).toEqual(['authorize', 'authorize'])
  const told = await adyen.told()
  expect(told.map(({ eventCode }) => eventCode)).toEqual(['AUTHORISATION', 'AUTHORISATION'])
  expect(new Set(told.map(({ merchantReference }) => merchantReference)).size).toBe(1)
  expect(told[0]?.pspReference).toBe(json['pspReference'])
  expect(told[1]?.pspReference).not.toBe(json['pspReference'])
})
