/**
 * Reads archive files (journal-archive-format.ts), and fails at the first byte that is not as it was written: every row
 * against its digest, all of them against the trailer.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { assert } from '../runtime/assert.ts'
import {
  archiveFormat,
  type ArchivedRow,
  ArchiveFileError,
  type ArchiveHeader,
  type ArchiveTrailer,
  chainedBytes,
  frameBytesMax,
  frameHeadBytes,
  magic,
  rowOf,
  sha256Of,
} from './journal-archive-format.ts'

const chunkBytes = 1024 * 1024

export interface ArchiveContents extends ArchiveTrailer {
  readonly header: ArchiveHeader
}

/**
 * Reads a file from its first byte to its last.
 * @param visit is handed rows as they come, payments not torn apart; it is waited for.
 * @param placed is told where each row is, in bytes.
 * @returns what header and trailer say, which agrees with the rows then.
 * @throws {ArchiveFileError} where the file cannot be read or is not as it was written.
 */
export async function readArchive(
  path: string,
  visit: (rows: readonly ArchivedRow[], header: ArchiveHeader) => Promise<void> | void,
  placed: (shard: number, start: number, end: number) => void = () => undefined,
): Promise<ArchiveContents> {
  const reader = new ArchiveReader(path, placed)
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (cause) {
    throw new ArchiveFileError(path, `cannot be opened (${(cause as NodeJS.ErrnoException).code ?? 'unreadable'})`, {
      cause,
    })
  }
  try {
    const chunk = Buffer.alloc(chunkBytes)
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes)
      if (bytesRead === 0) break
      const rows = reader.take(chunk.subarray(0, bytesRead))
      if (rows.length > 0) await visit(rows, reader.header)
    }
    const last = reader.end()
    if (last.length > 0) await visit(last, reader.header)
  } finally {
    await file.close()
  }
  return reader.contents
}

/** Where the rows of a shard are in a file, in bytes. */
export interface ArchiveSlice {
  readonly start: number
  readonly end: number
}

export interface ArchiveIndex extends ArchiveContents {
  readonly path: string
  readonly shards: ReadonlyMap<number, ArchiveSlice>
}

/** Reads a whole file as {@link readArchive} does. @throws {ArchiveFileError} */
export async function indexArchive(path: string): Promise<ArchiveIndex> {
  const shards = new Map<number, ArchiveSlice>()
  const note = (shard: number, start: number, end: number): void => {
    shards.set(shard, { start: shards.get(shard)?.start ?? start, end })
  }
  const contents = await readArchive(path, () => undefined, note)
  return { ...contents, path, shards }
}

/** The rows of one shard. @throws {ArchiveFileError} */
export async function readArchiveShard({ path, shards }: ArchiveIndex, shard: number): Promise<readonly ArchivedRow[]> {
  const slice = shards.get(shard)
  if (slice === undefined) return []
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.alloc(slice.end - slice.start)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, slice.start)
    if (bytesRead < bytes.length) throw new ArchiveFileError(path, 'was cut off while it was read')
    const rows: ArchivedRow[] = []
    for (let offset = 0; offset < bytes.length; ) {
      const end = offset + frameHeadBytes + bytes.readUInt32BE(offset + 1)
      const row = rowOf(bytes.subarray(offset + frameHeadBytes, end))
      if (!sha256Of(chainedBytes(row)).equals(row.digest)) {
        throw new ArchiveFileError(path, `shard ${shard}, position ${row.position}: the row was changed`)
      }
      rows.push(row)
      offset = end
    }
    return rows
  } finally {
    await file.close()
  }
}

/** What of a file its first bytes say. @throws {ArchiveFileError} */
export async function readArchiveHeader(path: string): Promise<ArchiveHeader> {
  const found = Promise.withResolvers<ArchiveHeader>()
  found.promise.catch(() => undefined)
  const stop = new Error('enough was read')
  try {
    const { header } = await readArchive(path, (_rows, first) => {
      found.resolve(first)
      throw stop
    })
    return header
  } catch (error) {
    if (error !== stop) throw error
    return found.promise
  }
}

class ArchiveReader {
  readonly #path: string
  readonly #hash = createHash('sha256')
  #rest: Buffer = Buffer.alloc(0)
  #isBegun = false
  #header: ArchiveHeader | undefined
  #trailer: ArchiveTrailer | undefined
  #rows = 0
  #payments = 0
  #last: ArchivedRow | undefined
  /** Rows of the payment that has not ended. */
  #open: ArchivedRow[] = []

  /** Bytes of the file before {@link #rest}. */
  #offset = 0
  readonly #placed: (shard: number, start: number, end: number) => void

