/**
 * Reads what is stored, msgpack with words for numbers (journal-words.ts), in one pass: no map is built that is not part of the
 * result. Recovery and proofs spend most of their time here, and a general reader with a second pass took three times as long.
 *
 * Guarantees: what `shorten` made is as it was; other bytes than of one value, of a format that is not ours or with a number that
 * no word has are refused. Bytes are copied, so that a result outlives the buffer it was read from.
 */
import { assert, AssertionFailure } from '../runtime/assert.ts'
import { isKeyOfBytes, isKeyOfWords, wordOf } from './journal-words.ts'

export type Members = Record<string, unknown>

export class WordReader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** How many members the map here has; they follow, a key and a value each. @throws {AssertionFailure} where none is here. */
  map(): number {
    const count = this.#mapHeader(this.#byte())
    assert(count >= 0, 'stored bytes are a map')
    return count
  }

  /** A key that is a word or text. */
  key(): string {
    const first = this.#byte()
    if (first < 0x80) return wordOf(first)
    if (first === 0xcc) return wordOf(this.#uint(1))
    const length = this.#textLength(first)
    return length >= 0 ? this.#text(length) : wordOf(this.#whole(first))
  }

  /** @param key of the member whose value it is: under some keys numbers are words, or bytes hexadecimal digits. */
  value(key?: string): unknown {
    const first = this.#byte()
    if (first < 0x80) return key !== undefined && isKeyOfWords(key) ? wordOf(first) : first
    if (first >= 0xa0 && first < 0xc0) return this.#text(first & 0x1f)
    if (first < 0x90) return this.#members(first & 0x0f)
    if (first < 0xa0) return this.#list(first & 0x0f)
    switch (first) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6: {
        const length = this.#uint(2 ** (first - 0xc4))
        const start = this.#take(length)
        return key !== undefined && isKeyOfBytes(key)
          ? this.#bytes.toString('hex', start, this.#offset)
          : Buffer.from(this.#bytes.subarray(start, this.#offset))
      }
      case 0xca:
        return this.#bytes.readFloatBE(this.#take(4))
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#textLength(first))
      case 0xdc:
      case 0xdd:
        return this.#list(this.#uint(first === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return this.#members(this.#mapHeader(first))
      default: {
        const number = this.#whole(first)
        return key !== undefined && isKeyOfWords(key) ? wordOf(number) : number
      }
    }
  }

  /** Nothing may be left. */
  end(): void {
    assert(this.#offset === this.#bytes.length, 'stored bytes are one value')
  }

  #members(count: number): Members {
    const members: Members = {}
    for (let index = 0; index < count; index += 1) {
      const key = this.key()
      const value = this.value(key)
      // Assigned, it would become the prototype.
      if (key === '__proto__') Object.defineProperty(members, key, { value, ...ownMember })
      else members[key] = value
    }
    return members
  }

  #list(count: number): unknown[] {
    const list: unknown[] = []
    for (let index = 0; index < count; index += 1) list.push(this.value())
    return list
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset]
    assert(byte !== undefined, 'stored bytes are whole')
    this.#offset += 1
    return byte
  }

  /** Where the next bytes begin. */
  #take(length: number): number {
    const start = this.#offset
    this.#offset += length
    assert(this.#offset <= this.#bytes.length, 'stored bytes are whole')
    return start
  }

  #uint(bytes: number): number {
    return this.#bytes.readUIntBE(this.#take(bytes), bytes)
  }

  #text(length: number): string {
    const start = this.#take(length)
    return this.#bytes.toString('utf8', start, this.#offset)
  }

  /** Minus one where it is no text. */
  #textLength(first: number): number {
    if (first >= 0xa0 && first < 0xc0) return first & 0x1f
    return first >= 0xd9 && first <= 0xdb ? this.#uint(2 ** (first - 0xd9)) : -1
  }

  /** Minus one where it is no map. */
  #mapHeader(first: number): number {
    if (first >= 0x80 && first < 0x90) return first & 0x0f
    return first === 0xde || first === 0xdf ? this.#uint(first === 0xde ? 2 : 4) : -1
  }

  /** A whole number that does not fit in seven bits. */
  #whole(first: number): number {
    if (first >= 0xe0) return first - 0x100
    switch (first) {
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(2 ** (first - 0xcc))
      case 0xcf:
        return Number(this.#bytes.readBigUInt64BE(this.#take(8)))
      case 0xd0:
      case 0xd1:
      case 0xd2: {
        const bytes = 2 ** (first - 0xd0)
        return this.#bytes.readIntBE(this.#take(bytes), bytes)
      }
      case 0xd3:
        return Number(this.#bytes.readBigInt64BE(this.#take(8)))
      default:
        throw new AssertionFailure('stored bytes have a known format', { first, at: this.#offset - 1 })
    }
  }
}

const ownMember = { writable: true, enumerable: true, configurable: true }
