import { expect, it } from 'vitest'
import { testEdge } from './testing.ts'

it('/livez answers as long as the process does', async () => {
  const { app, directory } = testEdge({ readiness: () => ({ ready: false, reasons: ['stopping'] }) })
  directory.stale = true
  const response = await app.inject({ url: '/livez' })
  expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }])
})

it('/readyz is red while the node is not ready, and while the directory of merchants is stale', async () => {
  let readiness = { ready: true, reasons: [] as string[] }
  const { app, directory } = testEdge({ readiness: () => readiness })
  expect((await app.inject({ url: '/readyz' })).statusCode).toBe(200)
  directory.stale = true
  const stale = await app.inject({ url: '/readyz' })
  expect([stale.statusCode, stale.json()]).toEqual([
    503,
    { status: 'not_ready', reasons: ['configuration_unavailable'] },
  ])
  directory.stale = false
  readiness = { ready: false, reasons: ['stopping'] }
  const stopping = await app.inject({ url: '/readyz' })
  expect([stopping.statusCode, stopping.json()]).toEqual([503, { status: 'not_ready', reasons: ['stopping'] }])
})