  constructor(path: string, placed: (shard: number, start: number, end: number) => void) {
    this.#path = path
    this.#placed = placed
  }

  get header(): ArchiveHeader {
    assert(this.#header !== undefined, 'rows come after the header')
    return this.#header
  }

  get contents(): ArchiveContents {
    assert(this.#trailer !== undefined, 'the file was read to its end')
    return { header: this.header, ...this.#trailer }
  }

  /** Rows of payments that have ended. */
  take(chunk: Buffer): readonly ArchivedRow[] {
    // Rows keep views into it.
    const bytes = Buffer.concat([this.#rest, chunk])
    let offset = 0
    if (!this.#isBegun) {
      if (bytes.length < magic.length) {
        this.#rest = bytes
        return []
      }
      if (!bytes.subarray(0, magic.length).equals(magic)) this.#fail('is no archive, or of a later version')
      this.#hash.update(magic)
      this.#isBegun = true
      offset = magic.length
    }
    const done: ArchivedRow[] = []
    while (bytes.length - offset >= frameHeadBytes) {
      const length = bytes.readUInt32BE(offset + 1)
      if (length > frameBytesMax) this.#fail('has a frame of a length that was never written')
      const end = offset + frameHeadBytes + length
      if (bytes.length < end) break
      const before = this.#rows
      this.#frame(bytes.subarray(offset, end), done)
      if (this.#rows > before) this.#placed(this.#last?.shard ?? 0, this.#offset + offset, this.#offset + end)
      offset = end
    }
    this.#offset += offset
    this.#rest = bytes.subarray(offset)
    return done
  }

  end(): readonly ArchivedRow[] {
    if (this.#rest.length > 0 || this.#trailer === undefined) this.#fail('is cut off: it has no end')
    return this.#open
  }

  #frame(bytes: Buffer, done: ArchivedRow[]): void {
    const letter = String.fromCharCode(bytes[0] ?? 0)
    const payload = bytes.subarray(frameHeadBytes)
    if (this.#trailer !== undefined) this.#fail('goes on after its end')
    if (letter === 'T') return this.#end(payload)
    this.#hash.update(bytes)
    if (letter === 'H' && this.#header === undefined) this.#header = this.#headerOf(payload)
    else if (letter === 'R' && this.#header !== undefined) this.#row(payload, done)
    else this.#fail('has a frame where none of its kind belongs')
  }

  #row(payload: Buffer, done: ArchivedRow[]): void {
    let row: ArchivedRow
    try {
      row = rowOf(payload)
    } catch (cause) {
      return this.#fail(`row ${this.#rows + 1} cannot be read`, cause)
    }
    const { shard, position, entity, seq, digest } = row
    const about = `shard ${shard}, position ${position}`
    if (!sha256Of(chainedBytes(row)).equals(digest)) this.#fail(`${about}: the row was changed`)
    const last = this.#last
    const isNext = last?.entity === entity && last.shard === shard ? seq === last.seq + 1 : seq === 1
    if (!isNext || (last !== undefined && shard < last.shard)) this.#fail(`${about}: a row before it is missing`)
    if (last?.entity !== entity) {
      done.push(...this.#open)
      this.#open = []
      this.#payments += 1
    }
    this.#open.push(row)
    this.#last = row
    this.#rows += 1
  }

  #end(payload: Buffer): void {
    const { rows, payments, sha256 } = this.#json<ArchiveTrailer>(payload, 'trailer')
    if (rows !== this.#rows || payments !== this.#payments) {
      this.#fail(`has ${this.#rows} rows of ${this.#payments} payments, its trailer says ${rows} of ${payments}`)
    }
    if (this.#hash.digest('hex') !== sha256) this.#fail('its bytes are not those that its trailer was written for')
    this.#trailer = { rows, payments, sha256 }
  }

  #headerOf(payload: Buffer): ArchiveHeader {
    const header = this.#json<ArchiveHeader>(payload, 'header')
    const { format, database, system, first_shard: first, last_shard: last } = header
    const isKnown = format === archiveFormat && typeof database === 'string' && typeof system === 'string'
    if (!isKnown || !Number.isInteger(first) || !Number.isInteger(last)) this.#fail('its header says nothing known')
    return header
  }

  #json<Value>(payload: Buffer, part: string): Value {
    try {
      const value: unknown = JSON.parse(payload.toString('utf8'))
      assert(typeof value === 'object' && value !== null, 'it is an object')
      return value as Value
    } catch (cause) {
      return this.#fail(`its ${part} cannot be read`, cause)
    }
  }

  #fail(what: string, cause?: unknown): never {
    throw new ArchiveFileError(this.#path, what, { cause })
  }
}
