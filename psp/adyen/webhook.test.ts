import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import adyen from '@adyen/api-library'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { operationIdOf } from '../../domain/ids.ts'
import type { Notice } from '../../domain/inbox/notice.ts'
import { adyenMessages, problemsOfAdyenMessage } from '../../test/support/adyen-contract.ts'
import { samplePayment } from '../../test/support/psp-calls.ts'
import { noticesMax, webhookBytesMax, type WebhookVerdict } from '../webhook.ts'
import { hasOneReading, type NotificationItem, signedTextOf } from './notification.ts'
import { createAdyenReceiver } from './webhook.ts'

type Item = Readonly<Record<string, unknown>>

interface Vector {
  readonly name: string
  readonly hmacKeyHex: string
  readonly item: Item
  readonly dataToSign: string
  readonly signatureBase64: string
}

const vectors = JSON.parse(readFileSync(new URL('fixtures/webhook-signatures.json', import.meta.url), 'utf8')) as {
  readonly standardWebhook: readonly Vector[]
  readonly headerHmac: readonly {
    readonly hmacKeyHex: string
    readonly body: string
    readonly signatureBase64: string
  }[]
}

const validator = new adyen.hmacValidator()
const key = '44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056'
const otherKey = 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00'
const login = 'adyen:s3cret:with colon'

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

function receiver(options: { keys?: readonly string[]; logins?: readonly string[]; account?: string } = {}) {
  return createAdyenReceiver({
    connection: 'adyen-test',
    mode: 'test',
    merchantAccount: options.account ?? 'ShoesCOM',
    hmacKeys: () => options.keys ?? [key],
    logins: () => options.logins ?? [login],
  })
}

interface Sending {
  readonly keys?: readonly string[]
  readonly logins?: readonly string[]
  readonly account?: string
  readonly authorization?: string | readonly string[] | undefined
}

function take(body: Buffer | string, sending: Sending = {}): WebhookVerdict {
  const authorization = 'authorization' in sending ? sending.authorization : basic(login)
  return receiver(sending).receive({ headers: { authorization }, body: Buffer.from(body as string), receivedAt: 1_000 })
}

function message(items: readonly unknown[], live: unknown = 'false'): string {
  return JSON.stringify({ live, notificationItems: items.map((item) => ({ NotificationRequestItem: item })) })
}

const plain: Item = {
  pspReference: 'QFQTPCQ8HXSKGK82',
  originalReference: '9913140798220028',
  merchantAccountCode: 'ShoesCOM',
  merchantReference: operationIdOf('cap', samplePayment, 1),
  amount: { value: 1000, currency: 'EUR' },
  eventCode: 'CAPTURE',
  eventDate: '2021-01-01T01:00:00+01:00',
  success: 'true',
}

/** Signed by Adyen's own library. */
function signed(fields: Item = {}, hmacKey = key): Item {
  const item = { ...plain, ...fields }
  const hmacSignature = validator.calculateHmac(item as never, hmacKey)
  return { ...item, additionalData: { ...(item['additionalData'] as object), hmacSignature } }
}

function refusalOf(verdict: WebhookVerdict): string {
  return verdict.kind === 'refused' ? verdict.refusal : verdict.kind
}

function noticesOf(verdict: WebhookVerdict): readonly Notice[] {
  if (verdict.kind !== 'authentic') throw new Error(`an authentic message, not ${verdict.refusal}`)
  return verdict.notices
}

