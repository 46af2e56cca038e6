/**
 * Bytes as UTF-8 text, piece by piece, never more than a piece at a time. A byte order mark at the beginning is taken away.
 * Refused: no bytes, gzip and zip files, UTF-16, anything else that is no UTF-8. What stands before a wrong byte is still
 * given, so that whoever reads it knows the line.
 */
import { isUtf8 } from 'node:buffer'
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'

const byteOrderMark = '\uFEFF'
const replacement = '\uFFFD'

export async function* readText(
  bytes: AsyncIterable<Uint8Array>,
  pieceBytes: number = reportLimits.pieceBytes,
): AsyncGenerator<string, void, undefined> {
  let isFirst = true
  let begun: Buffer = Buffer.alloc(0)
  for await (const piece of piecesOf(bytes, pieceBytes)) {
    if (isFirst) refuseOther(piece)
    const whole = begun.length === 0 ? piece : Buffer.concat([begun, piece])
    const end = whole.length - begunAtEnd(whole)
    begun = whole.subarray(end)
    const { text, wrong } = decode(whole.subarray(0, end))
    yield isFirst && text.startsWith(byteOrderMark) ? text.slice(1) : text
    if (wrong) throw notUtf8()
    isFirst = false
  }
  if (isFirst) throw new ReportRefused('empty', 'the file has no bytes')
  if (begun.length > 0) throw notUtf8()
}

function notUtf8(): ReportRefused {
  return new ReportRefused('encoding', 'is not UTF-8')
}

/** The same bytes, in pieces of the size asked for but for the last. */
async function* piecesOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer, void, undefined> {
  let waiting: Buffer[] = []
  let count = 0
  for await (const chunk of bytes) {
    const all = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (count + all.length - at >= size) {
      const end = at + size - count
      yield waiting.length === 0 ? all.subarray(at, end) : Buffer.concat([...waiting, all.subarray(at, end)])
      at = end
      waiting = []
      count = 0
    }
    if (at === all.length) continue
    // copied: whoever gave the chunk may use its memory again
    waiting.push(Buffer.from(all.subarray(at)))
    count += all.length - at
  }
  if (count > 0) yield Buffer.concat(waiting)
}

const beginnings: readonly (readonly [bytes: readonly number[], code: 'archive' | 'encoding', rule: string])[] = [
  [[0x1f, 0x8b], 'archive', 'the file is compressed (gzip): unpack it first'],
  [[0x50, 0x4b, 0x03, 0x04], 'archive', 'the file is an archive (zip): unpack it first'],
  [[0xff, 0xfe], 'encoding', 'the file is UTF-16, not UTF-8'],
  [[0xfe, 0xff], 'encoding', 'the file is UTF-16, not UTF-8'],
]

function refuseOther(piece: Buffer): void {
  for (const [bytes, code, rule] of beginnings) {
    if (bytes.every((byte, index) => piece[index] === byte)) throw new ReportRefused(code, rule, { line: 1 })
  }
}

/** How many bytes at the end are of a character that goes on in the next piece. */
function begunAtEnd(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < characterBytes(byte) ? back : 0
  }
  return 0
}

/** Of the character that begins so. */
function characterBytes(first: number): number {
  if (first >= 0xf0) return 4
  return first >= 0xe0 ? 3 : 2
}

/** Where bytes are wrong: the text before them, or before a U+FFFD that stood in the file. */
function decode(bytes: Buffer): { readonly text: string; readonly wrong: boolean } {
  const text = bytes.toString('utf8')
  return isUtf8(bytes) ? { text, wrong: false } : { text: text.slice(0, text.indexOf(replacement)), wrong: true }
}
