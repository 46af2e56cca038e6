/** The operators' page in a real browser, over the real edge and a cluster that does what it is told. */
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { testOperators, type TestOperators, tokens } from '../../gateway/operator/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { browserMissing, startBrowser } from './support/browser.ts'
import { pageFiles } from '../../dashboard/assets.ts'

const waitMs = 20_000

describe.skipIf(browserMissing !== undefined)(`the page${browserMissing ? ` (${browserMissing})` : ''}`, () => {
  let browser: Browser
  const opened: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    browser = await startBrowser()
  }, 60_000)
  afterAll(() => browser.close())
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close()
  })

  async function serve(port = 0): Promise<TestOperators & { readonly url: string; readonly port: number }> {
    const edge = testOperators({ page: pageFiles() }, systemClock)
    await edge.app.listen({ host: '127.0.0.1', port })
    opened.push(edge.app)
    const { port: taken } = edge.app.server.address() as AddressInfo
    return { ...edge, url: `http://127.0.0.1:${taken}/`, port: taken }
  }

  /** What the page complains of, and asks of anybody but its own origin. */
  async function open(url: string): Promise<{ readonly page: Page; readonly complaints: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
    opened.push(page)
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL(url).origin)) complaints.push(request.url())
    })
    await page.goto(url)
    return { page, complaints }
  }

  test('shows the ring with every shard’s owner by letter, nodes and gateways, within a moment', async () => {
    const { url } = await serve()
    const { page, complaints } = await open(`${url}#token=${tokens.viewer}`)
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    expect(page.url()).toBe(url)
    expect(await page.locator('.cell').count()).toBe(1_024)
    expect((await page.locator('.cell text').allTextContents()).slice(0, 4)).toEqual(['A', 'B', 'C', 'A'])
    expect(await page.locator('.legend li').allTextContents()).toEqual([
      'Anode-1 · 342',
      'Bnode-2 · 341',
      'Cnode-3 · 341',
    ])
    await page.getByRole('rowheader', { name: 'node-2' }).waitFor()
    await page.getByRole('rowheader', { name: 'gateway-1' }).waitFor()
    expect(complaints).toEqual([])
  })

  test('tells of moves, take-overs and nodes that go, as they happen', async () => {
    const { url, cluster } = await serve()
    const { page } = await open(`${url}#token=${tokens.viewer}`)
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    await cluster.move(0, 'node-2')
    await page.getByText('shard 0: node-1 → node-2 (operator), blackout 12.3 ms').waitFor({ timeout: waitMs })
    cluster.leases = cluster.leases.slice(0, 2)
    await page.getByText('node-3 is gone').waitFor({ timeout: waitMs })
    await page.getByText('no owner · 341').waitFor({ timeout: waitMs })
    expect(await page.locator('.cell.owner-none').count()).toBe(341)
  })

  test('asks for a token, keeps it in the tab, and refuses one that does not work', async () => {
    const { url } = await serve()
    const { page } = await open(url)
    const field = page.getByLabel('Operator token')
    await field.fill('not-a-token-that-works-00')
    await field.press('Enter')
    await page.getByRole('alert').waitFor({ timeout: waitMs })
    await field.fill(tokens.viewer)
    await field.press('Enter')
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    await page.reload()
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await field.waitFor()
    expect(await page.evaluate(() => JSON.stringify([sessionStorage, localStorage]))).not.toContain(tokens.viewer)
  })

  test('is walked by keyboard: arrow keys choose a shard and say whose it is', async () => {
    const { url } = await serve()
    const { page } = await open(`${url}#token=${tokens.viewer}`)
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    await page.locator('.ring').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await page.locator('output').textContent()).toBe('on node-2')
    await page.getByLabel('Shard', { exact: true }).fill('1023')
    expect(await page.locator('output').textContent()).toBe('on node-1')
  })

  test('says for how long it is stale instead of freezing, and comes back by itself', async () => {
    const first = await serve()
    const { page } = await open(`${first.url}#token=${tokens.viewer}`)
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    await first.app.close()
    await page.getByText(/^stale for [0-9]+ s · reconnecting$/).waitFor({ timeout: waitMs })
    await serve(first.port)
    await page.getByText('live', { exact: true }).waitFor({ timeout: waitMs })
    expect(await page.getByText(/^stale for/).count()).toBe(0)
  })

  test('shows names as text, whatever they hold (B75)', async () => {
    const { url, cluster } = await serve()
    cluster.leases = cluster.leases.map((lease) => ({ ...lease, build: '<img src=x onerror=alert(1)>' }))
    cluster.moves.push({ shard: 1, from: '<b>x</b>', to: 'node-1', epoch: 9, reason: 'operator', at: 1, blackoutMs: 1 })
    const { page, complaints } = await open(`${url}#token=${tokens.viewer}`)
    await page.getByText('<b>x</b>').waitFor({ timeout: waitMs })
    expect(await page.locator('td b, td img').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('is served with a policy that runs nothing but its own files', async () => {
    const { app } = await serve()
    const answer = await app.inject({ url: '/' })
    expect(answer.headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(answer.body).not.toMatch(/<style|<script>|style=|onclick|https?:/)
  })
})
