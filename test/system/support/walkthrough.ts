/**
 * A document that is followed by hand, followed by a program: its `sh` blocks are run in one shell, in order, and what
 * they print is compared with the `http` and `text` blocks behind them.
 *
 * An answer in the document is abridged: `…` stands for any text inside a string, for any value where a value is, and for
 * further members where a member could be. An object without `…` is complete.
 */
import { spawn } from 'node:child_process'

export interface Step {
  /** The heading that it stands under. */
  readonly section: string
  readonly script: string
  /** What the document shows behind it; empty where it shows nothing. */
  readonly shown: readonly Shown[]
}

export type Shown =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers: readonly (readonly [name: string, value: string])[]
      readonly body: string
    }

export function stepsOf(markdown: string): Step[] {
  const steps: { section: string; script: string; shown: Shown[] }[] = []
  let section = ''
  const parts = /^#+ (?<heading>.+)$|^```(?<language>\w+)\n(?<block>[\s\S]*?)^```$/gm
  for (const { groups } of markdown.matchAll(parts)) {
    const { heading, language, block = '' } = groups ?? {}
    if (heading !== undefined) section = heading
    else if (language === 'sh') steps.push({ section, script: block, shown: [] })
    else if (language === 'http') steps.at(-1)?.shown.push(...answersIn(block))
    else if (language === 'text') steps.at(-1)?.shown.push({ kind: 'text', text: block.trim() })
    else throw new Error(`a block of ${language} in ${section}`)
  }
  return steps
}

type Answer = Extract<Shown, { kind: 'answer' }>

/** The HTTP answers in a text, as `curl -i` writes them. */
export function answersIn(text: string): Answer[] {
  const plain = text.replaceAll('\r\n', '\n')
  const starts = [...plain.matchAll(/^HTTP\/1\.1 (?<status>\d{3}).*$/gm)]
  return starts.map(({ index, groups }, place) => {
    const [head = '', ...rest] = plain.slice(index, starts[place + 1]?.index).split('\n\n')
    const headers = head
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      })
    return { kind: 'answer', status: Number(groups?.['status']), headers, body: rest.join('\n\n').trim() }
  })
}

/** What each step printed, both streams, and its last exit code. One shell, so that variables last. */
export async function follow(
  steps: readonly Step[],
  directory: string,
): Promise<readonly { readonly printed: string; readonly exitCode: number }[]> {
  const marker = '@@ step ended: '
  const script = steps.map((step) => `${step.script}\nprintf '\\n${marker}%s\\n' "$?"\n`).join('')
  const shell = spawn('bash', ['--noprofile', '--norc', '-c', `exec 2>&1\n${script}`], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  await new Promise((resolve, reject) => shell.once('close', resolve).once('error', reject))
  const pieces = output.split(new RegExp(`\\n${marker}(\\d+)\\n`))
  return steps.map((_, index) => ({ printed: pieces[index * 2] ?? '', exitCode: Number(pieces[index * 2 + 1] ?? -1) }))
}

/** Where what was printed is not what is shown; empty where it is. */
export function differences(shown: readonly Shown[], printed: string): string[] {
  const answers = answersIn(printed)
  const expected = shown.filter((each) => each.kind === 'answer')
  const texts = shown.filter((each) => each.kind === 'text')
  return [
    ...texts.filter(({ text }) => !isLike(text, printed, 'part')).map(({ text }) => `not printed: ${text}`),
    ...(expected.length > 0 && expected.length !== answers.length
      ? [`${answers.length} answers, not ${expected.length}`]
      : []),
    ...expected.flatMap((each, index) => {
      const answer = answers[index]
      return answer === undefined ? ['no answer'] : differencesOfAnswer(each, answer)
    }),
  ]
}

function differencesOfAnswer(shown: Answer, answer: Answer): string[] {
  const headers = shown.headers.flatMap(([name, value]) => {
    const found = answer.headers.find(([other]) => other === name)?.[1]
    return found !== undefined && isLike(value, found, 'all') ? [] : [`header ${name}: ${found}, not ${value}`]
  })
  const status = shown.status === answer.status ? [] : [`status ${answer.status}, not ${shown.status}: ${answer.body}`]
  if (shown.body === '') return [...status, ...headers]
  return [...status, ...headers, ...differencesOf(unabridged(shown.body), JSON.parse(answer.body), 'body')]
}

const more = '…'

/** Abridged JSON as JSON: a bare `…` becomes the text `…` where a value is, else a member of that name. */
function unabridged(text: string): unknown {
  const token = /("(?:[^"\\]|\\.)*")|([:{,])\s*…/g
  const json = text.replace(token, (whole: string, quoted: string | undefined, before: string | undefined) => {
    if (quoted !== undefined || before === undefined) return whole
    return before === ':' ? `:"${more}"` : `${before}"${more}":true`
  })
  return JSON.parse(json)
}

function differencesOf(shown: unknown, value: unknown, path: string): string[] {
  if (shown === more) return value === undefined ? [`${path} is missing`] : []
  if (typeof shown === 'string' && typeof value === 'string') {
    return isLike(shown, value, 'all') ? [] : [`${path} is ${value}, not ${shown}`]
  }
  if (typeof shown !== 'object' || shown === null || typeof value !== 'object' || value === null) {
    return shown === value ? [] : [`${path} is ${JSON.stringify(value)}, not ${JSON.stringify(shown)}`]
  }
  const members = Object.entries(shown).filter(([name]) => name !== more)
  const inside = members.flatMap(([name, member]) =>
    differencesOf(member, (value as Record<string, unknown>)[name], `${path}.${name}`),
  )
  const isComplete = more in shown || Object.keys(value).length === members.length
  return isComplete ? inside : [...inside, `${path} has more members than are shown`]
}

function isLike(pattern: string, text: string, how: 'all' | 'part'): boolean {
  const source = pattern
    .split(more)
    .map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*')
  return new RegExp(how === 'all' ? `^${source}$` : source).test(text)
}
