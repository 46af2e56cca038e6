/**
 * A cluster whose links are mutual TLS 1.3, made of processes and of certificates from bin/dev-ca.ts: it pays, who has no
 * right certificate carries nothing, and a whole authority is replaced under load without a failed request.
 */
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { paymentIdOf } from '../../domain/ids.ts'
import type { Mix } from '../../loadtest/journey.ts'
import { Cluster } from '../chaos/support/cluster.ts'
import type { Member } from '../chaos/support/member.ts'
import { Trial } from '../chaos/support/trial.ts'
import { until } from '../chaos/support/until.ts'

const run = promisify(execFile)
const devCa = new URL('../../bin/dev-ca.ts', import.meta.url).pathname
const openssl = '/usr/bin/openssl'
/** Longer than a gateway holds a request that it cannot send anywhere. */
const answerWithinMs = 30_000
/** No cards that are declined: what is not answered with 2xx then is ours. */
const welcome: Mix = { manual: 0.5, declined: 0, canceled: 0.2, partial: 0.3, refunded: 0.4, read: 0.3 }

let cluster: Cluster
let gateway: Member

/** A certificate of an authority, both made where they are not there. @returns the process's directory. */
async function certificate(authority: string, node: string, role: string): Promise<string> {
  const dir = join(cluster.directory, authority)
  const { stdout } = await run(process.execPath, [devCa, '--dir', dir, '--node', node, '--role', role])
  return stdout.trim().split('=')[1] ?? ''
}

const tlsIn = (directory: string) => ({ SHARDPAY_LINK_TLS_DIRECTORY: directory })

beforeAll(async () => {
  cluster = await Cluster.start({ nodes: 0, gateways: 0 })
  for (const [name, role, members] of [
    ['node-1', 'node', cluster.nodes],
    ['node-2', 'node', cluster.nodes],
    ['gateway-1', 'gateway', cluster.gateways],
  ] as const) {
    // one after the other: the first makes the authority
    members.push(await cluster.addMember(name, role, tlsIn(await certificate('ours', name, role))))
  }
  const [first] = cluster.gateways
  if (first === undefined) throw new Error('there is a gateway')
  gateway = first
  await Promise.all([...cluster.nodes, gateway].map((member) => member.start()))
  await cluster.settled()
})

afterAll(async () => {
  await cluster?.stop()
})

/** Sum of a metric's series whose labels have this text. */
async function metric(member: Member, name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${member.operatorUrl}/metrics`)).text()
  const values = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line) && line.includes(label))
  return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

async function onNodes(name: string, label: string): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => metric(node, name, label)))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function pay(through: Member, key: string, waitSeconds?: number) {
  const response = await fetch(`${through.merchantUrl}/v1/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${cluster.merchants[0]?.apiKey}`,
      'idempotency-key': key,
      'content-type': 'application/json',
      ...(waitSeconds !== undefined && { prefer: `wait=${waitSeconds}` }),
    },
    body: JSON.stringify({ amount: 1_999, currency: 'eur', payment_method: 'pm_card_visa' }),
    signal: AbortSignal.timeout(answerWithinMs),
  })
  const body = (await response.json()) as { id?: string; status?: unknown; error?: { code?: string } }
  return { status: response.status, body, isReplay: response.headers.has('idempotent-replayed') }
}

test('payments go through links under TLS, over both nodes', async () => {
  const began = await metric(gateway, 'pay_route_forwarded')
  for (let count = 0; count < 8; count += 1) {
    expect(await pay(gateway, randomUUID())).toMatchObject({ status: 201, body: { status: 'captured' } })
  }
  expect(await metric(gateway, 'pay_route_forwarded')).toBeGreaterThanOrEqual(began + 8)
  expect(await metric(gateway, 'pay_links_open')).toBe(2)
  expect(await metric(gateway, 'pay_tls_cert_expiry_seconds')).toBeGreaterThan(86_400)
})

describe('a gateway that is none of ours', () => {
  async function stranger(name: string, env: Readonly<Record<string, string>>): Promise<Member> {
    // merchants are there already; making them would take a link
    const member = await cluster.addMember(name, 'gateway', { ...env, SHARDPAY_SEED_FILE: '' })
    onTestFinished(() => member.stop())
    await member.start()
    return member
  }

  async function carriesNothing(member: Member): Promise<void> {
    const key = randomUUID()
    const refused = await pay(member, key, 1)
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'not_accepted' } } })
    expect(await metric(member, 'pay_links_open')).toBe(0)
    expect((await fetch(`${member.operatorUrl}/readyz`)).status).toBe(503)
    // it was the first to be executed: what the stranger took had got nowhere
    const paid = await pay(gateway, key)
    expect(paid).toMatchObject({ status: 201, isReplay: false })
    expect(paid.body.id).toBe(paymentIdOf(cluster.idKey, cluster.merchants[0]?.id ?? '', 'test', key))
  }

  test('with the certificate of another node it gets no link, and is counted', async () => {
    const began = await onNodes('pay_link_refused_total', 'reason="certificate_node"')
    const member = await stranger('gateway-8', tlsIn(await certificate('ours', 'gateway-1', 'gateway')))
    await carriesNothing(member)
    expect(await onNodes('pay_link_refused_total', 'reason="certificate_node"')).toBeGreaterThan(began)
    expect(await metric(member, 'pay_link_refused_by_total')).toBeGreaterThan(0)
    expect(member.program.log.filter((line) => line.includes('certificate_node')).length).toBe(2)
  })

  test('without TLS it gets no link, and is counted', async () => {
    const began = await onNodes('pay_link_refused_total', 'reason="tls_handshake"')
    const member = await stranger('gateway-9', {})
    await carriesNothing(member)
    expect(await onNodes('pay_link_refused_total', 'reason="tls_handshake"')).toBeGreaterThan(began)
    expect(await metric(member, 'pay_link_dial_failed_total')).toBeGreaterThan(0)
  })
})

test('a node with the certificate of another does not start, because it would own shards that nobody reaches', async () => {
  const node = await cluster.addMember('node-9', 'node', tlsIn(join(cluster.directory, 'ours', 'node-1')))
  await expect(node.start()).rejects.toThrow(/\(2\):[\s\S]*SHARDPAY_LINK_TLS_DIRECTORY has the certificate of another/)
})

describe.skipIf(!existsSync(openssl))(`openssl s_client${existsSync(openssl) ? '' : ' (skipped: no openssl)'}`, () => {
  async function handshake(version: '-tls1_2' | '-tls1_3'): Promise<{ code: number; output: string }> {
    const own = join(cluster.directory, 'ours', 'gateway-1')
    const files = ['-cert', join(own, 'cert.pem'), '-key', join(own, 'key.pem'), '-CAfile', join(own, 'ca.pem')]
    const address = new URL(`tcp://${linkAddress()}`).host
    const child = spawn(openssl, ['s_client', version, '-verify_return_error', '-connect', address, ...files], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
    child.stdin.on('error', () => undefined)
    child.stdin.end()
    const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)))
    return { code, output }
  }

  const linkAddress = (): string => {
    const urls = cluster.nodes[0]?.program.ready['urls'] as { link: string } | undefined
    return urls?.link ?? ''
  }

  test('with TLS 1.2 it fails, even with a right certificate; with 1.3 it does not', async () => {
    const old = await handshake('-tls1_2')
    expect(old.code, old.output).not.toBe(0)
    expect(old.output).toMatch(/alert protocol version|no protocols available|unsupported protocol/)
    const present = await handshake('-tls1_3')
    expect(present.code, present.output).toBe(0)
    expect(present.output).toContain('Verify return code: 0 (ok)')
  })
})

