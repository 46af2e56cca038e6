/**
 * A process's end of the simulated network: what comes from it is a turn of that process, in the order in which it came. So
 * the inbox of a frozen process fills, and a dead one hears nothing.
 */
import type { Network, PipeEvents } from '../../cluster/link.ts'
import { asError } from './as-error.ts'
import { Ordered, type SimProcess } from './process.ts'

export function networkPort(network: Network, process: SimProcess): Network {
  const inbox = new Ordered(process.loop, process)
  const inTurns = (events: () => PipeEvents): PipeEvents => ({
    frame: (bytes) => inbox.send(0, () => events().frame(bytes)),
    drained: () => inbox.send(0, () => events().drained()),
    ended: (how) => inbox.send(0, () => events().ended(how)),
  })
  return {
    listen: (accept) =>
      network.listen((pipe, identity) => {
        let accepted: PipeEvents
        inbox.send(0, () => {
          accepted = accept(pipe, identity)
        })
        return inTurns(() => accepted)
      }),
    dial: (address, events) =>
      new Promise((resolve, reject) => {
        network
          .dial(
            address,
            inTurns(() => events),
          )
          .then(
            (dialled) => inbox.send(0, () => resolve(dialled)),
            (error: unknown) => inbox.send(0, () => reject(asError(error))),
          )
      }),
    close: () => network.close(),
  }
}
