/** What every part of the cluster's benchmark answers: tables, figures beside their targets, and what came out wrong. */
import type { BenchServer } from './bench-server.ts'
import type { Generator } from './http-generator.ts'
import { Samples } from './percentile.ts'
import type { Table } from './table.ts'

export interface Target {
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly isMet: boolean
}

export interface PartResult {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
  readonly notes: readonly string[]
  readonly wrong: readonly string[]
}

export interface PartContext {
  readonly postgres: BenchServer
  readonly generator: Generator
  /** A smoke run: figures mean nothing. */
  readonly isQuick: boolean
  readonly nodeFlags: readonly string[]
  readonly log: (line: string) => void
}

/** A target of the form “less than so many milliseconds”. */
export function below(what: string, measuredMs: number, targetMs: number): Target {
  const measured = `${shown(measuredMs)} ms`
  return { what, target: `< ${targetMs.toLocaleString('en-US')} ms`, measured, isMet: measuredMs < targetMs }
}

export function samplesOf(values: Iterable<number>): Samples {
  const samples = new Samples()
  for (const value of values) samples.add(value)
  return samples
}

/** Three digits, no more than that. */
export function shown(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}

export function targetTable(targets: readonly Target[]): Table {
  return {
    title: 'Targets',
    columns: ['what', 'target', 'measured', ''],
    rows: targets.map(({ what, target, measured, isMet }) => [what, target, measured, isMet ? 'met' : '**missed**']),
  }
}
