/**
 * The rows of a query as `COPY … TO STDOUT (FORMAT binary)` sends them: half the bytes of the text form and nothing to parse.
 * Every field is a view into the connection's buffer, so what outlives its call is copied by whoever wants it.
 *
 * Guarantees: rows in the query's order, none twice, all of them or an error. The visitor runs while bytes arrive, so a slow
 * one slows the server, and memory stays at what one read of the socket holds. Leaves to others: the snapshot and timeouts of
 * the connection.
 */
import type { Client, Submittable } from 'pg'
import { assert } from '../runtime/assert.ts'

/** @param row its fields, null for NULL; `bytes` are its fields from the second on, each behind its length in 4 bytes. */
export type RowVisitor = (row: readonly (Buffer | null)[], bytes: Buffer) => void

const signatureBytes = 11

/** @param query text of a SELECT; whatever is in it comes from this code. */
export function copyRows(client: Client, query: string, visit: RowVisitor): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyOut(`COPY (${query}) TO STDOUT (FORMAT binary)`, visit, resolve, reject))
  })
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
      const count = chunk.readInt16BE(offset)
      offset += 2
      if (count < 0) return
      const fields: (Buffer | null)[] = []
      let rest = offset
      for (let index = 0; index < count; index += 1) {
        const length = chunk.readInt32BE(offset)
        offset += 4
        fields.push(length < 0 ? null : chunk.subarray(offset, offset + length))
        offset += Math.max(0, length)
        if (index === 0) rest = offset
      }
      assert(offset <= chunk.length, 'a row is whole within its message')
      this.#visit(fields, chunk.subarray(rest, offset))
    }
  }
}
