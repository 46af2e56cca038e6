/** Makes a failing run smaller: drops faults and work, one flag after another, as long as the same claim is still broken. */
import type { Flags } from './flags.ts'
import type { RunResult } from './world.ts'

/** Flags without this number: none of it, or the least that makes sense. */
const least: Readonly<Record<string, number>> = { gateways: 1, shards: 1, payments: 1, typicalUs: 200, latencyMsMax: 1 }

export async function shrink(
  found: RunResult,
  run: (flags: Flags) => Promise<RunResult>,
  tried: (flags: Flags, fails: boolean) => void,
): Promise<RunResult> {
  let smallest = found
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const flags of smaller(smallest.flags)) {
      const result = await run(flags)
      const fails = result.failure !== undefined && codeOf(result.failure) === codeOf(found.failure)
      tried(flags, fails)
      if (!fails) continue
      smallest = result
      isSmaller = true
      break
    }
  }
  return smallest
}

/** What tells one failure from another: a claim's code, else the kind of error. */
export function codeOf(failure: unknown): string {
  if (failure instanceof Error) return 'code' in failure ? String(failure.code) : failure.name
  return typeof failure
}

export function textOf(failure: unknown): string {
  return failure instanceof Error ? (failure.stack ?? failure.message) : JSON.stringify(failure)
}

function* smaller(flags: Flags): Generator<Flags> {
  for (const [name, value] of Object.entries(flags)) {
    if (name === 'seed') continue
    if (typeof value === 'object') {
      for (const changed of smallerMembers(value as Record<string, unknown>)) yield { ...flags, [name]: changed }
    }
  }
  for (const changed of smallerMembers(flags as unknown as Record<string, unknown>)) yield changed as unknown as Flags
}

function* smallerMembers(members: Record<string, unknown>): Generator<Record<string, unknown>> {
  for (const [name, value] of Object.entries(members)) {
    if (name === 'seed') continue
    if (value === true) yield { ...members, [name]: false }
    if (typeof value !== 'number') continue
    const least0 = least[name] ?? 0
    if (value <= least0) continue
    yield { ...members, [name]: least0 }
    const half = Number.isInteger(value) ? Math.floor((value + least0) / 2) : value / 2
    if (half > least0 && Number.isInteger(value)) yield { ...members, [name]: half }
  }
}
