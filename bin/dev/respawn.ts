/**
 * A process of the development cluster that is started again when it dies: as a new incarnation, after a pause in which the
 * others have to do without it. One that dies again and again is given up, because a cluster that hides this misleads.
 */
import { describeExit, type Exit, type Program } from './program.ts'

export interface RespawnEvents {
  /** It died by itself; it starts again after the pause. */
  died(dead: Program, exit: Exit): void
  /** It runs again. */
  respawned(program: Program): void
  /** It died too often, or could not be started again. */
  gaveUp(how: string, lastLines: readonly string[]): void
}

export interface RespawnLimits {
  /** Between a death and the next start. */
  readonly pauseMs: number
  /** Given up at this many deaths … */
  readonly deathsMax: number
  /** … within this time. */
  readonly withinMs: number
}

export const respawnPauseMs = 2_000
const respawnLimits: RespawnLimits = { pauseMs: respawnPauseMs, deathsMax: 10, withinMs: 60_000 }

export class Respawn {
  readonly name: string
  readonly #start: () => Promise<Program>
  readonly #events: RespawnEvents
  readonly #limits: RespawnLimits
  #program: Program | undefined
  #timer: NodeJS.Timeout | undefined
  #starting: Promise<void> | undefined
  #stopping = false
  #deaths: number[] = []

  constructor(name: string, start: () => Promise<Program>, events: RespawnEvents, limits = respawnLimits) {
    this.name = name
    this.#start = start
    this.#events = events
    this.#limits = limits
  }

  /** The running process; undefined while it is dead. */
  get program(): Program | undefined {
    return this.#program
  }

  /** The first start: what fails is the caller's. */
  async start(): Promise<Program> {
    const program = await this.#start()
    this.#watch(program)
    return program
  }

  /** SIGTERM, and SIGKILL after `patienceMs`. @returns how it ended; undefined where it was dead. */
  async stop(patienceMs: number): Promise<Exit | undefined> {
    this.#stopping = true
    clearTimeout(this.#timer)
    await this.#starting
    return this.#program?.stop(patienceMs)
  }

  kill(): void {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.#program?.kill()
    void this.#starting?.then(() => this.#program?.kill())
  }

  #watch(program: Program): void {
    this.#program = program
    void program.exited.then((exit) => {
      this.#program = undefined
      if (this.#stopping) return
      const { pauseMs, deathsMax, withinMs } = this.#limits
      const now = performance.now()
      this.#deaths = [...this.#deaths.filter((at) => now - at < withinMs), now]
      if (this.#deaths.length >= deathsMax) {
        this.#stopping = true
        return this.#events.gaveUp(
          `ended ${describeExit(exit)}, ${this.#deaths.length} times within ${withinMs / 1_000} s`,
          program.lastLines(),
        )
      }
      this.#events.died(program, exit)
      this.#timer = setTimeout(() => void this.#again(), pauseMs)
    })
  }

  async #again(): Promise<void> {
    this.#starting = this.#start().then(
      (program) => {
        this.#watch(program)
        if (!this.#stopping) this.#events.respawned(program)
      },
      (error: unknown) => {
        if (this.#stopping) return
        this.#stopping = true
        this.#events.gaveUp(error instanceof Error ? error.message : String(error), [])
      },
    )
    await this.#starting
  }
}
