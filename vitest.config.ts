/**
 * Suites: `unit` needs nothing, `sim` simulates clusters, `pg` needs Postgres (started by the suite itself), `system` starts
 * whole processes, `chaos` harms a cluster of them. A file's name says which: `test/sim/**`, `*.pg.test.ts`, `test/system/**` and
 * `test/storm/**`, `test/chaos/**`, else it is a unit test.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/setup/longest-first.ts'
import { fullVariable } from './test/support/scale.ts'

// Processes that tests start spend half of their start on compiling what the one before them has compiled.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/shardpay-compile', import.meta.url))

const everywhere = ['**/node_modules/**', '**/.shardpay/**']
/** `*.full.test.ts` is part of `npm run test:full` alone. */
const isFull = process.env[fullVariable] === '1'
const setupFiles = ['test/setup/process-health.ts']

export default defineConfig({
  test: {
    // the default leaves one processor idle: on two, half of what there is
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [
            ...everywhere,
            ...['**/*.pg.test.ts', 'test/sim/**', 'test/system/**', 'test/storm/**', 'test/chaos/**'],
          ],
          setupFiles,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/sim/**/*.test.ts'],
          exclude: everywhere,
          setupFiles,
          testTimeout: 3_600_000,
        },
      },
      {
        test: {
          name: 'pg',
          include: ['**/*.pg.test.ts'],
          exclude: everywhere,
          setupFiles,
          globalSetup: ['test/support/postgres-global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts', 'test/storm/**/*.test.ts'],
          exclude: everywhere,
          setupFiles,
          // each with a cluster of its own, which waits more than it works
          maxWorkers: 2,
          // vitest wants projects that differ in workers one after the other
          sequence: { groupOrder: 1 },
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          exclude: isFull ? everywhere : [...everywhere, '**/*.full.test.ts'],
          setupFiles,
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
