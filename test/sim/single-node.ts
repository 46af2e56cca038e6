/**
 * The smallest cluster: one node that is its own gateway, owns every shard, and is started anew when it died. What its
 * earlier incarnations still do, frozen, woken or merely slow, meets the one that lives now.
 */
import { JournalError } from '../../actors/journal.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { Door } from './clients.ts'
import { LeaseConnection } from './lease-connection.ts'
import { createHost } from './node.ts'
import { SimProcess } from './process.ts'
import { wallOffsetMsMax } from './psp.ts'
import type { Topology, WorldParts } from './topology.ts'

interface Running extends Door {
  isServing: boolean
}

export class SingleNode implements Topology {
  readonly #parts: WorldParts
  readonly #all: Running[] = []
  #starts = 0

  constructor(parts: WorldParts) {
    this.#parts = parts
  }

  get doors(): readonly Door[] {
    return this.#all.filter(({ process, isServing }) => isServing && process.isAlive)
  }

  get happen(): Topology['happen'] {
    return { crash: () => this.#crash(), freeze: () => this.#freeze(), zombie: () => this.#zombie() }
  }

  /** There is nobody else. */
  loseOne(): void {}

  start(): void {
    this.#start()
  }

  /** Kills the process; another is started a while later. */
  #crash(): void {
    const { supervisor, chance } = this.#parts
    const victim = this.#all.findLast(({ process }) => process.isAlive)
    if (victim === undefined) return
    victim.process.kill()
    supervisor.after(chance.between(100_000, 2_000_000), () => this.#start())
  }

  /** Stops it for a while; nobody notices but those who wait for it. */
  #freeze(): void {
    const { supervisor, chance } = this.#parts
    const victim = this.#all.findLast(({ process }) => process.fate === 'runs')
    if (victim === undefined) return
    victim.process.freeze()
    supervisor.after(chance.between(1_000, 4_000_000), () => victim.process.thaw())
  }

  /** Takes it for dead, starts another, and it goes on: frozen for a while, or as if nothing had happened. */
  #zombie(): void {
    const { supervisor, chance } = this.#parts
    const victim = this.#all.findLast(({ process }) => process.fate === 'runs')
    if (victim === undefined) return
    if (chance.happens(0.5)) {
      victim.process.freeze()
      supervisor.after(chance.between(1_000, 6_000_000), () => victim.process.thaw())
    }
    supervisor.after(chance.between(0, 500_000), () => this.#start())
    // It steps down in the end: whoever asks it waits for nothing then.
    supervisor.after(10_000_000, () => victim.process.kill())
  }

  heal(): void {
    // Which of several starts came last at the database nobody knows: one more ends them all.
    this.restartAll()
  }

  restartAll(): void {
    for (const { process } of this.#all) process.kill()
    this.#start()
  }

  #again(process: SimProcess): void {
    if (!process.isAlive) return
    process.kill()
    this.#parts.supervisor.after(200_000, () => this.#start())
  }

  #start(): void {
    const { loop, chance, storage, psp, flags, replace } = this.#parts
    this.#starts += 1
    const self = { node: 'node-1', incarnation: `i${this.#starts}` }
    const process = new SimProcess(loop, 10 + this.#starts, `${self.node}-${self.incarnation}`)
    if (flags.skew) process.wallOffsetMs = chance.between(-wallOffsetMsMax, wallOffsetMsMax)
    const leases = new LeaseConnection(storage.database.membership, storage.connect(process))
    const running: Running = {
      process,
      isServing: false,
      route: () =>
        Promise.resolve({ kind: 'unavailable', certainty: 'not_accepted', reason: 'starting', retryAfterMs: 1000 }),
    }
    this.#all.push(running)
    process.after(0, () => {
      leases.start(self, { address: self.node, build: 'sim' }).then(
        () => {
          const host = createHost({
            process,
            self,
            storage,
            deaths: leases,
            connectors: psp.connectorsFor(process),
            chance: chance.split(process.name),
            trouble: (what, error) => this.#parts.trouble(what, error),
            acknowledged: (...what) => this.#parts.acknowledged(...what),
            ...(replace !== undefined && { replace }),
          })
          const judged = this.#parts.judged(replace?.node?.(host) ?? host)
          running.route = (envelope) => judged.route<PaymentAnswer>(envelope)
          const open = (): void => {
            host.openShards(Array.from({ length: flags.shards }, (_, shard) => shard)).then(
              ({ opened }) => {
                running.isServing = true
                if (opened.length < flags.shards) retry()
              },
              (error: unknown) => {
                // Rows it had been told of are gone: it never serves again.
                if (error instanceof JournalError && !error.canRetry) return
                retry()
              },
            )
          }
          // A start of an earlier process may have arrived after this one's: then this one is the dead one.
          const retry = (): void => {
            leases.renew(self, false).then(
              (still) => {
                if (still === 'renewed') process.after(100_000, open)
                else this.#again(process)
              },
              () => process.after(100_000, open),
            )
          }
          open()
        },
        // Nobody knows whether it was started: another incarnation is.
        () => this.#again(process),
      )
    })
  }
}
