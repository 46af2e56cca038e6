import { expect, test } from 'vitest'
import { addCounts, countsOf, formatCounts } from './counts.ts'

function report(...files: { status: string; tests: string[] }[]): string {
  return JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map((test) => ({ status: test })),
    })),
  })
}

test('tests are summed over files, and anything neither passed nor failed counts as skipped', () => {
  const text = report(
    { status: 'passed', tests: ['passed', 'passed', 'pending'] },
    { status: 'failed', tests: ['passed', 'failed', 'todo'] },
  )
  expect(countsOf(text, 1)).toEqual({ passed: 3, failed: 1, skipped: 2 })
})

test('a file that could not be loaded counts as one failure', () => {
  const text = report({ status: 'passed', tests: ['passed'] }, { status: 'failed', tests: [] })
  expect(countsOf(text, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test('a run that ended badly although every test passed counts as one failure', () => {
  expect(countsOf(report({ status: 'passed', tests: ['passed'] }), 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test('a run that wrote no report counts as one failure', () => {
  expect(countsOf(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

test('a suite in which nothing ran counts as one failure', () => {
  expect(countsOf(report(), 0).failed).toBe(1)
  expect(countsOf(report({ status: 'passed', tests: ['pending'] }), 0)).toEqual({ passed: 0, failed: 1, skipped: 1 })
})

test('the closing line names passed, failed and skipped', () => {
  const sum = addCounts({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 })
  expect(formatCounts(sum)).toBe('11 passed, 22 failed, 33 skipped')
})
