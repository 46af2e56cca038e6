import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunksOf, fixtureReports, readAll, refusalOf, reportFixture } from '../../test/support/report-reading.ts'
import { fullVariable } from '../../test/support/scale.ts'
import { refusalCodes, ReportRefused } from './errors.ts'
import { isReportFormat, readReport, reportFormats } from './formats.ts'
import { lineKinds } from './row.ts'

/** Of the bytes that files are cut at, beside those around line ends. */
const stride = process.env[fullVariable] === '1' ? 1 : 11

describe.each(fixtureReports)('$file', ({ file, format, settings }) => {
  const bytes = reportFixture(file)

  it('is read alike whatever chunks it comes in', async () => {
    const whole = await readAll(format, bytes, settings)
    const sizes = fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(sizes, async (each) => {
        expect(await readAll(format, bytes, settings, each)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
    expect(await readAll(format, bytes, settings, [1])).toEqual(whole)
  })

  it('is refused when it is cut anywhere, but where nothing tells: after a whole line without a trailer', async () => {
    const isStripe = format.startsWith('stripe')
    const taken: number[] = []
    for (let length = 0; length < bytes.length; length += 1) {
      const isNearLineEnd = bytes.subarray(Math.max(0, length - 2), length + 2).includes(0x0a)
      if (length % stride !== 0 && !isNearLineEnd && length < bytes.length - 100) continue
      const refused = await refusalOf(format, bytes.subarray(0, length), settings)
      if (refused === undefined) taken.push(length)
      else expect(refusalCodes).toContain(refused.code)
    }
    // of the formats with a trailer only blanks behind it may be missing
    const blanks = bytes.toString('latin1').trimEnd().length
    const mayLack = (length: number): boolean => (isStripe ? bytes[length - 1] === 0x0a : length >= blanks)
    expect(taken.filter((length) => !mayLack(length))).toEqual([])
    if (format === 'adyen_settlement_details') expect(taken).toEqual([])
    // and each of those is refused by who knows the size
    for (const length of taken) {
      const told = await refusalOf(format, bytes.subarray(0, length), { ...settings, bytes: bytes.length })
      expect(told?.code).toBe('size_mismatch')
    }
  })

  it('has keys that are unique, kinds that are known, and net and fees that make gross', async () => {
    const { rows, summary } = await readAll(format, bytes, settings)
    expect(new Set(rows.map(({ lineKey }) => lineKey)).size).toBe(rows.length)
    for (const { kind, gross, fees, net, bookedAt, businessDate } of rows) {
      expect(lineKinds).toContain(kind)
      if (gross.currency === net.currency) expect(gross.minor).toBe(net.minor + fees.total)
      expect(Math.abs(Date.parse(businessDate) - bookedAt)).toBeLessThan(2 * 24 * 3_600_000)
    }
    expect(summary.totals.reduce((sum, { count }) => sum + count, 0)).toBe(rows.length)
    expect(summary.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(summary.bytes).toBe(bytes.length)
  })

  it('is never anything but read or refused, whatever byte of it is another', async () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
    const codes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Buffer.from(bytes)
        for (const [at, byte] of changes) changed[at] = byte
        const refused = await refusalOf(format, changed, settings)
        if (refused !== undefined) codes.add(refused.code)
      }),
      { numRuns: 150 },
    )
    for (const code of codes) expect(refusalCodes).toContain(code)
    expect(codes.size).toBeGreaterThan(1)
  })

  it('is refused with a byte order mark of UTF-16, as an archive, and without the settings that the format needs', async () => {
    const utf16 = Buffer.from(`\uFEFF${bytes.toString()}`, 'utf16le')
    expect((await refusalOf(format, utf16, settings))?.code).toBe('encoding')
    expect((await refusalOf(format, Buffer.concat([Buffer.from('PK\u0003\u0004'), bytes]), settings))?.code).toBe(
      'archive',
    )
    for (const need of reportFormats[format].needs) {
      const refused = await refusalOf(format, bytes, { ...settings, [need]: need === 'accounts' ? [] : '' })
      expect(refused?.message).toBe(`the connection does not say ${need}, which this format needs`)
    }
  })

  it('is let go of when whoever reads it stops, or it is refused', async () => {
    let closed = 0
    async function* source(chunk: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* chunksOf(chunk, [200_000])
        yield* chunksOf(Buffer.alloc(1_000_000), [1_000])
      } finally {
        closed += 1
      }
    }
    const stopped = readReport(format, source(Buffer.concat([bytes, Buffer.alloc(200_000, 0x20)])), settings)
    await stopped.next().catch(() => undefined)
    await stopped.return(undefined as never)
    expect(closed).toBe(1)
    await expect(readReport(format, source(Buffer.from('x')), settings).next()).rejects.toBeInstanceOf(ReportRefused)
    expect(closed).toBe(2)
  })
})

describe('formats', () => {
  it('are known by their names alone', () => {
    expect(Object.keys(reportFormats).filter(isReportFormat)).toEqual(Object.keys(reportFormats))
    for (const name of ['constructor', '__proto__', 'stripe', '']) expect(isReportFormat(name)).toBe(false)
  })

  it('tell an error of the source from a refusal', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from('a,b\n')
      throw new Error('the disk is gone')
    }
    await expect(readReport('camt053', broken(), { timeZone: 'Etc/UTC', accounts: ['a'] }).next()).rejects.toThrow(
      'the disk is gone',
    )
  })
})
