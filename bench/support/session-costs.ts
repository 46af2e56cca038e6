/**
 * Processor time and write-ahead log of a server's sessions, by what they are for: the end of their `application_name`. Sessions
 * come and go, so they are looked at every second; what one spends after the last look is lost.
 */
import type { Client } from 'pg'
import { processCpuMs } from './process-cpu.ts'

export interface SessionCost {
  readonly cpuMs: number
  readonly walBytes: number
}

const everyMs = 1_000
const sessionsText = `
  SELECT a.pid, regexp_replace(a.application_name, '^.* ', '') AS purpose, w.wal_bytes::float8 AS "walBytes"
  FROM pg_stat_activity a CROSS JOIN LATERAL pg_stat_get_backend_wal(a.pid) w
  WHERE a.application_name LIKE 'shardpay %' AND a.datname = current_database()`

interface SessionRow {
  readonly pid: number
  readonly purpose: string
  readonly walBytes: number
}

export class SessionCosts {
  readonly #client: Client
  readonly #timer: NodeJS.Timeout
  readonly #sessions = new Map<number, SessionCost & { readonly purpose: string }>()
  #looking: Promise<void> = Promise.resolve()

  constructor(client: Client) {
    this.#client = client
    this.#timer = setInterval(() => {
      this.#looking = this.#look()
    }, everyMs)
  }

  /** By purpose, since the start. */
  async totals(): Promise<ReadonlyMap<string, SessionCost>> {
    await this.#looking
    await this.#look()
    const totals = new Map<string, SessionCost>()
    for (const { purpose, cpuMs, walBytes } of this.#sessions.values()) {
      const before = totals.get(purpose) ?? { cpuMs: 0, walBytes: 0 }
      totals.set(purpose, { cpuMs: before.cpuMs + cpuMs, walBytes: before.walBytes + walBytes })
    }
    return totals
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { rows } = await this.#client.query<SessionRow>(sessionsText)
    for (const { pid, purpose, walBytes } of rows) {
      const cpuMs = processCpuMs(pid) ?? this.#sessions.get(pid)?.cpuMs ?? 0
      this.#sessions.set(pid, { purpose, cpuMs, walBytes })
    }
  }
}
