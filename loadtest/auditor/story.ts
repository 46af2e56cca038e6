/** A payment's whole story, for whoever has to find out what went wrong: client, journal and PSP, each in its order. */
import type { BookEntry } from './book.ts'
import type { ClientOperation } from './client-operations.ts'
import { decodeDecision } from './decode.ts'
import type { JournalRow } from './journal-source.ts'
import { messageOf } from './shard-check.ts'

export function storyOf(
  told: readonly ClientOperation[],
  rows: readonly JournalRow[],
  entries: readonly BookEntry[],
): readonly string[] {
  return [...told.map(client), ...rows.map(decision), ...entries.map(psp)]
}

function client(each: ClientOperation): string {
  const { i, proc, f, key, gateway, startNs, endNs, type, status, code, version, replayed, value } = each
  const took = endNs === null ? 'never ended' : `${Math.round((endNs - startNs) / 1e6)} ms`
  const answer = [
    status,
    code,
    version === undefined ? undefined : `version ${version}`,
    replayed === true ? 'replayed' : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
  return `client ${startNs} #${i} ${proc} ${f} ${key ?? ''} at ${gateway}: ${type} ${answer} ${JSON.stringify(value ?? null)} (${took})`
}

function decision({ position, seq, epoch, at, type, data }: JournalRow): string {
  let events: string
  try {
    events = decodeDecision(data)
      .events.map(
        (event) => `${event.type}${typeof event['operationId'] === 'string' ? ` ${event['operationId']}` : ''}`,
      )
      .join(', ')
  } catch (error) {
    events = messageOf(error)
  }
  return `journal ${new Date(at).toISOString()} position ${position} sequence ${seq} epoch ${epoch} ${type}: ${events}`
}

function psp({ at, operation, operation_id, amount, currency, effect, status }: BookEntry): string {
  const did = effect ? 'effect' : 'no effect'
  return `psp ${new Date(at).toISOString()} ${operation} ${operation_id ?? ''} ${amount ?? ''} ${currency ?? ''}: ${did}, ${status}`
}
