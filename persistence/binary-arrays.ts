/**
 * `bytea[]` parameters in Postgres' binary format.
 *
 * pg writes arrays as text: bytes become hexadecimal digits, twice the size, which the server parses one by one. With
 * 500-byte decisions that is a quarter of the server's work per row (measured: 25 against 19 µs); a Buffer that is passed
 * as a parameter goes through unchanged.
 */
const byteaOid = 17
const headerBytes = 20

/** One-dimensional, from index 1; null elements are NULL. */
export function byteaArray(items: readonly (Uint8Array | null)[]): Buffer {
  let size = headerBytes + 4 * items.length
  let hasNull = 0
  for (const item of items) {
    if (item === null) hasNull = 1
    else size += item.length
  }
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeInt32BE(items.length === 0 ? 0 : 1, 0) // dimensions
  bytes.writeInt32BE(hasNull, 4)
  bytes.writeInt32BE(byteaOid, 8)
  bytes.writeInt32BE(items.length, 12)
  bytes.writeInt32BE(1, 16) // lower bound
  let offset = headerBytes
  for (const item of items) {
    bytes.writeInt32BE(item === null ? -1 : item.length, offset)
    offset += 4
    if (item === null) continue
    bytes.set(item, offset)
    offset += item.length
  }
  return items.length === 0 ? bytes.subarray(0, 12) : bytes
}

/** The same from hexadecimal digits. What is no hexadecimal becomes shorter than it should be, for the table's checks to refuse. */
export function byteaArrayOfHex(items: readonly string[]): Buffer {
  return byteaArray(items.map((item) => Buffer.from(item, 'hex')))
}
