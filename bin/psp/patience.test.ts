import { describe, expect, test } from 'vitest'
import type { PspConnection } from '../../domain/operator/psp-connections.ts'
import { buildConnector } from './build.ts'

const stripe: PspConnection = {
  name: 'stripe-test',
  psp: 'stripe',
  mode: 'test',
  secretSetting: 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE',
}
const adyen: PspConnection = {
  name: 'adyen-live',
  psp: 'adyen',
  mode: 'live',
  secretSetting: 'SHARDPAY_ADYEN_LIVE_API_KEY_FILE',
  merchantAccount: 'ShardpayECOM',
  url: 'https://0123456789abcdef-Shardpay-checkout-live.adyenpayments.com',
}

describe('a patience with PSPs of test mode', () => {
  test('bounds what is waited for on a test connection, and leaves the PSP’s keys as they are', () => {
    const { profile: usual } = buildConnector(stripe, { apiKey: 'sk_test_a' })
    const { profile } = buildConnector(stripe, { apiKey: 'sk_test_a' }, 4_000)
    expect(profile).toEqual({
      ...usual,
      sendWithinMs: 4_000,
      quietPeriodMs: 4_000,
      acceptedWithinMs: 4_000,
      inquiryPauseMsMax: 4_000,
    })
  })

  test('lengthens nothing', () => {
    const { profile: usual } = buildConnector(stripe, { apiKey: 'sk_test_a' })
    const { profile } = buildConnector(stripe, { apiKey: 'sk_test_a' }, 86_400_000)
    expect(profile).toEqual({ ...usual, inquiryPauseMsMax: 86_400_000 })
  })

  test('is nothing to a live connection', () => {
    const { profile: usual } = buildConnector(adyen, { apiKey: 'live_a' })
    expect(buildConnector(adyen, { apiKey: 'live_a' }, 1_000).profile).toEqual(usual)
  })
})
