/** What Stripe's lists have in common: cursors, the window of creation, newest first. */
import { invalidParameter } from './failure.ts'
import type { Parameters } from './parameters.ts'
import type { JsonObject } from './render.ts'

export interface Page {
  readonly limit: number
  readonly after: string | undefined
  readonly before: string | undefined
}

export function readPage(parameters: Parameters): Page {
  const limit = parameters.integer('limit') ?? 10
  if (limit < 1 || limit > 100) throw invalidParameter('parameter_invalid_integer', 'A limit is 1 to 100.', 'limit')
  return { limit, after: parameters.text('starting_after'), before: parameters.text('ending_before') }
}

/** `created`, exact or as a range. */
export function readWindow(parameters: Parameters): (created: number) => boolean {
  const range = parameters.nestedOrInteger('created')
  if (typeof range === 'number') return (created) => created === range
  const gte = range.integer('gte')
  const gt = range.integer('gt')
  const lte = range.integer('lte')
  const lt = range.integer('lt')
  return (created) =>
    created >= (gte ?? 0) && created > (gt ?? -1) && created <= (lte ?? created) && created < (lt ?? created + 1)
}

export function newestFirst<Item>(items: Iterable<Item>): Item[] {
  return [...items].reverse()
}

export function cut<Item extends { readonly id: string }>(
  items: readonly Item[],
  page: Page,
): { data: readonly Item[]; more: boolean } {
  const cursor = page.before ?? page.after
  if (cursor !== undefined && !items.some(({ id }) => id === cursor)) {
    throw invalidParameter(
      'resource_missing',
      `No such object in this list: '${cursor}'`,
      page.before === undefined ? 'starting_after' : 'ending_before',
    )
  }
  if (page.before !== undefined) {
    const end = items.findIndex(({ id }) => id === page.before)
    const start = Math.max(0, end - page.limit)
    return { data: items.slice(start, Math.max(end, 0)), more: start > 0 }
  }
  const start = page.after === undefined ? 0 : items.findIndex(({ id }) => id === page.after) + 1
  return { data: items.slice(start, start + page.limit), more: items.length > start + page.limit }
}

export function list<Item>(
  url: string,
  page: { data: readonly Item[]; more: boolean },
  render: (item: Item) => JsonObject,
): JsonObject {
  return { object: 'list', data: page.data.map(render), has_more: page.more, url }
}
