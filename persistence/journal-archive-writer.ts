/**
 * Writes an archive file (journal-archive-format.ts): under another name until it is whole and on the disk. Only its owner may
 * read it, since personal data is in it.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { JournalRow } from '../actors/journal.ts'
import { type ArchiveHeader, type ArchiveTrailer, frame, magic, rowBytes } from './journal-archive-format.ts'

/** Ends the name of a file that is being written. */
export const partSuffix = '.part'

export class ArchiveWriter {
  readonly path: string
  readonly #part: string
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #bytes = 0
  #rows = 0
  #payments = 0
  #last: JournalRow | undefined

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#part = partOf(path)
    this.#file = file
  }

  /** @throws where the file cannot be made, or is there already. */
  static async create(path: string, header: ArchiveHeader): Promise<ArchiveWriter> {
    const writer = new ArchiveWriter(path, await open(partOf(path), 'wx', 0o600))
    await writer.#append([magic, frame('H', Buffer.from(JSON.stringify(header)))])
    return writer
  }

  get bytes(): number {
    return this.#bytes
  }

  get payments(): number {
    return this.#payments
  }

  /** @param rows of whole payments, in order of entity and sequence, after those before them. */
  async write(rows: readonly JournalRow[]): Promise<void> {
    const frames = rows.map((row) => {
      if (this.#last?.entity !== row.entity) this.#payments += 1
      this.#last = row
      this.#rows += 1
      return frame('R', rowBytes(row))
    })
    await this.#append(frames)
  }

  /** The file has its name, and is on the disk with it, when this resolves. */
  async finish(): Promise<ArchiveTrailer> {
    const sha256 = this.#hash.copy().digest('hex')
    const trailer: ArchiveTrailer = { rows: this.#rows, payments: this.#payments, sha256 }
    await this.#append([frame('T', Buffer.from(JSON.stringify(trailer)))])
    await this.#file.sync()
    await this.#file.close()
    await rename(this.#part, this.path)
    const directory = await open(dirname(this.path), 'r')
    await directory.sync()
    await directory.close()
    return trailer
  }

  /** Nothing of it stays. */
  async abandon(): Promise<void> {
    await this.#file.close()
    await rm(this.#part, { force: true })
  }

  async #append(frames: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(frames)
    this.#hash.update(bytes)
    await this.#file.appendFile(bytes)
    this.#bytes += bytes.length
  }
}

function partOf(path: string): string {
  return `${path}${partSuffix}`
}
