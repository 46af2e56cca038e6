/**
 * What processes say to each other when shards change hands. Wire format between builds: fields are added, never changed; a
 * body that is not as described here is refused, whoever sent it.
 *
 *   take    giver → heir: these shards are released, open them. Answer: what serves now.
 *   move    operator or rebalancer → owner: give this shard to that node. Answer: the move, or why not.
 *   owned   told to everybody by whoever opened shards; a hint.
 */
import type { Link } from './link.ts'
import { LinkError } from './link.ts'
import type { MoveReason, MoveRecord } from './status.ts'

export const handOffMethods = { take: 'take', move: 'move' } as const
export const ownedTopic = 'owned'

/** Why a move is not made. Stable: operators and programs act on it. */
export type MoveRefusal =
  /** The node that was asked does not own the shard. */
  | 'not_owner'
  | 'node_unknown'
  /** It was known, and is dead. */
  | 'node_not_living'
  | 'node_draining'
  /** Its weight is 0: placement would take the shard away again. */
  | 'node_takes_none'
  | 'already_there'
  /** Pinned to another living node. */
  | 'shard_pinned'
  /** It is on its way already. */
  | 'shard_busy'
  /** The owner has no link to that node. */
  | 'no_link'
  /** The owner could not give it up now. */
  | 'not_released'
  /** The heir did not take it; somebody will. */
  | 'not_taken'
  | 'overloaded'
  | 'stopping'
  /** Only nodes and operators move shards. */
  | 'not_allowed'
  | 'malformed'
  /** The owner did not answer, or its answer was lost: look who owns it. */
  | 'unknown_outcome'

const transient: ReadonlySet<MoveRefusal> = new Set<MoveRefusal>([
  'not_owner',
  'shard_busy',
  'no_link',
  'not_released',
  'not_taken',
  'overloaded',
  'unknown_outcome',
])

export class MoveRefused extends Error {
  override readonly name = 'MoveRefused'
  readonly code: MoveRefusal
  readonly canRetry: boolean

  constructor(code: MoveRefusal, options?: ErrorOptions) {
    super(`the shard is not moved: ${code}`, options)
    this.code = code
    this.canRetry = transient.has(code)
  }
}

export interface TakeRequest {
  readonly reason: MoveReason
  readonly shards: readonly { readonly shard: number; readonly epoch: number; readonly darkMs: number }[]
}

export interface MoveRequest {
  readonly shard: number
  readonly to: string
  readonly reason: MoveReason
}

export interface OwnedShard {
  readonly shard: number
  readonly epoch: number
}

const reasons: ReadonlySet<string> = new Set<MoveReason>(['placement', 'drain', 'operator', 'rebalancing'])

// --- take ----------------------------------------------------------------------------------------------------------------

export function takeBody({ reason, shards }: TakeRequest): unknown {
  return { reason, shards: shards.map(({ shard, epoch, darkMs }) => [shard, epoch, darkMs]) }
}

export function readTake(body: unknown, shardCount: number): TakeRequest | undefined {
  const { reason, shards } = fieldsOf(body)
  if (!isReason(reason)) return undefined
  const rows = rowsOf(shards, 3, shardCount)
  return rows === undefined
    ? undefined
    : { reason, shards: rows.map(([shard = 0, epoch = 0, darkMs = 0]) => ({ shard, epoch, darkMs })) }
}

export type TakeAnswer =
  | { readonly kind: 'opened'; readonly opened: readonly OwnedShard[] }
  | { readonly kind: 'refused'; readonly code: string }

export function takeAnswerBody(answer: TakeAnswer): unknown {
  return answer.kind === 'opened' ? { opened: ownedBody(answer.opened) } : { refused: answer.code }
}

export function readTakeAnswer(body: unknown, shardCount: number): TakeAnswer | undefined {
  const { opened, refused } = fieldsOf(body)
  if (typeof refused === 'string') return { kind: 'refused', code: refused.slice(0, 64) }
  const shards = readOwned(opened, shardCount)
  return shards === undefined ? undefined : { kind: 'opened', opened: shards }
}

// --- owned ---------------------------------------------------------------------------------------------------------------

export function ownedBody(shards: readonly OwnedShard[]): unknown {
  return shards.map(({ shard, epoch }) => [shard, epoch])
}

export function readOwned(body: unknown, shardCount: number): readonly OwnedShard[] | undefined {
  return rowsOf(body, 2, shardCount)?.map(([shard = 0, epoch = 0]) => ({ shard, epoch }))
}

// --- move ----------------------------------------------------------------------------------------------------------------

export function readMove(body: unknown, shardCount: number): MoveRequest | undefined {
  const { shard, to, reason } = fieldsOf(body)
  return isShard(shard, shardCount) && isNode(to) && isReason(reason) ? { shard, to, reason } : undefined
}

/** Asks the owner at the other end of `link`. @throws {MoveRefused} */
export async function requestMove(link: Link, request: MoveRequest, timeoutMs: number): Promise<MoveRecord> {
  let answer: unknown
  try {
    answer = await link.call(handOffMethods.move, { ...request }, { timeoutMs })
  } catch (error) {
    const isCertain = error instanceof LinkError && !error.maybeDelivered
    throw new MoveRefused(isCertain ? 'no_link' : 'unknown_outcome', { cause: error })
  }
  const { moved, refused } = fieldsOf(answer)
  if (typeof refused === 'string') throw new MoveRefused(refused as MoveRefusal)
  const record = readRecord(moved)
  if (record === undefined) throw new MoveRefused('unknown_outcome')
  return record
}

function readRecord(body: unknown): MoveRecord | undefined {
  const { shard, from, to, epoch, reason, at, blackoutMs } = fieldsOf(body)
  const isWhole = isNumber(shard) && isNumber(epoch) && isNumber(at) && isNumber(blackoutMs)
  if (!isWhole || !isNode(from) || !isNode(to) || !isReason(reason)) return undefined
  return { shard, from, to, epoch, reason, at, blackoutMs }
}

// --- fields --------------------------------------------------------------------------------------------------------------

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {}
}

/** Rows of `width` numbers ≥ 0, the first a shard, none twice; as many as there are shards at most. */
function rowsOf(value: unknown, width: number, shardCount: number): readonly (readonly number[])[] | undefined {
  if (!Array.isArray(value) || value.length > shardCount) return undefined
  const seen = new Set<number>()
  for (const row of value as readonly unknown[]) {
    if (!Array.isArray(row) || row.length < width || !row.slice(0, width).every(isNumber)) return undefined
    const [shard, epoch] = row as readonly number[]
    if (!isShard(shard, shardCount) || !Number.isSafeInteger(epoch) || seen.has(shard)) return undefined
    seen.add(shard)
  }
  return value as readonly (readonly number[])[]
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isShard(value: unknown, shardCount: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < shardCount
}

function isNode(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9-]{1,24}$/.test(value)
}

function isReason(value: unknown): value is MoveReason {
  return typeof value === 'string' && reasons.has(value)
}
