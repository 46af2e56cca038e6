/** Bytes of the read side, table by table and index by index, all months together. */
import type { Client } from 'pg'
import type { Table } from './table.ts'

export interface ReadSizes {
  /** Rows, and bytes of rows and indexes. */
  readonly tables: ReadonlyMap<string, { readonly rows: number; readonly bytes: number; readonly indexBytes: number }>
  readonly indexes: ReadonlyMap<string, number>
}

const tables = ['payment', 'refund', 'dispute', 'transfer', 'balance'] as const

export async function readSizes(client: Client): Promise<ReadSizes> {
  const sizes = new Map<string, { rows: number; bytes: number; indexBytes: number }>()
  for (const table of tables) {
    const { rows } = await client.query<{ rows: number; bytes: number; indexBytes: number }>(
      `SELECT (SELECT count(*)::float8 FROM read.${table}) AS rows, sum(pg_table_size(relid))::float8 AS bytes,
        sum(pg_indexes_size(relid))::float8 AS "indexBytes"
      FROM (SELECT 'read.${table}'::regclass UNION SELECT relid FROM pg_partition_tree('read.${table}')) AS part (relid)`,
    )
    const [row] = rows
    if (row !== undefined) sizes.set(table, row)
  }
  // Partitions' indexes are named after their columns: their parent says which one they are.
  const indexes = await client.query<{ name: string; bytes: number }>(
    `SELECT coalesce(p.relname, c.relname) AS name, sum(pg_relation_size(c.oid))::float8 AS bytes
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relnamespace = 'read'::regnamespace AND c.relkind = 'i' GROUP BY 1 ORDER BY 1`,
  )
  return { tables: sizes, indexes: new Map(indexes.rows.map(({ name, bytes }) => [name, bytes])) }
}

export function sizeTables({ tables: sizes, indexes }: ReadSizes, payments: number): readonly Table[] {
  const rows = [...sizes].map(([name, { rows: count, bytes, indexBytes }]) => {
    return [name, count / payments, bytes / payments, indexBytes / payments, (bytes + indexBytes) / payments] as const
  })
  const sum = (column: 2 | 3 | 4): number => rows.reduce((total, row) => total + row[column], 0)
  return [
    {
      title: 'Bytes of the read side for each payment, by table',
      columns: ['table', 'rows', 'table bytes', 'index bytes', 'together'],
      rows: [...rows, ['together', '', sum(2), sum(3), sum(4)]],
    },
    {
      title: 'Bytes of the read side for each payment, by index',
      columns: ['index', 'bytes'],
      rows: [...indexes].map(([name, bytes]) => [name, bytes / payments]),
    },
  ]
}
