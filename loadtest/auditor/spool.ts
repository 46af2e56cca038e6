/**
 * Records set aside on disk by range of shards, so that only one range of a long history or book is in memory at a time.
 * Files of a temporary directory, removed with `dispose`. Writing waits for the disk: nothing queues up in memory.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { shards } from './ids.ts'

/** As many as the journal's table has parts. */
export const ranges = 16
export const shardsPerRange = shards / ranges
/** Characters kept back per file, so that a record is not a write of its own. */
const flushCharacters = 256 * 1024

export class Spool<T> {
  readonly #directory: string
  readonly #files: readonly FileHandle[]
  readonly #waiting: string[] = Array.from({ length: ranges }, () => '')

  private constructor(directory: string, files: readonly FileHandle[]) {
    this.#directory = directory
    this.#files = files
  }

  static async open<T>(): Promise<Spool<T>> {
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-audit-'))
    const files: FileHandle[] = []
    for (let range = 0; range < ranges; range += 1) files.push(await open(join(directory, String(range)), 'w', 0o600))
    return new Spool<T>(directory, files)
  }

  async write(shard: number, record: T): Promise<void> {
    const range = Math.floor(shard / shardsPerRange)
    const waiting = `${this.#waiting[range] ?? ''}${JSON.stringify(record)}\n`
    this.#waiting[range] = waiting
    if (waiting.length >= flushCharacters) await this.#flush(range)
  }

  /** The records of a range in the order they were written; nothing is written after the first read. */
  async *read(range: number): AsyncGenerator<T> {
    await this.#flush(range)
    const input = createReadStream(join(this.#directory, String(range)), { encoding: 'utf8' })
    for await (const line of createInterface({ input, crlfDelay: Infinity })) yield JSON.parse(line) as T
  }

  async dispose(): Promise<void> {
    for (const file of this.#files) await file.close()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #flush(range: number): Promise<void> {
    const waiting = this.#waiting[range] ?? ''
    this.#waiting[range] = ''
    if (waiting !== '') await this.#files[range]?.appendFile(waiting)
  }
}
