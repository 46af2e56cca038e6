import { describe, expect, test } from 'vitest'
import { hashOf, OperatorTokens, parseOperatorTokens } from './tokens.ts'

const token = 'abcdefghijklmnopqrstuvwx'
const entry = { role: 'operator', name: 'ops-1', token }
const parse = (...entries: readonly object[]) => parseOperatorTokens(JSON.stringify(entries))

describe('operators’ tokens', () => {
  test('are read from a file, and kept as hashes alone', () => {
    const tokens = parse(
      { ...entry, expires_at: '2027-01-01T00:00:00Z' },
      { role: 'viewer', name: 'v', token: `${token}1` },
    )
    expect(tokens[0]).toEqual({ role: 'operator', name: 'ops-1', hash: hashOf(token), expiresAt: Date.UTC(2027, 0, 1) })
    expect(JSON.stringify(tokens)).not.toContain(token)
  })

  test('work until they expire', () => {
    const tokens = new OperatorTokens(parse({ ...entry, expires_at: '2027-01-01T00:00:00Z' }))
    const at = Date.UTC(2027, 0, 1)
    expect(tokens.find(`Bearer ${token}`, at - 1)).toMatchObject({ name: 'ops-1', role: 'operator' })
    expect(tokens.find(`bearer ${token}`, at - 1)).toMatchObject({ name: 'ops-1' })
    expect(tokens.find(`Bearer ${token}`, at)).toBeUndefined()
    for (const wrong of [undefined, '', token, `Basic ${token}`, `Bearer ${token} `, `Bearer ${token}x`]) {
      expect(tokens.find(wrong, 0)).toBeUndefined()
    }
  })

  test.each([
    ['entry 1: role', [{ ...entry, role: 'root' }]],
    ['entry 1: name', [{ ...entry, name: 'Jane Doe' }]],
    ['entry 2: token', [entry, { ...entry, name: 'b', token: 'short' }]],
    ['entry 1: expires_at', [{ ...entry, expires_at: 'soon' }]],
    ['two entries have the same name', [entry, { ...entry, token: `${token}2` }]],
    ['two entries have the same token', [entry, { ...entry, name: 'b' }]],
  ])('a file that is wrong is refused with "%s", and no token is repeated', (message, entries) => {
    let said = ''
    try {
      parse(...entries)
    } catch (error) {
      said = (error as Error).message
    }
    expect(said).toContain(message)
    expect(said).not.toContain(token)
  })

  test('a file that is no JSON, or no list, is refused', () => {
    expect(() => parseOperatorTokens(`{"token": "${token}"`)).toThrow('not valid JSON')
    expect(() => parseOperatorTokens('{}')).toThrow('a list of at most 64')
  })
})
