import { Packr } from 'msgpackr'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeFrame, type Message, messageTypes } from './frame.ts'
import { helloBody } from './frame-hello.ts'
import type { Pipe } from './link.ts'
import { defaultLinkLimits } from './links-limits.ts'
import { LinkRig, type TestProcess } from './links-testing.ts'

let rig: LinkRig

beforeEach(() => {
  rig = new LinkRig()
})

afterEach(() => rig.close())

const wanted = ({ peer, address }: TestProcess) => ({ node: peer.node, incarnation: peer.incarnation, address })

async function pair(): Promise<[TestProcess, TestProcess]> {
  const [a, b] = [await rig.start('node-1'), await rig.start('node-2')]
  a.links.connectTo([wanted(b)])
  b.links.connectTo([wanted(a)])
  await rig.run(50)
  for (const { saw } of [a, b]) saw.length = 0
  return [a, b]
}

describe('a stranger', () => {
  const packr = new Packr({ useRecords: true })
  const stranger = { node: 'node-7', incarnation: 'x', roles: ['gateway'] as const, build: 'b', protocol: 1 }
  const hello = (changes: object = {}): unknown[] => [
    messageTypes.hello,
    { ...(helloBody({ peer: stranger, startedAt: 1, calls: 8, callBytes: 1_000, dial: 1 }) as object), ...changes },
  ]

  async function dial(to: TestProcess): Promise<{ pipe: Pipe; heard: Message[]; ended: string[] }> {
    const heard: Message[] = []
    const ended: string[] = []
    const dialled = rig.network.networkOf('stranger').dial(to.address, {
      frame(bytes) {
        const frame = decodeFrame(bytes, defaultLinkLimits)
        if (frame.kind === 'frame') heard.push(...frame.messages)
      },
      drained: () => {},
      ended: (how) => void ended.push(how),
    })
    await rig.run(5)
    return { pipe: (await dialled).pipe, heard, ended }
  }

  test.each([
    ['of another protocol version', hello({ protocol: 2, callBytes: 'new kind' }), 'protocol_version'],
    ['with our own name', hello({ node: 'node-1' }), 'own_name'],
    ['that meant somebody else', hello({ toNode: 'node-3', toIncarnation: 'a' }), 'not_me'],
    ['whose hello is none', hello({ calls: -1 }), 'bad_hello'],
    ['with a name no node has', hello({ node: '../etc' }), 'bad_hello'],
    ['that speaks before its hello', [messageTypes.ping], 'malformed'],
  ])('%s is told why and closed', async (_, message, reason) => {
    const a = await rig.start('node-1')
    const { pipe, heard, ended } = await dial(a)
    pipe.send(packr.pack([message]))
    await rig.run(5)
    expect(heard).toEqual([[messageTypes.bye, reason]])
    expect(ended).toEqual(['closed'])
    expect(a.links.all).toEqual([])
    expect(a.saw.filter((each) => each.startsWith('up'))).toEqual([])
  })

  test('that never says hello is closed', async () => {
    const a = await rig.start('node-1')
    const { ended } = await dial(a)
    await rig.run(defaultLinkLimits.helloTimeoutMs + 10)
    expect(ended).toEqual(['reset'])
  })

  test.each([
    ['a message of an unknown type', packr.pack([[63, 'new']]), 'unknown_message'],
    ['bytes that are no frame', Buffer.from([0xc1, 0x01]), 'malformed'],
    ['a frame cut short', packr.pack([[messageTypes.tell, 'topic', 'x']]).subarray(0, 6), 'malformed'],
    ['nesting without end', Buffer.alloc(100_000, 0x91), 'too_deep'],
    ['a second hello', packr.pack([hello()]), 'out_of_order'],
    ['too many bytes', Buffer.alloc(defaultLinkLimits.frameBytesMax + 1), 'too_large'],
    ['a call id twice', packr.pack([4, 4].map((type) => [type, 9, 'hold', 1_000, 0, null])), 'repeated_call'],
  ])('that sends %s loses its link, and nobody else does', async (_, bytes, problem) => {
    const [a, b] = await pair()
    a.links.onCall('hold', () => new Promise(() => {}))
    const { pipe, heard, ended } = await dial(a)
    pipe.send(packr.pack([hello()]))
    await rig.run(5)
    expect(a.saw).toEqual(['up node-7/x'])
    pipe.send(bytes)
    await rig.run(5)
    expect(a.saw.slice(1)).toEqual([`malformed ${problem}`, 'down node-7/x malformed'])
    expect(heard.at(-1)).toEqual([messageTypes.bye, 'malformed'])
    expect(ended).toEqual(['closed'])
    expect(a.links.to(b.peer)?.isOpen).toBe(true)
  })

  test('of a newer build may send ignorable messages, which are skipped and counted', async () => {
    const a = await rig.start('node-1')
    const { pipe } = await dial(a)
    pipe.send(packr.pack([hello()]))
    pipe.send(
      packr.pack([
        [64, 'new'],
        [messageTypes.tell, 'topic', 1],
      ]),
    )
    await rig.run(5)
    expect(a.saw).toEqual(['up node-7/x', 'told node-7/x topic'])
    expect(a.dropped).toEqual(['unknown_message'])
  })

  test('that makes more calls than it was told is refused those', async () => {
    const a = await rig.start('node-1', { limits: { callsMax: 2 } })
    a.links.onCall('hold', () => new Promise(() => {}))
    const { pipe, heard } = await dial(a)
    pipe.send(packr.pack([hello()]))
    pipe.send(packr.pack([1, 2, 3].map((id) => [messageTypes.call, id, 'hold', 1_000, 0, null])))
    await rig.run(5)
    expect(heard.slice(1)).toEqual([[messageTypes.failure, 3, 'overloaded']])
  })

  test('that answers what was never asked changes nothing', async () => {
    const a = await rig.start('node-1')
    const { pipe } = await dial(a)
    pipe.send(packr.pack([hello()]))
    pipe.send(
      packr.pack([
        [messageTypes.answer, 12, 'x'],
        [messageTypes.failure, 13, 'failed'],
        [messageTypes.cancel, 1],
      ]),
    )
    await rig.run(5)
    expect(a.dropped).toEqual(['answer', 'answer'])
    expect(a.saw).toEqual(['up node-7/x'])
  })
})
