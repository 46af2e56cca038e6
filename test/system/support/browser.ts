/**
 * A Chromium that is installed on this machine; nothing is downloaded. Tests that need one are skipped where there is none,
 * and fail with `CI=true`.
 */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

const executablePath = places.find((path) => existsSync(path))

/** Why a test that needs a browser cannot run here; undefined where it can. */
export const browserMissing =
  executablePath === undefined && process.env['CI'] !== 'true' ? `no Chromium at ${places.join(', ')}` : undefined

export function startBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error(`no Chromium at ${places.join(', ')}`)
  // Its sandbox needs what containers and root do not have; it visits pages of this machine only.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}
