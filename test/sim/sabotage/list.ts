/** Every sabotage that the checkers have to see red, with the claims that it may break. */
import { type ViolationCode } from '../checkers/violation.ts'
import type { Flags } from '../flags.ts'
import type { Sabotage } from '../world.ts'
import {
  CollisionAsSuccess,
  CursorWithoutCompareAndSet,
  OwnerCheckOff,
  PredecessorCheckOff,
  ReadCursorWithoutCompareAndSet,
} from './database.ts'
import { readInTwo } from './read-in-two.ts'
import { RefusalGateOff } from './refusal-gate.ts'
import { notSentOnRepeat } from './repeating-connector.ts'

export interface SabotageCase {
  readonly name: string
  /** Made anew for each run. */
  make(): Sabotage
  readonly breaks: readonly ViolationCode[]
  /** Runs in which it can do harm at all: a seed's flags, with what it needs. */
  focus(flags: Flags): Flags
}

/** Statements that run for long, and owners that are deposed while they run. */
const longStatements = (flags: Flags): Flags => ({
  ...flags,
  nodes: 0,
  shards: Math.min(flags.shards, 4),
  payments: 24,
  storage: { ...flags.storage, slow: 0.3, typicalUs: 2_000 },
  happen: { ...flags.happen, zombie: 4 },
})

const asTheyAre = (flags: Flags): Flags => flags

export const sabotages: readonly SabotageCase[] = [
  {
    name: 'owner check off',
    make: () => ({ database: () => new OwnerCheckOff() }),
    breaks: ['row_of_no_owner'],
    focus: longStatements,
  },
  {
    name: 'predecessor check off',
    make: () => ({ database: () => new PredecessorCheckOff() }),
    breaks: ['lost_rows_continued'],
    focus: (flags) => ({ ...flags, lossyFailOvers: 1 }),
  },
  {
    name: 'cursor without compare-and-set',
    make: () => ({ database: () => new CursorWithoutCompareAndSet() }),
    breaks: ['cursor_went_back'],
    focus: asTheyAre,
  },
  {
    name: 'read cursor without compare-and-set',
    make: () => ({ database: () => new ReadCursorWithoutCompareAndSet() }),
    breaks: ['cursor_went_back', 'read_differs'],
    focus: asTheyAre,
  },
  {
    name: 'rows of the read side and its cursor in two transactions',
    make: () => ({ journal: readInTwo }),
    breaks: ['read_differs'],
    focus: asTheyAre,
  },
  {
    name: 'gate off for refusals',
    make: () => {
      const gate = new RefusalGateOff()
      return { kind: (kind) => gate.kind(kind), node: (node) => gate.node(node) }
    },
    breaks: ['answer_not_durable', 'stale_answer'],
    focus: asTheyAre,
  },
  {
    name: 'not_sent on a repeat',
    make: () => ({ connector: notSentOnRepeat }),
    breaks: ['charged_twice'],
    focus: asTheyAre,
  },
  {
    name: 'collision taken as success',
    make: () => ({ database: () => new CollisionAsSuccess() }),
    breaks: ['answer_not_durable', 'answer_not_the_journals', 'effect_without_intent', 'acknowledged_lost'],
    focus: longStatements,
  },
]
