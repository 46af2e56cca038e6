import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { parseReport } from '../../../test/support/reports.ts'
import { bytesOf, csvOf } from './csv.ts'

describe('a file of rows', () => {
  it('is quoted by RFC 4180, and keeps formulas', () => {
    const rows = [
      ['=1+1', 'say "x", then\r\nstop', ''],
      [' ä ', '', ''],
    ]
    const text = [...csvOf(['a', 'b', 'c[1]'], rows)].join('')
    expect(text).toBe('a,b,c[1]\r\n=1+1,"say ""x"", then\r\nstop",\r\n ä ,,\r\n')
    expect(parseReport(text).rows).toEqual([
      { a: '=1+1', b: 'say "x", then\r\nstop', 'c[1]': '' },
      { a: ' ä ', b: '', 'c[1]': '' },
    ])
    expect(bytesOf([text])).toBe(Buffer.byteLength(text))
  })

  it('has its header where there are no rows', () => {
    expect([...csvOf(['a', 'b'], [])].join('')).toBe('a,b\r\n')
  })

  it('of 100,000 rows is made no faster than it is read', async () => {
    let made = 0
    let read = -1
    let ahead = 0
    function* rows(): Generator<readonly string[]> {
      for (; made < 100_000; made += 1) {
        ahead = Math.max(ahead, made - read)
        yield [`txn_${made}`, '10.00']
      }
    }
    for await (const text of Readable.from(csvOf(['id', 'gross'], rows()))) {
      read += String(text).split('\r\n').length - 1
    }
    expect([made, read]).toEqual([100_000, 100_000])
    expect(ahead).toBeLessThan(5_000)
  })
})
