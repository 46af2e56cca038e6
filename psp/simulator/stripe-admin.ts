/**
 * What people do in Stripe's own pages or at the bank, under `/_admin/stripe`: captures, refunds and cancellations without
 * an idempotency key or anything of ours on them, disputes and how they end, refunds that fail later.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type DisputeDecision, decidedDispute, disputeDecisions, type DisputeFacts, openedDispute } from './disputes.ts'
import type { Change, Engine, PersonsCall } from './engine.ts'
import { disputeReasons } from './records.ts'
import type { World } from './world.ts'

export interface StripeAdminOptions {
  readonly engine: Engine
  readonly world: World
}

const exactly = { additionalProperties: false }
const amount = Type.Optional(Type.Integer({ minimum: 1, maximum: 999_999_999_999 }))
const Nothing = Type.Object({}, exactly)
const Some = Type.Object({ amount }, exactly)
const Opening = Type.Object(
  { amount, inquiry: Type.Optional(Type.Boolean()), reason: Type.Optional(Type.Enum([...disputeReasons])) },
  exactly,
)
const Decision = Type.Object({ decision: Type.Enum([...disputeDecisions]) }, exactly)

/** @param admin serves under `/_admin`, for this machine alone */
export function addStripeAdmin(admin: FastifyInstance, { engine, world }: StripeAdminOptions): void {
  control('/stripe/payment_intents/:id/refund', Some, (reply, id, body) =>
    byHand(reply, '/v1/refunds', new Map([['payment_intent', id], ...amountField('amount', body.amount)])),
  )
  control('/stripe/payment_intents/:id/capture', Some, (reply, id, body) =>
    byHand(reply, `/v1/payment_intents/${id}/capture`, new Map(amountField('amount_to_capture', body.amount))),
  )
  control('/stripe/payment_intents/:id/cancel', Nothing, (reply, id) =>
    byHand(reply, `/v1/payment_intents/${id}/cancel`, new Map()),
  )
  control(
    '/stripe/payment_intents/:id/dispute',
    Opening,
    (reply, id, { amount: disputed, inquiry = false, reason = 'general' }) =>
      changed(reply, (call) => dispute(call, id, disputed, { inquiry, reason })),
  )
  control('/stripe/disputes/:id', Decision, (reply, id, { decision }) =>
    changed(reply, (call) => decide(call, id, decision)),
  )
  control('/stripe/refunds/:id/fail', Nothing, (reply, id) => changed(reply, ({ world: now }) => failRefund(now, id)))

  function control<Schema extends TSchema>(
    url: string,
    schema: Schema,
    run: (reply: FastifyReply, id: string, body: Static<Schema>) => FastifyReply,
  ): void {
    admin.post<{ Params: { id: string }; Body: unknown }>(url, (request, reply) => {
      const { id } = request.params
      const body = request.body ?? {}
      if (!Value.Check(schema, body)) {
        const [problem] = Value.Errors(schema, body)
        return reply.code(400).send({ error: `${problem?.instancePath ?? ''} ${problem?.message ?? ''}`.trim() })
      }
      if (world.intent(id) === undefined && world.dispute(id) === undefined && world.refund(id) === undefined) {
        return reply.code(404).send({ error: 'there is no such object' })
      }
      return run(reply, id, body)
    })
  }

  function byHand(reply: FastifyReply, path: string, form: ReadonlyMap<string, string>): FastifyReply {
    const answer = engine.byHand(path, new Map(form))
    return reply.code(answer.status).type('application/json').send(answer.body)
  }

  function changed(reply: FastifyReply, make: (call: PersonsCall) => Change | undefined): FastifyReply {
    const change = engine.change(make)
    if (change === undefined) return reply.code(409).send({ error: 'this object is not in a state for that' })
    return reply.send({ changed: change.records.map(({ id }) => id) })
  }
}

function amountField(name: string, value: number | undefined): [string, string][] {
  return value === undefined ? [] : [[name, String(value)]]
}

function dispute(
  call: PersonsCall,
  intent: string,
  disputed: number | undefined,
  facts: Omit<DisputeFacts, 'amount'>,
): Change | undefined {
  const charge = call.world.charge(call.world.intent(intent)?.latestCharge ?? '')
  if (charge === undefined || !charge.captured || charge.disputed !== null) return undefined
  if (disputed !== undefined && disputed > charge.amountCaptured) return undefined
  const opened = openedDispute(charge, { ...facts, amount: disputed ?? charge.amountCaptured }, call)
  return { records: [{ ...charge, disputed: opened.id }, opened], effects: [] }
}

function decide(call: PersonsCall, id: string, decision: DisputeDecision): Change | undefined {
  const found = call.world.dispute(id)
  const decided = found === undefined ? undefined : decidedDispute(found, decision, call)
  return decided === undefined ? undefined : { records: [decided], effects: [] }
}

function failRefund(world: World, id: string): Change | undefined {
  const refund = world.refund(id)
  if (refund === undefined || refund.course === 'failed') return undefined
  return { records: [{ ...refund, course: 'failed' }], effects: [] }
}
