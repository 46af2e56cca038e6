/** Rows as `COPY … TO STDOUT (FORMAT binary)` sends them, written one behind the other: what {@link CopiedRow} reads. */

const bytesAtFirst = 64 * 1024

export class CopiedBytes {
  #bytes = Buffer.allocUnsafe(bytesAtFirst)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A view of all that was written. */
  get all(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Begins a row; so many fields follow. */
  row(fields: number): this {
    this.#room(2)
    this.#length = this.#bytes.writeInt16BE(fields, this.#length)
    return this
  }

  int2(value: number): this {
    const at = this.#field(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int4(value: number): this {
    const at = this.#field(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  /** A safe integer. */
  int8(value: number): this {
    const at = this.#field(8)
    this.#bytes.writeInt32BE(Math.floor(value / 2 ** 32), at)
    this.#bytes.writeUInt32BE(value >>> 0, at + 4)
    return this
  }

  boolean(value: boolean): this {
    const at = this.#field(1)
    this.#bytes[at] = value ? 1 : 0
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#field(value.length)
    this.#bytes.set(value, at)
    return this
  }

  text(value: string): this {
    // no character of a string takes more than three bytes
    this.#room(4 + 3 * value.length)
    const length = this.#bytes.write(value, this.#length + 4)
    this.#bytes.writeInt32BE(length, this.#length)
    this.#length += 4 + length
    return this
  }

  /** @returns where the field's bytes go. */
  #field(length: number): number {
    this.#room(4 + length)
    const at = this.#bytes.writeInt32BE(length, this.#length)
    this.#length = at + length
    return at
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length + bytes)
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
