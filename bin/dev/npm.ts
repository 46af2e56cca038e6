/**
 * Under npm, the terminal's or a script's signals go to npm, which passes them on; a kill -9 of npm it cannot pass on.
 * Then this process has another parent, and nobody is left who knows of it: it stops as if it had been asked to.
 */
const pollMs = 250

/** Resolves when npm started this process and is gone; never otherwise. */
export function parentGone(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<void> {
  return new Promise((resolve) => {
    if (environment['npm_lifecycle_event'] === undefined) return
    const parent = process.ppid
    const timer = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(timer)
      resolve()
    }, pollMs)
    timer.unref()
  })
}
