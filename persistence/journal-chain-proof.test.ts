import { expect, test } from 'vitest'
import { digestOf, genesisHash, hashOfBlock } from './journal-chain.ts'
import { type ChainBlock, type DigestedRow, proveChain } from './journal-chain-proof.ts'

function rowsOf(...texts: readonly string[]): DigestedRow[] {
  return texts.map((text, index) => ({ position: index + 1, digest: digestOf(Buffer.from(text)) }))
}

function chainOf(rows: readonly DigestedRow[], size: number): ChainBlock[] {
  const blocks: ChainBlock[] = []
  for (let start = 0; start < rows.length; start += size) {
    const digests = Buffer.concat(rows.slice(start, start + size).map(({ digest }) => Buffer.from(digest, 'latin1')))
    const hash = hashOfBlock(blocks.at(-1)?.hash ?? genesisHash, digests)
    blocks.push({ first: start + 1, last: Math.min(start + size, rows.length), hash, digests })
  }
  return blocks
}

const rows = rowsOf('a', 'b', 'c', 'd', 'e', 'f', 'g')
const blocks = chainOf(rows, 3)
const problemsOf = (now: readonly DigestedRow[], chain = blocks) => proveChain(chain, now).problems

test('what was sealed and is unchanged has no problem, and rows after the last block are left alone', () => {
  expect(proveChain(blocks, rows)).toEqual({ problems: [], sealed: 7 })
  expect(proveChain(blocks.slice(0, 2), rows)).toEqual({ problems: [], sealed: 6 })
  expect(proveChain([], rows)).toEqual({ problems: [], sealed: 0 })
})

test('a changed row is named', () => {
  expect(problemsOf(rowsOf('a', 'b', 'c', 'X', 'e', 'f', 'g'))).toEqual(['the row at position 4 was changed'])
})

test('a removed row is named, whether it left a gap or the others moved up', () => {
  const gap = rows.filter(({ position }) => position !== 3)
  expect(problemsOf(gap)).toEqual(['the row that was sealed at position 3 was removed'])
  expect(problemsOf(rowsOf('a', 'b', 'd', 'e', 'f', 'g'))).toEqual([
    'the row that was sealed at position 3 was removed',
    '4 rows stand at other positions than when they were sealed',
  ])
  expect(problemsOf(rows.slice(0, 6))).toEqual(['the row that was sealed at position 7 was removed'])
})

test('an inserted row is named, and how many it pushed on', () => {
  expect(problemsOf(rowsOf('a', 'b', 'X', 'c', 'd', 'e', 'f', 'g'))).toEqual([
    'the row at position 3 was inserted after it was sealed',
    '5 rows stand at other positions than when they were sealed',
  ])
})

test('rows that changed places are counted', () => {
  expect(problemsOf(rowsOf('a', 'c', 'b', 'd', 'e', 'f', 'g'))).toEqual([
    '2 rows stand at other positions than when they were sealed',
  ])
})

test('a chain whose digests were changed with the row no longer follows from its blocks', () => {
  const forged = rowsOf('a', 'b', 'c', 'X', 'e', 'f', 'g')
  const [first, , third] = blocks as [ChainBlock, ChainBlock, ChainBlock]
  const second = chainOf(forged, 3)[1] as ChainBlock
  expect(problemsOf(forged, [first, second, third])).toEqual(['the chain is broken at its block of positions 7 to 7'])
})

test('a block that is gone leaves its rows unproved, and says so', () => {
  const [first, , third] = blocks as [ChainBlock, ChainBlock, ChainBlock]
  expect(problemsOf(rows, [first, third])).toContain('the chain has no block for positions 4 to 6')
})

test('a chain that was written anew as a whole is not the one whose head was noted', () => {
  const head = { position: 6, hash: (blocks[1] as ChainBlock).hash.toString('hex') }
  expect(proveChain(blocks, rows, head).problems).toEqual([])
  const forged = rowsOf('a', 'b', 'c', 'X', 'e', 'f', 'g')
  expect(proveChain(chainOf(forged, 3), forged, head).problems).toEqual([
    'the chain is not the one that was noted: its head at position 6 is another',
  ])
  expect(proveChain(blocks.slice(0, 1), rows, head).problems).toEqual([
    'the chain is not the one that was noted: its head at position 6 is gone',
  ])
})
