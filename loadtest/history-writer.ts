/**
 * Writes a history: one line per event, in the order they happened here. Lines wait in memory until the file takes them,
 * up to a limit that asks writers to wait; `close` resolves once all are with the operating system.
 */
import { createWriteStream, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import type { End, HistoryLine, Invocation } from './history.ts'

/** Bytes that may wait for the disk before `drained` makes writers wait. */
const waitingBytesMax = 8 * 1024 * 1024

/** Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. Exact for the first 104 days after boot. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint())
}

export class HistoryWriter {
  readonly path: string
  readonly #stream: WriteStream
  #operations = 0
  #failure: Error | undefined

  /** Replaces the file. @throws on the first write or on `close` where it cannot be written. */
  constructor(path: string) {
    this.path = path
    this.#stream = createWriteStream(path, { flags: 'w', mode: 0o600, highWaterMark: waitingBytesMax })
    this.#stream.on('error', (error) => {
      this.#failure = error
    })
  }

  /** @returns the operation's number, for its end. */
  invoke(invocation: Omit<Invocation, 'i' | 't_mono_ns' | 'type'>): { readonly i: number; readonly startNs: number } {
    this.#operations += 1
    const [i, startNs] = [this.#operations, monotonicNs()]
    this.#write({ i, t_mono_ns: startNs, type: 'invoke', ...invocation })
    return { i, startNs }
  }

  /** @returns when it ended, nanoseconds. */
  end(end: Omit<End, 't_mono_ns'>): number {
    const endNs = monotonicNs()
    this.#write({ t_mono_ns: endNs, ...end })
    return endNs
  }

  /** Resolves when there is room for more. */
  async drained(): Promise<void> {
    if (this.#stream.writableNeedDrain) await once(this.#stream, 'drain')
  }

  async close(): Promise<void> {
    this.#stream.end()
    if (this.#failure === undefined) await once(this.#stream, 'close')
    if (this.#failure !== undefined) throw this.#failure
  }

  #write(line: HistoryLine): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#stream.write(`${JSON.stringify(line)}\n`)
  }
}
