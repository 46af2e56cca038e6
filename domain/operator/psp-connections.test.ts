import { describe, expect, test } from 'vitest'
import {
  applyDecision,
  decide,
  type PspConnection,
  type PspConnections,
  type PspConnectionsCommand,
  pspConnectionsMax,
} from './psp-connections.ts'

const audit = { operator: 'ops-1', reason: 'test' }
const stripe: PspConnection = {
  name: 'stripe-test',
  psp: 'stripe',
  mode: 'test',
  secretSetting: 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE',
}
const adyen: PspConnection = {
  name: 'adyen-test',
  psp: 'adyen',
  mode: 'test',
  secretSetting: 'SHARDPAY_ADYEN_TEST_API_KEY_FILE',
  webhookSecretSetting: 'SHARDPAY_ADYEN_TEST_HMAC_KEYS_FILE',
  webhookLoginSetting: 'SHARDPAY_ADYEN_TEST_WEBHOOK_LOGIN_FILE',
  merchantAccount: 'ShopECOM',
}

function given(...commands: readonly PspConnectionsCommand[]): PspConnections | undefined {
  let state: PspConnections | undefined
  for (const command of commands) {
    const decision = decide(state, command)
    if (decision.kind !== 'accepted') throw new Error(`${command.type} was ${decision.kind}`)
    state = applyDecision(state, decision.events, { seq: (state?.seq ?? 0) + 1, at: 1_000, epoch: 1 })
  }
  return state
}

const add = (connection: PspConnection): PspConnectionsCommand => ({ type: 'AddPspConnection', connection, ...audit })

function refusal(connection: PspConnection): string | undefined {
  const decision = decide(undefined, add(connection))
  if (decision.kind !== 'rejected') return undefined
  return decision.rejection.code === 'parameter_invalid' ? decision.rejection.param : decision.rejection.code
}

describe('the register of PSP connections', () => {
  test('keeps what was added, with who and when', () => {
    expect(given(add(stripe), add(adyen))?.connections).toEqual([
      { ...stripe, addedAt: 1_000, addedBy: 'ops-1' },
      { ...adyen, addedAt: 1_000, addedBy: 'ops-1' },
    ])
  })

  test('takes the same connection twice as one, and refuses another under its name', () => {
    const state = given(add(stripe))
    expect(decide(state, add(stripe)).kind).toBe('ignored')
    expect(decide(state, add({ ...stripe, url: 'http://127.0.0.1:1' }))).toMatchObject({
      rejection: { code: 'psp_connection_exists' },
    })
  })

  test('replaces all settings of a connection: what is left out is gone', () => {
    const settings = { secretSetting: 'SHARDPAY_NEW_TEST_KEY_FILE', merchantAccount: 'ShopECOM', url: 'http://[::1]:1' }
    const state = given(add(adyen), { type: 'ChangePspConnection', name: 'adyen-test', settings, ...audit })
    expect(state?.connections).toEqual([
      { name: 'adyen-test', psp: 'adyen', mode: 'test', ...settings, addedAt: 1_000, addedBy: 'ops-1' },
    ])
    const again = decide(state, { type: 'ChangePspConnection', name: 'adyen-test', settings, ...audit })
    expect(again.kind).toBe('ignored')
  })

  test('keeps the account of a connection, and its live address: operations in flight are bound to them', () => {
    const live: PspConnection = {
      name: 'adyen-live',
      psp: 'adyen',
      mode: 'live',
      secretSetting: 'SHARDPAY_ADYEN_LIVE_API_KEY_FILE',
      merchantAccount: 'ShopECOM',
      url: 'https://one-checkout-live.adyenpayments.com',
    }
    const state = given(add(live))
    const change = (more: Partial<PspConnection>) => {
      const { name, psp: _psp, mode: _mode, ...settings } = { ...live, ...more }
      return decide(state, { type: 'ChangePspConnection', name, settings, ...audit })
    }
    const elsewhere = { url: 'https://two-checkout-live.adyenpayments.com' }
    expect(change(elsewhere)).toMatchObject({ rejection: { code: 'parameter_invalid', param: 'url' } })
    expect(change({ merchantAccount: 'OtherECOM' })).toMatchObject({ rejection: { param: 'merchant_account' } })
    expect(change({ secretSetting: 'SHARDPAY_ADYEN_LIVE_NEW_KEY_FILE' }).kind).toBe('accepted')
  })

  test('changes nothing that is not registered', () => {
    const settings = { secretSetting: stripe.secretSetting }
    const command: PspConnectionsCommand = { type: 'ChangePspConnection', name: 'stripe-test', settings, ...audit }
    expect(decide(undefined, command)).toMatchObject({ rejection: { code: 'psp_connection_unknown' } })
  })

  test.each<[string, PspConnection, string]>([
    ['a name of another mode', { ...stripe, name: 'stripe-live' }, 'name'],
    ['a secret instead of its setting', { ...stripe, secretSetting: 'sk_test_abcdefgh' }, 'secret_setting'],
    ['a setting of live in test', { ...stripe, secretSetting: 'SHARDPAY_STRIPE_LIVE_KEY_FILE' }, 'secret_setting'],
    [
      'a webhook secret of live in test',
      { ...stripe, webhookSecretSetting: 'SHARDPAY_STRIPE_LIVE_WEBHOOK_FILE' },
      'webhook_secret_setting',
    ],
    ['a login for Stripe', { ...stripe, webhookLoginSetting: 'SHARDPAY_TEST_LOGIN_FILE' }, 'webhook_login_setting'],
    ['a merchant account for Stripe', { ...stripe, merchantAccount: 'Shop' }, 'merchant_account'],
    ['several captures with Stripe', { ...stripe, multicapture: true }, 'multicapture'],
    ['a path in the URL', { ...stripe, url: 'https://api.stripe.com/v1' }, 'url'],
    ['a password in the URL', { ...stripe, url: 'https://me:secret@api.stripe.com' }, 'url'],
    [
      'live Adyen without its own address',
      {
        name: 'adyen-live',
        psp: 'adyen',
        mode: 'live',
        secretSetting: 'SHARDPAY_ADYEN_LIVE_API_KEY_FILE',
        merchantAccount: 'Shop',
      },
      'url',
    ],
  ])('refuses %s', (_, connection, param) => {
    expect(refusal(connection)).toBe(param)
  })

  test('refuses Adyen without a merchant account, and its webhooks without a login', () => {
    const { merchantAccount: _account, ...nameless } = adyen
    expect(refusal(nameless)).toBe('merchant_account')
    const { webhookLoginSetting: _login, ...open } = adyen
    expect(refusal(open)).toBe('webhook_login_setting')
  })

  test('is bounded', () => {
    const many = Array.from({ length: pspConnectionsMax }, (_, n) => add({ ...stripe, name: `stripe-${n}-test` }))
    expect(decide(given(...many), add(stripe))).toMatchObject({ rejection: { code: 'psp_connection_limit_reached' } })
  })
})
