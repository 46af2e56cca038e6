import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { curl, renderBox } from './box.ts'

const facts = {
  merchantUrl: 'http://127.0.0.1:8080',
  operatorUrl: 'http://127.0.0.1:8081',
  simulatorUrl: 'http://127.0.0.1:12111',
  apiKeys: [
    { merchant: 'mer_a', key: 'sk_test_aaaa' },
    { merchant: 'mer_b', key: 'sk_test_bbbb' },
  ],
  idempotencyKey: 'try-1',
  operatorToken: 'op_dev_1',
  nodes: [
    { id: 'node-1', pid: 4711 },
    { id: 'node-2', pid: 4712 },
  ],
  devFile: '.shardpay/dev.json',
}

test('the box names every address and key, says it is for development, and holds the curl without a border', () => {
  const box = renderBox(facts, (_, text) => text)
  for (const part of [
    'http://127.0.0.1:8080',
    'http://127.0.0.1:12111',
    'sk_test_aaaa',
    'sk_test_bbbb',
    'kill -9 4711',
    'node-2 (process 4712)',
    'http://127.0.0.1:8081/#token=op_dev_1',
  ]) {
    expect(box).toContain(part)
  }
  expect(box).toContain('DEVELOPMENT ONLY')
  expect(box).toContain('Kafka, Redis')
  expect(box).toContain(`\n${curl(facts.merchantUrl, 'sk_test_aaaa', 'try-1')}\n`)
  expect(box).not.toMatch(/│/)
})

test('without colours the box holds no escape sequence', () => {
  expect(renderBox(facts, (_, text) => text)).not.toContain('\u001b')
})

test('a shell reads the pasted curl as one command with these arguments', () => {
  const command = curl(facts.merchantUrl, 'sk_test_aaaa', 'try-1').replace(/^curl/, "printf '%s\\n'")
  expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim().split('\n')).toEqual([
    '-i',
    'http://127.0.0.1:8080/v1/payments',
    '-H',
    'Authorization: Bearer sk_test_aaaa',
    '-H',
    'Idempotency-Key: try-1',
    '-H',
    'Content-Type: application/json',
    '-d',
    '{"amount":1999,"currency":"eur","payment_method":"pm_card_visa"}',
  ])
})
