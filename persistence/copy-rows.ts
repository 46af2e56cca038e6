/**
 * The rows of a query as `COPY … TO STDOUT (FORMAT binary)` sends them: half the bytes of the text form and nothing to parse.
 * A visitor reads the fields of its row in their order, or compares the row's bytes with those that it should have.
 *
 * Guarantees: rows in the query's order, none twice, all of them or an error. The visitor runs while bytes arrive, so a slow
 * one slows the server, and memory stays at what one read of the socket holds. Leaves to others: the snapshot and timeouts of
 * the connection.
 */
import type { Client, Submittable } from 'pg'
import { assert, AssertionFailure } from '../runtime/assert.ts'

/** The row, and what it gives out as bytes, is there until the visitor returns. */
export type RowVisitor = (row: CopiedRow) => void

const signatureBytes = 11

/** @param query text of a SELECT; whatever is in it comes from this code. */
export function copyRows(client: Client, query: string, visit: RowVisitor): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyOut(`COPY (${query}) TO STDOUT (FORMAT binary)`, visit, resolve, reject))
  })
}

/** Fields that are not null, read one after the other. A field is its length in 4 bytes, then its bytes. */
export class CopiedRow {
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  /** Where the next field begins. */
  #at = 0

  /** @param start of the count of fields. */
  show(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#at = start + 2
  }

  int2(): number {
    return this.#bytes.readInt16BE(this.#field(2))
  }

  int4(): number {
    return this.#bytes.readInt32BE(this.#field(4))
  }

  /** Exact as far as integers are safe. */
  int8(): number {
    const at = this.#field(8)
    return this.#bytes.readInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4)
  }

  boolean(): boolean {
    return this.#bytes[this.#field(1)] === 1
  }

  text(): string {
    const at = this.#field()
    return this.#bytes.toString('utf8', at, this.#at)
  }

  hex(): string {
    const at = this.#field()
    return this.#bytes.toString('hex', at, this.#at)
  }

  skip(): void {
    this.#field()
  }

  /** A view. */
  bytes(): Buffer {
    const at = this.#field()
    return this.#bytes.subarray(at, this.#at)
  }

  /** A view of the fields that were not read yet, lengths included. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at, this.#end)
  }

  /** Bytes of the whole row, its count of fields included. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Whether the whole row is the bytes of `expected` from `at` on. */
  equals(expected: Buffer, at: number): boolean {
    const end = at + this.length
    return end <= expected.length && this.#bytes.compare(expected, at, end, this.#start, this.#end) === 0
  }

  /** Steps over the next field. @returns where its bytes begin. */
  #field(expected?: number): number {
    const length = this.#bytes.readInt32BE(this.#at)
    const at = this.#at + 4
    if (length < 0 || at + length > this.#end || (expected !== undefined && length !== expected)) {
      throw new AssertionFailure('a field has the length of its type', { length, expected })
    }
    this.#at = at + length
    return at
  }
}

interface CopyDataMessage {
  readonly chunk: Buffer
}

/** What pg calls while the statement runs. */
class CopyOut implements Submittable {
  readonly #text: string
  readonly #visit: RowVisitor
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  readonly #row = new CopiedRow()
  #isHeaderRead = false
  #isComplete = false
  #failure: { readonly error: unknown } | undefined

  constructor(text: string, visit: RowVisitor, resolve: () => void, reject: (error: unknown) => void) {
    this.#text = text
    this.#visit = visit
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.#text)
  }

  handleCopyData({ chunk }: CopyDataMessage): void {
    if (this.#failure !== undefined) return
    try {
      this.#read(chunk)
    } catch (error) {
      this.#failure = { error }
    }
  }

  handleCommandComplete(): void {
    this.#isComplete = true
  }

  handleError(error: unknown): void {
    this.#failure ??= { error }
    this.#reject(this.#failure.error)
  }

  handleReadyForQuery(): void {
    if (this.#failure !== undefined) this.#reject(this.#failure.error)
    else if (this.#isComplete) this.#resolve()
    else this.#reject(new Error('the server ended a COPY without its end'))
  }

  /** A message holds whole rows; the header comes with the first, a count of −1 ends them. */
  #read(chunk: Buffer): void {
    let offset = 0
    if (!this.#isHeaderRead) {
      assert(chunk.toString('latin1', 0, signatureBytes) === 'PGCOPY\n\xff\r\n\0', 'a binary COPY has its signature')
      offset = signatureBytes + 8 + chunk.readInt32BE(signatureBytes + 4)
      this.#isHeaderRead = true
    }
    while (offset < chunk.length) {
      const start = offset
      const count = chunk.readInt16BE(offset)
      offset += 2
      if (count < 0) return
      for (let index = 0; index < count; index += 1) offset += 4 + Math.max(0, chunk.readInt32BE(offset))
      assert(offset <= chunk.length, 'a row is whole within its message')
      this.#row.show(chunk, start, offset)
      this.#visit(this.#row)
    }
  }
}
