/**
 * How much the tests do. `npm test` runs everything in short form, `npm run test:full` with the larger numbers;
 * a variable of the environment wins over both, so that one suite can be run as long as wanted.
 */
export interface Scale {
  readonly variable: string
  readonly short: number
  readonly full: number
}

export const scales = {
  /** Runs of each property test; histories of each model test. */
  propertyRuns: { variable: 'SHARDPAY_PROPERTY_RUNS', short: 1_000, full: 20_000 },
  /** Rounds of each fault (kill -9 under load, Postgres restarted under load). */
  faultRounds: { variable: 'SHARDPAY_FAULT_ROUNDS', short: 2, full: 50 },
  /** Repetitions of a race between two commands (two refunds at once). */
  raceRounds: { variable: 'SHARDPAY_RACE_ROUNDS', short: 10, full: 100 },
  /** Cases of each fuzz test: bodies, requests. */
  fuzzCases: { variable: 'SHARDPAY_FUZZ_CASES', short: 2_000, full: 100_000 },
  /** Histories of the simulated cluster. */
  simulationSeeds: { variable: 'SHARDPAY_SIMULATION_SEEDS', short: 300, full: 10_000 },
  /** Payments of the storm of misbehaving PSPs. */
  stormPayments: { variable: 'SHARDPAY_STORM_PAYMENTS', short: 300, full: 10_000 },
  /** How often one request is sent at the same time. */
  duplicateSends: { variable: 'SHARDPAY_DUPLICATE_SENDS', short: 50, full: 50 },
} as const satisfies Record<string, Scale>

export type ScaleName = keyof typeof scales

/** Set by `npm run test:full`. */
export const fullVariable = 'SHARDPAY_TEST_FULL'

/**
 * How many rounds a test does now.
 * @throws where the variable is set to anything but a whole number above zero: a typo must not make a test empty.
 */
export function scaled(
  name: ScaleName,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): number {
  const { variable, short, full } = scales[name]
  const text = environment[variable]
  if (text === undefined || text === '') return environment[fullVariable] === '1' ? full : short
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`${variable} must be a whole number above zero`)
  return Number(text)
}

/** What `npm run test:full` puts into the environment of its suites; what is set already stays. */
export function fullEnvironment(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const full: Record<string, string> = { [fullVariable]: '1' }
  for (const scale of Object.values(scales)) full[scale.variable] = environment[scale.variable] || String(scale.full)
  return full
}
