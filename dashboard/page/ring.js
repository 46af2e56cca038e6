/**
 * The ring: all shards in order, clockwise from the top, eight to a spoke, each with its owner's colour and letter. Arrow keys
 * walk along it; what is chosen is said in words below.
 */
import { h } from './preact.js'
import { colourOf, letterOf } from './model.js'

/** @typedef {import('./model.js').Model} Model */

const size = 640
const centre = size / 2
const inner = 150
const outer = 314
const rows = 8

/** @type {Map<number, readonly Cell[]>} by number of shards */
const geometry = new Map()

/** @typedef {{ path: string, x: number, y: number }} Cell */

/** @param {number} shards */
function cellsOf(shards) {
  let cells = geometry.get(shards)
  if (cells === undefined) {
    const spokes = Math.ceil(shards / rows)
    cells = Array.from({ length: shards }, (_, shard) => cellAt(Math.floor(shard / rows), shard % rows, spokes))
    geometry.set(shards, cells)
  }
  return cells
}

/**
 * @param {number} spoke
 * @param {number} row
 * @param {number} spokes
 * @returns {Cell}
 */
function cellAt(spoke, row, spokes) {
  const gap = 0.0022
  const from = (spoke / spokes) * 2 * Math.PI + gap
  const to = ((spoke + 1) / spokes) * 2 * Math.PI - gap
  const depth = (outer - inner) / rows
  const near = inner + row * depth + 0.6
  const far = inner + (row + 1) * depth - 0.6
  const corners = [point(far, from), point(far, to), point(near, to), point(near, from)]
  const [a, b, c, d] = corners.map((corner) => corner.join(' '))
  const [x, y] = point((near + far) / 2, (from + to) / 2)
  return { path: `M${a}A${far} ${far} 0 0 1 ${b}L${c}A${near} ${near} 0 0 0 ${d}Z`, x, y }
}

/**
 * @param {number} radius
 * @param {number} angle clockwise from the top
 * @returns {[number, number]}
 */
function point(radius, angle) {
  return [round(centre + radius * Math.sin(angle)), round(centre - radius * Math.cos(angle))]
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100
}

/** @typedef {{ model: Model, chosen: number | undefined, choose: (shard: number) => void }} RingProps */

/** The cells change with the owners only, so an unchanged list is not looked at again. */
const drawn = { owners: /** @type {unknown} */ (undefined), cells: /** @type {unknown[]} */ ([]) }

/** @param {Model} model */
function drawnCells(model) {
  if (drawn.owners !== model.owners) {
    const cells = cellsOf(model.owners.length)
    drawn.owners = model.owners
    drawn.cells = model.owners.map((owner, shard) => {
      const { path, x, y } = /** @type {Cell} */ (cells[shard])
      const letter = owner === null ? '?' : letterOf(model, owner)
      return h('g', { key: shard, class: `cell ${colourOf(model, owner)}`, 'data-shard': shard }, [
        h('path', { d: path }),
        h('text', { x, y, 'aria-hidden': 'true' }, letter),
      ])
    })
  }
  return drawn.cells
}

/** @param {RingProps} props */
export function Ring({ model, chosen, choose }) {
  const total = model.owners.length
  const { owned, unowned } = model.cluster.shards
  /** @param {KeyboardEvent} event */
  const walk = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: rows, ArrowUp: -rows }[event.key]
    if (step === undefined) return
    event.preventDefault()
    choose((((chosen ?? -step) + step) % total + total) % total)
  }
  /** @param {MouseEvent} event */
  const pick = (event) => {
    const cell = event.target instanceof Element ? event.target.closest('[data-shard]') : null
    if (cell !== null) choose(Number(cell.getAttribute('data-shard')))
  }
  const mark = chosen === undefined ? null : cellsOf(total)[chosen]
  return h(
    'svg',
    {
      class: 'ring',
      viewBox: `0 0 ${size} ${size}`,
      role: 'img',
      tabindex: 0,
      'aria-label': `${total} shards, ${owned} owned, ${unowned} without an owner. Arrow keys choose one.`,
      onKeyDown: walk,
      onClick: pick,
    },
    [
      h('g', { key: 'cells' }, drawnCells(model)),
      mark ? h('path', { key: 'mark', class: 'chosen', d: mark.path }) : null,
      h('text', { key: 'rate', class: 'rate', x: centre, y: centre - 8 }, format(model.cluster.commands_per_second)),
      h('text', { key: 'unit', class: 'unit', x: centre, y: centre + 22 }, 'commands/s'),
      h('text', { key: 'owned', class: 'unit', x: centre, y: centre + 48 }, `${owned} of ${total} shards owned`),
    ],
  )
}

/** @param {number} value */
export function format(value) {
  return Math.round(value).toLocaleString('en-US')
}
