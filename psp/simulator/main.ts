/**
 * The simulator as a process. Prints one line of JSON once it listens, `{"ready": true, "url": …, "admin_url": …, "pid": …}`,
 * and ends on SIGTERM or SIGINT.
 *
 *   node psp/simulator/main.ts --port 4242 --book .shardpay/simulator --seed 1
 */
import { parseArgs } from 'node:util'
import { exitWithParent } from '../../runtime/parent.ts'
import type { AdyenPricing } from './reports/fees.ts'
import { startSimulator } from './simulator.ts'
import { readWebhookConfig, type WebhookConfig } from './webhooks/endpoints.ts'

exitWithParent()
const { env } = process
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: env['SHARDPAY_SIMULATOR_PORT'] ?? '0' },
    host: { type: 'string', default: env['SHARDPAY_SIMULATOR_HOST'] ?? '127.0.0.1' },
    book: { type: 'string', default: env['SHARDPAY_SIMULATOR_BOOK'] ?? '.shardpay/simulator' },
    seed: { type: 'string', default: env['SHARDPAY_SIMULATOR_SEED'] ?? '1' },
    webhooks: { type: 'string', default: env['SHARDPAY_SIMULATOR_WEBHOOKS'] ?? '' },
    'adyen-modification-ms': { type: 'string', default: env['SHARDPAY_SIMULATOR_ADYEN_MODIFICATION_MS'] ?? '20' },
    'adyen-fees': { type: 'string', default: env['SHARDPAY_SIMULATOR_ADYEN_FEES'] ?? 'blended' },
    'settlement-day-s': { type: 'string', default: env['SHARDPAY_SIMULATOR_SETTLEMENT_DAY_S'] ?? '86400' },
    'public-url': { type: 'string', default: env['SHARDPAY_SIMULATOR_PUBLIC_URL'] ?? '' },
  },
})

function wholeNumber(name: string, text: string, max: number, min = 0): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  console.error(`--${name} is a whole number from ${min} to ${max}`)
  process.exit(2)
}

function adyenFees(text: string): AdyenPricing {
  if (text === 'blended' || text === 'interchange++') return text
  console.error('--adyen-fees is blended or interchange++')
  process.exit(2)
}

/** JSON, or a file of it. */
function webhookConfig(text: string): WebhookConfig {
  const parsed = text === '' ? { config: {} } : readWebhookConfig(text)
  if ('config' in parsed) return parsed.config
  console.error(`--webhooks: ${parsed.problem}`)
  process.exit(2)
}

const port = wholeNumber('port', values.port, 65_535)
try {
  const simulator = await startSimulator({
    directory: values.book,
    port,
    host: values.host,
    adyen: {
      modificationMs: wholeNumber('adyen-modification-ms', values['adyen-modification-ms'], 3_600_000),
      fees: adyenFees(values['adyen-fees']),
    },
    settlementDayMs: wholeNumber('settlement-day-s', values['settlement-day-s'], 86_400, 1) * 1000,
    seed: wholeNumber('seed', values.seed, 2 ** 32 - 1),
    webhooks: webhookConfig(values.webhooks),
    ...(values['public-url'] === '' ? {} : { publicUrl: values['public-url'] }),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void simulator.close().then(() => process.exit(0))
    })
  }
  console.log(JSON.stringify({ ready: true, url: simulator.url, admin_url: simulator.adminUrl, pid: process.pid }))
} catch (error) {
  const busy = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  console.error(busy ? `port ${port} is in use: set --port or SHARDPAY_SIMULATOR_PORT` : error)
  process.exit(1)
}
