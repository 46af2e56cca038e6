/** `GET /v1/events` and `/v1/events/{id}`: what was told, or should have been, for those who missed it. */
import { notFound } from './failure.ts'
import { cut, list, newestFirst, readPage, readWindow } from './paging.ts'
import type { Parameters } from './parameters.ts'
import type { JsonObject } from './render.ts'
import type { StripeEventLog } from './stripe-events-log.ts'
import { renderEvent, type StripeEvent } from './stripe-events-render.ts'

/** How an event has fared with the endpoints that were to receive it. */
export interface EventStanding {
  /** Endpoints that are still tried. */
  readonly pending: number
  /** Endpoints that were given up. */
  readonly failed: number
}

export interface EventReads {
  readonly events: Pick<StripeEventLog, 'get' | 'all'>
  readonly standing: (event: string) => EventStanding
}

export function readEvent(id: string, { events, standing }: EventReads): JsonObject {
  const event = events.get(id)
  if (event === undefined) throw notFound('event', id, 'id')
  return renderEvent(event, standing(id).pending)
}

export function listEvents(parameters: Parameters, { events, standing }: EventReads): JsonObject {
  const type = parameters.text('type')
  const types = parameters.list('types')
  const delivered = parameters.boolean('delivery_success')
  const window = readWindow(parameters)
  const page = readPage(parameters)
  parameters.list('expand')
  parameters.finish()
  const matching = newestFirst(events.all()).filter(
    (event) =>
      window(Math.floor(event.at / 1000)) &&
      (type === undefined || matches(type, event.type)) &&
      (types.length === 0 || types.some((each) => matches(each, event.type))) &&
      (delivered === undefined || delivered === isDelivered(standing(event.id))),
  )
  return list('/v1/events', cut(matching, page), (event: StripeEvent) => renderEvent(event, standing(event.id).pending))
}

/** A name, or a group of them: `charge.dispute.*`. */
function matches(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type
}

function isDelivered({ pending, failed }: EventStanding): boolean {
  return pending + failed === 0
}
