import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { ConfigError, loadConfig, optionalSetting, setting, unknownVariables } from './config.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'

const settings = {
  port: setting('APP_PORT', Type.Integer({ minimum: 0, maximum: 65_535, default: 8080 })),
  level: setting('APP_LEVEL', Type.Enum(['info', 'error'], { default: 'info' })),
  strict: setting('APP_STRICT', Type.Boolean({ default: false })),
  key: setting('APP_KEY', Type.String({ pattern: '^[0-9a-f]{8}$' }), {
    source: 'file',
    expected: '8 hexadecimal digits',
  }),
  url: setting('APP_URL', Type.String({ minLength: 1 }), { source: 'value or file' }),
  seed: optionalSetting('APP_SEED', Type.String()),
}

function file(text: string): string {
  const path = join(temporaryDirectory(), 'secret')
  writeFileSync(path, text)
  return path
}

const complete = () => ({ APP_KEY_FILE: file('0123abcd\n'), APP_URL: 'postgres://localhost/pay' })

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(settings, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ variable, problem }) => `${variable} ${problem}`)
    throw error
  }
  return []
}

test('values are typed, defaults apply, secrets come from their files without the line end', () => {
  const config = loadConfig(settings, { ...complete(), APP_PORT: '0', APP_STRICT: 'true' })
  expect(config).toEqual({
    port: 0,
    level: 'info',
    strict: true,
    key: '0123abcd',
    url: 'postgres://localhost/pay',
    seed: undefined,
  })
  const port: number = config.port
  const seed: string | undefined = config.seed
  expect([port, seed]).toEqual([0, undefined])
})

test('an empty variable counts as absent', () => {
  expect(loadConfig(settings, { ...complete(), APP_PORT: '', APP_SEED: '' })).toMatchObject({ port: 8080 })
})

test('one error names every variable that is wrong, and repeats no value', () => {
  const environment = { APP_PORT: '70000', APP_LEVEL: 'loud', APP_STRICT: 'yes', APP_KEY_FILE: file('hunter2') }
  expect(problemsOf(environment)).toEqual([
    'APP_PORT must be a whole number from 0 to 65535',
    'APP_LEVEL must be one of info, error',
    'APP_STRICT must be true or false',
    'APP_KEY_FILE must name a file that holds 8 hexadecimal digits',
    'APP_URL or APP_URL_FILE is not set: text',
  ])
  expect(() => loadConfig(settings, environment)).toThrow(/^(?!.*(?:hunter2|70000|loud))/)
})

test.each(['1e3', ' 80', '080', '8080.0', '0x50', '+80', '٨٠'])('%j is no number for a port', (text) => {
  expect(problemsOf({ ...complete(), APP_PORT: text })).toEqual(['APP_PORT must be a whole number from 0 to 65535'])
})

test('a secret in the environment itself is not taken', () => {
  expect(problemsOf({ APP_KEY: '0123abcd', APP_URL: 'x' })).toEqual(['APP_KEY_FILE is not set: 8 hexadecimal digits'])
})

test('a secret file that cannot be read is named by its variable', () => {
  expect(problemsOf({ ...complete(), APP_KEY_FILE: '/nowhere/at/all' })).toEqual([
    'APP_KEY_FILE names a file that cannot be read (ENOENT)',
  ])
})

test('a value and its file at once are refused', () => {
  expect(problemsOf({ ...complete(), APP_URL_FILE: file('x') })).toEqual([
    'APP_URL and APP_URL_FILE are both set: one is enough',
  ])
})

test('a variable with our prefix that no setting knows is found', () => {
  const environment = { APP_PORT: '1', APP_KEY_FILE: 'x', APP_PROT: '1', APP_KEY: 'x', PATH: '/bin' }
  expect(unknownVariables('APP_', environment, settings)).toEqual(['APP_KEY', 'APP_PROT'])
})
