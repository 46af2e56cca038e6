/**
 * A wall clock that a test moves while processes run under it (libfaketime, by a file that is read at every look at the
 * clock). The monotonic clock is left alone, as a step by an administrator or a time server would leave it.
 */
import { rename, writeFile } from 'node:fs/promises'
import { faketimeLibrary } from './tools.ts'

export class MovableWallClock {
  /** Environment of the processes that live by this clock, from their start. */
  readonly env: Readonly<Record<string, string>>
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
    this.env = {
      LD_PRELOAD: faketimeLibrary,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** `file`: readable by the processes, in a directory that exists. It begins with the true time. */
  static async create(file: string): Promise<MovableWallClock> {
    const clock = new MovableWallClock(file)
    await clock.shift(0)
    return clock
  }

  /** From now on the clock is off by this much of the truth; whole seconds. */
  async shift(seconds: number): Promise<void> {
    // readers see the old or the new one, never an empty file
    await writeFile(`${this.#file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`, { mode: 0o644 })
    await rename(`${this.#file}.new`, this.#file)
  }
}
