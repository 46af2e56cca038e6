/**
 * Every limit once, one object per concern, with its unit in its name. How limits relate is asserted when the module is
 * loaded, so a process with limits that contradict each other does not start.
 */
import { assert } from './assert.ts'

/** The merchants' HTTP edge. */
export const httpLimits = {
  /** Beyond it: 413. */
  bodyBytesMax: 64 * 1024,
  /** Nesting of arrays and objects in a body; beyond it: 400. */
  jsonDepthMax: 16,
  /** Values of a body, members and elements counted; beyond it: 400. */
  jsonValuesMax: 1_000,
  /** Beyond it: 431. */
  headerBytesMax: 16 * 1024,
  /** A request's headers must have arrived in this time, else 408. */
  headersTimeoutMs: 5_000,
  /** A whole request must have arrived in this time, else 408. */
  requestTimeoutMs: 10_000,
  /** How often the two above are looked at. */
  connectionsCheckMs: 1_000,
  /** A connection that is silent this long, an answer pending or not, is closed. */
  connectionTimeoutMs: 60_000,
  /** A connection kept open between two requests. */
  keepAliveTimeoutMs: 72_000,
  /** Then the connection is closed, so that load balancers spread anew. */
  requestsPerSocketMax: 100_000,
  /** A path parameter; beyond it: 400. */
  pathParameterCharactersMax: 128,
  /** How long a request waits for a final outcome unless it says otherwise; then 202. */
  waitDefaultMs: 10_000,
  /** The longest wait that `Prefer: wait` can ask for. */
  waitMs: { min: 1_000, max: 30_000 },
  /** From the end of the wait until nobody waits for the answer any more. */
  answerGraceMs: 5_000,
  /** After a 202: when to ask again. */
  pollAfterSeconds: 2,
  idempotencyKeyCharactersMax: 255,
  /** Parameters of a query; what is beyond counts as one unknown parameter. */
  queryParametersMax: 50,
  /** Levels of one path of `expand`. */
  expandDepthMax: 4,
  /** Paths that one request expands. */
  expandPathsMax: 20,
  /** Items of a page of a list. */
  listLimit: { default: 10, max: 100 },
  /** An id or page token in a query. */
  cursorCharactersMax: 256,
  /** The last second of the year 9999. */
  unixSecondsMax: 253_402_300_799,
  searchCharactersMax: 500,
  searchTermsMax: 10,
  /** What a wallet gives the merchant's page. */
  walletTokenCharactersMax: 16_384,
  metadataKeysMax: 50,
  metadataKeyCharactersMax: 40,
  metadataValueCharactersMax: 500,
} as const

assert(httpLimits.headersTimeoutMs <= httpLimits.requestTimeoutMs, 'headers arrive before the request is complete')
assert(httpLimits.waitDefaultMs <= httpLimits.waitMs.max, 'the default wait is one that can be asked for')
assert(
  httpLimits.waitMs.max + httpLimits.answerGraceMs < httpLimits.connectionTimeoutMs,
  'a connection outlives the longest wait for its answer',
)
assert(
  httpLimits.metadataKeysMax < httpLimits.jsonValuesMax,
  'a body with all the metadata it may have is not refused for its size',
)

/** Requests of one merchant and mode: a bucket of `burst` tokens that `perSecond` refills. Keys are the rate tiers' names. */
export const rateLimits = {
  standard: { perSecond: 100, burst: 100 },
  high: { perSecond: 2_000, burst: 4_000 },
  development: { perSecond: 100_000, burst: 100_000 },
} as const

for (const [tier, { perSecond, burst }] of Object.entries(rateLimits)) {
  assert(burst >= perSecond, 'a bucket holds at least one second of requests', { tier })
}

/** What PSPs push, at each gateway. */
export const webhookLimits = {
  /** Messages that are being read, verified or stored; beyond it: 503. With the longest bodies they hold 256 MiB. */
  inFlightMax: 1_000,
  /** How long storing one may take; then 503. Shorter than PSPs wait for an answer (Adyen: 10 s). */
  storeMs: 8_000,
  /** What is not taken is logged once in this time for each connection and reason. */
  logEveryMs: 10_000,
} as const

/** Copies of the merchants' configuration in gateways and nodes. */
export const directoryLimits = {
  /** How often changes are asked for; a revoked key stops working within twice this. */
  pollMs: 400,
  /** One round of asking; then it counts as failed. */
  pollTimeoutMs: 2_000,
  /** Without contact for this long the copy is not used any more. */
  staleAfterMs: 5_000,
} as const

assert(
  directoryLimits.pollMs + directoryLimits.pollTimeoutMs < directoryLimits.staleAfterMs,
  'one failed poll does not make the directory stale',
)

/** PSPs' reports and bank statements, as they are read. */
export const reportLimits = {
  /** A record of a CSV file, or what stands between two tags of an XML file; beyond it the file is refused. */
  recordCharactersMax: 1_000_000,
  columnsMax: 500,
  /** A reference that is kept of a line: ids of PSPs and banks, and the merchant's own. */
  referenceCharactersMax: 500,
  /** Read at once; so many bytes and their rows are in memory. */
  pieceBytes: 128 * 1024,
  /** Lines of a file. What tells repeated lines keeps 11 to 22 bytes a line. */
  linesMax: 25_000_000,
  /** Payouts of a file; batch lines without a reference of a payment in a file; entries of a statement. */
  groupsMax: 1_000_000,
  statementsMax: 10_000,
  /** Transactions of one entry of a statement. */
  entryDetailsMax: 100_000,
  /** References that are kept of an entry's remittance text. */
  remittanceReferencesMax: 10,
  xmlDepthMax: 64,
} as const

assert(
  reportLimits.referenceCharactersMax < reportLimits.recordCharactersMax,
  'a reference is refused for its own length before its record is',
)

/** Counting of accepted payments against merchants' limits per hour and day, in each node. */
export const velocityLimits = {
  /** How often nodes tell each other what they accepted. */
  exchangeMs: 1_000,
  /**
   * From reading what was accepted until it is added up with what is counted. Longer than what a message may take that still comes:
   * a link from which nothing is heard for three seconds is ended.
   */
  settleMs: 5_000,
  /** As long as a living node cannot be heard, its payments are read at most this often. */
  rereadMs: 10_000,
  /** After a read that failed. */
  readRetryMs: 2_000,
  /** Merchants of one read. */
  merchantsPerRead: 5_000,
  /** Counters (merchant, mode and currency) of a node, 4 to 8 kB each; what is beyond is not counted, and so not limited. */
  countersMax: 10_000,
  /** Exchanges from one search for counters that nothing is in to the next. */
  sweepEvery: 300,
} as const

assert(
  velocityLimits.exchangeMs + 3_000 < velocityLimits.settleMs,
  'what was accepted before a read has been told when it is added up',
)
