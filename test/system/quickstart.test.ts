/** docs/quickstart.md, followed line by line beside `npm start`; its tables, row by row. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DevFile } from '../../bin/dev/dev-file.ts'
import { type ErrorCode, errorTable } from '../../gateway/errors.ts'
import { testCardTokens } from '../../psp/simulator/cards.ts'
import { until } from '../chaos/support/until.ts'
import { Client } from './support/client.ts'
import { DevCluster } from './support/dev-cluster.ts'
import type { BookLine } from './support/stack.ts'
import { differences, follow, stepsOf } from './support/walkthrough.ts'

const page = readFileSync(new URL('../../docs/quickstart.md', import.meta.url), 'utf8')
const steps = stepsOf(page)

let cluster: DevCluster
let dev: DevFile
let client: Client
let followed: Awaited<ReturnType<typeof follow>>

beforeAll(async () => {
  cluster = await DevCluster.make()
  dev = await cluster.start({ npm: true, nodes: 3 }).ready
  client = new Client(dev.urls.merchant, dev.api_keys[0]?.key ?? '')
  // The reader stands in the clone; this clone's own state directory may be in use.
  const clone = join(cluster.directory, 'clone')
  mkdirSync(clone)
  symlinkSync(cluster.directory, join(clone, '.shardpay'))
  followed = await follow(steps, clone)
})

afterAll(async () => {
  await client.close()
  await cluster.destroy()
})

test('the page has steps, and most of them show what is answered', () => {
  expect(steps.length).toBeGreaterThan(15)
  expect(steps.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(15)
})

describe('followed line by line', () => {
  test.each(steps.map((step, index) => [index + 1, step.section, step] as const))(
    'step %i (%s) prints what the page shows',
    (number, _, { shown }) => {
      const { printed, exitCode } = followed[number - 1] ?? { printed: '', exitCode: -1 }
      expect({ differences: differences(shown, printed), printed }).toEqual({ differences: [], printed })
      const gaveUp = shown.some((each) => each.kind === 'text' && each.text.startsWith('curl: (28)'))
      expect(exitCode, printed).toBe(gaveUp ? 28 : 0)
    },
  )

  test('the node that the reader killed runs again, as another process', async () => {
    const nodesOf = ({ processes }: DevFile): string[] =>
      processes.filter(({ role }) => role === 'node').map(({ id, pid }) => `${id} ${pid}`)
    const others = async (): Promise<string[]> => {
      const now = JSON.parse(await readFile(cluster.devFile, 'utf8')) as DevFile
      return nodesOf(now).filter((each) => !nodesOf(dev).includes(each))
    }
    await until(async () => (await others()).length > 0, {
      withinMs: 60_000,
      everyMs: 200,
      what: 'a node’s new process',
    })
    expect(nodesOf(dev)).toHaveLength(3)
    expect((await others()).length).toBeGreaterThanOrEqual(1)
  })

  test('nobody was charged twice', async () => {
    const book = await fetch(`${dev.urls.simulators['stripe']}/_admin/book`)
    const lines = (await book.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as BookLine)
    const charges = lines.filter(({ operation, effect }) => operation === 'authorize' && effect)
    expect(charges.length).toBeGreaterThanOrEqual(6)
    expect(new Set(charges.map(({ payment }) => payment)).size).toBe(charges.length)
  })
})

describe('test payment methods', () => {
  const rows = tableUnder('Test payment methods').map(([methods = '', effect = '']) => ({
    methods: [...methods.matchAll(/`(\w+)`/g)].map(([, token = '']) => token),
    effect,
  }))

  test('the table has every one that the simulator knows, older names aside', () => {
    const listed = rows.flatMap(({ methods }) => methods)
    const known = testCardTokens.filter((token) => !token.startsWith('pm_card_visa_charge'))
    expect(listed.sort()).toEqual([...known].sort())
  })

  test.each(rows.flatMap(({ methods, effect }) => methods.map((method) => [method, effect] as const)))(
    '%s: %s',
    async (method, effect) => {
      const answer = await client.send('POST', '/v1/payments', `method-${method}`, {
        amount: 1_500,
        currency: 'eur',
        payment_method: method,
        return_url: 'https://shop.example/thanks',
      })
      const [, code, declineCode] = /^402 `(\w+)`, `(\w+)`$/.exec(effect) ?? []
      if (code !== undefined) {
        expect(answer.status).toBe(402)
        expect(answer.body['error']).toMatchObject({ code, decline_code: declineCode })
      } else {
        expect(answer.status).toBe(201)
        expect(answer.body['status']).toBe(effect.startsWith('`requires_action`') ? 'requires_action' : 'captured')
      }
    },
  )
})

test('what an answer means: every code of the table exists and has the status that is said', () => {
  const named = tableUnder('What an answer means for a retry').flatMap(([answer = '']) => [
    ...answer.matchAll(/`(\d{3})` `(\w+)`/g),
  ])
  expect(named.length).toBeGreaterThanOrEqual(6)
  for (const [, status, code = ''] of named) expect(errorTable[code as ErrorCode]?.status, code).toBe(Number(status))
})

/** The cells of the first table under a heading, without its head. */
function tableUnder(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}
