/**
 * Pages of lists that come from projections: which page a query asks for, and how the next one is named.
 *
 * An item's id is a cursor, and so is the `next_page` of an answer. Ids are looked up among the caller's own objects, so
 * somebody else's is as unknown as one that nobody has; page tokens are bound to the list they were given for (cursor-mac.ts).
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { httpLimits } from '../runtime/limits.ts'
import type { Edge } from './deps.ts'
import type { Refusal } from './problem.ts'
import { type Owner, type PageOf, type Place, ReadUnavailable, type ReadPage } from './read-port.ts'
import type { ReadListView } from './read-schema.ts'
import { refuse } from './respond.ts'
import { callerOf } from './submit.ts'

export interface PageQuery {
  readonly limit?: number
  readonly starting_after?: string
  readonly ending_before?: string
  readonly page?: string
}

/** One list as one caller asks for it. */
export interface ListOf<Item, View> {
  readonly name: string
  /** The path that is listed. */
  readonly url: string
  /** Everything that decides which items it has. */
  readonly filter: object
  read(owner: Owner, page: PageOf): Promise<ReadPage<Item>>
  /** Of an item's id; undefined where the owner has none of this id. Absent: ids of this list are no cursors. */
  placeOf?(owner: Owner, id: string): Place | undefined | Promise<Place | undefined>
  view(item: Item, place: Place): View
}

/** Answers with a page of the list, or with why there is none. */
export async function answerList<Item, View>(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  query: PageQuery,
  list: ListOf<Item, View>,
): Promise<FastifyReply> {
  const owner = ownerOf(request)
  const bound = JSON.stringify([list.name, list.url, owner.merchant, owner.mode, list.filter])
  return answerRead(edge, request, reply, async () => {
    const page = await pageOfQuery(edge, bound, query, async (id) => list.placeOf?.(owner, id))
    if ('code' in page) return refuse(edge, request, reply, page)
    const { items, hasMore, asOf } = await list.read(owner, page)
    const edgeItem = page.direction === 'older' ? items.at(-1) : items[0]
    const next = hasMore && edgeItem !== undefined ? { direction: page.direction, place: edgeItem.place } : undefined
    const view: ReadListView<View> = {
      object: 'list',
      url: list.url,
      has_more: hasMore,
      data: items.map(({ item, place }) => list.view(item, place)),
      next_page: next === undefined ? null : edge.cursors.seal(bound, next),
      as_of: asOf,
    }
    return reply.send(view)
  })
}

/** Runs what asks the read side; 503 where it is away. */
export async function answerRead(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<FastifyReply>,
): Promise<FastifyReply> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ReadUnavailable)) throw error
    edge.metrics.readUnavailable()
    return refuse(edge, request, reply, { code: 'read_unavailable' })
  }
}

export function ownerOf(request: FastifyRequest): Owner {
  const { merchant, mode } = callerOf(request)
  return { merchant: merchant.id, mode }
}

async function pageOfQuery(
  edge: Edge,
  bound: string,
  query: PageQuery,
  placeOf: (id: string) => Promise<Place | undefined>,
): Promise<PageOf | Refusal> {
  const { starting_after, ending_before, page } = query
  const limit = query.limit ?? httpLimits.listLimit.default
  const [given, second] = (['page', 'starting_after', 'ending_before'] as const).filter(
    (name) => query[name] !== undefined,
  )
  if (second !== undefined) return invalid(second, `${given} and ${second} cannot be given together.`)
  if (page !== undefined) {
    const cursor = edge.cursors.open(bound, page)
    if (cursor === undefined) return invalid('page', 'page is no next_page of this list.')
    return { limit, direction: cursor.direction, from: cursor.place }
  }
  const id = starting_after ?? ending_before
  if (id === undefined) return { limit, direction: 'older' }
  const from = await placeOf(id)
  if (from === undefined) return invalid(given, `${given} names nothing of this list.`)
  return { limit, direction: starting_after === undefined ? 'newer' : 'older', from }
}

function invalid(param: string | undefined, message: string): Refusal {
  return { code: 'parameter_invalid', param, message }
}
