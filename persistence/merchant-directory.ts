/**
 * The directory of merchants, kept up by polling: versions are compared, what changed is read. All of it is in memory, so
 * a lookup costs nothing and works without the database for as long as the copy is fresh.
 *
 * Guarantees: `stale` is false only if a poll that began less than {@link directoryLimits.staleAfterMs} ago succeeded; a
 * version never goes back; an API key that two merchants claim works for neither; a row that cannot be read takes its
 * merchant out (fail closed). A poll that takes too long counts as failed, and what it brings later is dropped.
 * Leaves to others: what a suspended merchant or a revoked key means.
 */
import { unpack } from 'msgpackr'
import type { MerchantRow } from '../actors/journal.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import type { ApiKey, MerchantConfiguration } from '../domain/merchant/state.ts'
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import { directoryLimits } from '../runtime/limits.ts'
import type { Log } from '../runtime/log.ts'

/** Where the rows are: persistence/read-model.ts. */
export interface MerchantRowSource {
  /** Every merchant's version. */
  readVersions(): Promise<ReadonlyMap<string, number>>
  read(merchants: readonly string[]): Promise<readonly MerchantRow[]>
}

export interface PollingDirectoryOptions {
  readonly source: MerchantRowSource
  readonly clock: Clock
  readonly log: Log
  readonly limits?: typeof directoryLimits
}

type KeyEntry = { readonly merchant: MerchantConfiguration; readonly key: ApiKey }

export class PollingMerchantDirectory implements MerchantDirectory {
  readonly #source: MerchantRowSource
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: typeof directoryLimits
  readonly #merchants = new Map<string, MerchantConfiguration>()
  /** Versions whose rows were unreadable: not asked for again until they change. */
  readonly #unreadable = new Map<string, number>()
  #keys = new Map<string, KeyEntry>()
  #limited: readonly MerchantConfiguration[] = []
  /** Those that all of this is up to. */
  #versions: ReadonlyMap<string, number> | undefined
  /** Start of the newest poll that succeeded, on the monotonic clock. */
  #contactAt: number | undefined
  #failing = false
  #stopped = false
  #cancelNext: Cancel = () => {}
  /** The poll that runs. */
  #polling: Promise<void> | undefined
  /** The one after it, where somebody has asked for it. */
  #following: Promise<void> | undefined

  constructor(options: PollingDirectoryOptions) {
    this.#source = options.source
    this.#clock = options.clock
    this.#log = options.log.child({ component: 'directory' })
    this.#limits = options.limits ?? directoryLimits
  }

  get(merchant: string): MerchantConfiguration | undefined {
    return this.#merchants.get(merchant)
  }

