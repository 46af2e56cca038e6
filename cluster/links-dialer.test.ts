import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { Dialer } from './links-dialer.ts'
import { defaultLinkLimits } from './links-limits.ts'

const peer = { node: 'node-2', incarnation: 'i1', address: '127.0.0.1:1' }

function setUp() {
  const clock = new VirtualClock()
  const gone: string[] = []
  let dials = 0
  const dialer = new Dialer({
    clock,
    random: seededRandom(1),
    limits: defaultLinkLimits,
    isLinked: () => false,
    dial: () => {
      dials += 1
    },
    gone: ({ node }) => gone.push(node),
  })
  const dial = (outcome: 'linked' | 'refused' | 'failed'): void => {
    const before = dials
    if (before === 0) dialer.want([peer])
    else clock.advance(defaultLinkLimits.reconnectMsMax)
    dialer.dialled(peer, outcome)
  }
  const reset = (): void => dialer.unlinked(peer, { wasReset: true, wasStopping: false, ageMs: 1e9 })
  return { dialer, gone, dial, reset }
}

test('a link that was reset and a dial that is refused: the process is gone, said once', () => {
  const { gone, dial, dialer, reset } = setUp()
  dial('linked')
  reset()
  dialer.dialled(peer, 'refused')
  dial('refused')
  expect(gone).toEqual(['node-2'])
})

test('a dial that a dying process still took and reset does not hide that it is gone', () => {
  const { gone, dial, dialer, reset } = setUp()
  dial('linked')
  reset()
  dialer.dialled(peer, 'failed')
  dial('refused')
  expect(gone).toEqual(['node-2'])
})

test('a peer that could not be reached for a while is not gone when it then refuses', () => {
  const { gone, dial, dialer, reset } = setUp()
  dial('linked')
  reset()
  dialer.dialled(peer, 'failed')
  for (let n = 0; n < 3; n += 1) dial('failed')
  dial('refused')
  expect(gone).toEqual([])
})

test('nobody is gone who was never linked, or whose link is up again', () => {
  const { gone, dial, dialer, reset } = setUp()
  dial('refused')
  dial('linked')
  reset()
  dialer.linked(peer)
  dial('refused')
  expect(gone).toEqual([])
})
