/**
 * The judge of fault tests: compares three books that know nothing of each other, what merchants were told, what the
 * journal's tables hold, and what the PSP simulator wrote down. It shares no code with what it judges.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Client as Database } from 'pg'
import { type Client, type PaymentView, paymentIn, type Told } from './client.ts'
import type { BookLine, Stack } from './stack.ts'

export interface Verdict {
  readonly payments: number
  readonly answers: number
  readonly effects: number
  readonly retriedAnswers: number
  readonly problems: readonly string[]
}

export function describeVerdict({ payments, answers, retriedAnswers, effects, problems }: Verdict): string {
  return `${payments} payments, ${answers} answers (${retriedAnswers} after repeats), ${effects} effects at the PSP, ${problems.length} problems`
}

/** How far along a status is; a status that was told must never be followed by one that is less far. */
const progress: Readonly<Record<string, number>> = {
  created: 0,
  pending: 1,
  requires_action: 1,
  authorized: 2,
  partially_captured: 3,
  captured: 4,
  canceled: 5,
  expired: 5,
  failed: 5,
}

/** Waits until no payment is pending and no operation is open; returns the payments as they are then. */
export async function settle(
  client: Client,
  ids: Iterable<string>,
  patienceMs: number,
): Promise<Map<string, PaymentView>> {
  const settled = new Map<string, PaymentView>()
  const until = performance.now() + patienceMs
  let open = [...ids]
  while (open.length > 0) {
    const views = await Promise.all(open.slice(0, 32).map((id) => client.get(id)))
    for (const view of views) if (view.status !== 'pending') settled.set(view.id, view)
    open = open.filter((id) => !settled.has(id))
    if (performance.now() > until) {
      throw new Error(`${open.length} payments still pending, such as ${open[0]}`)
    }
    if (views.every((view) => view.status === 'pending')) await pause(200)
  }
  return settled
}

export async function judge(
  stack: Stack,
  told: readonly Told[],
  payments: ReadonlyMap<string, PaymentView>,
): Promise<Verdict> {
  const problems: string[] = []
  const book = await stack.book()
  const effects = book.filter((line) => line.effect)
  checkTold(told, payments, problems)
  checkBook(effects, payments, problems)
  await checkJournal(stack, effects, problems)
  return {
    payments: payments.size,
    answers: told.length,
    effects: effects.length,
    retriedAnswers: told.filter((entry) => entry.sends > 1).length,
    problems,
  }
}

/** No acknowledged payment is lost, and none is behind what was told. */
function checkTold(told: readonly Told[], payments: ReadonlyMap<string, PaymentView>, problems: string[]): void {
  const bodies = new Map<string, string>()
  for (const { path, key, answer } of told) {
    if (key !== undefined && [201, 402].includes(answer.status)) {
      const name = `${path} ${key}`
      const before = bodies.get(name)
      if (before !== undefined && before !== answer.text) problems.push(`two different final answers to ${name}`)
      bodies.set(name, answer.text)
    }
    const then = paymentIn(answer)
    if (then === undefined) continue
    const now = payments.get(then.id)
    if (now === undefined) {
      problems.push(`${then.id} was acknowledged and is not there`)
      continue
    }
    if ((progress[now.status] ?? -1) < (progress[then.status] ?? 99)) {
      problems.push(`${then.id} was told ${then.status} and is ${now.status}`)
    }
    if (now.amount_captured < then.amount_captured) problems.push(`${then.id} lost a capture`)
    if (now.amount_refunded < then.amount_refunded) problems.push(`${then.id} lost a refund`)
  }
}

/** Nobody is charged twice, and the PSP's money is the money that merchants see. */
function checkBook(effects: readonly BookLine[], payments: ReadonlyMap<string, PaymentView>, problems: string[]): void {
  const once = new Set<string>()
  for (const line of effects) {
    const name = `${line.operation} ${line.operation_id}`
    if (once.has(name)) problems.push(`two effects of ${name}`)
    once.add(name)
  }
  const byPayment = Map.groupBy(effects, (line) => paymentOf(line))
  for (const [id, lines] of byPayment) {
    const sum = (operation: BookLine['operation']): number =>
      lines.filter((line) => line.operation === operation).reduce((total, line) => total + line.amount, 0)
    const count = (operation: BookLine['operation']): number =>
      lines.filter((line) => line.operation === operation).length
    if (count('authorize') - count('void') > 1) problems.push(`${id} was authorized ${count('authorize')} times`)
    const view = payments.get(id)
    // A payment whose create never got an answer is not among the merchants' payments; it still must not be charged twice.
    if (view === undefined) continue
    if (sum('capture') !== view.amount_captured) {
      problems.push(`${id}: the PSP captured ${sum('capture')}, the merchant sees ${view.amount_captured}`)
    }
    if (sum('refund') !== view.amount_refunded) {
      problems.push(`${id}: the PSP refunded ${sum('refund')}, the merchant sees ${view.amount_refunded}`)
    }
  }
}

async function checkJournal(stack: Stack, effects: readonly BookLine[], problems: string[]): Promise<void> {
  const client = new Database({ connectionString: stack.postgres.url })
  await client.connect()
  try {
    const gaps = await client.query<{ entity: string }>(
      `SELECT encode(entity, 'hex') AS entity FROM journal WHERE type <> 'epoch'
       GROUP BY shard, entity HAVING max(seq) <> count(*) OR min(seq) <> 1`,
    )
    for (const row of gaps.rows) problems.push(`entity ${row.entity} has gaps`)
    const positions = await client.query<{ shard: number }>(
      'SELECT shard FROM journal GROUP BY shard HAVING max(position) <> count(*)',
    )
    for (const row of positions.rows) problems.push(`shard ${row.shard} has gaps`)
    const epochs = await client.query<{ shard: number }>(
      `SELECT DISTINCT shard FROM (
         SELECT shard, epoch, lag(epoch) OVER (PARTITION BY shard ORDER BY position) AS before FROM journal
       ) AS rows WHERE before > epoch`,
    )
    for (const row of epochs.rows) problems.push(`epochs of shard ${row.shard} go back`)
    const entities = await client.query<{ entity: string }>(
      `SELECT DISTINCT encode(entity, 'hex') AS entity FROM journal WHERE type LIKE 'payment.%'`,
    )
    const known = new Set(entities.rows.map((row) => row.entity))
    for (const line of effects) {
      if (!known.has(hexOf(paymentOf(line)))) problems.push(`${line.operation_id} has an effect and no intent`)
    }
  } finally {
    await client.end()
  }
}

function paymentOf(line: BookLine): string {
  return line.payment ?? `pay_${line.operation_id.split('_')[1]}`
}

/** The 16 bytes of a payment's id, decoded by arithmetic of its own. */
function hexOf(id: string): string {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz'
  let value = 0n
  for (const character of id.slice(4)) value = value * 32n + BigInt(digits.indexOf(character))
  return (value >> 2n).toString(16).padStart(32, '0')
}
