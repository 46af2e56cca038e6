/** Lists of the operators' API as the command line shows them: page after page, up to a bound. */
import type { CommandContext } from './context.ts'

/** As many as an answer may hold. */
const pageRows = 200
/** A list goes on until it ends, or has as many pages. */
const pagesMax = 50

export interface Listed<Row> {
  readonly rows: readonly Row[]
  /** There are more than were asked for. */
  readonly cut: boolean
}

/** @param path with a query, or the beginning of one. */
export async function list<Row>(client: CommandContext['client'], path: string, member: string): Promise<Listed<Row>> {
  const rows: Row[] = []
  let after = ''
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const page = await client.get<Readonly<Record<string, unknown>>>(`${path}limit=${pageRows}${after}`)
    rows.push(...(page[member] as readonly Row[]))
    const next = page['next_after'] as string | null
    if (next === null) return { rows, cut: false }
    after = `&after=${encodeURIComponent(next)}`
  }
  return { rows, cut: true }
}

/** `2026-11-21 12:03:07`, UTC as the API has it. */
export function instantOf(iso: string | null): string {
  return iso === null ? '' : iso.slice(0, 19).replace('T', ' ')
}
