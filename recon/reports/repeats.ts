/**
 * Tells which keys came before, for files of any size: 64 bits are kept of each key, in tables that grow one by one, so that
 * no moment needs twice the memory. Two keys of a million are taken for one with a probability of 3 in 10⁸.
 */
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'

const tableBits = 8
const tableCount = 1 << tableBits
const placesAtFirst = 16
const fullAt = 0.75

interface Table {
  /** Pairs of words; both zero: empty. */
  words: Uint32Array
  count: number
}

export class SeenKeys {
  readonly #tables: (Table | undefined)[] = Array.from({ length: tableCount })
  #count = 0

  /** @returns whether the key was added before */
  add(key: string): boolean {
    const low = hash(key, 0x9e3779b1, 15)
    // neither word of a key is ever zero, so a zero is an empty place
    const high = hash(key, 0x85ebca77, 13) || 1
    const place = low >>> (32 - tableBits)
    const table = (this.#tables[place] ??= { words: new Uint32Array(2 * placesAtFirst), count: 0 })
    if (!insert(table.words, low || 1, high)) return true
    table.count += 1
    this.#count += 1
    if (this.#count > reportLimits.linesMax) {
      throw new ReportRefused('too_many', `the file has more than ${reportLimits.linesMax} lines`)
    }
    if (table.count > (table.words.length / 2) * fullAt) grow(table)
    return false
  }
}

/** @returns false where the pair is there */
function insert(words: Uint32Array, low: number, high: number): boolean {
  const mask = words.length / 2 - 1
  for (let place = low & mask; ; place = (place + 1) & mask) {
    const found = words[2 * place] ?? 0
    if (found === 0) {
      words[2 * place] = low
      words[2 * place + 1] = high
      return true
    }
    if (found === low && words[2 * place + 1] === high) return false
  }
}

function grow(table: Table): void {
  const { words } = table
  const larger = new Uint32Array(words.length * 2)
  for (let index = 0; index < words.length; index += 2) {
    const low = words[index] ?? 0
    if (low !== 0) insert(larger, low, words[index + 1] ?? 0)
  }
  table.words = larger
}

/** 32 bits after MurmurHash3, over UTF-16 units. */
function hash(text: string, seed: number, rotation: number): number {
  let value = seed
  for (let index = 0; index < text.length; index += 1) {
    const unit = Math.imul(text.charCodeAt(index), 0xcc9e2d51)
    value ^= Math.imul((unit << rotation) | (unit >>> (32 - rotation)), 0x1b873593)
    value = (Math.imul((value << 13) | (value >>> 19), 5) + 0xe6546b64) | 0
  }
  value ^= text.length
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

/**
 * Keys of lines that have no reference of their own: the second of the same base is `base#2`, and so on. Stable as long as
 * a later issue of the report has such lines in the same order.
 */
export class Ordinals {
  readonly #counts = new Map<string, number>()

  keyOf(base: string, line: number): string {
    const count = (this.#counts.get(base) ?? 0) + 1
    if (this.#counts.size > reportLimits.groupsMax) {
      throw new ReportRefused('too_many', `more than ${reportLimits.groupsMax} lines are of no payment`, { line })
    }
    this.#counts.set(base, count)
    return count === 1 ? base : `${base}#${count}`
  }
}