describe('an authentic message', () => {
  it('becomes a notice, and is acknowledged with what Adyen wants to read', () => {
    const verdict = take(message([signed()]))
    expect(noticesOf(verdict)).toEqual([
      {
        id: 'ShoesCOM:CAPTURE:QFQTPCQ8HXSKGK82:true',
        type: 'CAPTURE',
        occurredAt: Date.UTC(2021, 0, 1),
        digest: createHash('sha256')
          .update(
            `QFQTPCQ8HXSKGK82:9913140798220028:ShoesCOM:${String(plain['merchantReference'])}:1000:EUR:CAPTURE:true`,
          )
          .digest('hex'),
        mode: 'test',
        subject: { operationId: plain['merchantReference'], references: ['QFQTPCQ8HXSKGK82', '9913140798220028'] },
        fact: {
          kind: 'outcome',
          operation: 'capture',
          outcome: {
            kind: 'succeeded',
            pspReference: 'QFQTPCQ8HXSKGK82',
            amountMinor: 1000,
            currency: 'EUR',
            echoedOperationId: plain['merchantReference'],
          },
        },
      },
    ])
    expect(verdict).toMatchObject({ acknowledgement: { contentType: /^text\/plain/, body: '[accepted]' } })
  })

  it('may hold several items, each signed', () => {
    const items = ['CAPTURE', 'REFUND', 'CHARGEBACK'].map((eventCode) => signed({ eventCode }))
    expect(noticesOf(take(message(items))).map(({ type }) => type)).toEqual(['CAPTURE', 'REFUND', 'CHARGEBACK'])
    expect(refusalOf(take(message([...items, plain])))).toBe('signature')
  })

  it('says which environment it is about', () => {
    expect(noticesOf(take(message([signed()], 'true')))[0]?.mode).toBe('live')
  })

  it('whose environment somebody turned, which no signature covers, is never taken for the first copy of the real one', () => {
    const [real, turned] = ['false', 'true'].map((live) => noticesOf(take(message([signed()], live)))[0]?.id)
    expect(real).toBe('ShoesCOM:CAPTURE:QFQTPCQ8HXSKGK82:true')
    expect(turned).not.toBe(real)
  })

  it('is taken even where nothing can be made of it: Adyen would send nothing else before', () => {
    for (const fields of [
      { eventCode: 'SOMETHING_NEW' },
      { amount: { value: 5, currency: 'XXX' } },
      { merchantAccountCode: 'OtherCOM' },
      { eventDate: 'yesterday', reason: 'x'.repeat(9_000) },
      { merchantReference: 'not: an id of ours' },
      { originalReference: undefined },
    ]) {
      expect(take(message([signed(fields)])).kind, JSON.stringify(fields).slice(0, 60)).toBe('authentic')
    }
  })

  it('has the same identity and digest however often it comes, and another digest when its amount is another', () => {
    const [first] = noticesOf(take(message([signed()])))
    const [copy] = noticesOf(take(message([signed({ reason: 'told otherwise', eventDate: '2022-01-01T00:00:00Z' })])))
    const [other] = noticesOf(take(message([signed({ amount: { value: 999, currency: 'EUR' } })])))
    expect([copy?.id, copy?.digest]).toEqual([first?.id, first?.digest])
    expect(other?.id).toBe(first?.id)
    expect(other?.digest).not.toBe(first?.digest)
  })
})

describe('a login', () => {
  it('of several active ones opens, and nothing else', () => {
    const logins = ['old:one', login]
    expect(take(message([signed()]), { logins }).kind).toBe('authentic')
    expect(take(message([signed()]), { logins, authorization: basic('old:one') }).kind).toBe('authentic')
    for (const authorization of [
      undefined,
      '',
      'Basic',
      'Basic ',
      basic(''),
      basic(':'),
      basic('adyen'),
      basic('adyen:'),
      basic(`${login} `),
      basic(login.toUpperCase()),
      `Bearer ${Buffer.from(login).toString('base64')}`,
      `Basic ${login}`,
      basic('x'.repeat(10_000)),
      [basic(login)],
      [basic(login), basic('old:one')],
    ]) {
      expect(refusalOf(take(message([signed()]), { logins, authorization })), String(authorization)).toBe('login')
    }
  })

  it('comes first: before it nothing of a message is looked at', () => {
    expect(refusalOf(take('not json', { authorization: basic('who:knows') }))).toBe('login')
  })

  it('that could not be one opens nothing', () => {
    for (const text of ['', ':', 'adyen', 'adyen:', ':secret']) {
      expect(refusalOf(take(message([signed()]), { logins: [text], authorization: basic(text) })), text).toBe('login')
    }
    expect(refusalOf(take(message([signed()]), { logins: [] }))).toBe('login')
  })
})

