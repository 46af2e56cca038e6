/**
 * Reads a message from outside as JSON, stricter than `JSON.parse`: what two readers could understand differently is refused,
 * because one of them may be the one that charges.
 *
 * Refused beside invalid JSON: a key twice, `__proto__` as a key, numbers in any but their canonical form (`1e2`, `1.0`,
 * `-0`) or beyond the safe integers, NUL and lone surrogates (no database column holds them), a byte order mark, bytes
 * that are not UTF-8, deep nesting, and bodies of very many values.
 *
 * It also does not share a defect of V8 13.6, whose `JSON.parse` can take one key for another where keys have escapes.
 *
 * Guarantees: what is accepted is what `JSON.parse` should read from the same bytes, {@link unreadable} values aside; the time is linear in the size; the stack is
 * bounded by the depth limit. Leaves to others: the size in bytes, which is checked before, and what the values mean.
 */
import { isUtf8 } from 'node:buffer'

export type JsonRefusalCode =
  | 'body_empty'
  | 'encoding'
  | 'json_invalid'
  | 'duplicate_key'
  | 'key_not_allowed'
  | 'too_deep'
  | 'too_many_values'
  | 'number_not_canonical'
  | 'text_not_storable'

export interface JsonRefusal {
  readonly code: JsonRefusalCode
  /** Characters read before the refusal. */
  readonly offset: number
  /** Where in the body, `metadata.color`: the client's own text, so not fit to be shown without a look at it. */
  readonly path: string
}

export interface JsonLimits {
  readonly jsonDepthMax: number
  readonly jsonValuesMax: number
}

export type JsonResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: JsonRefusal }

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const escapePattern = /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/
/** Integers of so many digits are safe and cannot have another form. */
const plainDigitsMax = 15

/** Stands for a value that {@link parseJson} would refuse for what it is; of no type that anybody reads. */
export const unreadable: unique symbol = Symbol('unreadable')

export function parseJson(bytes: Buffer, limits: JsonLimits): JsonResult {
  return parse(bytes, limits, false)
}

/**
 * As {@link parseJson}, for a message that must be taken though somebody wrote something odd where nobody looks: a number that is
 * not canonical and a text that no column holds are read as {@link unreadable}. Keys are what they are. Whoever uses a value checks it.
 */
export function parseJsonLeniently(bytes: Buffer, limits: JsonLimits): JsonResult {
  return parse(bytes, limits, true)
}

function parse(bytes: Buffer, limits: JsonLimits, lenient: boolean): JsonResult {
  if (bytes.length === 0) return refused('body_empty', 0, '')
  if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) return refused('encoding', 0, '')
  const reader = new Reader(bytes.toString('utf8'), limits, lenient)
  try {
    return { ok: true, value: reader.document() }
  } catch (error) {
    if (error instanceof Refused) return refused(error.code, reader.at, reader.path())
    throw error
  }
}

function refused(code: JsonRefusalCode, offset: number, path: string): JsonResult {
  return { ok: false, refusal: { code, offset, path } }
}

/** Leaves the recursion; never leaves this file. */
class Refused extends Error {
  readonly code: JsonRefusalCode

  constructor(code: JsonRefusalCode) {
    super(code)
    this.code = code
  }
}

class Reader {
  at = 0
  readonly #text: string
  readonly #limits: JsonLimits
  readonly #lenient: boolean
  readonly #path: (string | number)[] = []
  #values = 0

  constructor(text: string, limits: JsonLimits, lenient: boolean) {
    this.#text = text
    this.#limits = limits
    this.#lenient = lenient
  }

  path(): string {
    return this.#path.join('.')
  }

