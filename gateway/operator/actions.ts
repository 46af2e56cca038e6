/**
 * The one road of operators' actions: recorded, done, recorded how it ended. What could not be recorded is not done. Reading
 * of what is audited is recorded as well, at most once in ten minutes per operator and subject.
 *
 * An outcome that could not be recorded leaves the entry without one, which says just that: it may have taken effect.
 */
import type { FastifyRequest } from 'fastify'
import type { Envelope } from '../../cluster/router.ts'
import { type Address, addressOfName } from '../../domain/ids.ts'
import {
  type ActionLogAnswer,
  type ActionLogCommand,
  actionLogName,
  type ActionOutcome,
  type ActionParameters,
} from '../../domain/operator/action-log.ts'
import { assert } from '../../runtime/assert.ts'
import { type ErrorCode, errorTable } from '../errors.ts'
import { RefusalError } from '../problem.ts'
import { ClusterRefusal, type OperatorEdge } from './deps.ts'
import type { Operator } from './tokens.ts'

/** How long an actor is waited for. */
export const routeWithinMs = 10_000

export interface Action {
  readonly kind: string
  readonly subject: string
  readonly reason: string
  readonly parameters?: ActionParameters
}

/** @throws {RefusalError} where it could not be recorded, or the effect was refused. */
export async function act<Result>(
  edge: OperatorEdge,
  request: FastifyRequest,
  action: Action,
  effect: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  const operator = operatorOf(request)
  const day = dayOf(edge.clock.now())
  const id = `act_${edge.random.hex(12)}`
  const { kind, subject, reason, parameters = {} } = action
  await record(edge, {
    ...{ type: 'BeginAction', day },
    action: {
      ...{ id, kind, subject, reason, parameters },
      ...{ operator: operator.name, role: operator.role, requestId: request.id },
    },
  })
  try {
    const result = await effect(operator)
    await end(edge, day, id, 'done')
    return result
  } catch (error) {
    const refusal = refusalOf(error)
    const code = refusal?.refusal.code
    await end(edge, day, id, outcomeOf(code), code)
    throw refusal ?? error
  }
}

/** Records that what is audited was read. */
export async function recordReading(edge: OperatorEdge, request: FastifyRequest, subject: string): Promise<void> {
  const { name, role } = operatorOf(request)
  const day = dayOf(edge.clock.now())
  await record(edge, { type: 'RecordReading', day, operator: name, role, subject })
}

export async function listActions(
  edge: OperatorEdge,
  day: string,
  after: number,
  limit: number,
): Promise<Extract<ActionLogAnswer, { kind: 'entries' }>> {
  const answer = await ask<ActionLogAnswer>(edge, 'operator', actionLogName(day), 'read', {
    ...{ type: 'ListActions', day, after, limit },
  } satisfies ActionLogCommand)
  assert(answer.kind === 'entries', 'a list is answered with entries', { kind: answer.kind })
  return answer
}

/** `2026-11-21`: logs are cut by days of UTC. */
export function dayOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 10)
}

export function operatorOf(request: FastifyRequest): Operator {
  assert(request.operator !== null, 'a route with an access has an operator', { route: request.routeOptions.url })
  return request.operator
}

/** Sends a command to an entity that is addressed by name. @throws {RefusalError} where there is no answer. */
export function ask<Answer>(
  edge: OperatorEdge,
  kind: string,
  name: string,
  trafficClass: Envelope['class'],
  payload: unknown,
): Promise<Answer> {
  return askAt(edge, kind, addressOfName(name), trafficClass, payload)
}

/** @throws as {@link ask}. */
export async function askAt<Answer>(
  edge: OperatorEdge,
  kind: string,
  address: Address,
  trafficClass: Envelope['class'],
  payload: unknown,
): Promise<Answer> {
  const deadline = edge.clock.monotonic() + routeWithinMs
  const routed = await edge.router.route<Answer>({
    ...address,
    ...{ id: edge.random.hex(16), kind, class: trafficClass, bytes: 0, payload, attach: true },
    ...{ deadline, waitUntil: deadline },
  })
  if (routed.kind === 'answered') return routed.answer
  const retryAfterSeconds = Math.ceil(routed.retryAfterMs / 1_000)
  const code =
    trafficClass === 'read' || routed.certainty === 'not_accepted' ? 'service_unavailable' : 'action_outcome_unknown'
  throw new RefusalError({ code, retryAfterSeconds })
}

async function record(edge: OperatorEdge, command: ActionLogCommand): Promise<void> {
  let answer: ActionLogAnswer
  try {
    answer = await ask<ActionLogAnswer>(edge, 'operator', actionLogName(command.day), 'settle', command)
  } catch (error) {
    if (error instanceof RefusalError) throw new RefusalError({ ...error.refusal, code: 'action_not_recorded' })
    throw error
  }
  if (answer.kind === 'rejected') throw new RefusalError({ code: 'action_not_recorded' })
}

async function end(
  edge: OperatorEdge,
  day: string,
  id: string,
  outcome: ActionOutcome,
  code?: ErrorCode,
): Promise<void> {
  try {
    await record(edge, { type: 'EndAction', day, id, outcome, ...(code !== undefined && { code }) })
  } catch (error) {
    edge.log.error(
      { component: 'operator', operation: id, status: outcome, error },
      'the outcome of an action was not recorded',
    )
  }
}

function refusalOf(error: unknown): RefusalError | undefined {
  if (error instanceof RefusalError) return error
  return error instanceof ClusterRefusal ? new RefusalError({ code: error.code }) : undefined
}

/** What a defect left behind is unknown. */
function outcomeOf(code: ErrorCode | undefined): ActionOutcome {
  if (code === undefined || code === 'action_outcome_unknown') return 'unknown'
  return errorTable[code].status >= 500 ? 'failed' : 'refused'
}
