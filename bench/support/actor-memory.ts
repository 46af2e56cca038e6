/**
 * What a live payment costs in memory: run as a process of its own, `node bench/support/actor-memory.ts manual|automatic`,
 * so that nothing that was measured before is collected meanwhile. It prints one line of JSON.
 *
 * Live heap with 100,000 payments less the live heap without, once the journal's rows are gone (they are Postgres's) and
 * timers are stored. Everything that the host keeps for them counts: state, actor, maps, armed timers.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { defaultHostLimits } from '../../actors/host.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import { closedLoop } from './closed-loop.ts'
import { liveBytes } from './heap.ts'
import { send, startHost } from './host-rig.ts'
import { benchPaymentKind, isPayment, paymentCommand, successOf } from './payments.ts'

export interface ActorMemory {
  readonly status: 'captured' | 'authorized'
  readonly actors: number
  readonly bytesPerActor: number
  /** The same as the host's memory bound counts it. */
  readonly boundBytesPerActor: number
  readonly wrong: readonly string[]
}

const actors = 100_000

const captureMethod = process.argv[2] === 'manual' ? 'manual' : 'automatic'
const status = captureMethod === 'manual' ? 'authorized' : 'captured'
const rig = await startHost({
  kinds: [benchPaymentKind()],
  runEffect: (effect) => Promise.resolve(successOf(effect as PaymentEffect)),
})
const wrong: string[] = []
const sendOne = async (index: number): Promise<void> => {
  const command = paymentCommand(index, captureMethod)
  const answer = await send<PaymentAnswer>(rig.host, command)
  if (answer.kind !== 'answered' || !isPayment(answer.answer, command, status)) wrong.push(JSON.stringify(answer))
}
// Compiled code and caches are there before the first measurement; these payments stay and count in both.
const warmUp = 2_000
await closedLoop({ concurrency: 500, count: warmUp, start: sendOne })
await restOf(3)
const empty = rig.database.image()
const before = await liveBytes()
await closedLoop({ concurrency: 2000, count: actors, start: (index) => sendOne(warmUp + index) })
await restOf(3)
rig.database.restore(empty)
const bytesPerActor = ((await liveBytes()) - before) / actors
const { entities, residentBytes } = rig.host.stats()
if (entities !== warmUp + actors) wrong.push(`${entities} live actors of ${warmUp + actors}`)
const memory: ActorMemory = {
  status,
  actors,
  bytesPerActor,
  boundBytesPerActor: residentBytes / entities,
  wrong: [...rig.troubles, ...wrong].slice(0, 10),
}
console.log(JSON.stringify(memory))
await rig.host.stop()

/** So many rounds of the cursor: all timers are stored then, and what is temporary is gone. */
async function restOf(rounds: number): Promise<void> {
  await delay(rounds * defaultHostLimits.cursorFlushMs)
}
