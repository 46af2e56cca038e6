/** docs/config.md, made from the settings of the processes. Pure. */
import { expectedOf, type Setting, type Settings, variablesOf } from '../runtime/config.ts'
import { serverSettings, startSettings } from './config.ts'

export function configPage(): string {
  return `# Configuration

<!-- Written by \`npm run docs\` from bin/config.ts; a test fails where the two differ. -->

Every setting is a variable of the environment. A secret is never taken from the environment itself: \`…_FILE\` names a
file that holds it. An empty variable counts as absent. A wrong setting ends the start with exit code 2 and one line that
names every variable concerned; values are never repeated.

## The server (\`node bin/server.ts\`)

${table(serverSettings)}

## The development supervisor (\`npm start\`)

It makes the secrets itself, once, under \`.shardpay/secrets\`, and hands the server all it needs.

${table(startSettings)}
`
}

function table(settings: Settings): string {
  const rows = Object.values(settings).map((each) => {
    const names = variablesOf(each).map((variable) => `\`${variable}\``)
    return `| ${names.join(' or ')} | ${expectedOf(each)} | ${defaultOf(each)} | ${descriptionOf(each)} |`
  })
  return ['| variable | value | default | what it is for |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function defaultOf({ schema, optional }: Setting): string {
  const { default: fallback } = schema as { default?: string | number | boolean }
  if (fallback !== undefined) return `\`${fallback}\``
  return optional ? 'absent' : 'required'
}

function descriptionOf({ schema, variable }: Setting): string {
  const { description } = schema as { description?: string }
  if (description === undefined) throw new Error(`${variable} has no description`)
  return description
}
