import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  charge,
  dispute,
  event,
  ids,
  intent,
  type Json,
  movement,
  ourMetadata,
  payout,
  refund,
  reportRun,
  signatureHeader,
} from '../../test/support/stripe-events.ts'
import type { WebhookVerdict } from '../webhook.ts'
import { createStripeReceiver } from './webhook.ts'

const secret = 'whsec_shoes'
const now = 1_800_000_000

function receive(body: string | Buffer, secrets: readonly string[] = [secret], signedWith = secret): WebhookVerdict {
  const receiver = createStripeReceiver({ connection: 'stripe-test', mode: 'test', secrets: () => secrets })
  const headers = { 'stripe-signature': signatureHeader(body, signedWith, now) }
  return receiver.receive({ headers, body: Buffer.from(body), receivedAt: now * 1000 })
}

function outcomeOf(verdict: WebhookVerdict): string {
  return verdict.kind === 'refused' ? verdict.refusal : verdict.kind
}

function noticeOf(object: Json) {
  const verdict = receive(JSON.stringify(object))
  const [notice] = verdict.kind === 'authentic' ? verdict.notices : []
  if (notice === undefined) throw new Error(`a notice, not ${outcomeOf(verdict)}`)
  return notice
}

/** Every type that is taken, with an object of its kind. */
const taken: Readonly<Record<string, Json>> = {
  ...ofGroup(
    'payment_intent',
    'created processing requires_action amount_capturable_updated partially_funded',
    intent(),
  ),
  ...ofGroup('payment_intent', 'succeeded payment_failed canceled', intent()),
  ...ofGroup('charge', 'succeeded pending failed captured expired refunded updated', charge()),
  ...ofGroup('charge.refund', 'updated', refund()),
  ...ofGroup('refund', 'created updated failed', refund()),
  ...ofGroup('charge.dispute', 'created updated funds_withdrawn funds_reinstated closed', dispute()),
  ...ofGroup('payout', 'created updated paid failed canceled reconciliation_completed', payout()),
  ...ofGroup('balance', 'available', { object: 'balance' }),
  ...ofGroup('radar.early_fraud_warning', 'created updated', { object: 'radar.early_fraud_warning' }),
  ...ofGroup('review', 'opened closed', { object: 'review' }),
  ...ofGroup('reporting.report_run', 'succeeded failed', reportRun()),
}

function ofGroup(group: string, names: string, object: Json): Record<string, Json> {
  return Object.fromEntries(names.split(' ').map((name) => [`${group}.${name}`, object]))
}

const { 'x-event-types': everyType } = JSON.parse(
  readFileSync(new URL('fixtures/stripe-current.openapi.json', import.meta.url), 'utf8'),
) as { readonly 'x-event-types': Json }

describe('an authentic event', () => {
  it('is one notice under its id, with the digest of what it says', () => {
    const body = JSON.stringify(event('refund.created', refund()))
    expect(receive(body)).toEqual({
      kind: 'authentic',
      notices: [
        {
          id: 'evt_1',
          type: 'refund.created',
          occurredAt: now * 1000,
          digest: expect.stringMatching(/^[0-9a-f]{64}$/),
          mode: 'test',
          subject: { operationId: ids.refund, references: ['re_1', 'ch_1', 'pi_1'] },
          fact: {
            kind: 'outcome',
            operation: 'refund',
            outcome: { kind: 'succeeded', pspReference: 're_1', amountMinor: 1234, currency: 'EUR' },
          },
        },
      ],
      acknowledgement: { contentType: 'application/json', body: '{"received":true}' },
    })
  })

  it('has another digest where it says anything else, whoever is still to hear of it', () => {
    const digest = (fields: Json) => noticeOf(event('refund.created', refund(), { fields })).digest
    expect(digest({ pending_webhooks: 3 })).toBe(digest({ pending_webhooks: 1 }))
    expect(digest({ created: now + 1 })).not.toBe(digest({ created: now }))
  })

  it('says which environment it is about, whatever the connection is for', () => {
    expect(noticeOf(event('refund.created', refund(), { fields: { livemode: true } })).mode).toBe('live')
  })

  it('of every type that Stripe has is taken; which of them mean nothing here is said', () => {
    expect(Object.keys(everyType)).toHaveLength(275)
    for (const type of Object.keys(everyType)) {
      const { fact } = noticeOf(event(type, taken[type] ?? { object: 'something' }))
      const isUnknown = fact.kind === 'none' && fact.reason === 'unknown_type'
      expect(isUnknown, type).toBe(taken[type] === undefined)
    }
  })

  it('whose object cannot be read is kept as that, also where it is something entirely else', () => {
    for (const type of Object.keys(taken)) {
      const { fact, subject } = noticeOf(event(type, { object: 'nobody', id: 7 }))
      expect(fact, type).toMatchObject({ kind: 'none' })
      expect(subject).toEqual({ references: [] })
    }
  })

  it('never makes the receiver throw, and an unreadable one is never an outcome of another payment', () => {
    const shapes = [intent(), charge(), refund(), dispute({ balance_transactions: [movement()] }), reportRun()]
    const mutated = fc
      .tuple(fc.constantFrom(...shapes), fc.dictionary(fc.constantFrom(...shapes.flatMap(Object.keys)), fc.jsonValue()))
      .map(([shape, changes]) => ({ ...shape, ...changes }))
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(taken)), mutated, fc.jsonValue(), (type, object, request) => {
        const { subject } = noticeOf(event(type, object, { fields: { request } }))
        for (const reference of subject.references) expect(reference).toMatch(/^[a-z]+_[A-Za-z0-9_]+$/)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('nothing personal gets into a notice', () => {
  const kept = new Set(
    `id object status currency charge payment_intent latest_charge capture_method operation_id url report_type
     type balance_transaction`.split(/\s+/),
  )

  /** Every text that is not one of the fields above says who somebody is. */
  function betrayed(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) return value.map((item) => betrayed(item, name))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, betrayed(field, key)]))
    return (typeof value === 'string' || value === null) && !kept.has(name) ? 'Jane Doe 4242 jane@example.com' : value
  }

  it.each(Object.entries(taken))('of %s', (type, object) => {
    const told = noticeOf(event(type, betrayed(object) as Json, { key: ids.capture })).fact.kind
    expect(told).toBe(noticeOf(event(type, object, { key: ids.capture })).fact.kind)
    const variants: readonly Json[] = [
      object,
      { ...object, status: 'succeeded', amount_received: 1234, metadata: { ...ourMetadata, [ids.capture]: '1234' } },
      {
        ...object,
        status: 'requires_payment_method',
        last_payment_error: { type: 'card_error', code: 'x', message: '' },
      },
      { ...object, status: 'canceled', captured: false },
      { ...object, status: 'failed', failure_reason: 'unknown' },
    ]
    for (const variant of variants) {
      const text = JSON.stringify(noticeOf(event(type, betrayed(variant) as Json, { key: ids.capture })))
      expect(text).not.toContain('Jane')
      expect(text).not.toContain('4242')
    }
  })
})

