import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { refusalOfSignature, toleranceSeconds } from './webhook-signature.ts'

interface HeaderVector {
  readonly name: string
  readonly secret: string
  readonly payload: string
  readonly header: string
  readonly nowSeconds: number
  readonly toleranceSeconds: number
  readonly expect: 'accept' | 'reject'
}
interface HashVector {
  readonly name: string
  readonly secret: string
  readonly message: string
  readonly hex: string
}

const vectors = JSON.parse(readFileSync(new URL('fixtures/signature-vectors.json', import.meta.url), 'utf8')) as {
  readonly stripe_signature_header: readonly HeaderVector[]
  readonly stripe_hmac_hex: readonly HashVector[]
}

const secret = 'whsec_shoes'
const now = 1_800_000_000
const body = '{"id":"evt_1"}'

function signatureOf(text: string, key = secret, at = String(now)): string {
  return createHmac('sha256', key).update(`${at}.${text}`).digest('hex')
}

function refusal(header: string | readonly string[] | undefined, secrets: readonly string[] = [secret], text = body) {
  return refusalOfSignature({ header, body: Buffer.from(text), receivedAt: now * 1000 }, secrets)
}

const good = `t=${now},v1=${signatureOf(body)}`

describe("Stripe's recorded vectors", () => {
  it.each(vectors.stripe_signature_header.map((vector) => [vector.name, vector.header, vector] as const))(
    '%s: %s',
    (_, header, vector) => {
      expect(vector.toleranceSeconds).toBe(toleranceSeconds)
      const message = { header, body: Buffer.from(vector.payload), receivedAt: vector.nowSeconds * 1000 }
      expect(refusalOfSignature(message, [vector.secret]) === undefined ? 'accept' : 'reject').toBe(vector.expect)
    },
  )

  it.each(vectors.stripe_hmac_hex)('$name: the hash is SHA-256 with the secret as it is written', (vector) => {
    expect(createHmac('sha256', vector.secret).update(vector.message).digest('hex')).toBe(vector.hex)
  })
})

describe('a signature', () => {
  it('that one of the live secrets makes is taken, wherever it stands among others', () => {
    const other = 'a'.repeat(64)
    expect(refusal(good)).toBeUndefined()
    expect(refusal([good])).toBeUndefined()
    expect(refusal(`v0=x,v1=${other},${good},v2=y,v1=short`)).toBeUndefined()
    expect(refusal(good, ['whsec_old', secret])).toBeUndefined()
    expect(refusal(`${good},v1=${signatureOf(body, 'whsec_new')}`, ['whsec_new'])).toBeUndefined()
  })

  it('of a secret that is not live any more is refused', () => {
    expect(refusal(good, ['whsec_new'])).toBe('signature')
    expect(refusal(good, [])).toBe('signature')
  })

  it('of an empty secret is refused: everybody can make one', () => {
    expect(refusal(`t=${now},v1=${signatureOf(body, '')}`, [''])).toBe('signature')
  })

  const right = signatureOf(body)
  it.each([
    ['none', undefined],
    ['an empty header', ''],
    ['no v1', `t=${now}`],
    ['an empty v1', `t=${now},v1=`],
    ['a name without value', `t=${now},v1`],
    ['a wrong one', `t=${now},v1=${'0'.repeat(64)}`],
    ['a truncated one', `t=${now},v1=${right.slice(0, 62)}`],
    ['one that is longer', `t=${now},v1=${right}00`],
    ['base64 instead of hex', `t=${now},v1=${Buffer.from(right, 'hex').toString('base64')}`],
    ['upper case, which Stripe does not write', `t=${now},v1=${right.toUpperCase()}`],
    ['another scheme', `t=${now},v0=${right},v2=${right}`],
    ['a name in upper case', `t=${now},V1=${right}`],
    ['something behind it', `t=${now},v1=${right}=`],
    ['characters that are no hex', `t=${now},v1=${'é'.repeat(64)}`],
  ])('is refused where it is %s', (_, header) => {
    expect(refusal(header)).toBe('signature')
  })

  it('is of the bytes on the wire: one changed, one more, written anew', () => {
    expect(refusal(good, [secret], body.replace('1', '2'))).toBe('signature')
    expect(refusal(good, [secret], `${body}\n`)).toBe('signature')
    expect(refusal(good, [secret], JSON.stringify(JSON.parse(body), undefined, 1))).toBe('signature')
    const bytes = Buffer.from([0xff, 0x00, 0xfe])
    const v1 = createHmac('sha256', secret).update(`${now}.`).update(bytes).digest('hex')
    expect(
      refusalOfSignature({ header: `t=${now},v1=${v1}`, body: bytes, receivedAt: now * 1000 }, [secret]),
    ).toBeUndefined()
  })

  it('is one of at most 16, in a header of bounded length, with one time', () => {
    const filler = `,v1=${'a'.repeat(64)}`
    expect(refusal(`${good}${filler.repeat(15)}`)).toBeUndefined()
    expect(refusal(`${good}${filler.repeat(16)}`)).toBe('too_many_signatures')
    expect(refusal(`${good}${filler.repeat(49)}`)).toBe('too_many_signatures')
    expect(refusal(','.repeat(1000))).toBe('too_many_signatures')
    expect(refusal(`${good},v0=${'a'.repeat(10_000)}`)).toBe('signature_header')
    expect(refusal(`${good},${good}`)).toBe('signature_header')
    expect(refusal([good, good])).toBe('signature_header')
  })
})

