/** A histogram of /metrics as counts, so that two readings can be subtracted and several processes added. */

export interface HistogramCounts {
  /** Upper bounds, ascending; what is above the last is in `counts` one further. */
  readonly bounds: readonly number[]
  /** Not cumulative. */
  readonly counts: readonly number[]
}

/** Reads a histogram without labels from the text of /metrics; empty where it is not there. */
export function histogramCounts(text: string, name: string): HistogramCounts {
  const bounds: number[] = []
  const counts: number[] = []
  let below = 0
  for (const [, bound, cumulative] of text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, 'gm'))) {
    if (bound !== '+Inf') bounds.push(Number(bound))
    counts.push(Number(cumulative) - below)
    below = Number(cumulative)
  }
  return { bounds, counts }
}

/** What was counted between two readings. */
export function countedSince(before: HistogramCounts, after: HistogramCounts): HistogramCounts {
  return { bounds: after.bounds, counts: after.counts.map((count, index) => count - (before.counts[index] ?? 0)) }
}

/** The bound that at least this share (above 0, at most 1) of all does not exceed; Infinity above the last, NaN without any. */
export function boundOf({ bounds, counts }: HistogramCounts, share: number): number {
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0) return Number.NaN
  let below = 0
  const index = counts.findIndex((count) => {
    below += count
    return below >= share * all
  })
  return bounds[index] ?? Number.POSITIVE_INFINITY
}
