/** Pages that people see, in a real browser: 3-D Secure from the simulator back to the shop, and the page of the API. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, createClient, type Payment } from '../../clients/typescript/index.ts'
import { browserMissing, startBrowser } from './support/browser.ts'
import { Stack } from './support/stack.ts'

describe.skipIf(browserMissing !== undefined)(`in a browser${browserMissing ? ` (${browserMissing})` : ''}`, () => {
  let stack: Stack
  let browser: Browser
  let shop: Server
  let shopUrl: string
  let shardpay: Client

  beforeAll(async () => {
    stack = await Stack.start()
    browser = await startBrowser()
    shop = createServer((_, response) => response.end('<h1>Thanks</h1>')).listen(0, '127.0.0.1')
    await once(shop, 'listening')
    shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/thanks?order=7`
    shardpay = createClient({ baseUrl: stack.merchantUrl, apiKey: stack.apiKeys[0] ?? '' })
  })

  afterAll(async () => {
    await browser.close()
    shop.close()
    await stack.stop()
  })

  const create = (return_url: string): Promise<Payment> =>
    shardpay.payments.create({
      amount: 1_999,
      currency: 'eur',
      payment_method: 'pm_card_authenticationRequired',
      return_url,
    })

  test.each([
    ['Complete authentication', 'captured'],
    ['Fail authentication', 'failed'],
  ])('a shopper who presses "%s" comes back to the shop with a payment that is %s', async (button, status) => {
    const payment = await create(shopUrl)
    const page = await browser.newPage()
    await page.goto(payment.next_action?.url ?? '')
    await page.getByRole('button', { name: button }).click()
    await page.getByRole('heading', { name: 'Thanks' }).waitFor()
    const back = new URL(page.url())
    expect(Object.fromEntries(back.searchParams)).toEqual({ order: '7', payment: payment.id, status })
    expect(await shardpay.payments.retrieve(payment.id)).toMatchObject({ status, next_action: null })

    // Back and forth again: nothing happens twice.
    await page.goBack()
    await page.goForward()
    expect(await shardpay.payments.retrieve(payment.id)).toMatchObject({ status })
    const effects = (await stack.book(payment.id)).filter((line) => line.effect && line.operation === 'capture')
    expect(effects).toHaveLength(status === 'captured' ? 1 : 0)
    await page.close()
  })

  test('the pages work without scripts and by keyboard, and name no other origin', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    const visited = new Set<string>()
    page.on('request', (request) => visited.add(new URL(request.url()).origin))
    const payment = await create(shopUrl)
    await page.goto(payment.next_action?.url ?? '')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/thanks\?/)
    expect(await shardpay.payments.retrieve(payment.id)).toMatchObject({ status: 'captured' })
    expect([...visited].sort()).toEqual([stack.simulatorUrl, stack.merchantUrl, new URL(shopUrl).origin].sort())
    await context.close()
  })

  test("the API's page shows every operation, without the internet and without a complaint of the browser", async () => {
    const page = await browser.newPage()
    const complaints: string[] = []
    const elsewhere: string[] = []
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url())
      if (protocol !== 'data:' && origin !== stack.merchantUrl) elsewhere.push(request.url())
    })
    await page.goto(`${stack.merchantUrl}/docs`)
    await page.getByText('Create a payment').first().waitFor()
    const document = (await (await fetch(`${stack.merchantUrl}/v1/openapi.json`)).json()) as {
      paths: Record<string, object>
    }
    const operations = Object.values(document.paths).flatMap((methods) => Object.keys(methods))
    expect(await page.locator('.opblock').count()).toBe(operations.length)
    expect(elsewhere).toEqual([])
    expect(complaints).toEqual([])
    await page.close()
  })
})
