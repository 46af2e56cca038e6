/**
 * A simulated database server and the connections of processes to it. A statement travels, runs for a while on the server
 * (mvcc-database.ts), and its answer travels back; whoever sent it may be dead or frozen by then, the server does not care.
 *
 * What goes wrong, each at a rate of its own: slow statements; a request lost before it was executed, or its answer after;
 * a statement that hangs until its sender has given up, and is executed afterwards, up to half a minute late, when
 * somebody else may own the shard; the server away for a while; a fail-over to a standby that had not received the last
 * rows. A lost connection is noticed late or at once; to its sender the outcome is unknown.
 */
import { JournalError } from '../../actors/journal.ts'
import type { Carry } from '../../actors/journal-memory.ts'
import type { MemoryImage } from '../../actors/memory-database.ts'
import { asError } from './as-error.ts'
import type { Chance } from './chance.ts'
import type { Loop, TurnOwner } from './loop.ts'
import type { MvccDatabase } from './mvcc-database.ts'
import type { SimProcess } from './process.ts'

/** Shares of all statements (0 to 1), and times in microseconds. */
export interface StorageFaults {
  readonly lostRequest: number
  readonly lostAnswer: number
  readonly hung: number
  readonly slow: number
  /** Of a statement that is neither slow nor hung, there and back. */
  readonly typicalUs: number
}

/** After this a client gives a statement up; its outcome is unknown then. */
const statementTimeoutUs = 1_500_000
const hungUsMax = 30_000_000

/** Servers are never frozen nor killed as processes are: turns on them are the world's own. */
export const server: TurnOwner = { number: 0, fate: 'runs', setAside: () => undefined }

export class StorageServer {
  readonly database: MvccDatabase
  /** False: whatever arrives is refused, whatever is under way is lost. */
  available = true
  faults: StorageFaults
  readonly #loop: Loop
  readonly #chance: Chance
  #image: MemoryImage | undefined
  /** Rises with every loss of all connections. */
  #session = 0
  readonly #cutOff = new Set<TurnOwner>()

  constructor(loop: Loop, chance: Chance, database: MvccDatabase, faults: StorageFaults) {
    this.#loop = loop
    this.#chance = chance
    this.database = database
    this.faults = faults
  }

  /** How a process reaches this server. Rejects with `journal_unavailable` (not executed) or `journal_outcome_unknown`. */
  connect(process: SimProcess): Carry {
    return <T>(execute: () => T) =>
      new Promise<T>((resolve, reject) => {
        const { faults } = this
        const chance = this.#chance
        const session = this.#session
        // every draw is made for every statement: what goes wrong with one does not shift the luck of the next
        const fate = chance.float()
        const slow = chance.happens(faults.slow) ? 40 : 1
        const there = chance.latency(faults.typicalUs * slow)
        const back = chance.latency(faults.typicalUs * slow)
        const noticed = chance.happens(0.5) ? back : statementTimeoutUs
        const takes = chance.latency(slow === 1 ? faults.typicalUs / 4 : faults.typicalUs * slow)
        const late = chance.between(statementTimeoutUs, hungUsMax)
        /** A statement hangs before it reaches the server, or there, after its checks. */
        const hangsThere = chance.happens(0.5)
        let given = false
        const unknown = (): void => {
          if (given) return
          given = true
          reject(new JournalError('journal_outcome_unknown', 'the connection was lost'))
        }
        const isCutOff = this.#cutOff.has(process)
        const isLost = isCutOff || fate < faults.lostRequest
        const isUnheard = !isLost && fate < faults.lostRequest + faults.lostAnswer
        const isHung = !isLost && !isUnheard && fate < faults.lostRequest + faults.lostAnswer + faults.hung
        if (isLost) {
          process.after(isCutOff ? statementTimeoutUs : there + noticed, unknown)
          return
        }
        if (isHung) process.after(statementTimeoutUs, unknown)
        this.#loop.add(server, isHung && !hangsThere ? late : there, () => {
          if (!this.available) {
            process.after(back, () => {
              if (given) return
              given = true
              reject(new JournalError('journal_unavailable', 'the server is away'))
            })
            return
          }
          const began = this.database.snapshot()
          this.#loop.add(server, isHung && hangsThere ? late : takes, () => {
            if (session !== this.#session) {
              process.after(back, unknown)
              return
            }
            let answer: () => void
            try {
              const result = this.database.finish(began, execute)
              answer = () => resolve(result)
            } catch (error) {
              answer = () => reject(asError(error))
            }
            if (isUnheard || this.#cutOff.has(process)) {
              process.after(noticed, unknown)
              return
            }
            process.after(back, () => {
              if (given) return
              if (session !== this.#session) return unknown()
              given = true
              answer()
            })
          })
        })
      })
  }

  /** Nothing passes between this process and the server until {@link reach}. */
  cutOff(process: TurnOwner): void {
    this.#cutOff.add(process)
  }

  reach(process: TurnOwner): void {
    this.#cutOff.delete(process)
  }

  /** Crashes and is away; answers that travel are lost. */
  stop(): void {
    this.available = false
    this.#session += 1
  }

  start(): void {
    this.available = true
  }

  /** From now on the standby receives nothing. */
  cutStandby(): void {
    this.#image = this.database.image()
  }

  /** The standby has received everything. */
  joinStandby(): void {
    this.#image = undefined
  }

  /**
   * The standby becomes the server: what it had not received is gone, every connection ends.
   * @returns false where it had received everything: then nothing happens.
   */
  failOver(): boolean {
    if (this.#image === undefined) return false
    this.#session += 1
    this.database.restore(this.#image)
    this.#image = undefined
    return true
  }
}
