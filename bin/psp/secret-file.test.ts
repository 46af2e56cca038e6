import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { readSecret, readSecrets } from './secret-file.ts'

const setting = 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE'

function holding(text: string): Record<string, string> {
  const path = join(temporaryDirectory(), 'secret')
  writeFileSync(path, text)
  chmodSync(path, 0o600)
  return { [setting]: path }
}

describe('a file of secrets', () => {
  test('holds one per line, blanks and empty lines aside', () => {
    expect(readSecrets(setting, holding('  whsec_new \r\n\nwhsec_old\n'))).toEqual(['whsec_new', 'whsec_old'])
  })

  test.each<[string, () => Record<string, string>, string]>([
    ['a setting that is not set', () => ({}), 'is not set'],
    ['a file that is not there', () => ({ [setting]: '/nowhere' }), 'ENOENT'],
    ['an empty file', () => holding(' \n\n'), 'without a secret'],
    ['a file of many lines', () => holding('x\n'.repeat(17)), 'more than 16 lines'],
    ['a file that is no list of secrets', () => holding('x'.repeat(70_000)), 'too long'],
  ])('%s is named with its cause', (_, environmentOf, cause) => {
    const environment = environmentOf()
    expect(() => readSecrets(setting, environment)).toThrow(`${setting} `)
    expect(() => readSecrets(setting, environment)).toThrow(cause)
  })

  test('with two secrets is refused where one is needed, and neither is named', () => {
    expect(() => readSecret(setting, holding('sk_test_aaaa\nsk_test_bbbb'))).toThrow(/^(?!.*sk_test).*several lines/)
  })
})
