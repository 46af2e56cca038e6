/**
 * One run: a world built from flags, its faults, its clients, its judges, from the first payment to the last audit. It uses
 * no clock, no generator and no I/O but its own, so a seed is a history.
 */
import { Banks } from './banks.ts'
import { AnswerChecker } from './checkers/answer-checker.ts'
import { BookChecker } from './checkers/book-checker.ts'
import { JournalChecker } from './checkers/journal-checker.ts'
import { PaymentHistories } from './checkers/payment-histories.ts'
import { ReadChecker } from './checkers/read-checker.ts'
import { claim, Violation } from './checkers/violation.ts'
import { watch } from './checkers/watched-database.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { type Flags, happenings, timeline } from './flags.ts'
import { checkRest } from './checkers/rest-checker.ts'
import { Loop } from './loop.ts'
import { MvccDatabase } from './mvcc-database.ts'
import type { Replacements } from './node.ts'
import { SimProcess } from './process.ts'
import { type PspFaults, SimPsp } from './psp.ts'
import { Cluster } from './cluster.ts'
import { SingleNode } from './single-node.ts'
import { type StorageFaults, StorageServer } from './storage-server.ts'
import type { Topology, WorldParts } from './topology.ts'

export interface Sabotage extends Replacements {
  database?(): MvccDatabase
}

export interface RunResult {
  readonly flags: Flags
  /** What was found, if anything: a broken claim, or whatever else was thrown. */
  readonly failure: unknown
  readonly hash: string
  readonly turns: number
  readonly virtualMs: number
  readonly decisions: number
  readonly answers: number
  readonly effects: number
  /** Payments at rest that were compared with the PSP's book. */
  readonly compared: number
  /** Rows of the read side that were compared with the journal's fold, over all steps. */
  readonly shown: number
  /** Disputes among them. */
  readonly disputes: number
  readonly troubles: Readonly<Record<string, number>>
}

/** A hundred times what a run usually takes: somebody is busy with nothing. */
const turnsMax = 400_000

const calmStorage: StorageFaults = { lostRequest: 0, lostAnswer: 0, hung: 0, slow: 0, typicalUs: 500 }
const calmPsp: PspFaults = {
  refusedConnection: 0,
  lostRequest: 0,
  lostAnswer: 0,
  late: 0,
  duplicate: 0,
  storedError: 0,
  declined: 0,
  action: 0,
  accepted: 0,
  // even the slowest answer comes before its caller gives up
  typicalUs: 5_000,
}

export async function runWorld(flags: Flags, sabotage: Sabotage = {}): Promise<RunResult> {
  const world = new World(flags, sabotage)
  const unheard = (reason: unknown): void => world.loop.fail(reason)
  process.on('unhandledRejection', unheard)
  try {
    await world.run()
    return world.result(undefined)
  } catch (error) {
    return world.result(error)
  } finally {
    process.off('unhandledRejection', unheard)
  }
}

class World {
  readonly loop: Loop
  readonly #flags: Flags
  readonly #chance: Chance
  readonly #storage: StorageServer
  readonly #psp: SimPsp
  readonly #banks: Banks
  readonly #clients: Clients
  readonly #topology: Topology
  readonly #supervisor: SimProcess
  readonly #histories = new PaymentHistories()
  readonly #journal: JournalChecker
  readonly #read: ReadChecker
  readonly #answers: AnswerChecker
  readonly #book: BookChecker
  readonly #troubles: Record<string, number> = {}
  #decisions = 0
  #compared = 0
  #lossDeclared = false

