import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../runtime/config.ts'
import { rolesOf, serverSettings, startSettings } from './config.ts'
import { configPage } from './config-page.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'

test('docs/config.md is current (npm run docs writes it)', () => {
  expect(readFileSync(new URL('../docs/config.md', import.meta.url), 'utf8')).toBe(configPage())
})

test('a server needs its two keys, a database where it has one, and nothing else', () => {
  const directory = temporaryDirectory()
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const config = loadConfig(serverSettings, {
    DATABASE_URL: 'postgresql://localhost/pay',
    SHARDPAY_ID_KEY_FILE: file('id', 'ab'.repeat(32)),
    SHARDPAY_KEY_SECRET_FILE: file('secret', 'cd'.repeat(32)),
  })
  expect(config).toMatchObject({ merchantHost: '127.0.0.1', merchantPort: 8080, nodeId: 'node-1', seedFile: undefined })
})

test('a role named twice is refused, and --roles is one or several of three', () => {
  expect([...rolesOf('node,gateway')]).toEqual(['node', 'gateway'])
  expect(() => rolesOf('node,node')).toThrow('SHARDPAY_ROLES names a role twice')
})

test('npm start needs no setting at all', () => {
  expect(loadConfig(startSettings, {})).toEqual({
    databaseUrl: undefined,
    directory: undefined,
    nodes: 3,
    merchantPort: 8080,
    operatorPort: 8081,
    simulatorPort: 12_111,
    postgresPort: 54_329,
    logLevel: 'warn',
  })
})
