/**
 * Payments from autocannon, as wrk.lua makes them, for machines without wrk:
 *   node autocannon.ts URL <connections> <seconds> <prefix of keys> <file of answers> <file of API keys> [<requests per second>]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import autocannon from 'autocannon'

const [url = '', connections = '', seconds = '', prefix = '', answersFile = '', apiKeysFile = '', rate] =
  process.argv.slice(2)
const apiKeys = readFileSync(apiKeysFile, 'utf8').trim().split('\n')
const body = JSON.stringify({
  amount: 4999,
  currency: 'eur',
  payment_method: 'pm_card_visa',
  merchant_reference: 'order-1',
})
const answers: string[] = []
let counter = 0

const result = await autocannon({
  url: `${url}/v1/payments`,
  connections: Number(connections),
  duration: Number(seconds),
  timeout: 30,
  ...(rate !== undefined && { overallRate: Number(rate) }),
  requests: [
    {
      method: 'POST',
      body,
      setupRequest(request) {
        counter += 1
        const headers = {
          authorization: `Bearer ${apiKeys[counter % apiKeys.length]}`,
          'content-type': 'application/json',
          'idempotency-key': `${prefix}${counter}`,
        }
        return { ...request, headers }
      },
      onResponse(status, text) {
        const found = /"id":"(pay_\w+)"/.exec(text) ?? /"code":"(\w+)"/.exec(text)
        answers.push(`${status} ${found?.[1] ?? '-'}\n`)
      },
    },
  ],
})

writeFileSync(answersFile, answers.join(''))
const { p50, p99, p99_9: p999 } = result.latency
const errors = result.errors + result.timeouts
console.log(`JSON ${JSON.stringify({ seconds: result.duration, requests: answers.length, errors, p50, p99, p999 })}`)