describe('a message is refused', () => {
  const body = JSON.stringify(event('refund.created', refund()))

  it('without looking at its body where it is not proved to be of Stripe', () => {
    expect(outcomeOf(receive(body, [secret], 'whsec_other'))).toBe('signature')
    expect(outcomeOf(receive('no JSON at all', [secret], 'whsec_other'))).toBe('signature')
    const receiver = createStripeReceiver({ connection: 'c', mode: 'test', secrets: () => [secret] })
    for (const [header, refusal] of [
      [undefined, 'signature'],
      [`t=${now}`, 'signature'],
      ['v1=aa', 'timestamp'],
      [`t=1${',v1=aa'.repeat(50)}`, 'too_many_signatures'],
      ['x'.repeat(10_000), 'signature_header'],
    ] as const) {
      const request = { headers: { 'stripe-signature': header }, body: Buffer.from(body), receivedAt: now * 1000 }
      expect(receiver.receive(request)).toEqual({ kind: 'refused', refusal })
    }
  })

  it('when the secret has been retired, and not before', () => {
    expect(outcomeOf(receive(body, ['whsec_new', secret]))).toBe('authentic')
    expect(outcomeOf(receive(body, ['whsec_new']))).toBe('signature')
  })

  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['half of it', body.slice(0, -20)],
    ['two of it', body + body],
    ['no object', '[]'],
    ['null', 'null'],
    ['no UTF-8', Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff]), Buffer.from('"}')])],
    ['too deep by far', nested(20_000)],
    ['too deep beside an event', body.replace(/}$/, `,"more":${nested(64)}}`)],
    ['lists that never end', '['.repeat(200_000)],
    ['an event that is only a prototype', `{"__proto__":${body}}`],
    ['another object', JSON.stringify(refund())],
    ['a thin event', JSON.stringify({ ...event('v1.billing.meter.no_meter_found', {}), object: 'v2.core.event' })],
    ['an event without a type', JSON.stringify(event('', refund()))],
    ['an event whose type is free text', JSON.stringify(event('call Jane', refund()))],
    ['an event without a time', JSON.stringify(event('refund.created', refund(), { fields: { created: null } }))],
    ['a time beyond all clocks', JSON.stringify(event('refund.created', refund(), { fields: { created: 1e20 } }))],
    ['no environment', JSON.stringify(event('refund.created', refund(), { fields: { livemode: 'false' } }))],
    ['no snapshot', JSON.stringify(event('refund.created', refund(), { fields: { data: {} } }))],
  ])('though it is signed, where the body is %s', (_, signed) => {
    expect(outcomeOf(receive(signed))).toBe('body_invalid')
  })

  it.each([
    ['missing', null],
    ['with a dot', 'evt_1.2'],
    ['10 kB long', `evt_${'a'.repeat(10_000)}`],
    ['256 characters long', `evt_${'a'.repeat(252)}`],
    ["another object's", 'ch_1'],
    ['empty', 'evt_'],
    ['a number', 7],
    ['with a line break', 'evt_1\n'],
  ])('where the id of the event is %s', (_, id) => {
    expect(outcomeOf(receive(JSON.stringify(event('refund.created', refund(), { fields: { id } }))))).toBe('id_invalid')
  })

  it('but not for deep texts, escaped quotes, or 64 levels', () => {
    const metadata = { note: `\\"${'{['.repeat(200)}\\` }
    expect(outcomeOf(receive(JSON.stringify(event('refund.created', refund({ metadata })))))).toBe('authentic')
    expect(outcomeOf(receive(body.replace(/}$/, `,"more":${nested(63)}}`)))).toBe('authentic')
  })
})