  /** In order of id. */
  get all(): readonly MerchantConfiguration[] {
    return [...this.#merchants.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Those with limits. */
  get limited(): readonly MerchantConfiguration[] {
    return this.#limited
  }

  findByKeyHash(hash: string): KeyEntry | undefined {
    return this.#keys.get(hash)
  }

  get stale(): boolean {
    return this.#contactAt === undefined || this.#clock.monotonic() - this.#contactAt >= this.#limits.staleAfterMs
  }

  /** Polls once, then again and again until {@link stop}. Resolves after the first poll, whether or not it succeeded. */
  async start(): Promise<void> {
    await this.refresh()
    if (!this.#stopped) this.#cancelNext = this.#clock.schedule(this.#limits.pollMs, () => void this.start())
  }

  stop(): void {
    this.#stopped = true
    this.#cancelNext()
  }

  /**
   * A poll that begins after this call; calls while one runs share the next. Never rejects: a failure is logged once and
   * shows in `stale`.
   */
  refresh(): Promise<void> {
    if (this.#polling === undefined) return this.#begin()
    this.#following ??= this.#polling.then(() => {
      this.#following = undefined
      return this.#polling ?? this.#begin()
    })
    return this.#following
  }

  #begin(): Promise<void> {
    this.#polling = this.#pollInTime().finally(() => {
      this.#polling = undefined
    })
    return this.#polling
  }

  async #pollInTime(): Promise<void> {
    const startedAt = this.#clock.monotonic()
    let late = false
    let cancelTimeout: Cancel = () => {}
    const timeout = new Promise<never>((_resolve, reject) => {
      cancelTimeout = this.#clock.schedule(this.#limits.pollTimeoutMs, () => {
        late = true
        reject(new Error('the poll took too long'))
      })
    })
    try {
      await Promise.race([this.#poll(() => late), timeout])
      this.#contactAt = startedAt
      if (this.#failing) this.#log.info({}, 'the directory of merchants is read again')
      this.#failing = false
    } catch (error) {
      if (!this.#failing) this.#log.warn({ error }, 'the directory of merchants cannot be read')
      this.#failing = true
    } finally {
      cancelTimeout()
    }
  }

  async #poll(isLate: () => boolean): Promise<void> {
    const versions = await this.#source.readVersions()
    if (versions === this.#versions || isLate()) return
    const changed = [...versions].filter(([merchant, version]) => version > this.#versionSeen(merchant))
    const rows = changed.length === 0 ? [] : await this.#source.read(changed.map(([merchant]) => merchant))
    if (isLate()) return
    let keysChanged = false
    for (const merchant of this.#merchants.keys()) {
      if (versions.has(merchant)) continue
      this.#merchants.delete(merchant)
      keysChanged = true
    }
    for (const row of rows) {
      // A newer one may have come with a poll that overlapped with this one.
      if (row.version <= this.#versionSeen(row.merchant)) continue
      this.#take(row)
      keysChanged = true
    }
    if (keysChanged) {
      this.#keys = this.#indexKeys()
      this.#limited = [...this.#merchants.values()].filter(({ limits }) => limits.length > 0)
    }
    this.#versions = versions
  }

  #versionSeen(merchant: string): number {
    return Math.max(this.#merchants.get(merchant)?.version ?? 0, this.#unreadable.get(merchant) ?? 0)
  }

  #take(row: MerchantRow): void {
    try {
      this.#merchants.set(row.merchant, decodeConfiguration(row))
      this.#unreadable.delete(row.merchant)
    } catch (error) {
      this.#merchants.delete(row.merchant)
      this.#unreadable.set(row.merchant, row.version)
      this.#log.error({ merchant: row.merchant, error }, 'a merchant is left out: its configuration cannot be read')
    }
  }

  #indexKeys(): Map<string, KeyEntry> {
    const keys = new Map<string, KeyEntry>()
    const claimedTwice = new Set<string>()
    for (const merchant of this.#merchants.values()) {
      for (const key of merchant.keys) {
        if (keys.has(key.hash)) claimedTwice.add(key.hash)
        else keys.set(key.hash, { merchant, key })
      }
    }
    for (const hash of claimedTwice) {
      this.#log.error(
        { merchant: keys.get(hash)?.merchant.id ?? '' },
        'an API key is claimed twice and works for nobody',
      )
      keys.delete(hash)
    }
    return keys
  }
}

function decodeConfiguration(row: MerchantRow): MerchantConfiguration {
  const decoded: unknown = unpack(row.data)
  assert(typeof decoded === 'object' && decoded !== null, 'a configuration is a map')
  const configuration = decoded as MerchantConfiguration
  assert(configuration.id === row.merchant, 'a configuration is its merchant’s', { merchant: row.merchant })
  assert(configuration.version === row.version, 'a row has its configuration’s version', { merchant: row.merchant })
  assert(configuration.status === 'active' || configuration.status === 'suspended', 'a merchant has a known status')
  const { keys, routes, limits } = configuration
  assert([keys, routes, limits].every(Array.isArray), 'keys, routes and limits are lists')
  return configuration
}
