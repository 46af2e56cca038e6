/** The page around the ring: state of the connection, nodes, moves, take-overs, what happened. Texts only, never markup from data. */
import { h } from './preact.js'
import { colourOf, letterOf } from './model.js'
import { format, Ring } from './ring.js'

/**
 * @typedef {import('./model.js').Model} Model
 * @typedef {import('./model.js').ProcessView} ProcessView
 *
 * @typedef {object} PageState
 * @property {Model | undefined} model
 * @property {boolean} connected
 * @property {number} staleSeconds since the feed was heard last
 * @property {number | undefined} chosen
 */

/** A change comes every second: two missed ones are no coincidence. */
const staleAfterSeconds = 2.5

/** @param {{ refused: boolean, signIn: (token: string) => void }} props */
export function SignIn({ refused, signIn }) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const input = /** @type {HTMLFormElement} */ (event.currentTarget).elements.namedItem('token')
    if (input instanceof HTMLInputElement && input.value.trim() !== '') signIn(input.value.trim())
  }
  return h('main', { class: 'sign-in' }, [
    h('h1', null, 'Shardpay'),
    h('form', { onSubmit: submit }, [
      h('label', { for: 'token' }, 'Operator token'),
      h('input', { id: 'token', name: 'token', type: 'password', autocomplete: 'off', spellcheck: false, required: true }),
      h('button', { type: 'submit' }, 'Open the cluster'),
      refused ? h('p', { class: 'bad', role: 'alert' }, 'This token does not work, or no longer.') : null,
      h('p', { class: 'hint' }, 'It stays in this tab and ends with it. In development: .shardpay/dev.json, operator_tokens.'),
    ]),
  ])
}

/** @param {{ state: PageState, choose: (shard: number) => void, signOut: () => void }} props */
export function Page({ state, choose, signOut }) {
  const { model, chosen } = state
  const isStale = !state.connected || state.staleSeconds > staleAfterSeconds
  return h('div', { class: isStale ? 'page stale' : 'page' }, [
    h('header', null, [
      h('h1', null, 'Shardpay'),
      h(Connection, { state, isStale }),
      model === undefined ? null : h(Sparkline, { rates: model.rates }),
      h('button', { class: 'quiet', type: 'button', onClick: signOut }, 'Sign out'),
    ]),
    model === undefined
      ? h('p', { class: 'hint waiting' }, 'Waiting for the cluster …')
      : h('main', null, [
          h('section', { class: 'topology', 'aria-labelledby': 'shards-title' }, [
            h('h2', { id: 'shards-title' }, 'Shards'),
            h(Ring, { model, chosen, choose }),
            h(Choice, { model, chosen, choose }),
            h(Legend, { model }),
          ]),
          h('div', { class: 'lists' }, [
            h(Nodes, { model }),
            h(Gateways, { model }),
            h(Moves, { model }),
            h(Takeovers, { model }),
            h(Log, { model }),
          ]),
        ]),
  ])
}

/** @param {{ state: PageState, isStale: boolean }} props */
function Connection({ state, isStale }) {
  const seconds = Math.floor(state.staleSeconds)
  const text = state.model === undefined ? 'connecting' : isStale ? `stale for ${seconds} s` : 'live'
  const detail = isStale && !state.connected && state.model !== undefined ? ' · reconnecting' : ''
  return h('p', { class: isStale ? 'pill bad' : 'pill good', role: 'status' }, [
    h('span', { class: 'dot', 'aria-hidden': 'true' }),
    `${text}${detail}`,
  ])
}