describe('a time', () => {
  const signedAt = (at: string): string => `t=${at},v1=${signatureOf(body, secret, at)}`
  it.each([
    ['missing', `v1=${signatureOf(body)}`],
    ['empty', signedAt('')],
    ['no integer', signedAt(`${now}.5`)],
    ['no number', signedAt('soon')],
    ['followed by something', signedAt(`${now}s`)],
    ['written in another way', signedAt(`0${now}`)],
    ['negative', signedAt(`-${now}`)],
    ['1e20', signedAt('1e20')],
    ['20 digits long', signedAt('9'.repeat(20))],
    ['6 minutes old', signedAt(String(now - 360))],
    ['6 minutes ahead', signedAt(String(now + 360))],
  ])('that is %s is refused, though it is signed', (_, header) => {
    expect(refusal(header)).toBe('timestamp')
  })

  it('is taken up to 300 seconds to both sides', () => {
    for (const off of [-300, -1, 1, 300]) expect(refusal(signedAt(String(now + off)))).toBeUndefined()
    for (const off of [-301, 301]) expect(refusal(signedAt(String(now + off)))).toBe('timestamp')
  })
})

describe("the official SDK's check", () => {
  const { webhooks } = new Stripe('sk_test_x')
  function sdkTakes(payload: string, header: string, secrets: readonly string[]): boolean {
    return secrets.some((key) => {
      try {
        webhooks.constructEvent(payload, header, key, toleranceSeconds, undefined, now * 1000)
        return true
      } catch {
        return false
      }
    })
  }

  it('and ours agree on every header, but for a time ahead, which we refuse', () => {
    const key = fc.constantFrom('whsec_a', 'whsec_b', 'whsec_c')
    const offset = fc.oneof(fc.integer({ min: -310, max: 310 }), fc.constantFrom(0, -300, -301))
    const text = fc.object({ maxDepth: 2 }).map((value) => JSON.stringify(value))
    const part = fc.oneof(
      fc.record({ scheme: fc.constantFrom('v1', 'v0', 'v2'), key, whole: fc.boolean() }),
      fc.stringMatching(/^[a-z0-9 ]{0,12}$/),
    )
    const seen = { both: 0, neither: 0 }
    fc.assert(
      fc.property(text, offset, fc.array(part, { maxLength: 6 }), fc.uniqueArray(key), (payload, off, parts, live) => {
        const at = String(now + off)
        const written = parts.map((each) => {
          if (typeof each === 'string') return each === 't' ? '' : each
          const signature = signatureOf(payload, each.key, at)
          return `${each.scheme}=${each.whole ? signature : signature.slice(2)}`
        })
        const header = [`t=${at}`, ...written].join()
        const taken = refusal(header, live, payload) === undefined
        expect(taken).toBe(sdkTakes(payload, header, live) && off <= toleranceSeconds)
        seen[taken ? 'both' : 'neither'] += 1
      }),
      { numRuns: 500 },
    )
    expect(seen.both).toBeGreaterThan(20)
    expect(seen.neither).toBeGreaterThan(20)
  })

  it('takes what we would sign, and ours takes what it signs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme-ascii', minLength: 1 }), (note, key) => {
        fc.pre(!/^\s*$/.test(key))
        const payload = JSON.stringify({ note })
        const header = webhooks.generateTestHeaderString({ payload, secret: key, timestamp: now })
        expect(refusal(header, [key], payload)).toBeUndefined()
        expect(sdkTakes(payload, `t=${now},v1=${signatureOf(payload, key)}`, [key])).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
