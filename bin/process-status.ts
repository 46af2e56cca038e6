/** What this process tells of itself once a second: to the board of its own, and over its links to everybody else's. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Links } from '../cluster/link.ts'
import type { Incarnation, Role } from '../cluster/member.ts'
import { type StatusBoard, statusEveryMs } from '../cluster/status-board.ts'
import type { NodeStatus, ProcessStatus } from '../cluster/status.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'

export interface StatusSources {
  readonly self: Incarnation
  readonly roles: readonly Role[]
  readonly build: string
  readonly address: string
  readonly clock: Clock
  readonly links: Links
  readonly board: StatusBoard
  readonly draining: () => boolean
  readonly reasons: () => readonly string[]
  /** Answered and unavailable since the start. */
  readonly answers: () => { readonly answered: number; readonly unavailable: number }
  /** Of a node; `seconds` since the last time. */
  readonly node?: (seconds: number) => NodeStatus
}

/** @returns how to end it. */
export function tellStatus(sources: StatusSources): Cancel {
  const { self, roles, build, address, clock, links, board } = sources
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const startedAt = clock.now()
  let cpu = process.cpuUsage()
  let at = clock.monotonic()
  let before = sources.answers()
  let cancel: Cancel = () => undefined
  let ended = false

  const tell = (): void => {
    const now = clock.monotonic()
    const seconds = Math.max((now - at) / 1000, 0.001)
    const used = process.cpuUsage(cpu)
    const answers = sources.answers()
    const status: ProcessStatus = {
      ...self,
      roles,
      build,
      address,
      startedAt,
      draining: sources.draining(),
      reasons: sources.reasons(),
      cpu: rounded((used.user + used.system) / 1e6 / seconds),
      loopDelayMs: rounded(Math.max(delay.percentile(99) / 1e6 - 10, 0)),
      residentBytes: process.memoryUsage.rss(),
      answeredPerSecond: rounded((answers.answered - before.answered) / seconds),
      unavailablePerSecond: rounded((answers.unavailable - before.unavailable) / seconds),
      ...(sources.node !== undefined && { nodeStatus: sources.node(seconds) }),
    }
    cpu = process.cpuUsage()
    at = now
    before = answers
    delay.reset()
    board.hear(status)
    for (const link of links.all) link.tell('status', status)
    if (!ended) cancel = clock.schedule(statusEveryMs, tell)
  }
  tell()
  return () => {
    ended = true
    cancel()
    delay.disable()
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
