/**
 * The simulated Adyen's controls, under `/_admin/adyen`: the shopper without a browser, and what people do in the PSP's own
 * pages or at the bank.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { AdyenEngine } from './engine.ts'

const amount = Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))
const exactly = { additionalProperties: false }
const Nothing = Type.Object({}, exactly)
const Some = Type.Object({ amount }, exactly)
const Opening = Type.Object({ amount, inquiry: Type.Optional(Type.Boolean()) }, exactly)
const Authentication = Type.Object({ outcome: Type.Union([Type.Literal('complete'), Type.Literal('fail')]) }, exactly)
const Decision = Type.Object({ outcome: Type.Union([Type.Literal('won'), Type.Literal('lost')]) }, exactly)
const TakingBack = Type.Object({ how: Type.Union([Type.Literal('failed'), Type.Literal('reversed')]) }, exactly)

/** @param admin where the controls' own rules apply: this machine alone, and a prefix */
export function addAdyenAdmin(admin: FastifyInstance, engine: AdyenEngine): void {
  control('/adyen/3ds/:id', Authentication, 'this payment waits for no shopper', (id, { outcome }) =>
    named('redirect_result', engine.authenticate(id, outcome === 'complete')),
  )
  control('/adyen/payments/:id/capture', Some, 'there is no such payment', (id, body) =>
    named('psp_reference', engine.captureInPages(id, body.amount)),
  )
  control('/adyen/payments/:id/refund', Some, 'there is no such payment', (id, body) =>
    named('psp_reference', engine.refundInPages(id, body.amount)),
  )
  control('/adyen/payments/:id/cancel', Nothing, 'there is no such payment', (id) =>
    named('psp_reference', engine.cancelInPages(id)),
  )
  control('/adyen/payments/:id/dispute', Opening, 'there is no such payment, or not so much is captured', (id, body) =>
    named('psp_reference', engine.openDispute(id, body)),
  )
  control('/adyen/disputes/:id', Decision, 'there is nothing to decide', (id, { outcome }) =>
    engine.decideDispute(id, outcome) ? { outcome } : undefined,
  )
  control('/adyen/modifications/:id/take-back', TakingBack, 'there is no such success', (id, { how }) =>
    engine.takeBack(id, how) ? { how } : undefined,
  )

  function control<Schema extends TSchema>(
    url: string,
    schema: Schema,
    impossible: string,
    run: (id: string, body: Static<Schema>) => object | undefined,
  ): void {
    admin.post<{ Params: { id: string }; Body: unknown }>(url, (request, reply): FastifyReply => {
      const body = request.body ?? {}
      if (!Value.Check(schema, body)) {
        const [problem] = Value.Errors(schema, body)
        return reply.code(400).send({ error: `${problem?.instancePath ?? ''} ${problem?.message ?? ''}`.trim() })
      }
      const done = run(request.params.id, body)
      return done === undefined ? reply.code(409).send({ error: impossible }) : reply.send(done)
    })
  }
}

function named(name: string, value: string | undefined): object | undefined {
  return value === undefined ? undefined : { [name]: value }
}
