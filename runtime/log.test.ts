import { expect, test } from 'vitest'
import { createLog, type LogFields, type LogLevel, maskSecrets } from './log.ts'

function recorded(level: LogLevel = 'info') {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  return { lines, log: createLog({ level, fields: { node: 'node-1' }, stream }) }
}

test('a line carries level, time, message, the fields of the log and its own', () => {
  const { lines, log } = recorded()
  log.child({ component: 'journal' }).warn({ shard: 7, code: 'fenced' }, 'another owner has the shard')
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      node: 'node-1',
      component: 'journal',
      shard: 7,
      code: 'fenced',
      message: 'another owner has the shard',
    },
  ])
})

test('a field that is not on the list is left out and counted, whatever its value', () => {
  const { lines, log } = recorded()
  const fields = { shard: 1, body: { card: '4242424242424242' }, authorization: 'x', reason: { nested: 'y' } }
  log.error(fields as unknown as LogFields, 'refused')
  expect(lines[0]).toMatchObject({ shard: 1, dropped_fields: 3 })
  expect(JSON.stringify(lines)).not.toMatch(/4242|authorization|nested/)
})

test('an error is reduced to name, code, message, stack and causes', () => {
  const { lines, log } = recorded()
  const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (email)=(jo@example.com)' })
  log.error({ error: new TypeError('append failed', { cause }) }, 'append')
  expect(lines[0]?.['error']).toEqual({
    name: 'TypeError',
    message: 'append failed',
    stack: expect.stringContaining('log.test.ts'),
    cause: { name: 'Error', code: '23505', message: 'duplicate key', stack: expect.any(String) },
  })
  expect(JSON.stringify(lines)).not.toContain('jo@example.com')
})

test('a thrown value that is no error shows its type only', () => {
  const { lines, log } = recorded()
  log.error({ error: 'sk_test_51abcdef' }, 'thrown')
  expect(lines[0]?.['error']).toEqual({ name: 'thrown string' })
})

test('card numbers, keys and credentials are masked in messages, fields and errors', () => {
  const { lines, log } = recorded()
  const error = new Error('connect postgres://app:hunter2@db:5432/pay failed for 4242 4242 4242 4242')
  log.error({ reason: 'Bearer abcdef123456', error }, 'key sk_test_51H8abcdefgh and card 4000-0000-0000-0002')
  const text = JSON.stringify(lines)
  expect(text).not.toMatch(/hunter2|4242 4242|abcdef|0002/)
  expect(text).toContain('postgres://[masked]@db:5432/pay')
})

test('numbers that are no card number stay readable', () => {
  expect(maskSecrets('position 1234567890123 of pay_4242424242424242abcdefghij at 2026-11-20')).toBe(
    'position 1234567890123 of pay_4242424242424242abcdefghij at 2026-11-20',
  )
})

test('a level that is switched off writes nothing', () => {
  const { lines, log } = recorded('error')
  log.warn({}, 'quiet')
  log.error({}, 'loud')
  expect(lines.map(({ message }) => message)).toEqual(['loud'])
})
