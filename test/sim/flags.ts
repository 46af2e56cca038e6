/**
 * What goes wrong in a run, and how often: drawn from the seed (swarm testing: each run has a random subset of all faults,
 * at random rates, because a run with a little of everything finds little). Flags are plain data: a run is repeated, and
 * made smaller, by changing them.
 */
import { Chance } from './chance.ts'

/** What happens to processes and their links, at random times while faults last; a lone node knows the first three. */
export const happenings = ['crash', 'freeze', 'zombie', 'cut', 'reset', 'move', 'drain', 'join', 'policy'] as const
export type Happening = (typeof happenings)[number]

export interface Flags {
  readonly seed: number
  /** `safety`: faults everywhere, then all heals. `liveness`: some of the nodes never come back, the others have to finish. */
  readonly mode: 'safety' | 'liveness'
  /** 0: one node that is its own gateway. */
  readonly nodes: number
  readonly gateways: number
  readonly shards: number
  readonly payments: number
  readonly impatience: number
  readonly races: number
  /** Shares of statements; microseconds. */
  readonly storage: {
    readonly lostRequest: number
    readonly lostAnswer: number
    readonly hung: number
    readonly slow: number
    readonly typicalUs: number
  }
  readonly psp: {
    readonly refusedConnection: number
    readonly lostRequest: number
    readonly lostAnswer: number
    readonly late: number
    readonly duplicate: number
    readonly storedError: number
    readonly declined: number
    readonly action: number
    readonly accepted: number
    readonly typicalUs: number
  }
  readonly network: { readonly latencyMsMax: number }
  /** How often each of these happens. */
  readonly happen: Readonly<Record<Happening, number>>
  /** The database server restarts. */
  readonly restarts: number
  /** It fails over to a standby that had not received the last rows: a declared loss. */
  readonly lossyFailOvers: number
  /** Wall clocks differ. */
  readonly skew: boolean
  /** Share of effects at the PSP after which the shopper's bank disputes what was taken. */
  readonly disputes: number
}

/** Virtual milliseconds of a run's parts. */
export const timeline = {
  /** Payments begin within this. */
  workloadMs: 5_000,
  /** Faults come from 300 ms to this. */
  faultsMs: 9_000,
  /** After this everything must have been answered and come to rest. */
  healedWithinMs: 60_000,
  /** Then cursors are moved once more. */
  restMs: 1_500,
  /** After a declared loss payments may wait for people: nodes are watched this long, and nothing more is asked. */
  afterLossMs: 8_000,
} as const

/** The flags of a seed. */
export function flagsOf(seed: number): Flags {
  const chance = new Chance(seed).split('flags')
  /** 0 in a share of all runs, else drawn so that small rates are as likely as large ones. */
  const rate = (share: number, most: number): number => {
    const size = most * chance.float() ** 2
    return chance.happens(share) ? Math.round(size * 1000) / 1000 : 0
  }
  const count = (share: number, most: number): number => {
    const many = chance.between(1, most)
    return chance.happens(share) ? many : 0
  }
  return {
    seed,
    mode: chance.happens(0.25) ? 'liveness' : 'safety',
    nodes: chance.happens(0.3) ? 0 : chance.between(2, 4),
    gateways: chance.between(1, 2),
    shards: chance.pick([1, 4, 8, 16]),
    payments: chance.between(4, 24),
    impatience: rate(0.6, 0.5),
    races: rate(0.6, 1),
    storage: {
      lostRequest: rate(0.4, 0.1),
      lostAnswer: rate(0.4, 0.1),
      hung: rate(0.4, 0.05),
      slow: rate(0.4, 0.2),
      typicalUs: chance.pick([200, 1_000, 5_000]),
    },
    psp: {
      refusedConnection: rate(0.4, 0.3),
      lostRequest: rate(0.4, 0.3),
      lostAnswer: rate(0.4, 0.3),
      late: rate(0.4, 0.3),
      duplicate: rate(0.4, 0.3),
      storedError: rate(0.3, 0.2),
      declined: rate(0.7, 0.5),
      action: rate(0.4, 0.4),
      accepted: rate(0.4, 0.4),
      typicalUs: chance.pick([2_000, 20_000, 300_000]),
    },
    network: { latencyMsMax: chance.pick([1, 5, 50]) },
    happen: {
      crash: count(0.4, 4),
      freeze: count(0.4, 4),
      zombie: count(0.5, 4),
      cut: count(0.4, 6),
      reset: count(0.3, 6),
      move: count(0.4, 8),
      drain: count(0.3, 2),
      join: count(0.2, 2),
      policy: count(0.2, 3),
    },
    restarts: count(0.3, 2),
    lossyFailOvers: count(0.1, 1),
    skew: chance.happens(0.3),
    disputes: rate(0.4, 0.5),
  }
}

/** On one line, without what is off. */
export function describe(flags: Flags): string {
  const text = JSON.stringify(flags, (_key, value: unknown) => (value === 0 || value === false ? undefined : value))
  return text.replaceAll('"', '')
}
