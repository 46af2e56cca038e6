/**
 * What the way over a link costs one request: the same requests, one at a time and by turns, to payments whose owner is the
 * gateway's own process and to payments whose owner is another one. Nothing else runs.
 */
import { Agent, request } from 'undici'
import { paymentIdOf, shardCount } from '../../domain/ids.ts'
import { BenchCluster } from './bench-cluster.ts'
import { benchIdKey, type BenchMerchant, benchMerchants } from './bench-merchants.ts'
import { addressOfPayment } from '../../domain/ids.ts'
import type { PartContext, PartResult } from './cluster-part.ts'
import { Samples } from './percentile.ts'

type Place = 'here' | 'there'

const payment = { amount: 4999, currency: 'eur', payment_method: 'pm_card_visa', merchant_reference: 'order-1' }

export async function measureHop({ postgres, isQuick, nodeFlags, log }: PartContext): Promise<PartResult> {
  const rounds = isQuick ? 200 : 2_000
  const cluster = await BenchCluster.start({ postgres, name: 'bench_hop', nodes: 2, gatewayIsNode: true, nodeFlags })
  const client = new SequentialClient(cluster.gateway.url)
  try {
    const owners = await cluster.owners()
    const placeOf = (shard: number): Place => (owners[shard] === cluster.gateway.name ? 'here' : 'there')
    const merchant = benchMerchants[0] as BenchMerchant
    const keys = keysBy(merchant, placeOf)
    const took = {
      create: { here: new Samples(), there: new Samples() },
      read: { here: new Samples(), there: new Samples() },
    }
    const answered: string[] = []
    const warmUp = Math.ceil(rounds / 4)
    for (let round = 0; round < warmUp + rounds; round += 1) {
      for (const place of round % 2 === 0 ? (['here', 'there'] as const) : (['there', 'here'] as const)) {
        const { key, id } = keys(place)
        const created = await client.ask('POST', '/v1/payments', merchant, key, payment)
        const read = await client.ask('GET', `/v1/payments/${id}`, merchant)
        for (const { status, body } of [created, read]) {
          if (status !== (body === created.body ? 201 : 200) || body['id'] !== id || body['status'] !== 'captured') {
            cluster.wrong.push(`${place}: ${status} ${String(body['code'] ?? body['status'])}`)
          }
        }
        answered.push(id)
        if (round < warmUp) continue
        took.create[place].add(created.ms)
        took.read[place].add(read.ms)
      }
    }
    const moved = (await cluster.owners()).filter((owner, shard) => owner !== owners[shard]).length
    if (moved > 0) cluster.wrong.push(`${moved} of ${shardCount} shards changed hands meanwhile`)
    await cluster.spent()
    await cluster.verify(answered, 0)
    const extra = (of: { readonly here: Samples; readonly there: Samples }, share: number): number =>
      of.there.percentile(share) - of.here.percentile(share)
    log(
      `  a hop: ${extra(took.read, 0.5).toFixed(2)} ms for a read, ${extra(took.create, 0.5).toFixed(2)} ms for a payment`,
    )
    return {
      tables: [
        {
          title: `The extra hop, ${rounds.toLocaleString('en-US')} requests each, one at a time`,
          columns: [
            'request',
            'p50 ms, owner here',
            'p50 ms, elsewhere',
            'p99 ms, owner here',
            'p99 ms, elsewhere',
            'extra p50 ms',
            'extra p99 ms',
          ],
          rows: (['read', 'create'] as const).map((name) => {
            const { here, there } = took[name]
            const at = (share: number): [number, number] => [here.percentile(share), there.percentile(share)]
            return [name, ...at(0.5), ...at(0.99), extra(took[name], 0.5), extra(took[name], 0.99)]
          }),
        },
      ],
      targets: [],
      notes: [],
      wrong: [...new Set(cluster.wrong)],
    }
  } finally {
    await client.close()
    await cluster.end()
  }
}

/** Fresh keys of payments that are owned here, or there. */
function keysBy(
  merchant: BenchMerchant,
  placeOf: (shard: number) => Place,
): (place: Place) => { key: string; id: string } {
  let keys = 0
  return (place) => {
    for (;;) {
      keys += 1
      const key = `hop-${keys}`
      const id = paymentIdOf(benchIdKey, merchant.id, 'test', key)
      const address = addressOfPayment(id)
      if (address !== undefined && placeOf(address.shard) === place) return { key, id }
    }
  }
}

class SequentialClient {
  readonly #url: string
  readonly #agent = new Agent({ connections: 1, pipelining: 1 })

  constructor(url: string) {
    this.#url = url
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    { apiKey }: BenchMerchant,
    key?: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>>; readonly ms: number }> {
    const began = performance.now()
    const response = await request(`${this.#url}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.body.text()
    const ms = performance.now() - began
    return { status: response.statusCode, body: JSON.parse(text) as Record<string, unknown>, ms }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}
