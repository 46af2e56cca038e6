/**
 * How a shard's cursor moves, with what it guards, in one statement: by compare-and-set on its old position, at its owner's
 * epoch. A statement moves all the cursors it is asked for or writes nothing; those that may not move are left out then and it
 * is sent once more. So none of its thousands of rows has to be matched with its shard's cursor.
 *
 * A node that is ahead of a database that lost rows moves nothing: its cursor would hide what is written there anew from the
 * next owner. Moving a cursor again to where this epoch has moved it already counts as done: a move of unknown outcome may be
 * repeated.
 *
 * These statements are planned once for each connection (connection.ts), for ten rows of each array whatever they are sent, so
 * they must not leave the planner a choice that goes wrong with thousands: sets are looked up by `IN (SELECT …)`, which is
 * hashed, tables by correlated lookups in an index. Planning them anew costs 2 to 4 ms, as much as a node's load of a second.
 */
import { assert } from '../runtime/assert.ts'
import { int4Array, int8Array } from './binary-arrays.ts'

/** `read_next` follows for a read side that is being built anew (read-next.ts). */
export type CursorConsumer = 'actors' | 'read' | 'read_next'

export interface CursorMove {
  readonly shard: number
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** How the statement begins: parameters $1 to $4 are {@link moveValues}. What it guards is written `WHERE (SELECT moves FROM every)`. */
export function moveText(consumer: CursorConsumer): string {
  return `
  WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[]) AS a (shard, epoch, from_position, to_position)
  ), movable AS MATERIALIZED (
    SELECT c.shard, a.epoch, a.to_position FROM asked a
    JOIN shard_cursor c ON c.shard = a.shard AND c.consumer = '${consumer}' AND c.position = a.from_position AND c.epoch <= a.epoch
    WHERE (SELECT o.epoch FROM shard_owner o WHERE o.shard = a.shard) = a.epoch
      AND (SELECT true FROM journal j WHERE j.shard = a.shard AND j.position = a.to_position)
    ORDER BY c.shard FOR UPDATE OF c
  ), every AS MATERIALIZED (
    SELECT (SELECT count(*) FROM movable) = (SELECT count(*) FROM asked) AS moves
  ), moved AS (
    UPDATE shard_cursor c SET position = m.to_position, epoch = m.epoch FROM movable m
    WHERE c.shard = m.shard AND c.consumer = '${consumer}' AND (SELECT moves FROM every)
  )`
}

/** How the statement ends: of every cursor whether it `moves`, else whether it is `done`. Nothing is written unless all move. */
export function movedText(consumer: CursorConsumer): string {
  return `
  SELECT a.shard, a.shard IN (SELECT shard FROM movable) AS moves, a.from_position < a.to_position AND coalesce(
      (SELECT c.position = a.to_position AND c.epoch = a.epoch FROM shard_cursor c
       WHERE c.shard = a.shard AND c.consumer = '${consumer}'), false) AS done
  FROM asked a ORDER BY a.shard`
}

export function moveValues(moves: readonly CursorMove[]): readonly Buffer[] {
  return [
    int4Array(moves.map(({ shard }) => shard)),
    int4Array(moves.map(({ epoch }) => epoch)),
    int8Array(moves.map(({ from }) => from)),
    int8Array(moves.map(({ to }) => to)),
  ]
}

/** A row of the answer. */
export interface AskedMove {
  readonly shard: number
  readonly moves: boolean
  readonly done: boolean
}

/** Sends the moves, and without those that may not move once more. @returns the shards that were left out, in order. */
export async function moveTogether<Move extends CursorMove>(
  moves: readonly Move[],
  send: (moves: readonly Move[]) => Promise<readonly AskedMove[]>,
): Promise<readonly number[]> {
  assert(new Set(moves.map(({ shard }) => shard)).size === moves.length, 'a shard moves once in a call')
  for (const { shard, from, to } of moves) assert(from <= to, 'a cursor moves forward', { shard, from, to })
  const leftOut: number[] = []
  let left = moves
  while (left.length > 0) {
    const asked = await send(left)
    if (asked.every((each) => each.moves)) break
    leftOut.push(...asked.filter((each) => !each.moves && !each.done).map(({ shard }) => shard))
    const movable = new Set(asked.filter((each) => each.moves).map(({ shard }) => shard))
    left = left.filter(({ shard }) => movable.has(shard))
  }
  return leftOut.sort((a, b) => a - b)
}
