import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom, systemRandom } from '../../runtime/random.ts'
import { readSeed } from '../seed.ts'
import { loadSecrets, writeSeed } from './secrets.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'

const freshDirectory = (): string => join(temporaryDirectory(), 'secrets')

test('secrets are made once and kept', async () => {
  const directory = freshDirectory()
  const first = await loadSecrets(directory, systemRandom)
  const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
  const second = await loadSecrets(directory, systemRandom)
  expect(first.isNew).toBe(true)
  expect(second).toEqual({ ...first, isNew: false })
  expect(readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))).toEqual(texts)
})

test('only the owner can read them', async () => {
  const directory = freshDirectory()
  await loadSecrets(directory, systemRandom)
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600)
})

test('two merchants are seeded, each with a test key of its own, in the development tier', async () => {
  const secrets = await loadSecrets(freshDirectory(), seededRandom(1))
  const { merchants, seedFile, idKeyFile, keySecretFile } = secrets
  await writeSeed(secrets, 'http://127.0.0.1:12111')
  expect(readSeed(seedFile)).toMatchObject({
    merchants,
    psp_connections: [
      { name: 'stripe-test', url: 'http://127.0.0.1:12111' },
      { name: 'adyen-test', url: 'http://127.0.0.1:12111' },
    ],
  })
  expect(merchants).toHaveLength(2)
  expect(new Set(merchants.map(({ api_key }) => api_key)).size).toBe(2)
  for (const merchant of merchants) {
    expect(merchant.id).toMatch(/^mer_[0-9A-Za-z]{1,60}$/)
    expect(merchant.api_key).toMatch(/^sk_test_[0-9a-f]{48}$/)
    expect(merchant.rate_tier).toBe('development')
  }
  for (const path of [idKeyFile, keySecretFile]) expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}$/)
})

test.each(['id_key', 'merchants.json'])('a damaged %s is refused and never overwritten', async (name) => {
  const directory = freshDirectory()
  await loadSecrets(directory, systemRandom)
  writeFileSync(join(directory, name), '{"merchants":')
  await expect(loadSecrets(directory, systemRandom)).rejects.toMatchObject({ code: 'configuration_invalid' })
  expect(readFileSync(join(directory, name), 'utf8')).toBe('{"merchants":')
})