  constructor(flags: Flags, sabotage: Sabotage) {
    const chance = new Chance(flags.seed)
    this.#flags = flags
    this.#chance = chance.split('faults')
    this.loop = new Loop(chance.split('turns'), () => {
      claim(this.loop.turns < turnsMax, 'stuck', 'a run comes to its end', () => ({
        turns: this.loop.turns,
        virtualMs: this.loop.now / 1000,
        troubles: this.#troubles,
      }))
    })
    const { loop } = this
    this.#journal = new JournalChecker({
      stored: (row) => {
        this.#decisions += 1
        loop.mark(row.position)
        loop.mark(row.command)
        if (row.type.startsWith('payment.')) this.#histories.add(row)
      },
    })
    this.#read = new ReadChecker(this.#journal, this.#histories)
    this.#answers = new AnswerChecker(this.#histories, this.#journal, (check) => this.#judge(check))
    this.#book = new BookChecker(this.#histories)
    const database = sabotage.database?.() ?? new MvccDatabase()
    watch(database, (shard) =>
      this.#judge(() => {
        this.#journal.changed(database, shard)
        this.#read.changed(database, shard)
      }),
    )
    this.#storage = new StorageServer(loop, chance.split('storage'), database, flags.storage)
    this.#psp = new SimPsp(
      loop,
      chance.split('psp'),
      flags.psp,
      {
        effect: (call, model) => {
          this.#book.effect(call, model, this.#lossDeclared)
          this.#banks.effect(call.paymentId, model)
        },
      },
      (paymentId, fact) => this.#clients.deliver(paymentId, fact),
    )
    this.#supervisor = new SimProcess(loop, 3, 'supervisor')
    this.#banks = new Banks({
      loop,
      clock: this.#supervisor.clock,
      chance: chance.split('banks'),
      rate: flags.disputes,
      deliver: (paymentId, fact) => this.#clients.deliver(paymentId, fact),
    })
    const parts: WorldParts = {
      flags,
      loop,
      chance: chance.split('processes'),
      storage: this.#storage,
      psp: this.#psp,
      supervisor: this.#supervisor,
      replace: sabotage,
      judged: (node) => this.#answers.judged(node),
      trouble: (what, error) => this.#trouble(what, error),
      acknowledged: (incarnation, shard, position) => this.#journal.acknowledged(incarnation, shard, position),
    }
    this.#topology = flags.nodes === 0 ? new SingleNode(parts) : new Cluster(parts)
    this.#clients = new Clients(
      loop,
      chance.split('clients'),
      { ...flags, withinMs: timeline.workloadMs },
      this.#answers,
      () => this.#topology.doors,
      (call, approve) => this.#psp.act(call, approve),
    )
  }

  async run(): Promise<void> {
    this.#topology.start()
    this.#clients.start()
    this.#scheduleFaults()
    await this.#runUntil(timeline.faultsMs)
    this.#heal()
    if (this.#lossDeclared) await this.#runUntil(this.loop.now / 1000 + timeline.afterLossMs)
    else {
      await this.#settle('requests')
      this.#psp.concludeAll()
      this.#clients.readAll()
      await this.#settle('reads')
      await this.#runUntil(this.loop.now / 1000 + timeline.restMs)
    }
    await this.#caughtUp()
    this.#audit()
  }

  result(failure: unknown): RunResult {
    return {
      flags: this.#flags,
      failure,
      hash: this.loop.hash,
      turns: this.loop.turns,
      virtualMs: Math.round(this.loop.now / 1000),
      decisions: this.#decisions,
      answers: this.#clients.answers,
      effects: this.#book.effects,
      compared: this.#compared,
      shown: this.#read.compared,
      disputes: this.#read.disputes.size,
      troubles: this.#troubles,
    }
  }

  #runUntil(ms: number): Promise<void> {
    return this.loop.run(Math.round(ms * 1000))
  }

  /** Until every request has its final answer. */
  async #settle(what: string): Promise<void> {
    const until = this.loop.now / 1000 + timeline.healedWithinMs
    while (this.#clients.open.length > 0) {
      claim(this.loop.now / 1000 < until, 'request_unanswered', 'once all is well every request is answered', () => ({
        what,
        open: this.#clients.open
          .slice(0, 3)
          .map((each) => ({ ...each, payment: this.#histories.stateOf(each.entity) })),
        troubles: this.#troubles,
      }))
      await this.#runUntil(this.loop.now / 1000 + 250)
    }
  }

  /** Until the read side shows everything: shards still move, and each move is a row. */
  async #caughtUp(): Promise<void> {
    const until = this.loop.now / 1000 + timeline.healedWithinMs
    for (;;) {
      const behind = this.#read.behind(this.#storage.database)
      if (behind.length === 0) return
      claim(this.loop.now / 1000 < until, 'read_behind', 'once all is well the read side shows everything', () => ({
        behind: behind.slice(0, 3),
        troubles: this.#troubles,
      }))
      await this.#runUntil(this.loop.now / 1000 + 250)
    }
  }

  #scheduleFaults(): void {
    const { mode, happen, restarts, lossyFailOvers } = this.#flags
    const chance = this.#chance
    const many = (count: number, what: () => void): void => {
      for (let n = 0; n < count; n += 1) {
        this.#supervisor.after(chance.between(300, timeline.faultsMs) * 1000, what)
      }
    }
    for (const name of happenings) many(happen[name], () => this.#topology.happen[name]?.())
    if (mode === 'liveness') many(1, () => this.#topology.loseOne())
    many(restarts, () => {
      this.#storage.stop()
      this.#supervisor.after(chance.between(10_000, 3_000_000), () => this.#storage.start())
    })
    many(lossyFailOvers, () => {
      this.#storage.cutStandby()
      this.#supervisor.after(chance.between(1_000, 1_000_000), () => this.#failOver())
    })
  }

  #failOver(): void {
    if (!this.#storage.failOver()) return
    this.#lossDeclared = true
    this.#psp.lossDeclared = true
    this.#histories.clear()
    this.#journal.rebase(this.#storage.database)
    this.#read.rebase(this.#storage.database)
    this.#answers.forgive()
  }

  #heal(): void {
    this.#storage.start()
    this.#storage.joinStandby()
    this.#storage.faults = calmStorage
    this.#psp.faults = calmPsp
    this.#topology.heal()
    if (this.#lossDeclared) this.#topology.restartAll()
  }

  #audit(): void {
    this.#answers.audit()
    if (this.#lossDeclared) return
    this.#compared = this.#book.compare()
    checkRest(this.#histories, this.#storage.database, this.#journal)
  }

  /** Runs a check inside what is judged: what it finds ends the run, and never reaches the code that is judged. */
  #judge(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.loop.fail(error)
    }
  }

  #trouble(what: string, error: unknown): void {
    this.#troubles[what] = (this.#troubles[what] ?? 0) + 1
    if (
      what === 'entity_quarantined' ||
      what === 'entity_crashed' ||
      what === 'actor_crashed' ||
      what === 'connector_broken'
    ) {
      this.loop.fail(
        new Violation('quarantined', `${what}: nothing that is simulated breaks an entity`, { error: String(error) }),
      )
    }
  }
}
