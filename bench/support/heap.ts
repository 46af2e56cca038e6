/** The live heap, measured after full collections. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that live objects, array buffers and other memory outside the heap hold. */
export async function liveBytes(): Promise<number> {
  // Finalizers run between collections, so what only they free needs a second one.
  for (let round = 0; round < 3; round += 1) {
    collect()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
