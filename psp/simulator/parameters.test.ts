import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeForm } from '../stripe/form.ts'
import { StripeFailure } from './failure.ts'
import { decodeForm, Parameters } from './parameters.ts'

function parametersOf(text: string): Parameters {
  return new Parameters(decodeForm(text))
}

describe('a form', () => {
  it('is read by name and kind', () => {
    const parameters = parametersOf(
      'amount=12&confirm=true&note=a%20b+c&metadata[x]=1&metadata%5By%5D=&expand[]=a&expand[]=b&card[three][deep]=no&empty=',
    )
    expect(parameters.integer('amount')).toBe(12)
    expect(parameters.boolean('confirm')).toBe(true)
    expect(parameters.string('note')).toBe('a b c')
    expect(parameters.map('metadata')).toEqual({ x: '1', y: '' })
    expect(parameters.list('expand')).toEqual(['a', 'b'])
    expect(parameters.nested('card').nested('three').text('deep')).toBe('no')
    expect(parameters.text('empty')).toBeUndefined()
    expect(parameters.text('absent')).toBeUndefined()
    expect(() => parameters.finish()).not.toThrow()
  })

  it.each(['x=1', 'metadata[a][b]=1', 'nested[unknown]=1'])('with anything left unread is refused: %s', (text) => {
    const parameters = parametersOf(text)
    expect(() => {
      parameters.nested('nested')
      parameters.map('metadata')
      parameters.finish()
    }).toThrow(StripeFailure)
  })

  it.each<[string, (parameters: Parameters) => unknown]>([
    ['n=1.5', (parameters) => parameters.integer('n')],
    ['n=1e3', (parameters) => parameters.integer('n')],
    ['n=99999999999999999', (parameters) => parameters.integer('n')],
    ['n[a]=1', (parameters) => parameters.integer('n')],
    ['n=yes', (parameters) => parameters.boolean('n')],
    ['n=b', (parameters) => parameters.oneOf('n', ['a'])],
    ['n=1', (parameters) => parameters.list('n')],
    ['n[a][b]=1', (parameters) => parameters.list('n')],
    ['n=1', (parameters) => parameters.map('n')],
    ['n=1', (parameters) => parameters.nested('n')],
    ['m=1', (parameters) => parameters.required('n')],
    [`n[${'k'.repeat(41)}]=1`, (parameters) => parameters.map('n')],
    [Array.from({ length: 51 }, (_, index) => `n[k${index}]=1`).join('&'), (parameters) => parameters.map('n')],
    ['n=%zz', (parameters) => parameters.string('n')],
    ['n[a=1', (parameters) => parameters.string('n')],
    ['n=1&n[a]=2', (parameters) => parameters.string('n')],
    ['n[a][b][c][d][e][f][g]=1', (parameters) => parameters.nested('n')],
    ['n=1&'.repeat(1001), (parameters) => parameters.string('n')],
  ])('of the wrong kind is refused: %s', (text, read) => {
    expect(() => read(parametersOf(text))).toThrow(StripeFailure)
  })

  it('never reaches the prototype of anything', () => {
    const parameters = parametersOf('metadata[__proto__]=polluted&__proto__[x]=1&constructor=2')
    expect(Object.keys(parameters.map('metadata') ?? {})).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(() => parameters.finish()).toThrow(StripeFailure)
  })

  it('of any text is decoded or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[ab[\]=&%0-9]{0,30}$/)), (text) => {
        try {
          decodeForm(text)
        } catch (error) {
          expect(error).toBeInstanceOf(StripeFailure)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('that the encoder wrote is read back as it was', () => {
    const texts = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.string({ unit: 'grapheme', minLength: 1 }), {
      maxKeys: 4,
    })
    fc.assert(
      fc.property(
        texts,
        fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 5 }),
        (metadata, list) => {
          const parameters = parametersOf(encodeForm({ metadata, list }))
          expect(parameters.map('metadata') ?? {}).toEqual(metadata)
          expect(parameters.list('list')).toEqual(list)
        },
      ),
      { numRuns: 200 },
    )
  })
})
