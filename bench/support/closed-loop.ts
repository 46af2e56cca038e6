/**
 * A closed loop: a fixed number of operations under way, each followed by the next. It measures what a part can do, not
 * what its users would wait for under a given load; a latency from it is the time of one operation at that concurrency.
 */
import { Samples } from './percentile.ts'

export interface LoopResult {
  readonly count: number
  readonly seconds: number
  readonly perSecond: number
  /** User and system time of this process. */
  readonly cpuUsPerOperation: number
  /** Milliseconds from start to end of each operation. */
  readonly latency: Samples
}

export interface LoopOptions {
  readonly concurrency: number
  /** Ends after this many operations, or after `milliseconds`, whatever comes first. */
  readonly count: number
  readonly milliseconds?: number
  /** Starts operation `index`; it is over when the promise is. A rejection ends the loop with it. */
  readonly start: (index: number) => Promise<unknown>
}

/** Runs operations until the end and waits for those under way. */
export function closedLoop({ concurrency, count, milliseconds, start }: LoopOptions): Promise<LoopResult> {
  return new Promise((resolve, reject) => {
    const latency = new Samples(Number.isFinite(count) ? count : 65_536)
    const cpuBefore = process.cpuUsage()
    const startedAt = performance.now()
    const until = startedAt + (milliseconds ?? Number.POSITIVE_INFINITY)
    const loop = { next: 0, underWay: 0 }
    const launch = (): void => {
      const began = performance.now()
      if (loop.next >= count || began >= until) {
        if (loop.underWay === 0) finish()
        return
      }
      loop.underWay += 1
      start(loop.next++).then(() => {
        latency.add(performance.now() - began)
        loop.underWay -= 1
        launch()
      }, reject)
    }
    const finish = (): void => {
      const seconds = (performance.now() - startedAt) / 1000
      const { user, system } = process.cpuUsage(cpuBefore)
      const done = latency.count
      resolve({ count: done, seconds, perSecond: done / seconds, cpuUsPerOperation: (user + system) / done, latency })
    }
    for (let lane = 0; lane < concurrency; lane += 1) launch()
  })
}
