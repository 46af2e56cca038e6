/**
 * What holds of a shard's rows whatever is in them: gapless positions, epochs with one owner each, and per entity
 * contiguous sequences, times that never fall, commands decided once. An entity's epochs cannot fall where its shard's do
 * not. One object per shard; memory is one
 * small record per entity and command of the shard.
 */
import { decodeEpochRecord } from './decode.ts'
import type { CheckCode, Findings } from './findings.ts'
import { shardOfEntity } from './ids.ts'
import type { JournalRow } from './journal-source.ts'

export const epochEntity = '0'.repeat(32)

interface EntityTail {
  seq: number
  at: number
  readonly commands: Set<string>
}

export type EntityReport = (row: JournalRow, code: CheckCode, detail: string) => void

export class ShardCheck {
  readonly #shard: number
  readonly #findings: Findings
  readonly #ofEntity: EntityReport
  readonly #entities = new Map<string, EntityTail>()
  readonly #owners = new Map<number, string>()
  #position = 0
  #epoch = 0

  /** `ofEntity`: what is wrong with one entity's row, so that it can be told with its story. */
  constructor(shard: number, findings: Findings, ofEntity: EntityReport) {
    this.#shard = shard
    this.#findings = findings
    this.#ofEntity = ofEntity
  }

  row(row: JournalRow): void {
    const { position, epoch } = row
    const where = { shard: this.#shard }
    const isRecord = row.type === 'epoch'
    if (position !== this.#position + 1) {
      this.#findings.add('position_gap', `after position ${this.#position} comes ${position}`, where)
    }
    if (epoch < this.#epoch) {
      this.#findings.add('epoch_went_back', `position ${position} has epoch ${epoch} after ${this.#epoch}`, where)
    } else if (epoch > this.#epoch && !isRecord) {
      this.#findings.add(
        'epoch_without_record',
        `epoch ${epoch} begins at position ${position} with ${row.type}`,
        where,
      )
    }
    this.#position = position
    this.#epoch = Math.max(this.#epoch, epoch)
    if (isRecord) this.#epochRecord(row)
    else this.#decision(row)
  }

  #epochRecord(row: JournalRow): void {
    const { position, epoch, seq } = row
    const where = { shard: this.#shard }
    let owner: string
    try {
      const { node, incarnation } = decodeEpochRecord(row.data)
      owner = `${node}/${incarnation}`
    } catch (error) {
      this.#findings.add('malformed_row', `position ${position}: ${messageOf(error)}`, where)
      return
    }
    if (seq !== epoch || row.entity !== epochEntity) {
      const detail = `the epoch record at ${position} has sequence ${seq} and epoch ${epoch}`
      this.#findings.add('malformed_row', detail, where)
    }
    const before = this.#owners.get(epoch)
    if (before !== undefined) {
      const detail = `epoch ${epoch} is ${before}’s, and at position ${position} ${owner}’s`
      this.#findings.add('two_owners_of_epoch', detail, where)
    } else this.#owners.set(epoch, owner)
  }

  #decision(row: JournalRow): void {
    const { entity, seq, at, position, command } = row
    const report = (code: CheckCode, detail: string): void =>
      this.#ofEntity(row, code, `position ${position}: ${detail}`)
    if (shardOfEntity(entity) !== this.#shard) {
      report('wrong_shard', `${entity} belongs to shard ${shardOfEntity(entity)}`)
    }
    let tail = this.#entities.get(entity)
    if (tail === undefined) this.#entities.set(entity, (tail = { seq: 0, at: 0, commands: new Set() }))
    if (seq !== tail.seq + 1) report('sequence_gap', `sequence ${seq} after ${tail.seq}`)
    if (at < tail.at) report('entity_time_went_back', `${at} after ${tail.at}`)
    if (tail.commands.has(command)) report('command_twice', `command ${command} again`)
    tail.commands.add(command)
    tail.seq = seq
    tail.at = Math.max(tail.at, at)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
