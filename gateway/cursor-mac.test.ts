import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Cursor, CursorMac } from './cursor-mac.ts'
import { idKey } from './testing.ts'

const mac = new CursorMac(createSecretKey(idKey))
const cursor: Cursor = { direction: 'older', place: { at: 1_793_793_600_123, id: 'pay_0123456789abcdefghjkmnpqrs' } }
const list = '["payments","mer_a","test",{}]'

test('a token opens to what it was made of, at every process with the key', () => {
  const again = new CursorMac(createSecretKey(idKey))
  for (const direction of ['older', 'newer'] as const) {
    expect(again.open(list, mac.seal(list, { ...cursor, direction }))).toEqual({ ...cursor, direction })
  }
  expect(mac.seal(list, cursor)).toMatch(/^[A-Za-z0-9_-]{60,128}$/)
})

test('a token that was changed anywhere does not open', () => {
  const token = mac.seal(list, cursor)
  for (let at = 0; at < token.length; at += 1) {
    const other = token[at] === 'A' ? 'B' : 'A'
    expect(mac.open(list, `${token.slice(0, at)}${other}${token.slice(at + 1)}`), `${at}`).toBeUndefined()
  }
  for (const wrong of [
    '',
    'A',
    token.slice(1),
    token.slice(0, -1),
    `${token}A`,
    `${token}=`,
    `${token}\n`,
    token.repeat(2),
  ])
    expect(mac.open(list, wrong)).toBeUndefined()
})

test('a token opens no other list than the one it was made for, and not under another key', () => {
  const token = mac.seal(list, cursor)
  expect(mac.open('["payments","mer_b","test",{}]', token)).toBeUndefined()
  expect(mac.open('', token)).toBeUndefined()
  expect(new CursorMac(createSecretKey(Buffer.alloc(32, 9))).open(list, token)).toBeUndefined()
})

test('a token shows nothing of its place', () => {
  const shown = Buffer.from(mac.seal(list, cursor), 'base64url').toString('latin1')
  expect(shown).not.toMatch(/pay_|0123/)
})

test('what a token is bound to and what it holds do not run into each other', () => {
  const token = Buffer.from(mac.seal('ab', cursor), 'base64url')
  const shifted = Buffer.concat([token.subarray(0, 16), Buffer.from('b'), token.subarray(16)]).toString('base64url')
  expect(mac.open('a', shifted)).toBeUndefined()
})
