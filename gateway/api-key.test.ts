import { describe, expect, it } from 'vitest'
import { invalidParam } from '../domain/merchant/validate.ts'
import { seededRandom, systemRandom } from '../runtime/random.ts'
import { allScopes, apiKeyRecordOf, findKey, newApiKey, secretOf } from './api-key.ts'
import { FakeDirectory, keySecret, liveSecret, merchantWith, testSecret } from './testing.ts'

describe('API keys', () => {
  it('are made with 192 random bits, and their record holds nothing that leads back to them', () => {
    for (const mode of ['test', 'live'] as const) {
      const { secret, record } = newApiKey(mode, systemRandom, keySecret)
      expect(secret).toMatch(new RegExp(`^sk_${mode}_[0-9a-f]{48}$`))
      expect(record).toMatchObject({ mode, scopes: allScopes, prefix: `${secret.slice(0, 12)}…` })
      expect(JSON.stringify(record)).not.toContain(secret.slice(12))
      expect(newApiKey(mode, systemRandom, keySecret).secret).not.toBe(secret)
    }
  })

  it('have a record that a merchant’s configuration takes', () => {
    const { record } = newApiKey('test', seededRandom(1), keySecret)
    const command = {
      type: 'AddApiKey',
      merchant: 'mer_a',
      operator: 'bin:start',
      reason: 'seeded',
      key: record,
    } as const
    expect(invalidParam(command)).toBe(undefined)
  })

  it('have one record per secret, so seeding twice adds nothing, and another under another key secret', () => {
    expect(apiKeyRecordOf(testSecret, keySecret)).toEqual(apiKeyRecordOf(testSecret, keySecret))
    expect(apiKeyRecordOf(testSecret, Buffer.alloc(32, 9)).hash).not.toBe(apiKeyRecordOf(testSecret, keySecret).hash)
  })

  it('are refused as a secret if they are short or of no mode', () => {
    for (const secret of [
      'sk_test_short',
      'pk_test_a1B2c3D4e5F6g7H8',
      'sk_prod_a1B2c3D4e5F6g7H8',
      'sk_test_a1B2c3D4e5F6g7H8\n',
    ]) {
      expect(() => apiKeyRecordOf(secret, keySecret)).toThrow('an API key’s secret is')
    }
  })

  it('are read from bearer and basic credentials, and from nothing else', () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
    expect(secretOf(`Bearer ${testSecret}`)).toBe(testSecret)
    expect(secretOf(`bearer ${testSecret}`)).toBe(testSecret)
    expect(secretOf(basic(`${testSecret}:`))).toBe(testSecret)
    for (const text of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      testSecret,
      basic(`${testSecret}:password`),
      `Digest ${testSecret}`,
    ]) {
      expect(secretOf(text)).toBe(undefined)
    }
  })

  it('work until they are revoked, and only in their own mode', () => {
    const directory = new FakeDirectory()
    directory.merchants = [merchantWith([testSecret])]
    expect(findKey(testSecret, keySecret, directory)?.merchant.id).toBe('mer_a')
    expect(findKey(liveSecret, keySecret, directory)).toBe(undefined)
    expect(findKey(testSecret, Buffer.alloc(32, 9), directory)).toBe(undefined)
    directory.merchants = [merchantWith([testSecret], {}, { mode: 'live' })]
    expect(findKey(testSecret, keySecret, directory)).toBe(undefined)
    directory.merchants = [merchantWith([testSecret], {}, { revokedAt: 1 })]
    expect(findKey(testSecret, keySecret, directory)).toBe(undefined)
  })
})
