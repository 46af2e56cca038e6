/** A CPU profile of one part of a run, as its functions by self time. */
import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface TopFunction {
  readonly name: string
  /** File and line, from the project's root; empty for the engine's own. */
  readonly where: string
  readonly selfMs: number
  /** Of the time in which the thread was not idle. */
  readonly share: number
}

/** The parts of V8's profile that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Ids of nodes, in order of time. */
  readonly samples?: readonly number[] | undefined
  /** Microseconds before each sample. */
  readonly timeDeltas?: readonly number[] | undefined
}

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs `work` under the profiler (sampling every millisecond: it costs a few per cent, so measure outside of it). */
export async function profile(work: () => Promise<void>): Promise<CpuProfile> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 1000 })
    await session.post('Profiler.start')
    await work()
    const { profile: result } = await session.post('Profiler.stop')
    return result
  } finally {
    session.disconnect()
  }
}

/** The `count` functions with the most self time. */
export function topFunctions({ nodes, samples = [], timeDeltas = [] }: CpuProfile, count: number): TopFunction[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byFunction = new Map<string, { name: string; where: string; selfUs: number }>()
  let busyUs = 0
  samples.forEach((id, index) => {
    const frame = frames.get(id)
    // A sample's time is the one until the next sample.
    const selfUs = timeDeltas[index + 1] ?? 0
    if (frame === undefined || frame.functionName === '(idle)' || frame.functionName === '(root)') return
    busyUs += selfUs
    const where = frame.url === '' ? '' : `${placeOf(frame.url)}:${frame.lineNumber + 1}`
    const key = `${frame.functionName} ${where}`
    const entry = byFunction.get(key)
    if (entry === undefined) byFunction.set(key, { name: frame.functionName || '(anonymous)', where, selfUs })
    else entry.selfUs += selfUs
  })
  return [...byFunction.values()]
    .sort((a, b) => b.selfUs - a.selfUs)
    .slice(0, count)
    .map(({ name, where, selfUs }) => ({ name, where, selfMs: Math.round(selfUs / 1000), share: selfUs / busyUs }))
}

function placeOf(url: string): string {
  return url.startsWith('file://') ? relative(root, fileURLToPath(url)) : url
}
