/** Where a shopper confirms or fails an authentication, and what the simulator's pages have in common. No scripts. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../../runtime/clock.ts'
import type { Engine } from './engine.ts'
import { decodeForm } from './parameters.ts'
import { intentAt, type IntentRecord } from './records.ts'
import type { World } from './world.ts'

export interface PagesOptions {
  readonly world: World
  readonly engine: Engine
  readonly clock: Clock
}

export function addPages(app: FastifyInstance, { world, engine, clock }: PagesOptions): void {
  app.get<{ Params: { intent: string } }>('/3ds/:intent', (request, reply) => {
    const intent = find(request.params.intent)
    if (intent === undefined) return page(reply, 404, 'Authentication', '<p>There is no such payment.</p>')
    if (intent.status !== 'requires_action')
      return page(reply, 200, 'Authentication', '<p>This payment waits for nothing.</p>')
    return page(reply, 200, 'Authentication', authenticationForms(intent))
  })

  app.post<{ Params: { intent: string } }>('/3ds/:intent', (request, reply) => {
    const outcome = decodeForm(typeof request.body === 'string' ? request.body : '').get('outcome')
    if (outcome !== 'complete' && outcome !== 'fail')
      return page(reply, 400, 'Authentication', '<p>Complete or fail?</p>')
    // A second click finds nothing to conclude, and is led the same way.
    engine.concludeAction(request.params.intent, outcome === 'complete')
    const intent = find(request.params.intent)
    if (intent === undefined) return page(reply, 404, 'Authentication', '<p>There is no such payment.</p>')
    if (intent.returnUrl === null)
      return page(reply, 200, 'Authentication', '<p>Done. This payment has no return address.</p>')
    return reply.redirect(returnAddress(intent, intent.returnUrl), 303)
  })

  function find(id: string): IntentRecord | undefined {
    const intent = world.intent(id)
    return intent === undefined ? undefined : intentAt(intent, Math.floor(clock.now() / 1000))
  }
}

/** The merchant's address with what Stripe adds to it. */
function returnAddress(intent: IntentRecord, returnUrl: string): string {
  const url = new URL(returnUrl)
  url.searchParams.set('payment_intent', intent.id)
  url.searchParams.set('payment_intent_client_secret', intent.clientSecret)
  url.searchParams.set('redirect_status', intent.status === 'requires_payment_method' ? 'failed' : 'succeeded')
  return url.href
}

export function authenticationForms({ amount, currency }: Pick<IntentRecord, 'amount' | 'currency'>): string {
  const button = (outcome: string, label: string): string =>
    `<form method="post"><input type="hidden" name="outcome" value="${outcome}"><button>${label}</button></form>`
  return `<p>Test authentication of ${amount} ${escapeHtml(currency)} (minor units).</p>
${button('complete', 'Complete authentication')}
${button('fail', 'Fail authentication')}`
}

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}
h2{margin:1.5rem 0 .3rem}input{font:inherit;padding:.3rem .5rem;max-width:100%;box-sizing:border-box}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px}
td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:left;white-space:nowrap}
.amount{text-align:right}.time,.amount{font-variant-numeric:tabular-nums}
button{font:inherit;padding:.4rem 1rem;margin:.4rem 0}`

export function page(reply: FastifyReply, status: number, title: string, body: string): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
    .header('cache-control', 'no-store')
    .send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${style}</style></head><body><h1>${title}</h1>${body}</body></html>`,
    )
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
