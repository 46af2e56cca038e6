/** How much of chaos there is: the short form in `npm test`, everything in `npm run test:full`. */
import { fullVariable, scaled } from '../../support/scale.ts'

export const isFull = process.env[fullVariable] === '1'

/** Rounds of each kill: 2 in short form, 50 in full. */
export const rounds = scaled('faultRounds')

/**
 * What is nobody's measure but certainly a failure: a gateway may hold a request for ten seconds before it says that it does
 * not know, and its repeat has to succeed well within as many again.
 */
export const gapMsMax = 20_000

/** Ownership is tested with one database server and with two; where time is short, the harder of them. */
export const databaseCounts: readonly (1 | 2)[] = isFull ? [1, 2] : [2]
