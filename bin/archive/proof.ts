/**
 * Proves archive files: that the directory has every file that payments are archived to, with the bytes it had, that every row
 * in them is the one that the hash chain sealed, and that what stands in for the rows is what they come to.
 */
import { archivedOf, sayTheSame } from '../../actors/archived.ts'
import type { StatesOf } from '../../actors/entity-kind.ts'
import { foldHistory } from '../../actors/fold.ts'
import { paymentStates } from '../../actors/payment-kind.ts'
import { type ArchivedRow, ArchiveFileError } from '../../persistence/journal-archive-format.ts'
import type { StandIn } from '../../persistence/journal-archive-log.ts'
import { readArchive } from '../../persistence/journal-archive-reader.ts'
import { digestBytes } from '../../persistence/journal-chain.ts'
import type { ProofSnapshot } from '../../persistence/journal-chain-reading.ts'
import { pathOfFile } from './files.ts'

/**
 * @param expected SHA-256 of each file, by its name; hexadecimal digits.
 * @param shards of which rows are looked at; default: all.
 * @returns what is wrong, in sentences.
 */
export async function proveFiles(
  snapshot: ProofSnapshot,
  directory: string,
  expected: ReadonlyMap<string, string>,
  shards?: ReadonlySet<number>,
): Promise<readonly string[]> {
  const problems: string[] = []
  const database = await snapshot.databaseId()
  for (const [file, sha256] of expected) {
    const path = pathOfFile(directory, file)
    if (path === undefined) {
      problems.push(`${file}: payments are archived to it, and ${directory} does not have it`)
      continue
    }
    const proof = new FileProof(snapshot, file, shards)
    try {
      const contents = await readArchive(path, (rows) => proof.take(rows))
      if (contents.sha256 !== sha256) problems.push(`${file}: it is not the file that payments were archived to`)
      if (contents.header.database !== database) problems.push(`${file}: it is of another database`)
      problems.push(...proof.end())
    } catch (error) {
      if (!(error instanceof ArchiveFileError)) throw error
      problems.push(error.message)
    }
  }
  return problems
}

const states = paymentStates as StatesOf

class FileProof {
  readonly #snapshot: ProofSnapshot
  readonly #file: string
  readonly #shards: ReadonlySet<number> | undefined
  readonly #problems: string[] = []
  #shard: number | undefined
  #sealed: ReadonlyMap<number, Buffer> = new Map()
  /** Of the shard, in this file, that were not met yet. */
  #standIns = new Map<string, StandIn>()

  constructor(snapshot: ProofSnapshot, file: string, shards: ReadonlySet<number> | undefined) {
    this.#snapshot = snapshot
    this.#file = file
    this.#shards = shards
  }

  async take(rows: readonly ArchivedRow[]): Promise<void> {
    for (const [shard, ofShard] of Map.groupBy(rows, (row) => row.shard)) {
      if (this.#shards?.has(shard) === false) continue
      if (shard !== this.#shard) await this.#begin(shard)
      for (const { position, digest } of ofShard) {
        const sealed = this.#sealed.get(position)
        if (sealed === undefined || !sealed.equals(digest)) {
          this.#problem(`shard ${shard}, position ${position}: the row is not the one that was sealed`)
        }
      }
      for (const [entity, own] of Map.groupBy(ofShard, (row) => row.entity)) this.#compare(entity, own)
    }
  }

  end(): readonly string[] {
    this.#endShard()
    return this.#problems
  }

  async #begin(shard: number): Promise<void> {
    this.#endShard()
    this.#shard = shard
    const sealed = new Map<number, Buffer>()
    for (const { first, digests } of await this.#snapshot.chain(shard)) {
      for (let offset = 0; offset < digests.length; offset += digestBytes) {
        sealed.set(first + offset / digestBytes, digests.subarray(offset, offset + digestBytes))
      }
    }
    this.#sealed = sealed
    const standIns = await this.#snapshot.standIns(shard)
    this.#standIns = new Map(standIns.filter(({ file }) => file === this.#file).map((row) => [row.entity, row]))
  }

  /** A payment that is in the file and not archived to it was restored, or had gone on. */
  #compare(entity: string, rows: readonly ArchivedRow[]): void {
    const standIn = this.#standIns.get(entity)
    if (standIn === undefined) return
    this.#standIns.delete(entity)
    const { positions, archivedAt, data, seq, epoch, closedAt } = standIn
    const history = foldHistory(states, { archived: undefined, snapshot: undefined, rows }, Number.MAX_SAFE_INTEGER)
    const parts = archivedOf(states, history, archivedAt)
    const isSame =
      parts?.seq === seq &&
      parts.epoch === epoch &&
      rows.at(-1)?.at === closedAt &&
      rows.length === positions.length &&
      rows.every(({ position }, index) => position === positions[index]) &&
      sayTheSame(parts.data, data)
    if (!isSame) this.#problem(`payment ${entity}: what stands in for its rows is not what they come to`)
  }

  #endShard(): void {
    for (const entity of this.#standIns.keys())
      this.#problem(`payment ${entity} is archived to it, and it has no rows of it`)
    this.#standIns.clear()
  }

  #problem(what: string): void {
    this.#problems.push(`${this.#file}: ${what}`)
  }
}