test('another authority under load: trusted beside the old one, then certificates of it, then alone; no request fails', async () => {
  const members = [...cluster.nodes, gateway]
  const roleOf = (member: Member): string => (member === gateway ? 'gateway' : 'node')
  const own = (member: Member, file: string): string => join(cluster.directory, 'ours', member.name, file)
  const next = (member: Member, file: string): string => join(cluster.directory, 'next', member.name, file)
  const replace = async (path: string, text: string): Promise<void> => {
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
  const takenUp = (member: Member): number =>
    member.program.log.filter((line) => line.includes('the certificate of links was taken up')).length
  const everywhere = async (change: (member: Member) => Promise<void>): Promise<void> => {
    const before = members.map(takenUp)
    await Promise.all(members.map(change))
    await until(() => members.every((member, n) => takenUp(member) > (before[n] ?? 0)), {
      withinMs: 60_000,
      what: 'the taking up of changed certificates',
    })
  }

  const old = await readFile(own(gateway, 'ca.pem'), 'utf8')
  for (const member of members) await certificate('next', member.name, roleOf(member))
  const trial = await Trial.start(cluster, { mix: welcome, rate: 20 })
  await trial.fault('a new authority', 20, async () => {
    await everywhere(async (member) =>
      replace(own(member, 'ca.pem'), old + (await readFile(next(member, 'ca.pem'), 'utf8'))),
    )
    await everywhere(async (member) => {
      for (const file of ['key.pem', 'cert.pem'])
        await replace(own(member, file), await readFile(next(member, file), 'utf8'))
    })
    // from here on every certificate is a new one, and so is what a link that is made now was made with
    const opened = await Promise.all(members.map((member) => metric(member, 'pay_link_opened_total')))
    await everywhere(async (member) => replace(own(member, 'ca.pem'), await readFile(next(member, 'ca.pem'), 'utf8')))
    await until(
      async () => {
        const now = await Promise.all(members.map((member) => metric(member, 'pay_link_opened_total')))
        return now.every((count, n) => count >= (opened[n] ?? 0) + 2)
      },
      { withinMs: 90_000, everyMs: 500, what: 'new links in place of those with old certificates' },
    )
  })
  await trial.judge()
  expect(trial.troubles).toEqual({})
  expect(trial.answersOtherThan2xx).toEqual({})
  for (const member of members) {
    const areAll = async (): Promise<boolean> => (await metric(member, 'pay_links_open')) === 2
    await until(areAll, { what: `two links of ${member.name}` })
  }
})
