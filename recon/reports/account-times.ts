/** Wall-clock times with an abbreviation of a zone beside them: `2026-10-25 02:30:00`, `CEST`. */
import { ReportRefused } from './errors.ts'
import { skipped, type TimeZone, WallClockReader } from './times.ts'

/**
 * Offsets that abbreviations of zones stand for, in minutes. Several meanings are told apart by the account's zone, which has
 * to have that offset at that time.
 */
const abbreviations: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    UTC: [0],
    GMT: [0],
    WET: [0],
    WEST: [60],
    CET: [60],
    CEST: [120],
    MET: [60],
    MEST: [120],
    EET: [120],
    EEST: [180],
    MSK: [180],
    TRT: [180],
    BST: [60, 360],
    IST: [60, 120, 330],
    IDT: [180],
    EST: [-300, 600],
    EDT: [-240, 660],
    CST: [-360, 480, -300],
    CDT: [-300, -240],
    MST: [-420],
    MDT: [-360],
    PST: [-480, 480],
    PDT: [-420],
    AKST: [-540],
    AKDT: [-480],
    HST: [-600],
    AST: [-240, 180],
    ADT: [-180],
    NST: [-210],
    NDT: [-150],
    BRT: [-180],
    ART: [-180],
    COT: [-300],
    GST: [240],
    PKT: [300],
    ICT: [420],
    WIB: [420],
    SGT: [480],
    MYT: [480],
    HKT: [480],
    PHT: [480],
    AWST: [480],
    JST: [540],
    KST: [540],
    ACST: [570],
    ACDT: [630],
    AEST: [600],
    AEDT: [660],
    NZST: [720],
    NZDT: [780],
    SAST: [120],
    CAT: [120],
    EAT: [180],
    WAT: [60],
  }),
)

/**
 * Of an account, whose zone is known: it tells what an abbreviation means that several zones use, and the abbreviation tells
 * which of two instants is meant where clocks are put back.
 */
export class AccountTimes {
  readonly #zone: TimeZone
  readonly #wall = new WallClockReader()

  constructor(zone: TimeZone) {
    this.#zone = zone
  }

  /** @returns unix milliseconds */
  read(
    cells: { readonly time: string; readonly zone: string },
    line: number,
    columns: { time: string; zone: string },
  ): number {
    const wall = this.#wall.read(cells.time, line, columns.time)
    const at = { line, column: columns.zone }
    if (cells.zone === '') throw new ReportRefused('blank', 'is empty', at)
    const offsets = abbreviations.get(cells.zone)
    if (offsets === undefined)
      throw new ReportRefused('time_zone', 'is no abbreviation of a zone that is known here', at)
    const instants = this.#zone.instants(wall)
    const found = instants.find((instant) => offsets.includes((wall - instant) / 60_000))
    if (found !== undefined) return found
    if (instants.length === 0) throw skipped(line, columns.time)
    throw new ReportRefused('time_zone', "the connection's time zone does not have this abbreviation at this time", at)
  }
}