describe('a signature', () => {
  it('of any active key is taken; a retired key opens nothing any more', () => {
    const old = message([signed({}, otherKey)])
    expect(take(old, { keys: [key, otherKey] }).kind).toBe('authentic')
    expect(take(old, { keys: [otherKey, key] }).kind).toBe('authentic')
    expect(refusalOf(take(old))).toBe('signature')
    expect(refusalOf(take(old, { keys: [] }))).toBe('signature')
  })

  it('made with what is no key is worth nothing', () => {
    for (const bad of ['', 'zz', 'ABCD', `${key}00`, `${key.slice(1)}g`, 'not hexadecimal']) {
      const forged = message([signed({}, bad)])
      expect(refusalOf(take(forged, { keys: [bad] })), bad).toBe('signature')
      expect(take(message([signed()]), { keys: [bad, key] }).kind, bad).toBe('authentic')
    }
  })

  it('that is missing, cut, in another spelling or of another type is none', () => {
    const good = (signed()['additionalData'] as { hmacSignature: string }).hmacSignature
    for (const hmacSignature of [
      undefined,
      null,
      '',
      good.slice(0, -1),
      good.slice(0, 20),
      `${good}=`,
      ` ${good}`,
      Buffer.from(good, 'base64').toString('hex'),
      Buffer.from(good, 'base64').toString('base64url'),
      good.toLowerCase(),
      [good],
      { toString: good },
      1,
    ]) {
      const verdict = take(message([{ ...plain, additionalData: { hmacSignature } }]))
      expect(refusalOf(verdict), JSON.stringify(hmacSignature)).toBe('signature')
    }
    expect(refusalOf(take(message([plain])))).toBe('signature')
    expect(refusalOf(take(message([{ ...signed(), additionalData: [good] }])))).toBe('signature')
  })

  it('holds for each field that is signed: whichever is changed, it does not hold any more', () => {
    for (const [field, value] of [
      ['pspReference', 'QFQTPCQ8HXSKGK83'],
      ['originalReference', undefined],
      ['merchantAccountCode', 'ShoesCOM2'],
      ['merchantReference', 'x'],
      ['amount', { value: 1001, currency: 'EUR' }],
      ['amount', { value: 1000, currency: 'USD' }],
      ['amount', undefined],
      ['eventCode', 'REFUND'],
      ['success', 'false'],
    ] as const) {
      expect(refusalOf(take(message([{ ...signed(), [field]: value }]))), field).toBe('signature')
    }
  })
})

describe('what is odd in a message', () => {
  const odd = ['"a\\u0000"', '"\\ud83d"', '1e2', '1.0', '-0', '123456789012345678901234567890']
  /** The message of `item` with `value`, as it is spelled, in the place of its placeholder. */
  const spelled = (item: Item, value: string): string => message([item]).replace('"<odd>"', value)

  it.each(odd)('does not hold it up where it is not signed, and is not told: %s', (value) => {
    const [usual] = noticesOf(take(message([signed()])))
    for (const fields of [
      { reason: '<odd>' },
      { paymentMethod: '<odd>' },
      { operations: ['<odd>'] },
      { additionalData: { cardSummary: '<odd>', 'retry.attempt1.rawResponse': { deep: ['x'] } } },
    ]) {
      expect(noticesOf(take(spelled(signed(fields), value)))).toEqual([usual])
    }
    expect(noticesOf(take(spelled(signed({ eventDate: '<odd>' }), value)))).toEqual([{ ...usual, occurredAt: 1_000 }])
    const named = message([signed({ additionalData: { '<odd>': 'x' } })]).replace('<odd>', '\\ud83d\\u0000')
    expect(noticesOf(take(named))).toEqual([usual])
  })

  it.each(odd)('refuses it where it is signed, or says how it is signed: %s', (value) => {
    for (const field of ['pspReference', 'originalReference', 'merchantReference', 'eventCode', 'success']) {
      expect(refusalOf(take(spelled({ ...signed(), [field]: '<odd>' }, value))), field).toBe('body_invalid')
    }
    for (const amount of [
      { value: '<odd>', currency: 'EUR' },
      { value: 1000, currency: '<odd>' },
    ]) {
      expect(refusalOf(take(spelled({ ...signed(), amount }, value)))).toBe('body_invalid')
    }
    const unsigned = { ...plain, additionalData: { hmacSignature: '<odd>' } }
    expect(refusalOf(take(spelled(unsigned, value)))).toBe('signature')
    expect(refusalOf(take(message([signed()], '<odd>').replace('"<odd>"', value)))).toBe('body_invalid')
  })
})

