/**
 * Compares what a journal holds of notices with what a generator pushed: every notice that was accepted is there once, under
 * its own identity, its rows fold without a gap, and it stands as it should: with its payment, or kept.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { decodeDecision } from '../../actors/codec.ts'
import { addressOfNotice, type InboxEvent, type InboxNotice } from '../../domain/inbox/commands.ts'
import { applyDecision } from '../../domain/inbox/evolve.ts'
import { safeIntegerTypes } from '../../persistence/int8.ts'

export interface PushedNotice {
  readonly connection: string
  readonly id: string
  /** That it is about; absent: none. */
  readonly payment?: string
}

/** Rows since the shards' tails, of notices alone. */
const rowsQuery = `
  SELECT shard, position, encode(entity, 'hex') AS entity, seq, epoch, at, data
  FROM journal JOIN unnest($1::int[], $2::bigint[]) AS seen (shard, tail) USING (shard)
  WHERE position > tail AND type LIKE 'psp_notice.%' ORDER BY shard, position`

interface Row {
  readonly shard: number
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly at: number
  readonly data: Buffer
}

const shownMax = 10
const handedOverWithinMs = 30_000
const pollMs = 200

export class NoticeCheck {
  readonly #client: Client
  #tails = new Map<number, number>()

  constructor(databaseUrl: string) {
    this.#client = new Client({ connectionString: databaseUrl, types: safeIntegerTypes })
  }

  async connect(): Promise<void> {
    await this.#client.connect()
    await this.#moveTails()
  }

  /**
   * Of what was accepted since the last check; call it when nothing more is pushed. Waits until all is handed over.
   * @returns at most ten of what is wrong.
   */
  async check(pushed: readonly PushedNotice[]): Promise<readonly string[]> {
    const until = performance.now() + handedOverWithinMs
    let wrong = await this.#compare(pushed)
    while (wrong.length > 0 && performance.now() < until) {
      await pause(pollMs)
      wrong = await this.#compare(pushed)
    }
    await this.#moveTails()
    return wrong.slice(0, shownMax)
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  async #compare(pushed: readonly PushedNotice[]): Promise<string[]> {
    const { states, wrong } = await this.#fold()
    for (const notice of pushed) {
      const { entity } = addressOfNotice(notice.connection, notice.id)
      const problem = problemOf(states.get(entity), notice)
      if (problem !== undefined) wrong.push(`${notice.connection} ${notice.id} ${problem}`)
      states.delete(entity)
    }
    if (states.size > 0) wrong.push(`${states.size} notices are in the journal that nobody pushed`)
    return wrong
  }

  async #fold(): Promise<{ states: Map<string, InboxNotice>; wrong: string[] }> {
    const wrong: string[] = []
    const states = new Map<string, InboxNotice>()
    const { rows } = await this.#client.query<Row>(rowsQuery, [[...this.#tails.keys()], [...this.#tails.values()]])
    for (const { entity, seq, epoch, at, data } of rows) {
      const before = states.get(entity)
      if (seq !== (before?.seq ?? 0) + 1) wrong.push(`${entity} has sequence ${seq} after ${before?.seq ?? 0}`)
      else states.set(entity, applyDecision(before, decodeDecision<InboxEvent>(data, null).events, { seq, at, epoch }))
    }
    return { states, wrong }
  }

  async #moveTails(): Promise<void> {
    const { rows } = await this.#client.query<{ shard: number; tail: number }>(
      'SELECT shard, max(position) AS tail FROM journal GROUP BY shard',
    )
    this.#tails = new Map(rows.map(({ shard, tail }) => [shard, tail]))
  }
}

function problemOf(state: InboxNotice | undefined, { id, payment }: PushedNotice): string | undefined {
  if (state === undefined) return 'was accepted and is not in the journal'
  if (state.notice.id !== id) return 'is in the journal under another identity'
  if (state.alterations.length > 0) return 'came with another body'
  const { standing } = state
  if (payment === undefined) return standing.status === 'kept' ? undefined : `is ${standing.status} and not kept`
  if (standing.status !== 'delivered') return `is ${standing.status} and not delivered`
  return standing.payment === payment ? undefined : 'is delivered to another payment'
}
