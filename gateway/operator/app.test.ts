import { afterEach, describe, expect, test } from 'vitest'
import { createMetrics } from '../../runtime/metrics.ts'
import { buildOperatorApp } from './app.ts'

const apps: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

function operatorApp(reasons: readonly string[] = []) {
  const metrics = createMetrics()
  metrics.counter({ name: 'things_total', help: 'Things.' }).inc(3)
  const app = buildOperatorApp({ metrics, readiness: () => ({ ready: reasons.length === 0, reasons }) })
  apps.push(app)
  return app
}

describe('the operators’ edge', () => {
  test('shows the metrics in Prometheus’ form', async () => {
    const answer = await operatorApp().inject({ url: '/metrics' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toContain('text/plain')
    expect(answer.body).toContain('pay_things_total 3')
  })

  test('is live while the process answers, and ready while nothing is missing', async () => {
    const app = operatorApp()
    expect((await app.inject({ url: '/livez' })).json()).toEqual({ status: 'ok' })
    expect((await app.inject({ url: '/readyz' })).statusCode).toBe(200)
    const missing = await operatorApp(['journal_unavailable']).inject({ url: '/readyz' })
    expect(missing.statusCode).toBe(503)
    expect(missing.json()).toEqual({ status: 'not_ready', reasons: ['journal_unavailable'] })
  })

  test('knows no other paths', async () => {
    expect((await operatorApp().inject({ url: '/v1/payments' })).statusCode).toBe(404)
  })
})