  document(): unknown {
    this.#skipBlanks()
    if (this.at === this.#text.length) throw new Refused('body_empty')
    const value = this.#value(1)
    this.#skipBlanks()
    if (this.at !== this.#text.length) throw new Refused('json_invalid')
    return value
  }

  #value(depth: number): unknown {
    if (++this.#values > this.#limits.jsonValuesMax) throw new Refused('too_many_values')
    const code = this.#text.charCodeAt(this.at)
    switch (code) {
      case quote:
        return this.#string()
      case openBrace:
        return this.#object(depth)
      case openBracket:
        return this.#array(depth)
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        return this.#number(code)
    }
  }

  #object(depth: number): Record<string, unknown> {
    if (depth > this.#limits.jsonDepthMax) throw new Refused('too_deep')
    const object: Record<string, unknown> = {}
    this.at++
    this.#skipBlanks()
    if (this.#take(closeBrace)) return object
    for (;;) {
      if (this.#text.charCodeAt(this.at) !== quote) throw new Refused('json_invalid')
      const key = this.#string()
      this.#path.push(key === unreadable ? '' : key)
      // Assigning it would set the prototype instead of a member.
      if (key === '__proto__') throw new Refused('key_not_allowed')
      if (key !== unreadable && Object.hasOwn(object, key)) throw new Refused('duplicate_key')
      this.#skipBlanks()
      if (!this.#take(colon)) throw new Refused('json_invalid')
      this.#skipBlanks()
      const value = this.#value(depth + 1)
      // Nobody asks for a member whose name cannot be read.
      if (key !== unreadable) object[key] = value
      this.#path.pop()
      this.#skipBlanks()
      if (this.#take(closeBrace)) return object
      if (!this.#take(comma)) throw new Refused('json_invalid')
      this.#skipBlanks()
    }
  }

  #array(depth: number): unknown[] {
    if (depth > this.#limits.jsonDepthMax) throw new Refused('too_deep')
    const array: unknown[] = []
    this.at++
    this.#skipBlanks()
    if (this.#take(closeBracket)) return array
    for (;;) {
      this.#path.push(array.length)
      array.push(this.#value(depth + 1))
      this.#path.pop()
      this.#skipBlanks()
      if (this.#take(closeBracket)) return array
      if (!this.#take(comma)) throw new Refused('json_invalid')
      this.#skipBlanks()
    }
  }

  #word<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.at)) throw new Refused('json_invalid')
    this.at += word.length
    return value
  }

  #number(first: number): number | typeof unreadable {
    if (first !== minus && !(first >= zero && first <= nine)) throw new Refused('json_invalid')
    numberPattern.lastIndex = this.at
    const text = numberPattern.exec(this.#text)?.[0]
    if (text === undefined) throw new Refused('json_invalid')
    const value = Number(text)
    const read = isCanonical(text, value) ? value : this.#odd('number_not_canonical')
    this.at += text.length
    return read
  }

  /** @throws {Refused} unless what is odd is let pass as {@link unreadable}. */
  #odd(code: JsonRefusalCode): typeof unreadable {
    if (!this.#lenient) throw new Refused(code)
    return unreadable
  }

  #string(): string | typeof unreadable {
    const text = this.#text
    const start = this.at + 1
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.at = at + 1
        return text.slice(start, at)
      }
      if (code === backslash) return this.#escapedString(start, at)
      if (code < 0x20) {
        this.at = at
        throw new Refused('json_invalid')
      }
    }
    this.at = text.length
    throw new Refused('json_invalid')
  }

  /** The rare string with a backslash: its end is found here, its escapes are checked, then `JSON.parse` reads it. */
  #escapedString(start: number, firstBackslash: number): string | typeof unreadable {
    const text = this.#text
    let at = firstBackslash
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === quote) break
      if (code === backslash) {
        const escape = escapePattern.exec(text.slice(at + 1, at + 6))?.[0]
        if (escape === undefined) {
          this.at = at
          throw new Refused('json_invalid')
        }
        at += 1 + escape.length
      } else if (code < 0x20 || Number.isNaN(code)) {
        this.at = at
        throw new Refused('json_invalid')
      } else {
        at++
      }
    }
    this.at = at + 1
    const value = JSON.parse(text.slice(start - 1, at + 1)) as string
    return value.includes('\0') || !value.isWellFormed() ? this.#odd('text_not_storable') : value
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.at) !== code) return false
    this.at++
    return true
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.at++
    }
  }
}

function isCanonical(text: string, value: number): boolean {
  if (text.length <= plainDigitsMax && value !== 0 && Number.isInteger(value)) return isPlainInteger(text)
  return String(value) === text && !text.includes('e') && (!Number.isInteger(value) || Number.isSafeInteger(value))
}

function isPlainInteger(text: string): boolean {
  for (let at = text.charCodeAt(0) === minus ? 1 : 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < zero || code > nine) return false
  }
  return true
}
