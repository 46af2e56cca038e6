import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeForm, type FormValue } from './form.ts'
import { capturedFromSdk } from '../../test/support/stripe-sdk-capture.ts'

async function encodedBySdk(fields: { readonly [key: string]: FormValue }): Promise<string> {
  const { body } = await capturedFromSdk((stripe) => stripe.rawRequest('POST', '/v1/anything', { ...fields }))
  return body
}

describe("the form encoding agrees with the official SDK's", () => {
  it('byte for byte, for any nesting of texts, numbers, flags, nulls, lists and names', async () => {
    const leaf = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
    )
    const { value } = fc.letrec<{ value: FormValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.stringMatching(/^[a-z_[\]&= é]{1,8}$/), tie('value'), { maxKeys: 4 }),
      ),
    }))
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.stringMatching(/^x[a-z_]{1,8}$/), value, { maxKeys: 5 }), async (fields) => {
        expect(encodeForm(fields)).toBe(await encodedBySdk(fields))
      }),
      { numRuns: 300 },
    )
  })

  it('in the cases that differ between encoders: brackets raw, quotes and asterisks escaped, blanks as %20', async () => {
    const fields = { a: { 'b[c]': "it's (a) *test*! +~" }, list: ['x', { y: [1, true, null] }] }
    expect(encodeForm(fields)).toBe(
      'a[b[c]]=it%27s%20%28a%29%20%2Atest%2A%21%20%2B~&list[0]=x&list[1][y][0]=1&list[1][y][1]=true&list[1][y][2]=',
    )
    expect(encodeForm(fields)).toBe(await encodedBySdk(fields))
  })

  it('leaves no lone surrogate, which cannot be encoded', () => {
    expect(encodeForm({ a: '\ud800' })).toBe('a=%EF%BF%BD')
  })
})
