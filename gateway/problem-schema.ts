/** The form of every error body; see problem.ts. */
import { type Static, Type } from 'typebox'
import { PaymentInErrorSchema } from './payment-schema.ts'
import { closedObject, nullable } from './schema.ts'

export const ProblemSchema = closedObject({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  error: closedObject({
    type: Type.String(),
    code: Type.String(),
    decline_code: Type.Optional(Type.String()),
    message: Type.String(),
    param: nullable(Type.String()),
    retryable: Type.Boolean(),
    request_id: Type.String(),
    doc_url: Type.String(),
    current_status: Type.Optional(Type.String()),
    allowed_statuses: Type.Optional(Type.Array(Type.String())),
    amount_available: Type.Optional(Type.Integer()),
    limit: Type.Optional(Type.Integer()),
    limit_name: Type.Optional(Type.String()),
    operation: Type.Optional(Type.String()),
    payment: Type.Optional(PaymentInErrorSchema),
  }),
})

export type Problem = Static<typeof ProblemSchema>