/** @param {{ rates: readonly number[] }} props */
function Sparkline({ rates }) {
  const [width, height] = [180, 32]
  const top = Math.max(1, ...rates)
  const points = rates.map((rate, index) => {
    const x = width - (rates.length - 1 - index) * (width / 59)
    return `${x.toFixed(1)},${(height - 2 - (rate / top) * (height - 4)).toFixed(1)}`
  })
  const label = `Commands per second in the last minute: now ${format(rates.at(-1) ?? 0)}, at most ${format(top)}`
  return h('svg', { class: 'sparkline', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, [
    h('polyline', { points: points.join(' ') }),
  ])
}

/** @param {{ model: Model, chosen: number | undefined, choose: (shard: number) => void }} props */
function Choice({ model, chosen, choose }) {
  const owner = chosen === undefined ? undefined : model.owners[chosen]
  const pin = chosen !== undefined && model.pinned.has(chosen) ? ', pinned' : ''
  const move = model.cluster.moves.findLast(({ shard }) => shard === chosen)
  const moved = move === undefined ? '' : `. Moved at ${timeOf(move.at)}, blackout ${move.blackout_ms} ms`
  /** @param {Event} event */
  const look = (event) => {
    const { valueAsNumber: shard } = /** @type {HTMLInputElement} */ (event.currentTarget)
    if (Number.isInteger(shard) && model.owners[shard] !== undefined) choose(shard)
  }
  return h('div', { class: 'choice' }, [
    h('label', { for: 'shard' }, 'Shard'),
    h('input', {
      ...{ id: 'shard', type: 'number', min: 0, max: model.owners.length - 1, step: 1, onInput: look },
      value: chosen ?? '',
    }),
    h(
      'output',
      { for: 'shard', 'aria-live': 'polite' },
      chosen === undefined ? 'choose one' : `${owner === null ? 'no living owner' : `on ${owner ?? '?'}`}${pin}${moved}`,
    ),
  ])
}

/** @param {{ model: Model }} props */
function Legend({ model }) {
  const unowned = model.owners.filter((owner) => owner === null).length
  return h('ul', { class: 'legend' }, [
    ...model.nodes.map((node) =>
      h('li', { key: node }, [
        h(Badge, { model, node }),
        `${node} · ${model.owners.filter((owner) => owner === node).length}`,
      ]),
    ),
    unowned === 0 ? null : h('li', { key: '?', class: 'bad' }, [h('span', { class: 'badge owner-none' }, '?'), `no owner · ${unowned}`]),
  ])
}

/** @param {{ model: Model, node: string }} props */
function Badge({ model, node }) {
  return h('span', { class: `badge ${colourOf(model, node)}`, 'aria-hidden': 'true' }, letterOf(model, node))
}

/** @param {{ model: Model }} props */
function Nodes({ model }) {
  const nodes = model.cluster.processes.filter(({ placement }) => placement !== undefined)
  return section('Nodes', nodes.length, [
    h('tr', null, ['Node', 'State', 'Shards', 'Commands/s', 'CPU', 'Loop delay', 'Flush', 'Build'].map(heading)),
    nodes.map((each) =>
      h('tr', { key: each.node }, [
        h('th', { scope: 'row' }, [h(Badge, { model, node: each.node }), each.node, h('small', null, ` ${each.incarnation}`)]),
        h('td', null, stateOf(each)),
        number(each.node_status?.shards),
        number(each.node_status?.commands_per_second),
        h('td', { class: 'number' }, `${Math.round(each.cpu * 100)} %`),
        h('td', { class: 'number' }, `${each.loop_delay_ms.toFixed(1)} ms`),
        h('td', { class: 'number' }, each.node_status === undefined ? '–' : `${each.node_status.flush_ms.toFixed(1)} ms`),
        h('td', null, each.build),
      ]),
    ),
  ])
}

/** @param {{ model: Model }} props */
function Gateways({ model }) {
  const others = model.cluster.processes.filter(({ placement }) => placement === undefined)
  return section('Gateways', others.length, [
    h('tr', null, ['Process', 'State', 'Roles', 'Requests/s', '503/s', 'CPU', 'Loop delay', 'Build'].map(heading)),
    others.map((each) =>
      h('tr', { key: each.node }, [
        h('th', { scope: 'row' }, [each.node, h('small', null, ` ${each.incarnation}`)]),
        h('td', null, stateOf(each)),
        h('td', null, each.roles.join(', ')),
        number(each.answered_per_second),
        number(each.unavailable_per_second),
        h('td', { class: 'number' }, `${Math.round(each.cpu * 100)} %`),
        h('td', { class: 'number' }, `${each.loop_delay_ms.toFixed(1)} ms`),
        h('td', null, each.build),
      ]),
    ),
  ])
}

/** @param {{ model: Model }} props */
function Moves({ model }) {
  const moves = model.cluster.moves.slice(-8).reverse()
  return section('Moves', model.cluster.moves.length, [
    h('tr', null, ['Time', 'Shard', 'From', 'To', 'Reason', 'Blackout'].map(heading)),
    moves.map((each) =>
      h('tr', { key: `${each.shard} ${each.epoch}` }, [
        h('td', null, timeOf(each.at)),
        number(each.shard),
        h('td', null, each.from),
        h('td', null, each.to),
        h('td', null, each.reason),
        h('td', { class: 'number' }, `${each.blackout_ms.toFixed(1)} ms`),
      ]),
    ),
  ])
}

/** @param {{ model: Model }} props */
function Takeovers({ model }) {
  const takeovers = model.cluster.takeovers.slice(-5).reverse()
  return section('Take-overs', model.cluster.takeovers.length, [
    h('tr', null, ['Time', 'From', 'By', 'Shards', 'Took'].map(heading)),
    takeovers.map((each) =>
      h('tr', { key: `${each.from} ${each.by} ${each.at}` }, [
        h('td', null, timeOf(each.at)),
        h('td', null, each.from),
        h('td', null, each.by),
        number(each.shards),
        h('td', { class: 'number' }, `${each.took_ms.toFixed(0)} ms`),
      ]),
    ),
  ])
}

/** @param {{ model: Model }} props */
function Log({ model }) {
  return h('section', { 'aria-labelledby': 'log-title' }, [
    h('h2', { id: 'log-title' }, 'What happened'),
    h(
      'ol',
      { class: 'log', tabindex: 0, 'aria-labelledby': 'log-title' },
      model.log.map((line, index) =>
        h('li', { key: model.log.length - index, class: line.tone }, [h('time', null, timeOf(line.at)), line.text]),
      ),
    ),
  ])
}

/**
 * @param {string} title
 * @param {number} count
 * @param {readonly [import('./preact.js').ComponentChild, import('./preact.js').ComponentChild[]]} rows
 */
function section(title, count, [head, body]) {
  return h('section', { 'aria-label': title }, [
    h('h2', null, [title, ' ', h('small', null, String(count))]),
    count === 0
      ? h('p', { class: 'hint' }, 'none')
      : h('div', { class: 'scroll' }, h('table', null, [h('thead', null, head), h('tbody', null, body)])),
  ])
}

const numbers = new Set(
  ['Shards', 'Commands/s', 'CPU', 'Loop delay', 'Flush', 'Requests/s', '503/s', 'Shard', 'Blackout', 'Took'],
)

/** @param {string} text */
function heading(text) {
  return h('th', { scope: 'col', key: text, class: numbers.has(text) ? 'number' : '' }, text)
}

/** @param {number | undefined} value */
function number(value) {
  return h('td', { class: 'number' }, value === undefined ? '–' : format(value))
}

const marks = { ready: '●', not_ready: '▲', draining: '◐', silent: '✕', no_status: '?' }

/** In words and with a mark, so that colour is not needed. @param {ProcessView} process */
function stateOf({ state, reasons, placement }) {
  const tone = state === 'ready' ? 'good' : state === 'draining' ? 'plain' : 'bad'
  const more = [...reasons, placement?.weight === 0 ? 'drained' : '', placement?.cordoned === true ? 'cordoned' : '']
  return h('span', { class: tone }, [
    h('span', { 'aria-hidden': 'true' }, `${marks[state]} `),
    [state.replace('_', ' '), ...more.filter((each) => each !== '')].join(', '),
  ])
}

/** @param {string} iso */
function timeOf(iso) {
  return new Date(iso).toLocaleTimeString('en-GB')
}
