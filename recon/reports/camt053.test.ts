import { describe, expect, it } from 'vitest'
import { refusalOf, readAll, reportFixture } from '../../test/support/report-reading.ts'

const settings = { timeZone: 'Europe/Amsterdam', accounts: ['NL26VAYB8060476890'] }
const file = reportFixture('camt053-08.xml').toString()
const day = Date.UTC(2026, 9, 26, 23)

describe('a camt.053 statement', () => {
  it.each(['02', '08'])('of version %s has its booked entries, one that sums up several apart', async (version) => {
    const { rows, summary } = await readAll('camt053', reportFixture(`camt053-${version}.xml`), settings)
    expect(
      rows.map(({ kind, rawType, net, references, lineKey }) => [kind, rawType, net.minor, references.bank, lineKey]),
    ).toEqual([
      [
        'bank_credit',
        'PMNT/RCDT/ESCT',
        62_300n,
        ['TX123456789XT', 'batch 1300', 'BANK-0001'],
        'NL26VAYB8060476890|2026-10-27|BANK-0001',
      ],
      [
        'bank_credit',
        '544',
        40_000n,
        ['STRIPE TRACE 1', 'po_1QwErTyUiOpAsDfG'],
        'NL26VAYB8060476890|2026-10-27|BANK-0002/1',
      ],
      ['bank_credit', '544', 2_475n, [], 'NL26VAYB8060476890|2026-10-27|BANK-0002/2'],
      ['bank_credit_reversed', '545', -1_000n, [], 'NL26VAYB8060476890|2026-10-27|-1000 EUR'],
      ['bank_debit', '546', -1_600n, [], 'NL26VAYB8060476890|2026-10-27|-1600 EUR'],
      ['bank_credit', '547', 0n, [], 'NL26VAYB8060476890|2026-10-27|0 EUR'],
    ])
    expect(rows[0]).toMatchObject({ line: 16, bookedAt: day, businessDate: '2026-10-27', valueDate: '2026-10-28' })
    expect(rows[1]?.bookedAt).toBe(Date.UTC(2026, 9, 27, 8, 15, 0, 250))
    expect(summary).toMatchObject({ account: 'NL26VAYB8060476890', from: day, lines: 6, notBooked: 1 })
    expect(summary.statements).toEqual([
      {
        id: 'STMT-2026-10-27',
        account: 'NL26VAYB8060476890',
        currency: 'EUR',
        sequence: '211',
        opening: 10_000n,
        closing: 112_175n,
        closingDate: '2026-10-27',
      },
    ])
    const kept = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    expect(kept).not.toMatch(/Adyen N\.V\.|invoice of a person/)
  })

  it('keeps its lines’ keys when the bank names statement and entries anew', async () => {
    const again = file.replaceAll('STMT-2026-10-27', 'STMT-NEW').replace('<ElctrncSeqNb>211', '<ElctrncSeqNb>9')
    const keys = async (text: string): Promise<string[]> =>
      (await readAll('camt053', text, settings)).rows.map(({ lineKey }) => lineKey)
    expect(await keys(again)).toEqual(await keys(file))
  })

  it('has an entry as one where its transactions do not add up to it', async () => {
    const { rows } = await readAll('camt053', file.replace('>24.75</Amt>', '>24.70</Amt>'), settings)
    expect(rows[1]).toMatchObject({
      net: { minor: 42_475n },
      references: { bank: ['STRIPE TRACE 1', 'po_1QwErTyUiOpAsDfG', 'BANK-0002'] },
    })
    expect(rows).toHaveLength(5)
  })

  it('may be written with a prefix, in several statements, and with blanks in its account', async () => {
    const prefixed = file.replaceAll(/<(\/?)([A-Z])/g, '<$1c:$2').replace('xmlns=', 'xmlns:c=')
    expect((await readAll('camt053', prefixed, settings)).rows).toHaveLength(6)
    const statement = /<Stmt>[\s\S]*<\/Stmt>/.exec(file)?.[0] ?? ''
    const two = file.replace('</Stmt>', `</Stmt>${statement.replaceAll('2026-10-27', '2026-10-28')}`)
    const { summary } = await readAll('camt053', two.replaceAll('NL26VAYB', 'NL26 VAYB '), settings)
    expect(summary.statements).toHaveLength(2)
  })

  const entity = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
  it.each([
    ['a document type', file.replace('<Document', `${entity}<Document`), 'xml_forbidden'],
    [
      'a document type of elsewhere',
      file.replace('<Document', '<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document'),
      'xml_forbidden',
    ],
    ['an entity of its own', file.replace('Adyen N.V.', '&lol;'), 'xml'],
    ['another encoding', file.replace('UTF-8', 'ISO-8859-1'), 'encoding'],
    ['a NUL', file.replace('Adyen', '\0'), 'xml'],
    ['a tag that is not closed', file.replace('</BkTxCd>', ''), 'xml'],
    ['nothing behind its beginning', file.slice(0, 300), 'xml'],
    ['another version', file.replace('053.001.08', '053.001.13'), 'format_unknown'],
    ['another message', file.replace('camt.053', 'camt.052'), 'format_unknown'],
    ['no namespace', file.replace(/ xmlns="[^"]*"/, ''), 'format_unknown'],
    ['another root', '<html><body/></html>', 'format_unknown'],
    ['CSV', 'a,b\n', 'xml'],
    ['no statement', file.replace(/<Stmt>[\s\S]*<\/Stmt>/, ''), 'no_lines'],
    ['an entry missing', file.replace(/<Ntry>\s*<Amt Ccy="EUR">16[\s\S]*?<\/Ntry>/, ''), 'control_total'],
    ['an entry doubled', file.replace(/(<Ntry>\s*<Amt Ccy="EUR">16[\s\S]*?<\/Ntry>)/, '$1$1'), 'control_total'],
    ['another closing balance', file.replaceAll('1121.75', '1121.76'), 'control_total'],
    ['another sign', file.replace('<CdtDbtInd>DBIT', '<CdtDbtInd>CRDT'), 'control_total'],
    ['a count that is not its own', file.replace('<NbOfNtries>6', '<NbOfNtries>7'), 'count_mismatch'],
    ['a sum that is not its own', file.replace('<Sum>26.00', '<Sum>27.00'), 'control_total'],
    ['no opening balance', file.replace('OPBD', 'ITBD'), 'balance_missing'],
    ['no closing balance', file.replace('CLBD', 'ITBD'), 'balance_missing'],
    ['two closing balances', file.replace('CLAV', 'CLBD'), 'structure'],
    ['balances in two currencies', file.replace('Ccy="EUR">100.00<', 'Ccy="USD">100.00<'), 'currency'],
    ['entries in two currencies', file.replace('Ccy="EUR">16.00<', 'Ccy="USD">16.00<'), 'currency'],
    ['an unknown currency', file.replaceAll('"EUR"', '"XXX"'), 'currency'],
    ['no currency', file.replace('<Amt Ccy="EUR">16.00', '<Amt>16.00'), 'blank'],
    ['three decimals of a euro', file.replace('>16.00<', '>16.000<'), 'amount'],
    ['a negative amount', file.replace('>16.00<', '>-16.00<'), 'amount'],
    ['no amount', file.replace('>16.00<', '><'), 'blank'],
    ['no sign', file.replace('<CdtDbtInd>DBIT</CdtDbtInd>', ''), 'blank'],
    ['an unknown status', file.replace('<Cd>BOOK</Cd>', '<Cd>DONE</Cd>'), 'text'],
    ['no status', file.replace('<Sts><Cd>BOOK</Cd></Sts>', ''), 'blank'],
    ['a booked entry without a date', file.replace('<BookgDt><Dt>2026-10-27</Dt></BookgDt>', ''), 'blank'],
    ['a day that does not exist', file.replace('<BookgDt><Dt>2026-10-27', '<BookgDt><Dt>2026-02-30'), 'date'],
    ['the account of another', file.replaceAll('NL26VAYB8060476890', 'NL56AGDH9619008421'), 'account_mismatch'],
    ['no account', file.replace(/<Acct>.*<\/Acct>/, ''), 'blank'],
    ['elements in elements without an end', '<a>'.repeat(100_000), 'format_unknown'],
    ['elements too deep', file.replace('<GrpHdr>', `<GrpHdr>${'<a>'.repeat(100)}`), 'too_many'],
    ['a text of 10 MB', file.replace('Adyen N.V.', 'x'.repeat(10_000_000)), 'too_long'],
    ['a comment of 10 MB', file.replace('a statement with', 'x'.repeat(10_000_000)), 'too_long'],
    ['an attribute of 10 MB', file.replace('"EUR"', `"${'x'.repeat(10_000_000)}"`), 'too_long'],
  ])('is refused with %s, and the line named', async (_, text, code) => {
    const refused = await refusalOf('camt053', text, settings)
    expect(refused?.code).toBe(code)
    expect(refused?.line).toBeGreaterThan(0)
    expect(refused?.message).not.toMatch(/passwd|lol|aaaa|xxxx/)
  })
})