describe('a message without the form of one is refused before its signature is looked at', () => {
  const item = JSON.stringify(signed())
  const deep = `${'['.repeat(1_000)}${']'.repeat(1_000)}`
  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['HTML', '<html>'],
    ['a list', '[]'],
    ['no items', message([])],
    ['too many items', message(Array.from({ length: noticesMax + 1 }, () => signed()))],
    ['an item that is none', '{"live":"false","notificationItems":[null]}'],
    ['an unwrapped item', `{"live":"false","notificationItems":[${item}]}`],
    ['items that are no list', '{"live":"false","notificationItems":{"0":{}}}'],
    ['an environment that is no text', message([signed()], false)],
    ['an unknown environment', message([signed()], 'maybe')],
    ['no environment', message([signed()]).replace('"live":"false",', '')],
    ['a reference that is a number', message([{ ...signed(), pspReference: 1 }])],
    ['a success that is no text', message([{ ...signed(), success: true }])],
    ['an amount that is a text', message([{ ...signed(), amount: { value: '1000', currency: 'EUR' } }])],
    ['an amount that is a fraction', message([{ ...signed(), amount: { value: 10.5, currency: 'EUR' } }])],
    ['an amount in another spelling', message([signed()]).replace('1000', '1e3')],
    ['a currency that is none', message([{ ...signed(), amount: { value: 1000, currency: 'EUR:1' } }])],
    ['a member twice', message([signed()]).replace('"success"', '"success":"false","success"')],
    ['a prototype', message([signed()]).replace('"eventDate"', '"__proto__":{},"eventDate"')],
    ['great depth', message([{ ...signed(), deep: JSON.parse(deep) as unknown }])],
    ['very many values', message([{ ...signed(), many: Array.from({ length: 10_000 }, () => 0) }])],
    ['great size', message([{ ...signed(), reason: 'x'.repeat(webhookBytesMax) }])],
    ['bytes that are no text', Buffer.concat([Buffer.from('{"live":"'), Buffer.from([0xff, 0xfe])])],
    ['two messages', `${message([signed()])}${message([signed()])}`],
  ])('%s', (_, body) => {
    expect(refusalOf(take(body))).toBe('body_invalid')
  })
})

