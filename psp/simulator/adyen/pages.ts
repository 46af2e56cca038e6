/** Where a shopper completes or fails the authentication of an Adyen payment. No scripts. */
import type { FastifyInstance } from 'fastify'
import { authenticationForms, page } from '../pages.ts'
import { decodeForm } from '../parameters.ts'
import type { AdyenEngine } from './engine.ts'

export function addAdyenPages(app: FastifyInstance, engine: AdyenEngine): void {
  app.get<{ Params: { psp: string } }>('/adyen/3ds/:psp', (request, reply) => {
    const payment = engine.payment(request.params.psp)
    if (payment === undefined) return page(reply, 404, 'Authentication', '<p>There is no such payment.</p>')
    if (payment.status !== 'redirected' || payment.authentication?.outcome !== 'waiting')
      return page(reply, 200, 'Authentication', '<p>This payment waits for nothing.</p>')
    return page(reply, 200, 'Authentication', authenticationForms(payment))
  })

  app.post<{ Params: { psp: string } }>('/adyen/3ds/:psp', (request, reply) => {
    const outcome = decodeForm(typeof request.body === 'string' ? request.body : '').get('outcome')
    if (outcome !== 'complete' && outcome !== 'fail')
      return page(reply, 400, 'Authentication', '<p>Complete or fail?</p>')
    // A second click finds nothing to conclude, and is led the same way.
    engine.authenticate(request.params.psp, outcome === 'complete')
    const authentication = engine.payment(request.params.psp)?.authentication ?? undefined
    if (authentication === undefined || authentication.redirectResult === null)
      return page(reply, 404, 'Authentication', '<p>No payment waits for this.</p>')
    const url = new URL(authentication.returnUrl)
    url.searchParams.set('redirectResult', authentication.redirectResult)
    return reply.redirect(url.href, 303)
  })
}
