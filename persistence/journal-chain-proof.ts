/**
 * What a shard's chain says of its rows: which were changed, removed or slipped in since they were sealed, and whether the
 * chain itself still follows from its first block. Pure; written from docs/journal-format.md, so that it can be judged by it.
 *
 * A row is known by its digest, wherever it stands now: one that was removed with all others moved up is found as well as
 * one that left a gap. Rows after the last block are not sealed yet, and nothing is said of them.
 */
import type { LogHead } from './journal-archive-log.ts'
import { digestBytes, genesisHash, hashOfBlock } from './journal-chain.ts'

export interface ChainBlock {
  readonly first: number
  readonly last: number
  readonly hash: Buffer
  readonly digests: Buffer
}

/** A shard's chain up to a position, to be kept outside the database and compared later. */
export interface ChainHead {
  readonly shard: number
  readonly position: number
  /** Hexadecimal digits. */
  readonly hash: string
  /** Of the log of archives, where the shard has one. */
  readonly archive?: LogHead
}

/** A row as it was read: its position and digest. */
export interface DigestedRow {
  readonly position: number
  /** Each byte as a character. */
  readonly digest: string
}

export interface ChainFindings {
  readonly problems: readonly string[]
  /** Rows that are sealed; those behind them are not yet. */
  readonly sealed: number
}

/**
 * @param rows in order of position.
 * @param kept a head that was noted earlier, where there is one.
 * @param archived positions whose rows are in files: nothing is said of them here.
 */
export function proveChain(
  blocks: readonly ChainBlock[],
  rows: readonly DigestedRow[],
  kept?: Pick<ChainHead, 'position' | 'hash'>,
  archived: ReadonlySet<number> = new Set(),
): ChainFindings {
  const problems = [...brokenLinks(blocks)]
  if (kept !== undefined) problems.push(...leftHead(blocks, kept))
  const asSealed = sealedRows(blocks, rows)
  if (asSealed !== undefined) return { problems, sealed: asSealed }
  const sealed = new Map<number, string>()
  for (const { first, digests } of blocks) {
    for (let offset = 0; offset < digests.length; offset += digestBytes) {
      sealed.set(first + offset / digestBytes, keyOf(digests.subarray(offset, offset + digestBytes)))
    }
  }
  const found = new Map(rows.map(({ position, digest }) => [position, digest]))
  return {
    problems: [...problems, ...differences(sealed, found, archived, blocks.at(-1)?.last ?? 0)],
    sealed: sealed.size,
  }
}

/**
 * How many rows are sealed, where each of them stands and is as it was; else undefined. Nearly always it is so, and comparing
 * whole blocks is a fraction of looking each row up.
 */
function sealedRows(blocks: readonly ChainBlock[], rows: readonly DigestedRow[]): number | undefined {
  let sealed = 0
  for (const { first, digests } of blocks) {
    let found = ''
    const end = sealed + digests.length / digestBytes
    for (let position = first; sealed < end; sealed += 1, position += 1) {
      const row = rows[sealed]
      if (row?.position !== position) return undefined
      found += row.digest
    }
    if (found !== keyOf(digests)) return undefined
  }
  return sealed
}

/** Blocks that do not follow from the one before them. */
function* brokenLinks(blocks: readonly ChainBlock[]): Generator<string> {
  let before: { readonly last: number; readonly hash: Buffer } = { last: 0, hash: genesisHash }
  for (const { first, last, hash, digests } of blocks) {
    if (first !== before.last + 1) yield `the chain has no block for positions ${before.last + 1} to ${first - 1}`
    if (!hashOfBlock(before.hash, digests).equals(hash)) {
      yield `the chain is broken at its block of positions ${first} to ${last}`
    }
    before = { last, hash }
  }
}

/** A head that was noted stands where it stood: a chain that was written anew as a whole does not have it. */
function* leftHead(blocks: readonly ChainBlock[], kept: Pick<ChainHead, 'position' | 'hash'>): Generator<string> {
  const block = blocks.find(({ last }) => last === kept.position)
  if (block?.hash.toString('hex') === kept.hash) return
  yield `the chain is not the one that was noted: its head at position ${kept.position} is ${block === undefined ? 'gone' : 'another'}`
}

/** @param end the last position that is sealed. */
function* differences(
  sealed: ReadonlyMap<number, string>,
  found: ReadonlyMap<number, string>,
  archived: ReadonlySet<number>,
  end: number,
): Generator<string> {
  const isAway = (position: number): boolean => archived.has(position) && !found.has(position)
  if ([...sealed].every(([position, key]) => found.get(position) === key || isAway(position))) return
  const wanted = new Set(sealed.values())
  const there = new Set(found.values())
  let moved = 0
  for (const [position, key] of sealed) {
    if (isAway(position)) continue
    const now = found.get(position)
    if (there.has(key)) moved += now === key ? 0 : 1
    else if (now !== undefined && !wanted.has(now)) yield `the row at position ${position} was changed`
    else yield `the row that was sealed at position ${position} was removed`
  }
  for (const [position, key] of found) {
    if (position > end) break
    const before = sealed.get(position)
    const isReplaced = before !== undefined && !there.has(before)
    if (!wanted.has(key) && !isReplaced) yield `the row at position ${position} was inserted after it was sealed`
  }
  if (moved > 0) yield `${moved} rows stand at other positions than when they were sealed`
}

function keyOf(digest: Buffer): string {
  return digest.toString('latin1')
}