describe('an identity', () => {
  it('that is too long, or could be read in two ways under one signature, is refused', () => {
    for (const fields of [
      { pspReference: 'Q'.repeat(300) },
      { pspReference: '' },
      { pspReference: 'Q:F' },
      { pspReference: 'Q F' },
      { originalReference: '99:ShoesCOM' },
      { merchantAccountCode: 'Shoes:COM' },
      { merchantAccountCode: '' },
      { eventCode: 'CAPTURE:true' },
      { eventCode: 'capture' },
      { eventCode: '' },
      { success: 'yes' },
      { success: '' },
    ]) {
      expect(refusalOf(take(message([signed(fields)]))), JSON.stringify(fields).slice(0, 60)).toBe('id_invalid')
    }
  })

  it('is the only one with its signed text, wherever colons are moved to', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 3 })
    const anyItem = fc.record({
      pspReference: part,
      originalReference: part,
      merchantAccountCode: part,
      merchantReference: part,
      amount: fc.option(fc.constantFrom({ value: 1, currency: 'EUR' }, { value: 11, currency: 'USD' }), {
        nil: undefined,
      }),
      eventCode: fc.constantFrom('A', 'AB', 'A:true'),
      success: fc.constantFrom('true', 'false'),
    })
    const readings = new Map<string, string>()
    const readable = (fields: object): NotificationItem =>
      ({ eventDate: '', reason: '', additionalData: {}, ...fields }) as NotificationItem
    fc.assert(
      fc.property(anyItem, (fields) => {
        const item = readable(fields)
        fc.pre(hasOneReading(item))
        const text = signedTextOf(item)
        const content = JSON.stringify(fields)
        expect(readings.get(text) ?? content).toBe(content)
        readings.set(text, content)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe("Adyen's own signatures and messages", () => {
  it.each(vectors.standardWebhook.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const { hmacKeyHex, item, dataToSign, signatureBase64 } = vector
    const additionalData = { ...(item['additionalData'] as object), hmacSignature: signatureBase64 }
    const body = message([{ eventDate: '2023-01-09T16:27:29+01:00', ...item, additionalData }])
    const account = String(item['merchantAccountCode'])
    const [notice] = noticesOf(take(body, { keys: [hmacKeyHex], account }))
    expect(notice?.digest).toBe(createHash('sha256').update(dataToSign, 'utf8').digest('hex'))
    expect(validator.validateHMAC({ ...item, additionalData } as never, hmacKeyHex)).toBe(true)
    expect(
      refusalOf(take(body, { keys: [key.toLowerCase() === hmacKeyHex.toLowerCase() ? otherKey : key], account })),
    ).toBe('signature')
  })

  it('over a whole body, in a header, is another scheme: it opens nothing here', () => {
    for (const { hmacKeyHex, body } of vectors.headerHmac) {
      expect(refusalOf(take(body, { keys: [hmacKeyHex] }))).toBe('body_invalid')
    }
  })

  it.each([...adyenMessages].filter(([, sample]) => sample !== undefined))(
    '%s: the description’s own message is valid, readable and, once signed, authentic',
    (eventCode, sample) => {
      expect(problemsOfAdyenMessage(eventCode, sample)).toEqual([])
      const { live, notificationItems } = sample as {
        live: string
        notificationItems: { NotificationRequestItem: Item }[]
      }
      const items = notificationItems.map(({ NotificationRequestItem }) => signed(NotificationRequestItem))
      const account = 'YOUR_MERCHANT_ACCOUNT'
      const [notice] = noticesOf(take(message(items, live), { account }))
      expect(notice?.type).toBe(eventCode)
      expect(notice?.fact).not.toEqual({ kind: 'none', reason: 'unknown_type' })
    },
  )

  it('and ours agree both ways, whatever a reference holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), fc.boolean(), (merchantReference, value, success) => {
        const item = { ...plain, merchantReference, amount: { value, currency: 'EUR' }, success: String(success) }
        expect(signedTextOf(item as never)).toBe(validator.getDataToSign(item as never))
        if (merchantReference.includes('\0')) return
        expect(take(message([signed(item)])).kind).toBe('authentic')
      }),
      { numRuns: 300 },
    )
  })
})

it('no bytes and no header make a receiver throw', () => {
  const any = fc.oneof(fc.jsonValue(), fc.constant(plain), fc.constant(signed()))
  const wrapped = fc.record({
    live: any,
    notificationItems: fc.array(fc.record({ NotificationRequestItem: any }), { maxLength: 3 }),
  })
  const body = fc.oneof(
    fc.uint8Array(),
    fc.json().map(Buffer.from),
    wrapped.map((value) => Buffer.from(JSON.stringify(value))),
  )
  const authorization = fc.oneof(fc.constant(basic(login)), fc.string(), fc.array(fc.string()), fc.constant(undefined))
  fc.assert(
    fc.property(body, authorization, (bytes, header) => {
      expect(['authentic', 'refused']).toContain(take(Buffer.from(bytes), { authorization: header }).kind)
    }),
    { numRuns: 1000 },
  )
})
