/**
 * Looks at a frame's bytes before they are decoded. It walks the msgpack tokens without recursion and without allocating,
 * and lets through only what our own frames hold: nil, undefined, booleans, numbers, 64-bit integers, texts, bytes, arrays,
 * maps, and records whose definition stands earlier in the same frame. Extensions (dates, regular expressions, errors,
 * references, bundled strings) are refused, so the decoder runs no code that a frame chose.
 *
 * What passed has at most `depthMax` levels and `valuesMax` values, every count fits the bytes that follow, and the bytes
 * end where the value ends: decoding takes memory in proportion to the frame and cannot exhaust the stack.
 */

export interface ScanLimits {
  readonly frameDepthMax: number
  readonly frameValuesMax: number
  readonly recordFieldsMax: number
}

export type ScanProblem = 'too_deep' | 'too_many_values' | 'malformed'

const recordIds = 64
const undefinedRecord = -1
/** Scans are synchronous and never nest, so one set of tables serves all. */
const fieldsOf = new Int32Array(recordIds)
let outer = new Int32Array(64)

/** What is wrong with the frame, or undefined. */
export function scanFrame(bytes: Uint8Array, limits: ScanLimits): ScanProblem | undefined {
  const { frameDepthMax, frameValuesMax, recordFieldsMax } = limits
  if (outer.length < frameDepthMax) outer = new Int32Array(frameDepthMax)
  fieldsOf.fill(undefinedRecord)
  const end = bytes.length
  let position = 0
  let depth = 0
  let values = 0
  // values still to come at this level
  let left = 1
  for (;;) {
    while (left === 0) {
      if (depth === 0) return position === end ? undefined : 'malformed'
      depth -= 1
      left = outer[depth] as number
    }
    left -= 1
    values += 1
    if (values > frameValuesMax) return 'too_many_values'
    if (position >= end) return 'malformed'
    const token = bytes[position++] as number
    let children = 0
    if (token < 0x40 || token >= 0xe0) continue
    if (token < 0x80) {
      children = fieldsOf[token & 0x3f] as number
      if (children === undefinedRecord) return 'malformed'
    } else if (token < 0x90) children = (token & 0x0f) * 2
    else if (token < 0xa0) children = token & 0x0f
    else if (token < 0xc0) position += token & 0x1f
    else {
      switch (token) {
        case 0xc0: // nil
        case 0xc2: // false
        case 0xc3: // true
          break
        case 0xcc: // uint 8
        case 0xd0: // int 8
          position += 1
          break
        case 0xcd: // uint 16
        case 0xd1: // int 16
          position += 2
          break
        case 0xca: // float 32
        case 0xce: // uint 32
        case 0xd2: // int 32
          position += 4
          break
        case 0xcb: // float 64
        case 0xcf: // uint 64
        case 0xd3: // int 64
          position += 8
          break
        case 0xc4: // bin 8
        case 0xd9: // str 8
          position += 1 + readUint(bytes, position, 1)
          break
        case 0xc5: // bin 16
        case 0xda: // str 16
          position += 2 + readUint(bytes, position, 2)
          break
        case 0xc6: // bin 32
        case 0xdb: // str 32
          position += 4 + readUint(bytes, position, 4)
          break
        case 0xdc: // array 16
          children = readUint(bytes, position, 2)
          position += 2
          break
        case 0xdd: // array 32
          children = readUint(bytes, position, 4)
          position += 4
          break
        case 0xde: // map 16
          children = readUint(bytes, position, 2) * 2
          position += 2
          break
        case 0xdf: // map 32
          children = readUint(bytes, position, 4) * 2
          position += 4
          break
        case 0xd4: // fixext 1: `undefined`, or a record's definition with its first values
          if (bytes[position] === 0) {
            position += 2
            break
          }
          if (bytes[position] !== 0x72) return 'malformed'
          {
            const id = bytes[position + 1]
            const keys = keysAt(bytes, position + 2, recordFieldsMax)
            if (id === undefined || keys === undefined) return 'malformed'
            fieldsOf[id & 0x3f] = keys.count
            children = keys.count
            position = keys.end
          }
          break
        default:
          return 'malformed'
      }
    }
    if (children > 0) {
      // each value takes a byte at least
      if (children > end - position) return 'malformed'
      if (depth === frameDepthMax) return 'too_deep'
      outer[depth] = left
      depth += 1
      left = children
    }
  }
}

/** The names of a record's members: an array of texts. */
function keysAt(bytes: Uint8Array, at: number, fieldsMax: number): { count: number; end: number } | undefined {
  const token = bytes[at] ?? 0
  let position = at + 1
  let count: number
  if (token >= 0x90 && token < 0xa0) count = token & 0x0f
  else if (token === 0xdc) {
    count = readUint(bytes, position, 2)
    position += 2
  } else return undefined
  if (count > fieldsMax) return undefined
  for (let index = 0; index < count; index += 1) {
    const key = bytes[position++] ?? 0
    if (key >= 0xa0 && key < 0xc0) position += key & 0x1f
    else if (key === 0xd9) position += 1 + readUint(bytes, position, 1)
    else return undefined
  }
  return position > bytes.length ? undefined : { count, end: position }
}

/** Big-endian; past the end it reads what no frame is long enough for. */
function readUint(bytes: Uint8Array, at: number, width: 1 | 2 | 4): number {
  if (at + width > bytes.length) return 2 ** 32
  let value = 0
  for (let index = 0; index < width; index += 1) value = value * 256 + (bytes[at + index] as number)
  return value
}
