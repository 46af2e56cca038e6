/**
 * Errors in reports on demand, so that whoever reconciles can be scored: rules, of which the first that strikes a line
 * decides what is wrong with it. A line is struck by its id and the seed, so every report that shows it has it wrong alike.
 *
 * Guarantees: a report keeps the rules that it was made under, in the book too, so its bytes never change; what is wrong
 * with it follows from them and can be listed. Totals that a PSP adds to its lines (Adyen's payout) stay right, so they
 * differ from the lines where drift changed an amount.
 */
import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { decimalsOf } from './decimals.ts'

export const driftKinds = [
  /** The line is not there. */
  'missing',
  /** After the line comes one of an operation that nobody has. */
  'extra',
  /** The line is there twice. */
  'doubled',
  /** Gross is up to nine minor units off, and net with it. */
  'amount',
  /** The fee is up to nine minor units off, and net with it. */
  'fee',
  /** The same number of minor units in another currency with as many decimals. */
  'currency',
  /** The line is dated at the beginning of the next day (UTC). */
  'date_boundary',
  /** The PSP's references on the line, its own and the payment's, are ones that nobody has; the merchant's stay. */
  'wrong_reference',
] as const
export type DriftKind = (typeof driftKinds)[number]

const Rule = Type.Object(
  {
    kind: Type.Enum([...driftKinds]),
    /** Default: both. */
    psp: Type.Optional(Type.Enum(['stripe', 'adyen'])),
    /** Default 1: every line. */
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** Of lines in one report; default: no end. */
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  },
  { additionalProperties: false },
)
const Shape = Type.Object(
  {
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 })),
    rules: Type.Array(Rule, { maxItems: 100 }),
  },
  { additionalProperties: false },
)

type Rule = Static<typeof Rule>

export interface Drift {
  readonly seed: number
  readonly rules: readonly Rule[]
}

export function parseDrift(value: unknown): { readonly drift: Drift } | { readonly problem: string } {
  if (Value.Check(Shape, value)) return { drift: { seed: value.seed ?? 1, rules: value.rules } }
  const [first] = Value.Errors(Shape, value)
  return { problem: `${first?.instancePath || 'body'} ${first?.message ?? 'is not a set of rules'}` }
}

/** What a line of a report comes from; amounts in the PSP's minor units. */
export interface ReportLine {
  /** Unique within its PSP. */
  readonly id: string
  /** Unix milliseconds that it is dated. */
  readonly at: number
  readonly currency: string
  /** Signed. */
  readonly gross: number
  /** What the PSP charges in all. */
  readonly fee: number
  /** The PSP's. */
  readonly references: Readonly<Record<string, string>>
  /** What else is known of the operation; null where nobody has it. */
  readonly known: unknown
}

export interface InjectedDrift {
  readonly kind: DriftKind
  readonly psp: 'stripe' | 'adyen'
  /** The report run, or the file. */
  readonly report: string
  /** The id of the line that was struck. */
  readonly line: string
  readonly right: DriftedFields
  /** What the report shows instead; of an extra line, all of it. Null where the line is missing. */
  readonly wrong: Partial<DriftedFields> | null
}

type DriftedFields = Pick<ReportLine, 'at' | 'currency' | 'gross' | 'fee' | 'references'>

export interface DriftedReport {
  readonly psp: 'stripe' | 'adyen'
  readonly report: string
  /** Null: nothing is wrong with it. */
  readonly drift: Drift | null
}

/** The lines as the report has them. @param tell is called for each line that is struck, as it passes */
export function* drifted<Line extends ReportLine & { readonly known: object | null }>(
  lines: Iterable<Line>,
  { psp, report, drift }: DriftedReport,
  tell: (injected: InjectedDrift) => void = () => undefined,
): Generator<Line, void, undefined> {
  const seed = drift?.seed ?? 0
  const rules = (drift?.rules ?? []).map((rule, index) => ({
    rule,
    index,
    left: rule.times ?? Number.POSITIVE_INFINITY,
  }))
  for (const line of lines) {
    const struck = rules.find(
      ({ rule, index, left }) =>
        left > 0 &&
        (rule.psp ?? psp) === psp &&
        numberOf(`${seed}:${index}:${line.id}`) / 2 ** 32 < (rule.probability ?? 1),
    )
    if (struck === undefined) {
      yield line
      continue
    }
    struck.left -= 1
    const { kind } = struck.rule
    const { shown, wrong } = strike(kind, line, psp, `${seed}:${line.id}`)
    const { at, currency, gross, fee, references } = line
    tell({ kind, psp, report, line: line.id, right: { at, currency, gross, fee, references }, wrong })
    yield* shown
  }
}

const dayMs = 24 * 3_600_000

function strike<Line extends ReportLine & { readonly known: object | null }>(
  kind: DriftKind,
  line: Line,
  psp: 'stripe' | 'adyen',
  seed: string,
): { readonly shown: readonly Line[]; readonly wrong: InjectedDrift['wrong'] } {
  const changed = (wrong: Partial<DriftedFields>) => ({ shown: [{ ...line, ...wrong }], wrong })
  const off = 1 + (numberOf(seed) % 9)
  switch (kind) {
    case 'missing':
      return { shown: [], wrong: null }
    case 'doubled':
      return { shown: [line, line], wrong: {} }
    case 'extra': {
      const { at, currency, gross, fee } = line
      const wrong = { at, currency, gross, fee, references: forgedAll(line.references, seed) }
      return { shown: [line, { ...line, ...wrong, id: forged(line.id, seed), known: null }], wrong }
    }
    case 'amount':
      return changed({ gross: line.gross + (line.gross < 0 ? -off : off) })
    case 'fee':
      return changed({ fee: line.fee + off })
    case 'currency':
      return changed({ currency: otherCurrency(line.currency, psp) })
    case 'date_boundary':
      return changed({ at: (Math.floor(line.at / dayMs) + 1) * dayMs })
    case 'wrong_reference':
      return changed({ references: forgedAll(line.references, seed) })
  }
}

const alternatives: Readonly<Record<number, readonly [string, string]>> = {
  0: ['jpy', 'krw'],
  2: ['usd', 'eur'],
  3: ['kwd', 'bhd'],
}

function otherCurrency(currency: string, psp: 'stripe' | 'adyen'): string {
  const pair = alternatives[decimalsOf(psp, currency)] ?? ['usd', 'eur']
  const other = pair[0] === currency.toLowerCase() ? pair[1] : pair[0]
  return currency === currency.toUpperCase() ? other.toUpperCase() : other
}

function forgedAll(references: ReportLine['references'], seed: string): ReportLine['references'] {
  return Object.fromEntries(
    Object.entries(references).map(([name, reference]) => [name, reference === '' ? '' : forged(reference, seed)]),
  )
}

/** An id of the same form that nobody has: its last twelve characters are drawn. */
function forged(id: string, seed: string): string {
  const drawn = createHash('sha256').update(`${seed}:${id}`).digest('hex').toUpperCase().slice(0, 12)
  return `${id.slice(0, -12)}${drawn}`
}

function numberOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE()
}
