/** What `npm start` says when all is ready. Pure; lines have no border at their sides, so that everything can be copied. */
import { styleText } from 'node:util'

export interface BoxFacts {
  readonly merchantUrl: string
  readonly operatorUrl: string
  readonly simulatorUrl: string
  readonly apiKeys: readonly { readonly merchant: string; readonly key: string }[]
  /** Of the example; new at every start, because a used key answers with the first payment. */
  readonly idempotencyKey: string
  /** For the topology page. */
  readonly operatorToken: string
  readonly nodes: readonly { readonly id: string; readonly pid: number }[]
  /** Where to find all this as JSON. */
  readonly devFile: string
}

export type Style = (format: 'bold' | 'dim' | 'yellow' | 'cyan', text: string) => string

/** Colours only on a terminal and without NO_COLOR; `styleText` looks at both. */
export const terminalStyle: Style = (format, text) => styleText(format, text, { stream: process.stdout })

const width = 100

export function renderBox(facts: BoxFacts, style: Style): string {
  const [first] = facts.apiKeys
  const row = (label: string, text: string): string => `  ${label.padEnd(18)}${text}`
  const lines = [
    '',
    rule('╭', '╮'),
    `  ${style('bold', 'Shardpay is ready')}   ${style('yellow', 'DEVELOPMENT ONLY: simulated PSP, test keys, one machine, no TLS')}`,
    '',
    row("merchants' API", style('cyan', facts.merchantUrl)),
    row('live topology', style('cyan', `${facts.operatorUrl}/#token=${facts.operatorToken}`)),
    row('simulated PSPs', `${style('cyan', facts.simulatorUrl)}   (its page shows every request it saw)`),
    row('nodes', facts.nodes.map(({ id, pid }) => `${id} (process ${pid})`).join(', ')),
    ...facts.apiKeys.map(({ merchant, key }) => row('test API key', `${style('bold', key)}   (${merchant})`)),
    row('for scripts', facts.devFile),
    '',
    `  ${style('bold', 'Send a payment:')}`,
    '',
    curl(facts.merchantUrl, first?.key ?? '', facts.idempotencyKey),
    '',
    `  ${style('bold', 'and one through Adyen:')} the same with another Idempotency-Key, and`,
    `  ${adyenBody}`,
    '',
    `  ${style('bold', 'Then try')}`,
    '  - the same line again: byte for byte the same answer, with Idempotent-Replayed: true',
    '  - docs/quickstart.md, line by line: declines, 3-D Secure, capturing later, refunds, retries',
    `  - curl ${facts.simulatorUrl}/_admin/book   every charge the PSPs made, one line each`,
    '  - npm run shardpay -- payment show pay_…   every decision, and the webhooks that came',
    `  - kill -9 ${facts.nodes[0]?.pid ?? ''} and pay on: its shards move within a second, it comes back by itself`,
    '  - npm run shardpay -- status, then drain node-2, then undrain node-2: docs/cli.md',
    '',
    `  ${style('dim', 'Off: Kafka, Redis (not built yet). Data is kept; npm start -- --fresh empties it.')}`,
    `  ${style('dim', 'Ctrl-C answers what was accepted, then stops.')}`,
    rule('╰', '╯'),
    '',
  ]
  return lines.join('\n')
}

const adyenBody = `-d '${JSON.stringify({
  ...{ amount: 1999, currency: 'eur', payment_method: 'tok_visa', customer: 'cus_1' },
  routing: { connection: 'adyen-test' },
})}'`

/** One command that can be pasted into any POSIX shell. */
export function curl(merchantUrl: string, apiKey: string, idempotencyKey: string): string {
  return [
    `curl -i ${merchantUrl}/v1/payments`,
    `-H 'Authorization: Bearer ${apiKey}'`,
    `-H 'Idempotency-Key: ${idempotencyKey}'`,
    "-H 'Content-Type: application/json'",
    `-d '{"amount":1999,"currency":"eur","payment_method":"pm_card_visa"}'`,
  ].join(' \\\n  ')
}

function rule(left: string, right: string): string {
  return `${left}${'─'.repeat(width - 2)}${right}`
}
