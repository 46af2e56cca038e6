/**
 * The hash chain of every shard's journal: what was decided cannot be changed, removed or slipped in later without the chain
 * saying where. A block covers the next rows after the block before it; it holds the digest of each of them, and a hash over
 * the hash before it and these digests. Blocks are inserted, never updated.
 *
 * Permanent: docs/journal-format.md describes which bytes a digest is made of. The private part is not among them, so that
 * personal data can be deleted by law without breaking a proof about money; nor is the position, which the chain's order
 * tells, so that a row is recognised where others were removed before it.
 *
 * Guarantees: a block is sealed once, whoever tries at the same time (primary key); only rows that follow each other without
 * a gap are sealed. Leaves to others: when to seal (journal-chain-sealer.ts), proving (journal-chain-proof.ts), and keeping a
 * head outside the database, without which whoever may rewrite the chain may rewrite all of it.
 */
import { createHash, hash } from 'node:crypto'

/** Rows of a whole block: with their digests it fills a quarter of a page and stays in line. */
export const blockRows = 60
export const digestBytes = 32

/** What the first block of a shard follows. */
export const genesisHash: Buffer = Buffer.alloc(digestBytes)

/** The columns that a digest covers, in its order. */
export const chainedColumns = 'shard, entity, seq, epoch, command, at, type, data'

/**
 * A row as the digest sees it: of each column its length in 4 bytes and its bytes, numbers in network order. It is what
 * `COPY (FORMAT binary)` writes for these columns, so that a reader can hash what it receives as it is. Of a row called `j`.
 */
export const canonical = `int4send(4) || int4send(j.shard) || int4send(octet_length(j.entity)) || j.entity
  || int4send(4) || int4send(j.seq) || int4send(4) || int4send(j.epoch)
  || int4send(octet_length(j.command)) || j.command || int4send(8) || int8send(j.at)
  || int4send(octet_length(j.type)) || convert_to(j.type, 'UTF8') || int4send(octet_length(j.data)) || j.data`

/**
 * Seals one block for each shard from $1 to $2 that has a whole one, or rows older than $3 (unix ms). Hashing is the server's:
 * nothing of the journal leaves it.
 */
export const sealText = `
  WITH head AS MATERIALIZED (
    SELECT s.shard, coalesce(c.last_position, 0) AS position, coalesce(c.hash, decode(repeat('00', ${digestBytes}), 'hex')) AS hash
    FROM generate_series($1::int, $2::int) AS s (shard) LEFT JOIN LATERAL (
      SELECT last_position, hash FROM journal_chain c WHERE c.shard = s.shard ORDER BY first_position DESC LIMIT 1
    ) c ON true
  ), due AS MATERIALIZED (
    SELECT h.* FROM head h
    WHERE (SELECT j.at FROM journal j WHERE j.shard = h.shard AND j.position = h.position + 1) < $3
      OR EXISTS (SELECT FROM journal j WHERE j.shard = h.shard AND j.position = h.position + ${blockRows})
  ), block AS (
    SELECT d.shard, d.position, d.hash, b.* FROM due d CROSS JOIN LATERAL (
      SELECT count(*) AS rows, max(r.position) AS last, string_agg(r.digest, ''::bytea ORDER BY r.position) AS digests
      FROM (
        SELECT j.position, sha256(${canonical}) AS digest FROM journal j
        WHERE j.shard = d.shard AND j.position > d.position ORDER BY j.position LIMIT ${blockRows}
      ) r
    ) b
  ), sealed AS (
    INSERT INTO journal_chain (shard, first_position, last_position, hash, digests)
    SELECT shard, position + 1, last, sha256(hash || digests), digests FROM block WHERE rows = last - position ORDER BY shard
    ON CONFLICT DO NOTHING RETURNING last_position - first_position + 1 AS rows
  )
  SELECT coalesce(sum(rows), 0)::bigint AS rows FROM sealed`

/** The digest that was sealed for a row, as SQL; NULL where none was. @param shard,position what names the row. */
export const sealedDigest = (shard: string, position: string): string => `(
  SELECT substr(c.digests, ((${position} - c.first_position) * ${digestBytes})::int + 1, ${digestBytes}) FROM (
    SELECT * FROM journal_chain b WHERE b.shard = ${shard} AND b.first_position <= ${position}
    ORDER BY b.first_position DESC LIMIT 1
  ) c WHERE c.last_position >= ${position}
)`

/** Of the row whose {@link chainedColumns} these bytes are; each byte as a character, which costs half of a Buffer. */
export function digestOf(columns: Uint8Array): string {
  return hash('sha256', columns, 'binary')
}

/** @param digests of the block's rows, one behind the other. */
export function hashOfBlock(before: Uint8Array, digests: Uint8Array): Buffer {
  return createHash('sha256').update(before).update(digests).digest()
}
